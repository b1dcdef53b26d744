"""Passwords that a second table holds: `Authors.IdentityUserId` refers to `AspNetUsers`, which has `PasswordHash`.

They are offered as one more column of the table of users, called `PasswordHash of AspNetUsers by IdentityUserId`.
Each is looked up by the primary key of the second table, for which SQLite has an index.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from legacy_import.source.copy_lines import quoted
from legacy_import.source.recognition.columns import recognised_columns
from legacy_import.source.recognition.known_names import UNKNOWN, plain, table_likeness
from legacy_import.source.recognition.table_profile import SAMPLE_ROWS, FoundColumn, FoundTable, found_column
from legacy_import.source.sandbox import UNREADABLE
from legacy_import.source.schema import HIDDEN_COLUMN, USER

NAME = re.compile(r"(?P<password>.+) of (?P<table>.+) by (?P<column>.+)", re.DOTALL)
# What a column may be called that refers to an account, where nothing is declared.
OF_AN_ACCOUNT = re.compile(r".*(user|account|login|identity|member|credential|auth)s?(id)?")


@dataclass(frozen=True)
class SecondTable:
    """Where the passwords are.

    Attributes:
        table, password, key: the second table, its passwords and its primary key.
        column: which column of the users refers to the key.
    """

    table: str
    password: str
    key: str
    column: str

    @property
    def name(self) -> str:
        """What staff choose."""
        return f"{self.password} of {self.table} by {self.column}"

    def sql(self, users: str) -> str:
        """The password of a row of the users. The sign + lets values of another type be compared by the index."""
        return (
            f"(SELECT second.{quoted(self.password)} FROM {quoted(self.table)} AS second"  # noqa: S608 -- quoted
            f" WHERE second.{quoted(self.key)} = +{quoted(users)}.{quoted(self.column)})"
        )


def second_table_named(name: str, primary_key_of: Callable[[str], Sequence[str]]) -> SecondTable | None:
    """The second table that a column's name tells of, if the name is such a one.

    Args:
        primary_key_of: gives the columns of a table's primary key.
    """
    match = NAME.fullmatch(name)
    key = primary_key_of(match["table"]) if match else ()
    return (
        SecondTable(match["table"], match["password"], key[0], match["column"]) if match and len(key) == 1 else None
    )


def with_second_tables(connection: sqlite3.Connection, found: Sequence[FoundTable]) -> list[FoundTable]:
    """The tables found, and among the columns of users without passwords those of a second table."""
    links = [link for table in found if (link := _link_to(table)) is not None]
    return [replace(table, columns=[*table.columns, *_elsewhere(connection, table, links)]) for table in found]


def _link_to(second: FoundTable) -> SecondTable | None:
    """How passwords of a table are looked up, by a column yet to be found; None if it has none, or no key."""
    password = second.column(recognised_columns(second, USER).get(HIDDEN_COLUMN, ""))
    key = next((column for column in second.columns if column.key), None)
    if second.computed or password is None or not password.values or key is None:
        return None
    return SecondTable(second.name, password.name, key.name, "")


def _elsewhere(connection: sqlite3.Connection, table: FoundTable, links: Sequence[SecondTable]) -> list[FoundColumn]:
    """The column of a second table, if there is one."""
    users = recognised_columns(table, USER)
    own = table.column(users.get(HIDDEN_COLUMN, ""))
    is_of_users = table_likeness(USER.name, table.name) > UNKNOWN and "username" in users
    if not is_of_users or (own and own.values):
        return []
    try:
        for column in table.columns:
            for link in (replace(link, column=column.name) for link in links if link.table != table.name):
                if _is_meant(connection, table.name, column, link):
                    return [_described(connection, table.name, link)]
    except UNREADABLE:
        pass  # whether that matters is found out when it is read
    return []


def _is_meant(connection: sqlite3.Connection, users: str, column: FoundColumn, link: SecondTable) -> bool:
    """Whether a column refers to the second table: it is declared so, or else its name and its values say so."""
    if column.refers_to:
        meant = (link.table.lower(), link.key.lower())
        return (column.refers_to.lower(), column.refers_to_column.lower() or meant[1]) == meant
    if column.key or column.repeated or not column.values or not OF_AN_ACCOUNT.fullmatch(plain(column.name)):
        return False
    own = quoted(link.column)
    [(values, known)] = connection.execute(
        f"SELECT count(*), count(second.{quoted(link.key)})"  # noqa: S608 -- quoted names
        f" FROM (SELECT {own} AS own FROM {quoted(users)} WHERE {own} IS NOT NULL LIMIT {SAMPLE_ROWS})"
        f" LEFT JOIN {quoted(link.table)} AS second ON second.{quoted(link.key)} = +own"
    )
    return bool(values and values == known)


def _described(connection: sqlite3.Connection, users: str, link: SecondTable) -> FoundColumn:
    rows = connection.execute(
        f"SELECT {link.sql(users)} FROM {quoted(users)} LIMIT {SAMPLE_ROWS}"  # noqa: S608 -- quoted names
    )
    column = found_column(link.name, [value for (value,) in rows], is_key=False)
    return replace(column, samples=[], secret=True, elsewhere=link.table)
