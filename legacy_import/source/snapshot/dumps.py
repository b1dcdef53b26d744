"""Load a SQLite dump (`sqlite3 minitwit.db .dump`) into a SQLite file of our own, without obeying it.

A dump is a program. Of its statements only those are run that make a table or put rows into one, on a connection that
allows nothing else, within limits of time, memory and size.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import TextIO

from legacy_import.source.errors import SourceError, no_room
from legacy_import.source.sandbox import PROGRESS_STEPS, VALUE_LIMIT
from legacy_import.source.snapshot.file_types import encoding_of, read_head
from legacy_import.source.snapshot.progress import OnProgress, megabytes
from legacy_import.source.snapshot.sql_splitter import LONGEST_STATEMENT, Statement, StatementReader
from MiniTwit.storage.full_disks import lacks_room

SECONDS = 20  # that loading may take, and
BYTES_PER_SECOND = 1024 * 1024  # for each so many of the dump a second more
PAGE_BYTES = 4096
LEAST_ROOM = 1024 * 1024  # bytes; with less the disk counts as full
MOST_SQL_BYTES = 4 * LONGEST_STATEMENT  # a character takes up to four
GROWTH = 4  # times the dump's size: how large the file may become, and
LEAST_BYTES = 64 * 1024 * 1024  # so much is always granted
MOST_TABLES = 1000
STATEMENTS_BETWEEN_REPORTS = 5000
ROWS_AT_ONCE = 400
CHARACTERS_AT_ONCE = 256 * 1024
SHOWN_STATEMENTS = 5
SHOWN_CHARACTERS = 60

WORDS = re.compile(r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/)*+(\w*)\s*(\w*)")
OWN_TABLES = re.compile(
    r"""\s*(?:INSERT|REPLACE|DELETE)\b[\s\w]*?\b(?:INTO|FROM)\s+["'`\[]?sqlite_(\w+)""", re.IGNORECASE
)
LITERAL = re.compile(r"'((?:[^']|'')*)'")
UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
PYTHON_ESCAPE = re.compile(r"\\(\\|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\+[0-9a-fA-F]{6}|[0-9a-fA-F]{4})")

LOADED = ("CREATE TABLE", "INSERT", "REPLACE", "DROP TABLE")
# Statements that say nothing about the rows.
WITHOUT_EFFECT = (
    *("BEGIN", "COMMIT", "END", "SAVEPOINT", "RELEASE", "PRAGMA", "ANALYZE", "VACUUM", "REINDEX"),
    *("CREATE INDEX", "CREATE UNIQUE", "DROP INDEX", "DROP VIEW", "DROP TRIGGER"),
)
# Statements that are left out, and named.
LEFT_OUT = (
    *("CREATE VIEW", "CREATE TRIGGER", "CREATE VIRTUAL", "CREATE TEMP", "CREATE TEMPORARY"),
    *("ATTACH", "DETACH", "SELECT", "EXPLAIN"),
)

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


def load_dump(path: Path, label: str, target: Path, on_progress: OnProgress) -> list[str]:
    """Load a dump into a new file.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the dump is broken, cut short, or beyond the limits; the sentence names the line.
    """
    size = path.stat().st_size
    deadline = time.monotonic() + SECONDS + size / BYTES_PER_SECOND
    encoding = encoding_of(read_head(path, label))
    with (
        closing(open_for_loading(target, size, deadline)) as connection,
        path.open(encoding=encoding, errors="surrogateescape" if "8" in encoding else "strict", newline="") as file,
    ):
        target.chmod(0o600)
        loader = DumpLoader(connection, label, on_progress, deadline, target.parent)
        loader.load(file, size)
    return loader.warnings()


def open_for_loading(target: Path, dump_bytes: int, deadline: float) -> sqlite3.Connection:
    """A new file, behind an authorizer and limits."""
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
    connection.create_function("unistr", 1, unistr, deterministic=True)
    connection.set_authorizer(authorize)
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), PROGRESS_STEPS)
    return connection


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


class DumpLoader:
    """Runs the statements of one dump."""

    def __init__(
        self, connection: sqlite3.Connection, label: str, on_progress: OnProgress, deadline: float, folder: Path
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.label = label
        self.on_progress = on_progress
        self.deadline = deadline
        self.tables = 0
        self.left_out: list[str] = []
        self.is_open = False  # BEGIN was there, COMMIT was not yet
        # Rows of one table that wait to be put in together, which takes a fraction of the time.
        self.waiting: list[Statement] = []
        self.waiting_characters = 0

    def load(self, file: TextIO, size: int) -> None:
        reader = StatementReader(file, self.label)
        self.connection.execute("BEGIN")
        with self.readable(reader):
            for number, statement in enumerate(reader):
                if statement.row:
                    self.put_off(statement)
                else:
                    self.flush()
                    self.run(statement)
                if number % STATEMENTS_BETWEEN_REPORTS == 0:
                    done = min(size, file.buffer.tell())
                    self.on_progress(f"Loading the dump: {megabytes(done)} of {megabytes(size)}")
            self.flush()
        if self.is_open or not is_empty(reader.rest + "\n"):
            raise self.refusal(
                "cut_short", reader.line, "it ends in the middle. Write the dump again, and copy all of it"
            )
        self.connection.execute("COMMIT")

    @contextmanager
    def readable(self, reader: StatementReader) -> Iterator[None]:
        """Say of which line bytes cannot be read. (UTF-8 always can, as bytes.)"""
        try:
            yield
        except UnicodeDecodeError as error:
            raise self.refusal(
                "damaged_file", reader.line, "after it comes what is not text. Write the dump again"
            ) from error

    def run(self, statement: Statement) -> None:
        """Run a statement, leave it out, or refuse the dump because of it."""
        if time.monotonic() > self.deadline:
            raise self.too_slow(statement)
        if is_empty(statement.text):
            return
        words = WORDS.match(statement.text)
        assert words is not None  # noqa: S101 -- it matches anything
        verb, both = words.group(1).upper(), f"{words.group(1)} {words.group(2)}".upper()
        self.is_open = (self.is_open or verb == "BEGIN") and verb not in ("COMMIT", "END", "ROLLBACK")
        if verb == "ROLLBACK":
            raise self.refusal(
                "damaged_file",
                statement.line,
                "it was written from a damaged database, for it ends with ROLLBACK. Recover that one first with "
                "`sqlite3 minitwit.db .recover`",
            )
        if own_table := OWN_TABLES.match(statement.text):
            if own_table.group(1).lower() in ("master", "schema"):  # so a dump brings virtual tables back
                self.left_out.append(shown(statement.text))
        elif verb in LOADED or both in LOADED:
            self.execute(statement, is_table=both == "CREATE TABLE")
        elif verb in LEFT_OUT or both in LEFT_OUT:
            self.left_out.append(shown(statement.text))
        elif verb not in WITHOUT_EFFECT and both not in WITHOUT_EFFECT:
            raise self.refusal(
                "unknown_statement",
                statement.line,
                f"“{shown(statement.text)}” is nothing that a SQLite dump has. Run it with `sqlite3 minitwit.db`, "
                "and give the database that comes of it",
            )

    def put_off(self, statement: Statement) -> None:
        """Let a row wait for others of its table."""
        is_full = len(self.waiting) >= ROWS_AT_ONCE or self.waiting_characters > CHARACTERS_AT_ONCE
        if is_full or (self.waiting and self.waiting[0].head != statement.head):
            self.flush()
        self.waiting.append(statement)
        self.waiting_characters += len(statement.row)

    def flush(self) -> None:
        """Put in the rows that wait; one by one if that fails, to learn which of them it is."""
        waiting, self.waiting, self.waiting_characters = self.waiting, [], 0
        if len(waiting) > 1 and not OWN_TABLES.match(waiting[0].head):
            together = waiting[0].head + ",".join(statement.row for statement in waiting)
            try:
                if not UNPRINTABLE.search(together):
                    self.connection.execute(together)
                    return
            except (sqlite3.Error, sqlite3.Warning, ValueError):
                pass  # SQLite took all of them back
        for statement in waiting:
            self.run(statement)

    def execute(self, statement: Statement, *, is_table: bool) -> None:
        self.tables += is_table
        if self.tables > MOST_TABLES:
            raise self.refusal("too_many_tables", statement.line, f"it has more than {MOST_TABLES:,} tables")
        text = statement.text
        if UNPRINTABLE.search(text):
            text = LITERAL.sub(as_blob, text)
        try:
            self.connection.execute(text)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise self.explain(statement, error) from error

    def explain(self, statement: Statement, error: Exception) -> SourceError:
        said = " ".join(str(error).split())
        if "interrupted" in said:
            return self.too_slow(statement)
        if isinstance(error, sqlite3.DataError) or "too big" in said:
            return self.refusal("value_too_long", statement.line, "it holds a value longer than 16 MiB")
        if lacks_room(error):  # or the limit on pages is reached
            if disk_usage(self.folder).free < LEAST_ROOM:
                return no_room(self.label)
            return self.refusal("too_large", statement.line, "it grows beyond all measure")
        if "not authorized" in said or "prohibited" in said:
            return self.refusal(
                "unknown_statement",
                statement.line,
                f"“{shown(statement.text)}” asks for more than putting rows into a table",
            )
        return self.refusal(
            "damaged_file",
            statement.line,
            f"SQLite says “{said[:200]}”. It is damaged or cut short; write the dump again",
        )

    def refusal(self, code: str, line: int, what: str) -> SourceError:
        return SourceError(code, f"{self.label} cannot be loaded: line {line:,}: {what}. Nothing was imported.")

    def too_slow(self, statement: Statement) -> SourceError:
        sentence = "it took too long to read the file up to this line. It was made to be slow"
        return self.refusal("source_too_slow", statement.line, sentence)

    def warnings(self) -> list[str]:
        if not self.left_out:
            return []
        named = "; ".join(self.left_out[:SHOWN_STATEMENTS])
        more = len(self.left_out) - SHOWN_STATEMENTS
        return [
            "Of the dump, statements that are not tables and rows were left out: "
            + named
            + (f"; and {more:,} more." if more > 0 else ".")
        ]


def is_empty(text: str) -> bool:
    """Whether a statement is nothing but comments."""
    words = WORDS.match(text)
    return words is None or not text[words.start(1) :].strip(" \t\r\n\f;\ufeff")


def as_blob(literal: re.Match[str]) -> str:
    """Write a text that SQLite's parser would not take (NUL characters, bytes that are not UTF-8) as its bytes."""
    if not UNPRINTABLE.search(literal.group()):
        return literal.group()
    data = literal.group(1).replace("''", "'").encode("utf-8", "surrogateescape")
    return f"CAST(X'{data.hex()}' AS TEXT)"


def unistr(text: str) -> str:
    """SQLite's function of that name, which dumps of newer versions use for control characters."""
    return PYTHON_ESCAPE.sub(
        lambda match: "\\" if match.group(1) == "\\" else chr(int(match.group(1).lstrip("uU+"), 16)), text
    )


def shown(text: str) -> str:
    """The beginning of a statement, on one line."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text[:1000]).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
