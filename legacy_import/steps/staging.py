"""Bring the rows of an old table into PostgreSQL, by COPY.

The staging tables are UNLOGGED: twice as fast, and empty after a crash of the server, which `apply` notices. They
belong to one run and go with it.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import psycopg2
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2 import sql
from psycopg2.errors import LockNotAvailable

from legacy_import.rules.outcomes import Outcome
from legacy_import.source import SQLiteSource
from legacy_import.source.copy_lines import COPY_OPTIONS, Chunk, Places
from legacy_import.source.prefetch import prefetched
from legacy_import.steps.lines import Lines, made_in_threads
from legacy_import.tables import Models, part_of, table_of

COPY_BLOCK = 256 * 1024  # bytes per read
# Nothing in these tables is ever changed; vacuuming them only takes time from filling others.
NO_AUTOVACUUM = sql.SQL("WITH (autovacuum_enabled = false)")
LOCK_TIMEOUT = 1000  # milliseconds that dropping a table may wait for its readers
UNNEEDED = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^legacy_staging_[0-9]+_'
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid)
    AND substring(relname FROM '[0-9]+')::bigint NOT IN (
        SELECT id FROM {run} WHERE state IN ('staging', 'previewed', 'applying'))
"""


def create(staged: sql.Identifier, lines: Lines) -> None:
    """Make the staging table of an old table, without rows."""
    columns = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in lines.columns.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE UNLOGGED TABLE {} ({}) {}").format(staged, sql.SQL(", ").join(columns), NO_AUTOVACUUM)
        )


def stage_part(
    staged: sql.Identifier,
    number: int,
    lines: Lines,
    source: SQLiteSource,
    name: str,
    places: Places,
    on_progress: Callable[[int], None],
) -> None:
    """Copy a part of an old table into a part of the run's staging table.

    Args:
        number: which part. name: the table's canonical one. places: the row ids that belong to the part.
        on_progress: called with the number of rows staged so far; may raise to stop.
    """
    part = part_of(staged, number)
    plan = lines.plan(source.tables[name], lambda tests: source.count_passing(name, tests, places))
    chunks = prefetched(source.chunks(name, plan, places))
    if lines.are_costly:
        chunks = made_in_threads(chunks)
    with connection.cursor() as cursor, closing(chunks):
        cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} () INHERITS ({}) {}").format(part, staged, NO_AUTOVACUUM))
        names = sql.SQL(", ").join(map(sql.Identifier, lines.columns))
        copy = sql.SQL("COPY {} ({}) FROM STDIN WITH ({})").format(part, names, sql.SQL(COPY_OPTIONS))
        reader = ChunkReader(chunks, on_progress)
        try:
            cursor.copy_expert(copy, reader, COPY_BLOCK)
        except psycopg2.Error as error:
            if reader.error is None:
                raise
            raise reader.error from error


def parts_of(cursor: CursorWrapper, table: sql.Identifier) -> list[sql.Identifier]:
    """The parts of a staged or checked table, in the order of the old rows."""
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = %s::regclass ORDER BY relname",
        [table.as_string(cursor.cursor)],
    )
    return [sql.Identifier(name) for (name,) in cursor.fetchall()]


def drop_classified(
    cursor: CursorWrapper, whole: sql.Identifier, part: sql.Identifier, checked: sql.Identifier, *, rejected: bool
) -> None:
    """Drop a part of a staging table whose rows are classified, but for the rejected ones, if there are any.

    While another session reads it, it stays until the run is over.
    """
    with suppress(TableInUse), lock_timeout(cursor, LOCK_TIMEOUT):
        if rejected:
            keep_rejected(cursor, whole, part, checked)
        cursor.execute(sql.SQL("DROP TABLE {}").format(part))


class TableInUse(Exception):  # noqa: N818 -- not an error
    """A table cannot be dropped now: another session reads it. pg_dump, for one, locks every table to its end."""


@contextmanager
def lock_timeout(cursor: CursorWrapper, milliseconds: int) -> Iterator[None]:
    """Wait so long for a lock, or undo what was done and raise TableInUse."""
    try:
        with transaction.atomic():
            cursor.execute("SELECT current_setting('lock_timeout')")
            (usual,) = cursor.fetchone()
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(milliseconds)])
            yield
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [usual])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise TableInUse from error
        raise


def keep_rejected(
    cursor: CursorWrapper, whole: sql.Identifier, part: sql.Identifier, checked: sql.Identifier
) -> None:
    """Copy the rejected rows out of a part of a staging table, so that it can go and they stay.

    Args:
        whole: the staging table. part: the part of it. checked: the outcomes of that part.
    """
    kept = sql.Identifier(f"{part.strings[0]}_rejected")
    cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} () INHERITS ({}) {}").format(kept, whole, NO_AUTOVACUUM))
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} SELECT * FROM {} WHERE position IN (SELECT position FROM {} WHERE outcome = {})"
        ).format(kept, part, checked, sql.Literal(Outcome.REJECTED))
    )


def is_complete(checked: sql.Identifier, rows: int) -> bool:
    """Whether the checked rows are still there.

    A crash of the server empties unlogged tables, and always altogether, so that one row speaks for all.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [checked.as_string(cursor.cursor)])
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(checked))
        return bool(not rows or cursor.fetchone()[0])


def discard_unneeded(models: Models) -> None:
    """Drop the staging tables of all runs that are over. Those that are being read go with the next run's."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(UNNEEDED).format(run=table_of(models.run)))
        milliseconds = LOCK_TIMEOUT
        for (name,) in cursor.fetchall():
            try:
                # With its parts; another process may be doing the same.
                with lock_timeout(cursor, milliseconds):
                    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))
            except TableInUse:
                milliseconds = 1  # the same reader has the others as well


class ChunkReader(io.RawIOBase):
    """Hands a stream of chunks to COPY, which wants to read a file.

    Attributes:
        error: what ended the stream before its end. (PostgreSQL is only told to cancel the statement then, and that
            is all that the driver says of it.)
    """

    def __init__(self, chunks: Iterator[Chunk], on_progress: Callable[[int], None]) -> None:
        super().__init__()
        self.chunks = chunks
        self.on_progress = on_progress
        self.rows = 0
        self.rest = b""
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        if not self.rest:
            try:
                chunk = next(self.chunks, None)
                if chunk is None:
                    return b""
                lines = chunk()
                self.rows += lines.count(b"\n")
                self.on_progress(self.rows)
            except Exception as error:
                self.error = error
                raise
            self.rest = lines
        if size < 0:
            size = len(self.rest)
        block, self.rest = self.rest[:size], self.rest[size:]
        return block
