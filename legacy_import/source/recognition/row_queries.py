"""What recognition asks of the rows themselves: how many there are, and which people the first ones name."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from legacy_import.source.copy_lines import quoted
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.table_columns import position_of, read_columns
from legacy_import.source.sandbox import UNREADABLE, QueryTimeout
from legacy_import.source.values import as_text

FIRST_ROWS = 1_000  # whose people are looked for
MOST_PEOPLE = 100_000  # among whom they are looked for
LONGEST_NAME = 300  # characters of an id or a name


@dataclass(frozen=True)
class Share:
    """Of so many first rows, those whose people are all known."""

    rows: int
    known: int

    @property
    def is_most(self) -> bool:
        return 2 * self.known >= self.rows


class RowQueries:
    """Questions about the rows of one SQLite file. Each reads a bounded number of rows, and those of people once."""

    def __init__(self, connection: sqlite3.Connection, timeout: QueryTimeout) -> None:
        self.connection = connection
        self.timeout = timeout
        self._gave_up = False  # a table that gives no rows has taken its time once
        self._people: dict[tuple[str, str, str], set[str] | None] = {}

    def count(self, table: str) -> int | None:
        """How many rows a table has; None if that cannot be told."""
        self.timeout.touch()
        try:  # not with `count(*)`, which no limit of time ends
            [(rows,)] = self.connection.execute(f"SELECT count(1) FROM {quoted(table)}")  # noqa: S608 -- quoted names
        except UNREADABLE:
            return None
        return int(rows)

    def share(self, table: str, columns: Sequence[str], people: TableMapping) -> Share | None:
        """How many of the first rows of a table name, in the given columns, people by their id or name.

        Returns:
            None if there are no such rows, or too many people to tell.
        """
        known = self._ids_and_names(people)
        rows = [row for row in self._texts(table, columns, FIRST_ROWS) if all(row)]
        if not rows or known is None:
            return None
        return Share(len(rows), sum(known.issuperset(row) for row in rows))

    def _ids_and_names(self, people: TableMapping) -> set[str] | None:
        """All ids and usernames; None if there are too many."""
        key = (people.table, people.columns.get("user_id", ""), people.columns.get("username", ""))
        if key not in self._people:
            rows = self._texts(people.table, key[1:], MOST_PEOPLE + 1)
            self._people[key] = {text for row in rows for text in row if text} if len(rows) <= MOST_PEOPLE else None
        return self._people[key]

    def _texts(self, table: str, columns: Sequence[str], most: int) -> list[tuple[str | None, ...]]:
        """The first rows of a table as texts, until one cannot be read. An empty name is the row's place."""
        if self._gave_up:
            return []
        self.timeout.touch()
        place = position_of(self.connection, table, read_columns(self.connection, table))
        read = [quoted(column) if column else place for column in columns]
        short = ", ".join(f"CASE WHEN length({value}) <= {LONGEST_NAME} THEN {value} END" for value in read)
        rows = []
        try:
            for row in self.connection.execute(f"SELECT {short} FROM {quoted(table)} LIMIT {most}"):  # noqa: S608
                rows.append(tuple(map(as_text, row)))
        except UNREADABLE:
            self._gave_up = self.timeout.timed_out  # whether it matters is found out later
        return rows
