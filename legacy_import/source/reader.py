"""An old database, taken in as a SQLite file, as the source of an import: described and read."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Self

from legacy_import.source.copy_lines import (
    EVERYWHERE,
    FIRST_ROWS,
    Chunk,
    LinePlan,
    Places,
    copy_chunks,
    read_rows,
)
from legacy_import.source.errors import SourceError, no_room
from legacy_import.source.location import Reference
from legacy_import.source.recognition.description import describe_tables
from legacy_import.source.recognition.inspection import read_tables
from legacy_import.source.recognition.matching import Recognition, recognise
from legacy_import.source.recognition.outlook import outlooks
from legacy_import.source.recognition.row_queries import RowQueries
from legacy_import.source.recognition.soft_deletion import unread_marks
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.record import SourceRecord
from legacy_import.source.sandbox import UNREADABLE, QueryTimeout, complaint_of, open_readonly
from legacy_import.source.schema import MISSING, TableDescription
from legacy_import.source.snapshot import Intake, take_in
from legacy_import.source.snapshot.hashing import Hashing
from legacy_import.source.snapshot.progress import OnProgress, silent
from legacy_import.source.snapshot.sqlite_wal import WITHOUT_WAL
from legacy_import.source.values import LegacyRow, as_text
from MiniTwit.storage.full_disks import lacks_room

NOT_THERE = frozenset({"missing_table", "missing_column"})  # what may be in a log that did not come along
LARGE_TABLE = 200_000  # rows; a smaller one is read in one part
PARTS = 4  # while one is read, the one before it is classified

Choose = Callable[[Sequence[FoundTable], RowQueries], Recognition]


@dataclass(frozen=True)
class SQLiteSource:
    """An old database, open for reading. Use it as a context manager, or close it.

    Raises (all methods that read):
        SourceError: the file is damaged, or a value or a statement goes beyond the limits.
    """

    path: Path
    connection: sqlite3.Connection
    timeout: QueryTimeout
    description: SourceRecord
    tables: dict[str, TableDescription]

    @classmethod
    def open(
        cls,
        reference: Reference,
        snapshot: Path,
        *,
        required: Sequence[str],
        choose: Choose | None = None,
        on_progress: OnProgress = silent,
    ) -> Self:
        """Take the old database in, as one SQLite file, and describe its tables.

        Args:
            reference: where the old database is.
            snapshot: where that file may be put.
            required: the canonical tables that must be there.
            choose: says which of the tables found feed the canonical ones; by default they are recognised.
            on_progress: called with a line for staff; may raise to end the work.
        """
        intake = take_in(reference, snapshot, on_progress)
        on_progress("Looking at the tables")
        label, timeout = reference.label, QueryTimeout.for_file(intake.path)
        choose = choose or partial(recognise, label=label, required=required)
        connection = open_readonly(intake.path, timeout)
        try:
            with reading(label, timeout), Hashing(intake.given, label) as hashing:
                found = read_tables(connection, timeout, label)
                recognition = choose(found, RowQueries(connection, timeout))
                tables = describe_tables(connection, timeout, label, required, recognition)
                marked = unread_marks(
                    connection, [tables[name] for name in required if name in tables], recognition.tables
                )
                sha256 = hashing.result(on_progress)
        except BaseException as error:
            connection.close()
            if isinstance(error, SourceError) and error.code in NOT_THERE and WITHOUT_WAL in intake.warnings:
                raise SourceError(error.code, f"{error.message} {WITHOUT_WAL}") from error
            raise
        intake.warnings += recognition.warnings_about(required) + marked
        description = describe(reference, intake, sha256, found, recognition, tables, required)
        return cls(intake.path, connection, timeout, description, tables)

    def reopened(self) -> Self:
        """The same database with a connection of its own, for another thread."""
        timeout = QueryTimeout.for_file(self.path)
        return replace(self, connection=open_readonly(self.path, timeout), timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def parts(self, name: str) -> list[Places]:
        """Cut a large table into ranges of row ids, about as many rows each."""
        table = self.tables[name]
        if table.rows < LARGE_TABLE or not table.has_row_ids:
            return [EVERYWHERE]
        with reading(self.description.label, self.timeout):
            low, high = (
                self.connection.execute(
                    f"SELECT {table.position} FROM {table.rows_from}"  # noqa: S608
                    f" ORDER BY {table.position} {direction} LIMIT 1"
                ).fetchone()[0]
                for direction in ("ASC", "DESC")
            )
        bounds = [low + (high + 1 - low) * number // PARTS for number in range(PARTS + 1)]
        return [(first, end - 1) for first, end in pairwise(bounds)]

    def chunks(self, name: str, plan: LinePlan, places: Places = EVERYWHERE) -> Iterator[Chunk]:
        """Stream one table, or a part of it, as lines for PostgreSQL's COPY."""
        if self.tables[name].actual_name:
            with reading(self.description.label, self.timeout):
                yield from copy_chunks(self.connection, self.tables[name], self.timeout, plan, places)

    def count_passing(self, name: str, tests: Sequence[str], places: Places = EVERYWHERE) -> list[int]:
        """How many of the first rows of a part of a table pass each of SQLite's tests."""
        table = self.tables[name]
        if not table.actual_name:
            return [0 for _ in tests]
        tested = ", ".join(f"({test}) IS 1 AS test_{number}" for number, test in enumerate(tests))
        sums = ", ".join(f"sum(test_{number})" for number in range(len(tests)))
        bounded, bounds = (f"WHERE {table.position} BETWEEN ? AND ?", places) if table.has_row_ids else ("", ())
        rows = f"SELECT {tested} FROM {table.rows_from} {bounded} LIMIT {FIRST_ROWS}"  # noqa: S608
        with reading(self.description.label, self.timeout):
            (passed,) = self.connection.execute(f"SELECT {sums} FROM ({rows})", bounds)  # noqa: S608
        return [count or 0 for count in passed]

    def texts(self, name: str, column: str, test: str) -> Iterator[str]:
        """The values of a column that pass a test of SQLite, as text.

        Args:
            column: its canonical name. test: with `{0}` for the value.
        """
        table = self.tables[name]
        stored = table.columns[table.canonical.columns.index(column)]
        if not table.actual_name or stored == MISSING:
            return
        condition = test.format(f"{stored} COLLATE BINARY")
        with reading(self.description.label, self.timeout):
            values = self.connection.execute(
                f"SELECT {stored} FROM {table.rows_from} WHERE {condition}"  # noqa: S608 -- quoted names
            )
            for number, (value,) in enumerate(values):
                if number % FIRST_ROWS == 0:
                    self.timeout.touch()  # the consumer may have been slow
                yield as_text(value) or ""

    def rows(self, name: str, positions: Sequence[int] | None = None) -> Iterator[LegacyRow]:
        """Read rows one by one, with Python values; all of them, or those at the given positions, in order."""
        table = self.tables[name]
        if not table.actual_name:
            return
        with reading(self.description.label, self.timeout):
            if positions is None or table.is_counted:
                wanted = None if positions is None else {*positions}
                every = read_rows(self.connection, table, self.timeout)
                yield from (row for row in every if wanted is None or row.position in wanted)
            else:
                marks = ", ".join("?" * len(positions))
                place = table.position if table.has_row_ids else "place"
                yield from read_rows(self.connection, table, self.timeout, f"WHERE {place} IN ({marks})", positions)


def describe(
    reference: Reference,
    intake: Intake,
    sha256: str,
    found: Sequence[FoundTable],
    recognition: Recognition,
    tables: dict[str, TableDescription],
    required: Sequence[str],
) -> SourceRecord:
    """What staff are told about an old database before they import it."""
    used = {name for table in tables.values() for name in (table.actual_name, *table.also_read)}
    return SourceRecord(
        label=reference.label,
        location=reference.location,
        uploaded=reference.uploaded,
        kind=intake.kind,
        size=intake.size,
        sha256=sha256,
        modified=intake.modified,
        tables={name: table.rows for name, table in tables.items()},
        ignored=[table.name for table in found if table.name not in used],
        mapping={name: recognition.tables[name] for name in tables},
        undecided=recognition.undecided_of(required),
        counted=recognition.counted,
        outlook=[*outlooks(recognition, tables, required, reference.label)],
        warnings=intake.warnings,
    )


@contextmanager
def reading(label: str, timeout: QueryTimeout) -> Iterator[None]:
    """Turn SQLite's errors into sentences about the file."""
    timeout.touch()
    try:
        yield
    except UNREADABLE as error:
        raise explained(error, label, timeout) from error


def explained(error: Exception, label: str, timeout: QueryTimeout) -> SourceError:
    if timeout.timed_out:
        return SourceError(
            "source_too_slow",
            f"{label} gave no row for {timeout.silence_limit:.0f} seconds, so reading it was ended. "
            "It is damaged or was made to be slow; nothing was imported.",
        )
    if lacks_room(error):  # of the temporary folder, where SQLite sorts
        return no_room(label)
    if isinstance(error, sqlite3.DataError) or "too big" in str(error):
        return SourceError(
            "value_too_long",
            f"{label} holds a value or a row longer than 16 MiB. No MiniTwit ever wrote such a one; "
            "nothing was imported.",
        )
    return SourceError(
        "damaged_file",
        f"{label} cannot be read: SQLite says “{complaint_of(error)}”. The file is damaged or cut "
        "short; copy it again from where the old application keeps it, with the application stopped.",
    )
