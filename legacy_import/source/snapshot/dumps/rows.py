"""The rows of a dump of a server, brought into the tables that its outline has."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.dumps.dialects import with_utc
from legacy_import.source.snapshot.dumps.dump_files import Key, ServerDump, dropped_keys, words_of
from legacy_import.source.snapshot.dumps.implied_schema import GIVE_BOTH
from legacy_import.source.snapshot.dumps.insert_statements import SPACE, RowsHead, rows_head
from legacy_import.source.snapshot.dumps.loading import Loading, shown
from legacy_import.source.snapshot.dumps.sql_splitter import Statement
from legacy_import.source.snapshot.servers import Column, Table, quoted

CHUNK_ROWS = 2000
CHUNK_BYTES = 4 * 1024 * 1024

AFTER_ROW = re.compile(rf"{SPACE}(?P<mark>[,;]|$)")
ROW_BEGINS = re.compile(rf"{SPACE}\(")
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
COPY_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


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
        return RowWriter(self.loading, self.connection, table, [column for column in columns if column])

    def insert(self, statement: Statement, head: RowsHead, table: Table) -> None:
        if self.dump.has_old_strings and "\\" in statement.text:
            raise self.dump.more_than_rows(statement, "its texts are written as PostgreSQL 9.0 and older wrote them")
        writer = self.writer(table, head.columns, statement)
        writer.add(self.rows_of_insert(statement, head.end, writer.columns), statement.line)

    def rows_of_insert(
        self, statement: Statement, start: int, columns: Sequence[Column]
    ) -> Iterator[list[bytes | None]]:
        text, value, read = statement.text, self.dump.dialect.value, self.dump.dialect.read
        encoding, converts = self.dump.encoding, self.converts(columns)
        while True:
            begin = ROW_BEGINS.match(text, start)
            if begin is None:
                raise self.no_literal(statement, start)
            position, row = begin.end(), []
            while True:
                found = value.match(text, position)
                mark = text[found.end() : found.end() + 1] if found else ""
                if found is None or mark not in (",", ")") or not mark:
                    raise self.no_literal(statement, position)
                row.append(read(found, encoding))
                position = found.end() + 1
                if mark == ")":
                    break
            if len(row) != len(columns):
                raise self.wrong_number(len(row), len(columns), statement.line)
            yield self.converted(row, converts, statement.line)
            after = AFTER_ROW.match(text, position)
            if after is None:
                raise self.no_literal(statement, position)
            if after["mark"] != ",":
                return
            start = after.end()

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


def unescaped(field: bytes) -> bytes:
    return ESCAPED.sub(lambda match: COPY_ESCAPES.get(match[1], match[1]), field) if b"\\" in field else field
