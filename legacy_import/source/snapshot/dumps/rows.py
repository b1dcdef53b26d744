"""The rows of a dump of a server, brought into the tables that its outline has."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.dumps.dialects import with_utc
from legacy_import.source.snapshot.dumps.dump_files import Key, ServerDump, dropped_keys, words_of
from legacy_import.source.snapshot.dumps.implied_schema import GIVE_BOTH
from legacy_import.source.snapshot.dumps.insert_statements import SPACE, RowsHead, rows_head
from legacy_import.source.snapshot.dumps.loading import Loading, shown
from legacy_import.source.snapshot.dumps.sql_splitter import Statement
from legacy_import.source.snapshot.postgresql import unescaped
from legacy_import.source.snapshot.servers import Column, Table, quoted

CHUNK_ROWS = 2000
COLUMNS_AT_ONCE = 30  # in one expression, which takes time to make
CHUNK_BYTES = 4 * 1024 * 1024

AFTER_ROW = re.compile(rf"{SPACE}(?P<mark>[,;]|$)")
ROW_BEGINS = re.compile(rf"{SPACE}\(")


class RowLoader:
    """Brings the rows of the wanted tables."""

    def __init__(self, dump: ServerDump, connection: sqlite3.Connection, tables: dict[Key, Table]) -> None:
        self.dump = dump
        self.loading = dump.loading
        self.connection = connection
        self.tables = tables
        self.copied: RowWriter | None = None  # where the lines of a COPY go

    def take(self, statement: Statement) -> None:
        if statement.lines:
            if self.copied:
                self.copied.add(self.rows_of_lines(statement, self.copied.columns), statement.line, by_line=True)
            return
        self.copied = None
        verb, _ = words_of(statement.text)
        if verb in ("INSERT", "REPLACE", "COPY") and (head := rows_head(statement.text)):
            table = self.tables.get(self.dump.key(head.schema, head.table))
            if table and verb == "COPY":
                self.copied = self.writer(table, head.columns, statement)
            elif table:
                self.insert(statement, head, table)
        elif verb == "DROP":
            for key in dropped_keys(self.dump, statement):
                if key in self.tables:
                    self.connection.execute(f"DELETE FROM {quoted(self.tables[key].name)}")  # noqa: S608

    def writer(self, table: Table, names: Sequence[str], statement: Statement) -> "RowWriter":
        by_name = {column.name.lower(): column for column in table.columns}
        columns = [by_name.get(name.lower()) for name in names] if names else list(table.columns)
        if unknown := [name for name, column in zip(names, columns, strict=False) if column is None]:
            what = f"its table {shown(table.name)} has no column {shown(unknown[0])}. {GIVE_BOTH}"
            raise self.loading.refusal("missing_schema", statement.line, what)
        if len(columns) > len({column.name for column in columns if column}):
            raise self.loading.refusal(
                "damaged_file", statement.line, "it names a column twice. Write the dump again"
            )
        return RowWriter(self.loading, self.connection, table, [column for column in columns if column])

    def insert(self, statement: Statement, head: RowsHead, table: Table) -> None:
        if self.dump.has_old_strings and "\\" in statement.text:
            raise self.dump.more_than_rows(statement, "its texts are written as PostgreSQL 9.0 and older wrote them")
        writer = self.writer(table, head.columns, statement)
        writer.add(self.rows_of_insert(statement, head.end, writer.columns), statement.line)

    def rows_of_insert(
        self, statement: Statement, start: int, columns: Sequence[Column]
    ) -> Iterator[list[bytes | None]]:
        text, read, encoding = statement.text, self.dump.dialect.read, self.dump.encoding
        converts = self.converts(columns)
        while True:
            literals, position = self.literals_of_row(statement, start, len(columns))
            row = [read(literal, encoding) for literal in literals]
            yield self.converted(row, converts, statement.line) if converts else row
            after = AFTER_ROW.match(text, position)
            if after is None:
                raise self.no_literal(statement, position)
            if after["mark"] != ",":
                return
            start = after.end()

    def literals_of_row(self, statement: Statement, start: int, columns: int) -> tuple[Sequence[str], int]:
        """The values of a row as they are written, and the place after it."""
        literal = self.dump.dialect.literal
        if columns <= COLUMNS_AT_ONCE and (found := row_pattern(literal, columns).match(statement.text, start)):
            return found.groups(), found.end()
        value, begin = value_pattern(literal), ROW_BEGINS.match(statement.text, start)
        if begin is None:
            raise self.no_literal(statement, start)
        position, literals, mark = begin.end(), [], ","
        while mark == ",":
            found = value.match(statement.text, position)
            if found is None:
                raise self.no_literal(statement, position)
            position, mark = found.end(), found["mark"]
            literals.append(found[1])
        if len(literals) != columns:
            raise self.wrong_number(len(literals), columns, statement.line)
        return literals, position

    def rows_of_lines(self, statement: Statement, columns: Sequence[Column]) -> Iterator[list[bytes | None]]:
        converts = self.converts(columns)
        data = statement.lines.encode("utf-8", "surrogateescape")
        for number, line in enumerate(data.removesuffix(b"\n").split(b"\n")):
            row: list[bytes | None] = [
                None if field == rb"\N" else field for field in line.removesuffix(b"\r").split(b"\t")
            ]
            if b"\\" in line:
                row = [value and unescaped(value) for value in row]
            if len(row) != len(columns):
                raise self.wrong_number(len(row), len(columns), statement.line + number)
            yield self.converted(row, converts, statement.line + number)

    def converts(self, columns: Sequence[Column]) -> list[tuple[int, Callable[[bytes], bytes]]]:
        """Which values of a row need another form."""
        known = dict(self.dump.dialect.convert)
        if self.dump.dialect.is_mysql and self.dump.is_utc:
            known["timestamp"] = with_utc
        return [(place, known[column.kind]) for place, column in enumerate(columns) if column.kind in known]

    def converted(
        self, row: list[bytes | None], converts: list[tuple[int, Callable[[bytes], bytes]]], line: int
    ) -> list[bytes | None]:
        for place, convert in converts:
            if (value := row[place]) is not None:
                try:
                    row[place] = convert(value)
                except ValueError as error:
                    raise self.loading.refusal(
                        "damaged_file", line, f"“{shown(value.decode('utf-8', 'replace'))}” is no value of its column"
                    ) from error
        return row

    def wrong_number(self, values: int, columns: int, line: int) -> SourceError:
        what = f"it has {values} values for {columns} columns. It is damaged or cut short; write the dump again"
        return self.loading.refusal("damaged_file", line, what)

    def no_literal(self, statement: Statement, position: int) -> SourceError:
        text = statement.text
        line = statement.line - text.count("\n", position)
        if not text[position:].strip(" \t\r\n;"):
            return self.loading.refusal("damaged_file", line, "a row is not whole")
        return self.dump.more_than_rows(
            Statement(text, line), f"“{shown(text[position:])}” is no row of plain values"
        )


class RowWriter:
    """Puts rows into one table."""

    def __init__(
        self, loading: Loading, connection: sqlite3.Connection, table: Table, columns: Sequence[Column]
    ) -> None:
        self.loading = loading
        self.connection = connection
        self.table = table
        self.columns = columns
        self.statement = table.insertion(columns)

    def add(self, rows: Iterator[list[bytes | None]], line: int, *, by_line: bool = False) -> None:
        """Put rows in, some at a time.

        Args:
            line: of the first row, or of the statement. by_line: whether each row has a line of its own.
        """
        chunk: list[list[bytes | None]] = []
        size = 0
        for row in rows:
            chunk.append(row)
            size += sum([len(value) for value in row if value])
            if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
                self.put(chunk, line, by_line=by_line)
                line += len(chunk) if by_line else 0
                chunk, size = [], 0
        if chunk:
            self.put(chunk, line, by_line=by_line)

    def put(self, chunk: list[list[bytes | None]], line: int, *, by_line: bool) -> None:
        self.loading.check_time(line)
        before = self.connection.total_changes
        try:
            self.connection.executemany(self.statement, chunk)
        except (sqlite3.Error, OverflowError) as error:
            done = self.connection.total_changes - before if by_line else 0
            raise self.loading.explain(self.table.name, line + done, error) from error


@lru_cache(maxsize=100)
def row_pattern(literal: str, columns: int) -> re.Pattern[str]:
    """The expression for a row of so many plain values, each in a group."""
    values = r"\s*+,\s*+".join([literal] * columns)
    return re.compile(rf"{SPACE}\(\s*+{values}\s*+\)", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=2)
def value_pattern(literal: str) -> re.Pattern[str]:
    return re.compile(rf"\s*+{literal}\s*+(?P<mark>[,)])", re.IGNORECASE | re.DOTALL)
