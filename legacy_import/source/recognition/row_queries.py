"""What recognition asks of the rows themselves: how many there are, and which people the first ones name."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from legacy_import.source.copy_lines import quoted
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.table_columns import ROWID_NAMES, position_of, read_columns
from legacy_import.source.recognition.table_profile import INTEGER
from legacy_import.source.sandbox import UNREADABLE, QueryTimeout
from legacy_import.source.values import LegacyValue, as_text, needs_repair

FIRST_ROWS = 1_000  # whose people are looked for
LONGEST_NAME = 300  # characters of an id or a name
Name = str | bytes


@dataclass(frozen=True)
class Share:
    """Of so many first rows, those whose people are all known."""

    rows: int
    known: int

    @property
    def is_most(self) -> bool:
        return 2 * self.known >= self.rows


class RowQueries:
    """Questions about the rows of one SQLite file; none takes longer than reading a table once."""

    def __init__(self, connection: sqlite3.Connection, timeout: QueryTimeout) -> None:
        self.connection = connection
        self.timeout = timeout
        self._gave_up = False  # a table that gives no rows has taken its time once

    def count(self, table: str) -> int | None:
        """How many rows a table has; None if that cannot be told."""
        # Not with `count(*)`, which no limit of time ends.
        rows = self._names(f"SELECT count(1) FROM {quoted(table)}")  # noqa: S608 -- quoted names
        return int(rows[0][0] or 0) if rows else None

    def share(self, table: str, columns: Sequence[str], people: TableMapping) -> Share | None:
        """How many of the first rows of a table name, in the given columns, people by their id or name.

        Returns:
            None if there are no such rows, or if they cannot be read.
        """
        short = (f"CASE WHEN length({name}) <= {LONGEST_NAME} THEN {name} END" for name in map(quoted, columns))
        query = f"SELECT {', '.join(short)} FROM {quoted(table)} LIMIT {FIRST_ROWS}"  # noqa: S608 -- quoted names
        rows = [{*row} for row in self._names(query) or () if all(row)]
        known = self._ids_and_names({name for row in rows for name in row}, people)
        return Share(len(rows), sum(row <= known for row in rows)) if rows and known is not None else None

    def _ids_and_names(self, wanted: set[Name | None], people: TableMapping) -> set[Name | None] | None:
        """Which of them are ids or usernames; None if that cannot be told."""
        place = position_of(self.connection, people.table, read_columns(self.connection, people.table))
        own_id = people.columns.get("user_id", "")
        named = [quoted(column) for column in (own_id, people.columns.get("username", "")) if column]
        found: set[Name | None] = set()
        for column in named if own_id or place not in ROWID_NAMES else [place, *named]:
            values = [value for name in wanted - found if name for value in stored_forms(name)]
            marks = ", ".join("?" * len(values))
            query = f"SELECT {column} FROM {quoted(people.table)} WHERE {column} IN ({marks})"  # noqa: S608
            rows = self._names(query, values) if values else []
            if rows is None:
                return None
            found.update(name for (name,) in rows)
        return found

    def _names(self, query: str, values: Sequence[LegacyValue] = ()) -> list[tuple[Name | None, ...]] | None:
        """The rows of a query; None if they cannot be read. (Whether that matters is found out later.)"""
        if self._gave_up:
            return None
        self.timeout.touch()
        try:
            return [tuple(map(name_of, row)) for row in self.connection.execute(query, values)]
        except UNREADABLE:
            self._gave_up = self.timeout.timed_out
            return None


def name_of(value: LegacyValue) -> Name | None:
    """An id or a username as a text, or as the bytes that are no text, however it is stored."""
    return value if isinstance(value, bytes) and needs_repair(value) else as_text(value)


def stored_forms(name: Name) -> list[LegacyValue]:
    """How SQLite may have stored it: as a text, as bytes or as a whole number."""
    if isinstance(name, bytes):
        return [name]
    forms: list[LegacyValue] = [name, name.encode("utf-8", "surrogateescape")]
    return [*forms, int(name)] if INTEGER.fullmatch(name) else forms
