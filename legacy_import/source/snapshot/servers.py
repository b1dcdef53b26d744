"""What reading an old database from a server has in common, whichever server it is.

The tables that could be those of a MiniTwit are copied, in one read-only transaction, into a SQLite file. No later
step knows that they came from a server, so the same rows have the same outcomes.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from legacy_import.source.errors import SourceError, no_room
from legacy_import.source.recognition.known_names import UNKNOWN, best_likeness
from legacy_import.source.sandbox import VALUE_LIMIT
from legacy_import.source.snapshot.progress import OnProgress
from MiniTwit.storage.full_disks import lacks_room

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60  # without a word from the server
TABLE_MINUTES = 60  # that the server may take for one table
LOCK_SECONDS = 30  # that a table may be locked by others
MOST_TABLES = 30
SHOWN_NAMES = 10
OWN_TABLE = "legacy_import_importrun"  # only the back office's own database has it

TABLE_NAMES = re.compile(
    r"user|account|member|person|people|profile|author|message|msg|cheep|tweet|twit|post|status|follow|friend"
    r"|subscri|relation",
    re.IGNORECASE,
)

# A table of another name is read if it has a column of each of these.
NAME_COLUMNS = frozenset({"username", "user_name", "name", "login", "nickname", "handle", "email", "e_mail"})
PASSWORD_COLUMNS = frozenset({"pw_hash", "pwhash", "password", "password_hash", "passwordhash", "passwd", "hash"})
TEXT_COLUMNS = frozenset({"text", "content", "body", "message"})
AUTHOR_COLUMNS = re.compile(r"author|user|owner|sender|poster", re.IGNORECASE)
FOLLOW_COLUMNS = re.compile(r"who|whom|wohom|follow", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column on the server.

    Attributes:
        affinity: what SQLite is to store its values as: INTEGER, NUMERIC, TEXT or BLOB.
        kind: what the server calls its type.
        reference: the table and the column that it was declared to refer to, if it was.
    """

    name: str
    affinity: str
    kind: str
    reference: tuple[str, str] | None = None

    @property
    def declaration(self) -> str:
        """The column in a CREATE TABLE of SQLite, which looks at no reference while rows come in."""
        refers = f" REFERENCES {quoted(self.reference[0])} ({quoted(self.reference[1])})" if self.reference else ""
        return f"{quoted(self.name)} {self.affinity}{refers}"


@dataclass(frozen=True)
class Table:
    """An ordinary table on the server.

    Attributes:
        schema: where it is, for PostgreSQL.
        key: its primary key, if that is one whole number.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: str | None = None

    @property
    def declaration(self) -> str:
        """The statement that makes the table in SQLite."""
        parts = [
            f"{quoted(column.name)} INTEGER PRIMARY KEY" if column.name == self.key else column.declaration
            for column in self.columns
        ]
        return f"CREATE TABLE {quoted(self.name)} ({', '.join(parts)})"

    def insertion(self, columns: Sequence[Column]) -> str:
        """The statement that puts a row of some columns into it; all values come as bytes."""
        # Text comes as bytes, which SQLite would otherwise store as a BLOB.
        marks = ", ".join("?" if column.affinity == "BLOB" else "CAST(? AS TEXT)" for column in columns)
        names = ", ".join(quoted(column.name) for column in columns)
        return f"INSERT INTO {quoted(self.name)} ({names}) VALUES ({marks})"  # noqa: S608 -- names are quoted


class Server(Protocol):
    """A connection in one read-only transaction that sees one moment."""

    product: str

    def tables(self) -> list[Table]: ...

    def copy(self, table: Table, snapshot: "Snapshot") -> None: ...


def copy_tables(server: Server, label: str, target: Path, on_progress: OnProgress) -> list[str]:
    """Copy the tables that could be a MiniTwit's into a new SQLite file.

    Returns:
        What staff are to be warned of.
    """
    tables = server.tables()
    if any(table.name == OWN_TABLE for table in tables):
        raise SourceError(
            "own_database",
            f"{label} is the database of this back office itself. Name the old MiniTwit's database in "
            "LEGACY_DATABASE_URL.",
        )
    wanted = [table for table in tables if could_be_wanted(table)]
    check_tables(wanted, tables, label)
    with Snapshot.create(target, label, on_progress) as snapshot:
        for table in wanted:
            snapshot.begin(table)
            server.copy(table, snapshot)
    others = sorted(table.name for table in tables if table not in wanted)
    if not others:
        return []
    more = f" and {len(others) - SHOWN_NAMES:,} more" if len(others) > SHOWN_NAMES else ""
    return [f"Tables that are nothing of a MiniTwit were not read: {', '.join(others[:SHOWN_NAMES])}{more}."]


def could_be_wanted(table: Table) -> bool:
    """Whether the table could hold users, messages or follows, by its name or its columns."""
    columns = {column.name.lower() for column in table.columns}
    return bool(
        TABLE_NAMES.search(table.name)
        or best_likeness(table.name) > UNKNOWN
        or (columns & NAME_COLUMNS and columns & PASSWORD_COLUMNS)
        or (columns & TEXT_COLUMNS and any(AUTHOR_COLUMNS.search(column) for column in columns))
        or sum(bool(FOLLOW_COLUMNS.search(column)) for column in columns) > 1
    )


def check_tables(wanted: Sequence[Table], tables: Sequence[Table], label: str) -> None:
    if not wanted:
        have = ", ".join(sorted(table.name for table in tables)[:SHOWN_NAMES]) or "none that this account may read"
        raise SourceError(
            "missing_table",
            f"{label} has no table of users, so it is not the database of a MiniTwit. Its tables: {have}.",
        )
    if len(wanted) > MOST_TABLES:
        raise SourceError(
            "too_many_tables",
            f"{label} has {len(wanted)} tables that could be those of a MiniTwit, and at most {MOST_TABLES} are "
            "read. Give the import an account that may read the three tables only.",
        )
    names = [table.name.lower() for table in wanted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(
            "several_databases", f"{label} has two tables {twice[0]} that differ in upper and lower case only."
        )


class Snapshot:
    """The SQLite file that a server's tables are copied into."""

    def __init__(self, connection: sqlite3.Connection, label: str, on_progress: OnProgress) -> None:
        self.connection = connection
        self.label = label
        self.on_progress = on_progress
        self.table = ""
        self.insert = ""
        self.rows = 0

    @classmethod
    @contextmanager
    def create(cls, target: Path, label: str, on_progress: OnProgress) -> Iterator[Self]:
        target.touch(mode=0o600)
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("BEGIN")
            yield cls(connection, label, on_progress)
            connection.execute("COMMIT")

    def begin(self, table: Table) -> None:
        """Make the table; the rows that follow are its own."""
        with self.writing():
            self.connection.execute(table.declaration)
        self.insert = table.insertion(table.columns)
        self.table = table.name
        self.rows = 0

    def add(self, rows: Sequence[Sequence[bytes | None]]) -> None:
        """Put rows into the table; all values come as the bytes of their text, or of the BLOB."""
        with self.writing():
            self.connection.executemany(self.insert, rows)
        self.rows += len(rows)
        self.on_progress(f"Reading {self.table} from the server: {self.rows:,} rows")

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> SourceError:
        if lacks_room(error):
            return no_room(f"What the tables of {self.label} hold")
        if isinstance(error, sqlite3.DataError | OverflowError) or "too big" in str(error):
            return SourceError(
                "value_too_long",
                f"The table {self.table} in {self.label} holds a value longer than 16 MiB. No MiniTwit ever wrote "
                "such a value; nothing was imported.",
            )
        return SourceError(
            "not_stored",
            f"The tables of {self.label} could not be stored on this server: SQLite says “{error}”. Nothing was "
            "imported.",
        )


def quoted(name: str) -> str:
    """Quote a name for SQLite, which has no names with NUL."""
    return '"' + name.replace("\0", "").replace('"', '""') + '"'
