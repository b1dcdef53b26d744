"""Load a SQLite dump (`sqlite3 minitwit.db .dump`) into a SQLite file of our own, without obeying it.

A dump is a program. Of its statements only those are run that make a table or put rows into one, on a connection that
allows nothing else, within limits of time, memory and size.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.known_names import UNKNOWN, best_likeness
from legacy_import.source.snapshot.dumps.implied_schema import GIVE_BOTH, ImpliedTable, implied_table
from legacy_import.source.snapshot.dumps.insert_statements import RowsHead, insert_head, kinds_of_values
from legacy_import.source.snapshot.dumps.loading import Loading, Part, shown, what_was_left_out
from legacy_import.source.snapshot.dumps.sql_splitter import Statement, StatementReader, is_complete
from legacy_import.source.snapshot.file_types import encoding_of, read_head
from legacy_import.source.snapshot.progress import OnProgress, megabytes

MOST_TABLES = 1000
STATEMENTS_BETWEEN_REPORTS = 5000
ROWS_AT_ONCE = 400
CHARACTERS_AT_ONCE = 256 * 1024
SHOWN_TABLES = 10

WORDS = re.compile(r"(?>(?:\s|--[^\n]*\n|/\*(?>(?:[^*]|\*(?!/))*)\*/)*)(\w*)\s*(\w*)")
OWN_TABLES = re.compile(
    r"""\s*(?:INSERT|REPLACE|DELETE)\b[\s\w]*?\b(?:INTO|FROM)\s+["'`\[]?sqlite_(\w+)""", re.IGNORECASE
)
# `.schema` prints it, though SQLite makes it by itself.
MAKES_OWN_TABLE = re.compile(r"""CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?["'`\[]?sqlite_""", re.IGNORECASE)
MISSING_TABLE = re.compile(r"no such table: (?:main\.)?(.+)", re.DOTALL)
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


def load_sqlite_dump(parts: Sequence[Part], target: Path, on_progress: OnProgress) -> list[str]:
    """Load a dump into a new file, all of its parts into the same one, in their order.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the dump is broken, cut short, or beyond the limits; the sentence names the line.
    """
    size = sum(part.path.stat().st_size for part in parts)
    loading = Loading.of(parts[0].label, target, size)
    with closing(loading.open(target, size)) as connection:
        connection.create_function("unistr", 1, unistr, deterministic=True)
        loader = DumpLoader(connection, loading, on_progress)
        connection.execute("BEGIN")
        for part in parts:
            loading.label = part.label
            encoding = encoding_of(read_head(part.path, part.label))
            errors = "surrogateescape" if "8" in encoding else "strict"
            with part.path.open(encoding=encoding, errors=errors, newline="") as file:
                loader.load(file, part.path.stat().st_size)
        connection.execute("COMMIT")
    if not loader.tables and loader.without_table:
        raise next(iter(loader.without_table.values()))
    return loader.warnings()


class DumpLoader:
    """Runs the statements of one dump."""

    def __init__(self, connection: sqlite3.Connection, loading: Loading, on_progress: OnProgress) -> None:
        self.connection = connection
        self.loading = loading
        self.on_progress = on_progress
        self.tables = 0
        self.left_out: list[str] = []
        self.implied: list[ImpliedTable] = []
        self.without_table: dict[str, SourceError] = {}  # tables whose rows were left out, and what is missing
        self.is_open = False  # BEGIN was there, COMMIT was not yet
        # Rows of one table that wait to be put in together, which takes a fraction of the time.
        self.waiting: list[Statement] = []
        self.waiting_characters = 0

    def load(self, file: TextIO, size: int) -> None:
        reader = StatementReader(file, self.loading.label)
        with self.readable(reader):
            for number, statement in enumerate(reader):
                if statement.row:
                    self.put_off(statement)
                else:
                    self.flush()
                    self.run(statement)
                if number % STATEMENTS_BETWEEN_REPORTS == 0:
                    done = megabytes(min(size, reader.position))
                    self.on_progress(f"Loading the dump: {done} of {megabytes(size)}")
            self.flush()
        self.run_last(reader)
        if self.is_open:
            raise self.cut_short(reader.line)

    def run_last(self, reader: StatementReader) -> None:
        """Run the last statement where only its semicolon is missing."""
        last = Statement(f"{reader.rest}\n;", reader.line)
        if is_empty(last.text):
            return
        if not is_complete(last.text):
            raise self.cut_short(reader.line)
        try:
            self.run(last)
        except SourceError as error:
            raise (self.cut_short(reader.line) if error.code == "damaged_file" else error) from error

    def cut_short(self, line: int) -> SourceError:
        sentence = "it ends in the middle. Write the dump again, and copy all of it"
        return self.loading.refusal("cut_short", line, sentence)

    @contextmanager
    def readable(self, reader: StatementReader) -> Iterator[None]:
        """Say of which line bytes cannot be read. (UTF-8 always can, as bytes.)"""
        try:
            yield
        except UnicodeDecodeError as error:
            raise self.loading.refusal(
                "damaged_file", reader.line, "after it comes what is not text. Write the dump again"
            ) from error

    def run(self, statement: Statement) -> None:
        """Run a statement, leave it out, or refuse the dump because of it."""
        self.loading.check_time(statement.line)
        if is_empty(statement.text):
            return
        words = WORDS.match(statement.text)
        assert words is not None  # noqa: S101 -- it matches anything
        verb, both = words.group(1).upper(), f"{words.group(1)} {words.group(2)}".upper()
        self.is_open = (self.is_open or verb == "BEGIN") and verb not in ("COMMIT", "END", "ROLLBACK")
        if verb == "ROLLBACK":
            raise self.loading.refusal(
                "damaged_file",
                statement.line,
                "it was written from a damaged database, for it ends with ROLLBACK. Recover that one first with "
                "`sqlite3 minitwit.db .recover`",
            )
        if own_table := OWN_TABLES.match(statement.text):
            if own_table.group(1).lower() in ("master", "schema"):  # so a dump brings virtual tables back
                self.left_out.append(shown(statement.text))
        elif verb in LOADED or both in LOADED:
            if not MAKES_OWN_TABLE.match(statement.text, words.start(1)):
                self.execute(statement, is_table=both == "CREATE TABLE")
        elif verb in LEFT_OUT or both in LEFT_OUT:
            self.left_out.append(shown(statement.text))
        elif verb not in WITHOUT_EFFECT and both not in WITHOUT_EFFECT:
            raise self.loading.refusal(
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
            raise self.loading.refusal("too_many_tables", statement.line, f"it has more than {MOST_TABLES:,} tables")
        text = statement.text
        if UNPRINTABLE.search(text):
            text = LITERAL.sub(as_blob, text)
        try:
            self.connection.execute(text)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            missing = MISSING_TABLE.fullmatch(str(error))
            head = insert_head(statement.text) if missing else None
            if missing is None or head is None or head.table.lower() != missing[1].lower():
                raise self.loading.explain(text, statement.line, error) from error
            if self.imply_table(statement, head):
                self.execute(statement, is_table=False)

    def imply_table(self, statement: Statement, head: RowsHead) -> bool:
        """Make the table that a row without a CREATE TABLE implies. Returns False if the row is left out.

        Raises:
            SourceError: it could be a row of MiniTwit's, but of which columns its values are is not certain.
        """
        name = head.table
        kinds = kinds_of_values(statement.text, head.end)
        if table := implied_table(name, head.columns, kinds):
            self.implied.append(table)
            self.execute(Statement(table.declaration, statement.line), is_table=True)
            return True
        missing = self.loading.refusal(
            "missing_schema",
            statement.line,
            f"there is no CREATE TABLE for {shown(name)}, and a row of {len(kinds)} values is none of MiniTwit's "
            f"own. {GIVE_BOTH}",
        )
        if best_likeness(name) > UNKNOWN:
            raise missing
        self.without_table.setdefault(name, missing)
        return False

    def warnings(self) -> list[str]:
        """What staff are to be warned of."""
        warnings = [table.warning for table in self.implied]
        if self.without_table:
            names = ", ".join(map(shown, list(self.without_table)[:SHOWN_TABLES]))
            warnings.append(f"Rows of tables that no CREATE TABLE makes were left out: {names}.")
        return warnings + what_was_left_out(self.left_out)


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
