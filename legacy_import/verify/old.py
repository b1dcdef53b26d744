"""The old database, opened for reading and nothing else.

Values come as SQLite stores them: None, int, float, or bytes for text and BLOB alike.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast
from urllib.parse import quote

from legacy_import.source.errors import SourceError
from legacy_import.verify.follow_lists import follows_in
from legacy_import.verify.ids import id_number
from legacy_import.verify.lines import OLD_LINE, Block

OldValue = None | int | float | bytes
# The follows of one account, as SQLite joins them: their places, who follows, whom (but for what is no whole number),
# how many they are.
FollowGroup = tuple[bytes, OldValue, bytes | None, int]

# An id of a row as a number. `id_number` is asked only where SQLite has none.
ID_NUMBER = "CASE typeof({0}) WHEN 'integer' THEN {0} ELSE id_number(typeof({0}), CAST({0} AS BLOB)) END"
LONGEST_VALUE = 64 * 1024 * 1024  # bytes
ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
ALLOWED_FUNCTIONS = frozenset(
    {"char", "coalesce", "count", "group_concat", "instr", "length", "max", "min", "printf", "row_number", "substr"}
    | {"typeof", "id_number", "primary_key"}  # the last two are ours
)
ALLOWED_PRAGMAS = frozenset({"table_info"})
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the second where SQLite quotes bytes of the file


@dataclass(frozen=True)
class OldTable:
    """What a table and its columns are called in a particular file.

    The columns are in the order of `CANONICAL_LAYOUT`. None is a column that is not there: it reads as NULL, or as
    the row's place in the file where it is the id. A table without a name is not there and has no rows.
    """

    name: str
    columns: tuple[str | None, ...]


CANONICAL_LAYOUT: Mapping[str, OldTable] = {
    "user": OldTable("user", ("user_id", "username", "email", "pw_hash", None, None)),  # is_active, date_joined
    "message": OldTable("message", ("message_id", "author_id", "text", "pub_date", "flagged")),
    "follower": OldTable("follower", ("who_id", "whom_id")),
}
DATES = {"user": 5, "message": 3}  # which column of the layout holds dates
WITH_IDS = frozenset({"user", "message"})
ELSEWHERE = re.compile(r"(?P<column>.+) of (?P<table>.+) by (?P<reference>.+)", re.DOTALL)
ROW_ID_NAMES = ("rowid", "_rowid_", "oid")
MOST_ROWS, BYTES_OF_BLOCK = 4_000, 1024 * 1024  # of a block of lines
FIRST_ID, LAST_ID = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Lists:
    """The statement that gives ids and lists, and whether these say who is followed."""

    statement: str
    list_is_second: bool


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
        self._path = path
        self._connection = _open(path, self.label)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self, table: str) -> int:
        """Return how many rows the table has; the table and its columns are there, or a SourceError says so."""
        if not self.layout[table].name:
            return 0
        if self._lists(table):
            return sum(1 for _ in self.rows(table))
        self._check_table(table)
        [(count,)] = self._select(f"SELECT count(*) FROM {_quoted(self.layout[table].name)}")  # noqa: S608
        assert isinstance(count, int)  # noqa: S101 -- what SQLite's count(*) is
        return count

    def rows(self, table: str, places: Sequence[int] = ()) -> Iterator[tuple[OldValue, ...]]:
        """Yield every row, sorted by id (follows: by both ids): its place, then its values in canonical order.

        Ids that are whole numbers come as such, even if they are stored as text; of other texts comes the number that
        represents them.

        Args:
            places: of the only rows that are wanted, in a table that has row ids.
        """
        old = self.layout[table]
        if not old.name:
            return
        if lists := self._lists(table):
            yield from follows_in(self._select(lists.statement), lists.list_is_second)
            return
        _, place = self._keys_and_place(old.name)
        columns = [self._reading(old.name, column) if column else "NULL" for column in old.columns]
        if table not in WITH_IDS:
            order = f"{columns[0]}, {columns[1]}, place"
        elif not old.columns[0]:
            order, columns[0] = "place", place
        elif self._lies_by_id(table):
            order = columns[0]
        else:
            order, columns[0] = "old_id, place", f"{ID_NUMBER.format(columns[0])} AS old_id"
        wanted = f"WHERE {place} IN ({', '.join('?' * len(places))})" if places else ""
        yield from self._select(
            f"SELECT {place} AS place, {', '.join(columns)} FROM {_quoted(old.name)} {wanted} ORDER BY {order}",  # noqa: S608
            places,
        )

    def message_blocks(self, primary_key: Callable[[int], int | None]) -> Iterator[Block] | None:
        """All messages as blocks of lines, in the order of their ids; None where the table does not lie in it.

        They are read through a connection of their own, so that another thread may do it.

        Args:
            primary_key: of the account that has an old id.
        """
        old = self.layout["message"]
        if not old.name or not self._lies_by_id("message"):
            return None
        id_, author, text, pub_date, flagged = (
            self._reading(old.name, column) if column else "NULL" for column in old.columns
        )
        line = OLD_LINE.format(id=id_, author=author, text=text, pub_date=pub_date, flagged=f"coalesce({flagged}, 0)")
        statement = (
            "SELECT count(*), min(id), max(id), group_concat(line, char(30)) FROM ("  # noqa: S608
            f"SELECT {id_} AS id, {line} AS line FROM {_quoted(old.name)} WHERE {id_} >= ? ORDER BY {id_} LIMIT ?)"
        )
        return self._blocks(statement, primary_key)

    def _blocks(self, statement: str, primary_key: Callable[[int], int | None]) -> Iterator[Block]:
        start, limit = FIRST_ID, MOST_ROWS
        with closing(_open(self._path, self.label)) as connection:
            connection.create_function("primary_key", 1, primary_key, deterministic=True)
            while start <= LAST_ID:
                try:
                    rows, first, last, lines = connection.execute(statement, [start, limit]).fetchone()
                except sqlite3.DataError as error:  # together the lines are longer than any value may be
                    if limit == 1:
                        raise _unreadable(self.label, error) from error
                    limit = max(1, limit // 10)
                    continue
                except UNREADABLE as error:
                    raise _unreadable(self.label, error) from error
                if not rows:
                    return
                yield Block(first, last, rows, lines)
                start, limit = last + 1, max(1, min(MOST_ROWS, rows * BYTES_OF_BLOCK // len(lines)))

    def follow_groups(self) -> Iterator[FollowGroup] | None:
        """All follows by who follows, in the order of these ids; None where the table has no row ids."""
        old = self.layout["follower"]
        if not old.name or self._lists("follower"):
            return None
        _, place = self._keys_and_place(old.name)
        if place not in ROW_ID_NAMES:
            return None
        who, whom = (self._reading(old.name, column) if column else "NULL" for column in old.columns)
        both_are_ids = f"typeof({who}) = 'integer' AND typeof({whom}) = 'integer'"
        groups = self._select(
            f"SELECT group_concat({place}, ' '), {who} COLLATE BINARY,"  # noqa: S608
            f" group_concat(CASE WHEN {both_are_ids} THEN {whom} END, ' '), count(*)"
            f" FROM {_quoted(old.name)} GROUP BY 2 ORDER BY 2"
        )
        return cast("Iterator[FollowGroup]", groups)

    def _lies_by_id(self, table: str) -> bool:
        """Whether the id of a row is its place: SQLite's `integer primary key`."""
        old = self.layout[table]
        keys, place = self._keys_and_place(old.name)
        return place in ROW_ID_NAMES and keys == [(b"integer", (old.columns[0] or "").lower())]

    def _reading(self, table: str, column: str) -> str:
        """The SQL for a column, with the table's name in front.

        `PasswordHash of AspNetUsers by IdentityUserId` is one of another table, to whose primary key the last column
        refers.
        """
        match = ELSEWHERE.fullmatch(column)
        columns = {name for _, _, name in self._described(table)}
        if match is None or column.lower() in columns or not self._has_table(match["table"]):
            return f"{_quoted(table)}.{_quoted(column)}"
        keys, _ = self._keys_and_place(match["table"])
        other, reference = _quoted(match["table"]), f"{_quoted(table)}.{_quoted(match['reference'])}"
        return (
            f"(SELECT {other}.{_quoted(match['column'])} FROM {other}"  # noqa: S608
            f" WHERE {' AND '.join(f'{other}.{_quoted(key)} = +{reference}' for _, key in keys) or 'false'})"
        )

    def _lists(self, table: str) -> "Lists | None":
        """How the follows are read, if they are lists in another table: `follows of users`."""
        old = self.layout[table]
        if table in WITH_IDS or self._has_table(old.name):
            return None
        for list_column in filter(None, old.columns):
            holder = old.name.removeprefix(f"{list_column} of ")
            if holder != old.name and self._has_table(holder):
                (own_id,) = [column for column in old.columns if column and column != list_column]
                keys, place = self._keys_and_place(holder)
                order = place if place in ROW_ID_NAMES else ", ".join(_quoted(key) for _, key in keys)
                return Lists(
                    f"SELECT {_quoted(own_id)}, {_quoted(list_column)} FROM {_quoted(holder)} ORDER BY {order}",  # noqa: S608
                    list_is_second=old.columns[1] == list_column,
                )
        return None

    def _has_table(self, name: str) -> bool:
        """Only a real, stored table counts: neither a view nor a virtual table (which has no root page)."""
        found = self._select(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE", [name]
        )
        return bool(list(found))

    def dates(self, table: str) -> Iterator[OldValue]:
        """Yield the values of the column of dates that are text and do not begin with a year."""
        old = self.layout[table]
        column = old.columns[DATES[table]] if table in DATES and old.name else None
        if column is None:
            return
        name = _quoted(column)
        for (value,) in self._select(
            f"SELECT {name} FROM {_quoted(old.name)} WHERE typeof({name}) IN ('text', 'blob')"  # noqa: S608
            f" AND CAST(substr(CAST({name} AS TEXT), 1, 4) AS INTEGER) < 1000"
        ):
            yield value

    def _keys_and_place(self, name: str) -> tuple[list[tuple[bytes, str]], str]:
        """The types and names of a table's primary key, and the SQL for a row's place.

        The place is the row id, under a name that no column has taken; without one, the row's number in the order of
        the key.
        """
        described = self._described(name)
        taken = {column for _, _, column in described}
        key = [(kind, column) for order, kind, column in sorted(described) if order]
        keys = [(kind, column.lower()) for kind, column in key]
        for row_id in ROW_ID_NAMES:
            if row_id not in taken:
                try:
                    self._connection.execute(f"SELECT {row_id} FROM {_quoted(name)} LIMIT 0")  # noqa: S608
                except sqlite3.OperationalError:
                    break  # WITHOUT ROWID
                return keys, row_id
        return keys, f"row_number() OVER (ORDER BY {', '.join(_quoted(column) for _, column in key) or 'NULL'})"

    def _described(self, name: str) -> list[tuple[int, bytes, str]]:
        """Of each column of a table its place in the primary key, its type and its name in lower case."""
        return [
            (order, bytes(kind or b"").lower(), bytes(column).decode("utf-8", "replace").lower())  # type: ignore[arg-type,misc]
            for _, column, kind, _, _, order in self._select(f"PRAGMA table_info({_quoted(name)})")
        ]

    def _check_table(self, table: str) -> None:
        expected = self.layout[table]
        if not self._has_table(expected.name):
            raise SourceError(
                "missing_table",
                f"{self.label} has no table {expected.name}, so there is nothing to compare with. "
                "Name the old MiniTwit database that was imported.",
            )
        table_name = _quoted(expected.name)
        for column in filter(None, expected.columns):
            try:
                # (SQLite would read an unknown "name" without the table's name as a string.)
                self._connection.execute(f"SELECT {self._reading(expected.name, column)} FROM {table_name}")  # noqa: S608
            except sqlite3.OperationalError:
                raise SourceError(
                    "missing_column",
                    f"The table {expected.name} in {self.label} has no column {column}. "
                    "Name the old MiniTwit database that was imported.",
                ) from None

    def _select(self, statement: str, parameters: Sequence[str | int] = ()) -> Iterator[tuple[OldValue, ...]]:
        try:
            yield from self._connection.execute(statement, parameters)
        except UNREADABLE as error:
            raise _unreadable(self.label, error) from error


def _open(path: Path, label: str) -> sqlite3.Connection:
    """Open the file so that nothing but reading its stored tables is possible, whatever its schema says."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )
    try:
        connection.text_factory = bytes
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.create_function("id_number", 2, id_number, deterministic=True)
        connection.set_authorizer(_authorize)
    except UNREADABLE as error:
        connection.close()
        raise _unreadable(label, error) from error
    return connection


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, within: str | None) -> int:
    """Allow reading alone, and nothing that a view or a trigger (`within`) asks for."""
    allowed = (
        action in ALLOWED
        or (action == sqlite3.SQLITE_FUNCTION and second in ALLOWED_FUNCTIONS)
        or (action == sqlite3.SQLITE_PRAGMA and first in ALLOWED_PRAGMAS)
    )
    return sqlite3.SQLITE_OK if allowed and within is None else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unreadable(label: str, error: Exception) -> SourceError:
    said = error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)
    if "not a database" in said:
        return SourceError(
            "not_sqlite", f"{label} is not a SQLite database. Name the database file of the old MiniTwit."
        )
    return SourceError(
        "damaged_file", f"{label} cannot be read: SQLite says “{said}”. Copy it again from the old application."
    )
