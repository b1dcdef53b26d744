"""The old database, opened for reading and nothing else.

Values come as SQLite stores them: None, int, float, or bytes for text and BLOB alike.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from legacy_import.sources.errors import SourceError

OldValue = None | int | float | bytes

LONGEST_VALUE = 64 * 1024 * 1024  # bytes
ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
ALLOWED_FUNCTIONS = frozenset({"count"})


@dataclass(frozen=True)
class OldTable:
    """What a table and its columns are called in a particular file; None for a column that is not there.

    The columns stand in the order of `CANONICAL_LAYOUT`.
    """

    name: str
    columns: tuple[str | None, ...]


CANONICAL_LAYOUT: Mapping[str, OldTable] = {
    "user": OldTable("user", ("user_id", "username", "email", "pw_hash")),
    "message": OldTable("message", ("message_id", "author_id", "text", "pub_date", "flagged")),
    "follower": OldTable("follower", ("who_id", "whom_id")),
}
SORTED_BY = {"user": "user_id", "message": "message_id", "follower": "who_id, whom_id"}


class OldDatabase:
    """An old database. Use it as a context manager.

    Raises (on opening and reading):
        SourceError: no such file, not SQLite, damaged, or without a table or a column.
    """

    def __init__(self, path: Path, layout: Mapping[str, OldTable] = CANONICAL_LAYOUT, *, label: str = "") -> None:
        self.label = label or str(path)
        self.layout = layout
        if not path.is_file():
            raise SourceError("no_such_file", f"There is no file {self.label}. Check the path.")
        self._connection = _open(path, self.label)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self, table: str) -> int:
        """Return how many rows the table has; the table and its columns are there, or a SourceError says so."""
        self._check_table(table)
        [(count,)] = self._select(f"SELECT count(*) FROM {_quoted(self.layout[table].name)}")  # noqa: S608
        assert isinstance(count, int)  # noqa: S101 -- what SQLite's count(*) is
        return count

    def rows(self, table: str) -> Iterator[tuple[OldValue, ...]]:
        """Yield every row, sorted by id (follows: by both ids): its row id, then its values in canonical order."""
        columns = ", ".join(_quoted(column) if column else "NULL" for column in self.layout[table].columns)
        return self._select(
            f"SELECT rowid, {columns} FROM {_quoted(self.layout[table].name)} "  # noqa: S608 -- quoted names
            f"ORDER BY {self._order(table)}, rowid"
        )

    def _order(self, table: str) -> str:
        """The sorting columns by their own names, so that SQLite can walk the table as it lies."""
        actual = dict(zip(CANONICAL_LAYOUT[table].columns, self.layout[table].columns, strict=True))
        return ", ".join(_quoted(actual[name] or "") for name in SORTED_BY[table].split(", "))

    def _check_table(self, table: str) -> None:
        """Only a real, stored table counts: neither a view nor a virtual table (which has no root page)."""
        expected = self.layout[table]
        found = self._select(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE",
            [expected.name],
        )
        if not list(found):
            raise SourceError(
                "missing_table",
                f"{self.label} has no table {expected.name}, so there is nothing to compare with. "
                "Name the old MiniTwit database that was imported.",
            )
        table_name = _quoted(expected.name)
        for column in filter(None, expected.columns):
            try:
                # With the table's name in front, since SQLite reads an unknown "name" alone as a string.
                self._connection.execute(f"SELECT {table_name}.{_quoted(column)} FROM {table_name}")  # noqa: S608
            except sqlite3.OperationalError:
                raise SourceError(
                    "missing_column",
                    f"The table {expected.name} in {self.label} has no column {column}. "
                    "Name the old MiniTwit database that was imported.",
                ) from None

    def _select(self, statement: str, parameters: Sequence[str] = ()) -> Iterator[tuple[OldValue, ...]]:
        try:
            yield from self._connection.execute(statement, parameters)
        except sqlite3.Error as error:
            raise _unreadable(self.label, error) from error


def _open(path: Path, label: str) -> sqlite3.Connection:
    """Open the file so that nothing but reading its stored tables is possible, whatever its schema says."""
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
    try:
        connection.text_factory = bytes
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.set_authorizer(_authorize)
    except sqlite3.Error as error:
        connection.close()
        raise _unreadable(label, error) from error
    return connection


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, within: str | None) -> int:
    """Allow reading alone, and nothing that a view or a trigger (`within`) asks for."""
    allowed = action in ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second in ALLOWED_FUNCTIONS)
    return sqlite3.SQLITE_OK if allowed and within is None else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unreadable(label: str, error: sqlite3.Error) -> SourceError:
    if "not a database" in str(error):
        return SourceError(
            "not_sqlite", f"{label} is not a SQLite database. Name the database file of the old MiniTwit."
        )
    return SourceError(
        "damaged_file", f"{label} cannot be read: SQLite says “{error}”. Copy it again from the old application."
    )
