"""A SQLite file of our own that a dump is loaded into, within limits of time, memory and size.

On its connection nothing is possible but to make tables and to fill them.
"""

import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

from legacy_import.source.errors import SourceError, no_room
from legacy_import.source.sandbox import PROGRESS_STEPS, VALUE_LIMIT
from legacy_import.source.snapshot.dumps.insert_statements import SPACE
from legacy_import.source.snapshot.dumps.sql_splitter import LONGEST_STATEMENT
from MiniTwit.storage.full_disks import lacks_room

SECONDS = 20  # that loading may take, and
BYTES_PER_SECOND = 1024 * 1024  # for each so many of the dump a second more
PAGE_BYTES = 4096
LEAST_ROOM = 1024 * 1024  # bytes; with less the disk counts as full
MOST_SQL_BYTES = 4 * LONGEST_STATEMENT  # a character takes up to four
GROWTH = 4  # times the dump's size: how large the file may become, and
LEAST_BYTES = 64 * 1024 * 1024  # so much is always granted
SHOWN_STATEMENTS = 5
SHOWN_CHARACTERS = 60
COMMENTS = re.compile(SPACE)

ALLOWED_ACTIONS = frozenset(
    {
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,  # that a primary key or UNIQUE implies
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_UPDATE,  # of SQLite's own list of tables: an UPDATE in the dump is not run
        sqlite3.SQLITE_DELETE,  # likewise
        sqlite3.SQLITE_DROP_TABLE,
    }
)
# What dumps and the defaults of columns use. None of them builds a long value from a short one, but for `replace`,
# which the limit on lengths holds.
ALLOWED_FUNCTIONS = frozenset(
    {"abs", "char", "coalesce", "current_date", "current_time", "current_timestamp", "date", "datetime", "ifnull"}
    | {"julianday", "length", "lower", "max", "min", "replace", "round", "strftime", "time", "trim", "typeof"}
    | {"unistr", "upper"}
)


@dataclass(frozen=True)
class Part:
    """One file of a dump: mostly its only one.

    Attributes:
        label: how staff know it. name: what it is called within an archive.
    """

    path: Path
    label: str
    name: str = ""


@dataclass
class Loading:
    """The loading of one dump.

    Attributes:
        label: how staff know the dump. folder: where the new file lies.
        deadline: when to give up, by the clock that only goes forward.
    """

    label: str
    folder: Path
    deadline: float

    @classmethod
    def of(cls, label: str, target: Path, dump_bytes: int) -> "Loading":
        return cls(label, target.parent, time.monotonic() + SECONDS + dump_bytes / BYTES_PER_SECOND)

    def open(self, target: Path, dump_bytes: int) -> sqlite3.Connection:
        """A new file that only this account may read, behind an authorizer and limits."""
        target.touch(mode=0o600)
        connection = sqlite3.connect(target, isolation_level=None, cached_statements=0)
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "trusted_schema=OFF", "temp_store=FILE"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA ignore_check_constraints=ON")  # the import has its own say about values
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute(f"PRAGMA max_page_count={(GROWTH * dump_bytes + LEAST_BYTES) // PAGE_BYTES}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MOST_SQL_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
        connection.set_authorizer(authorize)
        connection.set_progress_handler(lambda: int(time.monotonic() > self.deadline), PROGRESS_STEPS)
        return connection

    def check_time(self, line: int) -> None:
        if time.monotonic() > self.deadline:
            raise self.too_slow(line)

    def too_slow(self, line: int) -> SourceError:
        sentence = "it took too long to read the file up to this line. It was made to be slow"
        return self.refusal("source_too_slow", line, sentence)

    def refusal(self, code: str, line: int, what: str) -> SourceError:
        return SourceError(code, f"{self.label} cannot be loaded: line {line:,}: {what}. Nothing was imported.")

    def explain(self, text: str, line: int, error: Exception) -> SourceError:
        """What to say when SQLite does not take what a statement holds."""
        said = " ".join(str(error).split())
        if "interrupted" in said:
            return self.too_slow(line)
        if isinstance(error, sqlite3.DataError) or "too big" in said:
            return self.refusal("value_too_long", line, "it holds a value longer than 16 MiB")
        if lacks_room(error):  # or the limit on pages is reached
            if disk_usage(self.folder).free < LEAST_ROOM:
                return no_room(self.label)
            return self.refusal("too_large", line, "it grows beyond all measure")
        if "not authorized" in said or "prohibited" in said:
            what = f"“{shown(text)}” asks for more than putting rows into a table"
            return self.refusal("unknown_statement", line, what)
        sentence = f"SQLite says “{said[:200]}”. It is damaged or cut short; write the dump again"
        return self.refusal("damaged_file", line, sentence)


def authorize(
    action: int, first: str | None, second: str | None, database: str | None, trigger_or_view: str | None
) -> int:
    """Allow to make tables and to fill them, in this file."""
    if database not in {None, "main"} or trigger_or_view is not None:
        return sqlite3.SQLITE_DENY
    if action in ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in ALLOWED_FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def what_was_left_out(statements: list[str]) -> list[str]:
    """The warning about statements that were not run, if there are any."""
    if not statements:
        return []
    named = "; ".join(statements[:SHOWN_STATEMENTS])
    more = len(statements) - SHOWN_STATEMENTS
    return [
        "Of the dump, statements that are not tables and rows were left out: "
        + named
        + (f"; and {more:,} more." if more > 0 else ".")
    ]


def shown(text: str) -> str:
    """The beginning of a statement, after comments, on one line."""
    start = COMMENTS.match(text)
    text = text[start.end() if start else 0 :]
    line = " ".join("".join(character if character.isprintable() else " " for character in text[:1000]).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
