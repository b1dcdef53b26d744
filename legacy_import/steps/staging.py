"""Bring the rows of an old table into PostgreSQL as they are, by COPY, for the checks to judge.

The staging tables are UNLOGGED: twice as fast, and empty after a crash of the server, which `runs.py` notices. They
belong to one run and go with it.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import psycopg2
from django.db import OperationalError, connection, transaction
from psycopg2 import sql
from psycopg2.errors import LockNotAvailable

from legacy_import.rules.outcomes import Verdict
from legacy_import.rules.passwords import Conversion, with_converted_passwords
from legacy_import.source import CANONICAL_COLUMNS, SQLiteSource
from legacy_import.source.copy_lines import COPY_OPTIONS, Chunk, Places
from legacy_import.source.prefetch import prefetched
from legacy_import.source.schema import number_columns, text_columns
from legacy_import.tables import Models, checked_table, part_of, staged_table, table_of

COPY_BLOCK = 256 * 1024  # bytes per read
# Nothing in these tables is ever changed; vacuuming them only takes time from who fills others.
LEFT_ALONE = sql.SQL("WITH (autovacuum_enabled = false)")
PATIENCE = 1000  # milliseconds that dropping a table may wait for those who read it
UNNEEDED = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^legacy_staging_[0-9]+_'
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid)
    AND substring(relname FROM '[0-9]+')::bigint NOT IN (
        SELECT id FROM {run} WHERE state IN ('staging', 'previewed', 'applying'))
"""


def create(run_id: int, table: str) -> None:
    """Make the staging table of an old table, without rows.

    Columns of one width stand first: what is behind a text is found only by measuring the text.
    """
    numbers = [sql.SQL("{} bigint").format(sql.Identifier(f"{name}_number")) for name in number_columns(table)]
    texts = [sql.SQL("{} text").format(sql.Identifier(name)) for name in CANONICAL_COLUMNS[table]]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE UNLOGGED TABLE {} (position bigint NOT NULL, {}, storage text NOT NULL, {}) {}").format(
                staged_table(run_id, table), sql.SQL(", ").join(numbers), sql.SQL(", ").join(texts), LEFT_ALONE
            )
        )


def fields_of_lines(table: str) -> sql.Composed:
    """The columns of a staging table in the order in which a line gives them; see `sources/copy_lines.py`."""
    names = ["position", "storage"]
    for name in number_columns(table):
        names += [f"{name}_number", name]
    return sql.SQL(", ").join(map(sql.Identifier, names + text_columns(table)))


def stage_part(
    run_id: int,
    table: str,
    number: int,
    source: SQLiteSource,
    places: Places,
    report: Callable[[int], None],
    passwords: Conversion = Conversion(),  # noqa: B008 -- frozen
) -> None:
    """Copy a part of an old table into a part of the run's staging table.

    Args:
        number: which part. places: the row ids that belong to it.
        report: called with the number of rows staged so far; may raise to stop.
        passwords: what becomes of the old passwords, none of which is staged as it was.
    """
    whole = staged_table(run_id, table)
    part = part_of(whole, number)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} () INHERITS ({}) {}").format(part, whole, LEFT_ALONE))
        copy = sql.SQL("COPY {} ({}) FROM STDIN WITH ({})").format(
            part, fields_of_lines(table), sql.SQL(COPY_OPTIONS)
        )
        with ExitStack() as stack:
            chunks = stack.enter_context(closing(prefetched(source.chunks(table, places))))
            if table == "user":
                chunks = stack.enter_context(closing(with_converted_passwords(chunks, passwords)))
            reader = ChunkReader(chunks, report)
            try:
                cursor.copy_expert(copy, reader, COPY_BLOCK)
            except psycopg2.Error as error:
                if reader.error is None:
                    raise
                raise reader.error from error


def parts_of(cursor: Any, table: sql.Identifier) -> list[sql.Identifier]:
    """The parts of a staged or checked table, in the order of the old rows."""
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = %s::regclass ORDER BY relname",
        [table.as_string(cursor.cursor)],
    )
    return [sql.Identifier(name) for (name,) in cursor.fetchall()]


def drop_judged(
    cursor: Any, whole: sql.Identifier, part: sql.Identifier, checked: sql.Identifier, *, rejected: bool
) -> None:
    """Drop a part of a staging table whose rows are judged, but for the rejected ones, if there are any.

    If somebody reads it, it stays until the run is over.
    """
    with suppress(SomebodyReads), patient(cursor, PATIENCE):
        if rejected:
            keep_rejected(cursor, whole, part, checked)
        cursor.execute(sql.SQL("DROP TABLE {}").format(part))


class SomebodyReads(Exception):  # noqa: N818 -- not an error
    """A table cannot be dropped now. pg_dump, for one, reads every table from its beginning to its end."""


@contextmanager
def patient(cursor: Any, milliseconds: int) -> Iterator[None]:
    """Wait so long for a lock, or undo what was done and raise SomebodyReads."""
    try:
        with transaction.atomic():
            cursor.execute("SELECT current_setting('lock_timeout')")
            (usual,) = cursor.fetchone()
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(milliseconds)])
            yield
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [usual])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise SomebodyReads from error
        raise


def keep_rejected(cursor: Any, whole: sql.Identifier, part: sql.Identifier, checked: sql.Identifier) -> None:
    """Copy the rejected rows out of a part of a staging table, so that it can go and they stay.

    Args:
        whole: the staging table. part: the part of it. checked: the verdicts of that part.
    """
    kept = sql.Identifier(f"{part.strings[0]}_rejected")
    cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} () INHERITS ({}) {}").format(kept, whole, LEFT_ALONE))
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} SELECT * FROM {} WHERE position IN (SELECT position FROM {} WHERE verdict = {})"
        ).format(kept, part, checked, sql.Literal(Verdict.REJECTED))
    )


def is_complete(run_id: int, table: str, rows: int) -> bool:
    """Whether the checked rows are still there.

    A crash of the server empties unlogged tables, and always altogether, so that one row speaks for all.
    """
    name = checked_table(run_id, table)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name.as_string(cursor.cursor)])
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(name))
        return bool(not rows or cursor.fetchone()[0])


def discard_unneeded(models: Models) -> None:
    """Drop the staging tables of all runs that are over. Those that somebody reads go with the next run's."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(UNNEEDED).format(run=table_of(models.run)))
        patience = PATIENCE
        for (name,) in cursor.fetchall():
            try:
                # With its parts; and perhaps somebody else is at this, too.
                with patient(cursor, patience):
                    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))
            except SomebodyReads:
                patience = 1  # he reads the others as well


class ChunkReader(io.RawIOBase):
    """Hands a stream of chunks to COPY, which wants to read a file.

    Attributes:
        error: what ended the stream before its end. (PostgreSQL is only told to cancel the statement then, and that
            is all that the driver says of it.)
    """

    def __init__(self, chunks: Iterator[Chunk], report: Callable[[int], None]) -> None:
        super().__init__()
        self.chunks = chunks
        self.report = report
        self.rows = 0
        self.rest = b""
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        if not self.rest:
            try:
                chunk = next(self.chunks, None)
                if chunk is None:
                    return b""
                self.rows += chunk.rows
                self.report(self.rows)
            except Exception as error:
                self.error = error
                raise
            self.rest = chunk.data
        if size < 0:
            size = len(self.rest)
        block, self.rest = self.rest[:size], self.rest[size:]
        return block
