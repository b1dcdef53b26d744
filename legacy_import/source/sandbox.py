"""Open a SQLite file that may be hostile, so that nothing but reading its real tables is possible.

An uploaded database can hold views and triggers that run SQL of their choice, generated columns that explode,
queries that never end, and pages that lie about themselves. See https://www.sqlite.org/security.html.
"""

import sqlite3
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import quote

from MiniTwit.text_ids import number_of

VALUE_LIMIT = 16 * 1024 * 1024  # bytes: the longest value, and the longest row, that is read
SILENCE_LIMIT = 5.0  # seconds that a statement may work without giving a row, and
SLOW_DISK = 20 * 1024 * 1024  # for each so many bytes of the file a second more
# What reading a damaged file raises. The second is SQLite's own complaint, where it quotes bytes of the file.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
REPEATED_TEXTS = 65_536  # of which a connection keeps the numbers: of the accounts that rows refer to
PROGRESS_STEPS = 100_000  # SQLite virtual machine steps between two looks at the clock

# What reading a table and building COPY lines needs. None of it loads, writes, attaches or recurses.
ALLOWED_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
ALLOWED_FUNCTIONS = frozenset(
    {
        "char",
        "coalesce",
        "count",
        "datetime",
        "glob",
        "group_concat",
        "instr",
        "json_type",
        "json_valid",
        "length",
        "lower",
        "max",
        "printf",
        "repeated_text_id",
        "row_number",
        "strftime",
        "substr",
        "sum",
        "text_id",
        "typeof",
    }
)
ALLOWED_PRAGMAS = frozenset({"table_xinfo", "foreign_key_list", "quick_check"})


def complaint_of(error: Exception) -> str:
    """What SQLite says is wrong, though it may quote bytes that are not UTF-8."""
    return error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)


class QueryTimeout:
    """Ends a query that gives no row for too long."""

    def __init__(self, silence_limit: float = SILENCE_LIMIT) -> None:
        self.silence_limit = silence_limit
        self.timed_out = False
        self.touch()

    @classmethod
    def for_file(cls, path: Path) -> Self:
        """A limit that gives a large file the time to be read through once."""
        return cls(SILENCE_LIMIT + path.stat().st_size / SLOW_DISK)

    def touch(self) -> None:
        """Start the clock again: the query has just given rows."""
        self.last_rows = time.monotonic()

    def __call__(self) -> int:
        self.timed_out = time.monotonic() - self.last_rows > self.silence_limit
        return int(self.timed_out)


def open_readonly(path: Path, timeout: QueryTimeout | None = None) -> sqlite3.Connection:
    """Open the file for reading only, immutable, behind an authorizer and limits.

    Text comes as bytes (`text_factory`), because a file may hold text that is not UTF-8.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    with suppress(*UNREADABLE):  # what is damaged says so when it is read
        connection.execute("SELECT value FROM json_each('[]')")  # makes it, which is not allowed from now on
    add_text_ids(connection)
    connection.set_authorizer(authorize)
    connection.set_progress_handler(timeout or QueryTimeout(), PROGRESS_STEPS)
    return connection


def add_text_ids(connection: sqlite3.Connection) -> None:
    """Add `text_id`, and the same function for texts of which most occur in many rows."""
    connection.create_function("text_id", 1, text_id, deterministic=True)
    connection.create_function("repeated_text_id", 1, lru_cache(REPEATED_TEXTS)(text_id), deterministic=True)


def text_id(data: bytes) -> int:
    """The number that represents a text.

    Bytes that are none must not end the statement; a block of lines that holds them is read row by row.
    """
    return number_of(data.decode("utf-8", "replace"))


def authorize(
    action: int, first: str | None, second: str | None, database: str | None, trigger_or_view: str | None
) -> int:
    """Allow reading, a few functions and three pragmas; deny all else, and all that a view or trigger asks for."""
    if trigger_or_view is not None:
        return sqlite3.SQLITE_DENY
    if action in ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in ALLOWED_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in ALLOWED_PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
