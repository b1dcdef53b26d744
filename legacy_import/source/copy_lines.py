"""Turn the rows of an old table into lines of PostgreSQL's COPY text format, mostly inside SQLite.

One `printf` per row in SQLite's own SQL, and escaping by whole chunks, is several times as fast as building the
lines in Python. To escape a chunk at once, fields and lines are first parted by control characters that no normal
text holds. A row that holds one of them, a NUL, or bytes that are not UTF-8 is found by
counting, and only such a row is read again and built in Python.

A line holds: position, storage, then for each column that was meant for whole numbers two fields, the number and any
other value as text, of which one is null; then the columns that were meant for text. PostgreSQL so reads the numbers
as it copies, which is much cheaper than a cast afterwards. `storage` has one letter per column, in canonical order:
n, i, r, t or b for SQLite's storage class, a capital where the text was repaired.
"""

# ruff: noqa: S608 -- names cannot be parameters; `quoted` and the table's description make them safe
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from legacy_import.source.sandbox import Watch
from legacy_import.source.schema import (
    CANONICAL_COLUMNS,
    MISSING,
    TEXT_COLUMNS,
    TableDescription,
    number_columns,
    text_columns,
)
from legacy_import.source.values import LegacyRow, LegacyValue, as_text, storage_letter

CHUNK_BYTES = 256 * 1024  # what a chunk should have
Places = tuple[int, int]  # the first and the last row id of a part of a table
EVERYWHERE: Places = (-(2**63), 2**63 - 1)
FIRST_ROWS, MOST_ROWS = 500, 10_000  # that are read at once
FIELD_END, LINE_END, NULL, ODD = b"\x1f", b"\x1e", b"\x1d", b"\x1c"
# How COPY is told to read the lines.
COPY_OPTIONS = r"FORMAT text, DELIMITER E'\x1f', NULL E'\x1d'"
ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))
# SQLite's allocator has one lock for all connections and is called for every value: two threads that read at once
# need twice the processor time of one after the other.
ONE_AT_A_TIME = threading.Lock()

RowReader = Callable[[list[int]], Iterable[LegacyRow]]


@dataclass(frozen=True)
class Chunk:
    """Some lines for COPY, and how many rows they are."""

    data: bytes
    rows: int


def quoted(name: str) -> str:
    """Quote a name for SQLite. (Names cannot be passed as parameters.)"""
    return '"' + name.replace('"', '""') + '"'


def line_expression(table: TableDescription) -> str:
    """SQL for one line, or for the mark and the position of an odd row, which Python has to build."""
    columns = dict(zip(CANONICAL_COLUMNS[table.name], table.columns, strict=True))
    numbers = [columns[name] for name in number_columns(table.name)]
    texts = [columns[name] for name in text_columns(table.name)]
    stored_numbers = [column for column in numbers if column != MISSING]
    usual = [f"typeof({column}) = 'integer'" for column in stored_numbers]
    usual += [f"typeof({column}) = 'text'" for column in texts if column != MISSING]
    # In a file of UTF-16, joining happens before the conversion: half a character would take the mark after it along.
    usual.append("CAST(x'41' AS TEXT) = 'A'")
    letters = "".join(
        "n" if column == MISSING else "t" if name in TEXT_COLUMNS else "i" for name, column in columns.items()
    )
    usual_fields = f"%d\x1f{letters}"
    usual_fields += "".join("\x1f\x1d\x1f\x1d" if column == MISSING else "\x1f%d\x1f\x1d" for column in numbers)
    usual_line = f"printf('{usual_fields}', {', '.join([table.position, *stored_numbers])})"
    usual_line += "".join(f" || '\x1f' || {'char(29)' if column == MISSING else column}" for column in texts)
    usual_line += " || '\x1e'"
    odd = [f"instr({column}, char(0)) OR instr({column}, char(29))" for column in table.columns]
    # In a file whose texts are UTF-16, SQLite would read the bytes of a BLOB as such.
    odd += [f"typeof({column}) = 'blob' AND CAST(x'41' AS TEXT) <> 'A'" for column in table.columns]
    values = [f"typeof({column})" for column in table.columns]
    for column in numbers:
        values.append(f"CASE typeof({column}) WHEN 'integer' THEN {column} ELSE char(29) END")
        values.append(f"CASE typeof({column}) WHEN 'integer' THEN char(29) ELSE coalesce({column}, char(29)) END")
    values += [f"coalesce({column}, char(29))" for column in texts]
    fields = "%d\x1f" + "%.1s" * len(table.columns) + "\x1f%s" * (len(values) - len(table.columns)) + "\x1e"
    return (
        f"CASE WHEN {' AND '.join(usual)} THEN {usual_line} "
        f"WHEN {' OR '.join(odd)} THEN char(28) || {table.position} "
        f"ELSE printf('{fields}', {', '.join([table.position, *values])}) END"
    )


def copy_chunks(
    connection: sqlite3.Connection,
    table: TableDescription,
    watch: Watch,
    read_rows: RowReader,
    places: Places = EVERYWHERE,
) -> Iterator[Chunk]:
    """Stream a table as chunks of COPY lines.

    Args:
        read_rows: reads the rows at the given positions one by one.
        places: which row ids; of a table without row ids everything is read.

    Raises:
        sqlite3.Error: the file is damaged, a value is too long, or the watch ended the statement.
    """
    builder = ChunkBuilder(table.name, read_rows, len(table.missing))
    source = f"FROM {quoted(table.actual_name)}"
    watch.alive()
    if not table.has_row_ids:
        yield from _line_by_line(connection.execute(f"SELECT {line_expression(table)} {source}"), builder, watch)
        return
    # Several thousand lines come as one value, which spares Python an object per row.
    bounded = f"{source} WHERE {table.position} BETWEEN ? AND ? ORDER BY {table.position} LIMIT ?"
    lines = f"SELECT {table.position} AS place, {line_expression(table)} AS line {bounded}"
    (start, end), rows = places, FIRST_ROWS
    while start <= end:
        with ONE_AT_A_TIME:
            watch.alive()  # whoever takes the chunks may have taken his time
            count, last, data = _joined_lines(connection, lines, [start, end, rows])
            # Where nulls may be why there are more marks than usual, they are counted.
            is_usual = builder.is_usual(data, count) or (
                data != b"" and builder.is_usual(data, count, _nulls(connection, table, bounded, [start, end, rows]))
            )
        if not count:
            return
        if is_usual:
            yield Chunk(escaped(data).replace(LINE_END, b"\n"), count)
            rows = max(1, min(MOST_ROWS, count * CHUNK_BYTES // len(data)))
        else:
            one_by_one = connection.execute(f"SELECT line FROM ({lines})", [start, end, rows])
            yield from _line_by_line(one_by_one, builder, watch)
        start = last + 1


def _joined_lines(connection: sqlite3.Connection, lines: str, bounds: list[int]) -> tuple[int, int, bytes]:
    """How many lines there are, the row id of the last one, and all of them joined, unless that is too long."""
    figures = "SELECT count(*), max(place)"
    try:
        count, last, data = connection.execute(f"{figures}, group_concat(line, '') FROM ({lines})", bounds).fetchone()
    except sqlite3.DataError:  # together they are longer than any value may be
        count, last = connection.execute(f"{figures} FROM ({lines})", bounds).fetchone()
        data = b""
    return count, last, data or b""


def _nulls(connection: sqlite3.Connection, table: TableDescription, bounded: str, bounds: list[int]) -> int:
    """How many values of some rows are null, in the columns that are there."""
    stored = [column for column in table.columns if column != MISSING]
    names = [f"c{number}" for number in range(len(stored))]
    values = ", ".join(f"{column} AS {name}" for column, name in zip(stored, names, strict=True))
    filled = " + ".join(f"count({name})" for name in names)
    (nulls,) = connection.execute(
        f"SELECT count(*) * {len(names)} - ({filled}) FROM (SELECT {values} {bounded})", bounds
    ).fetchone()
    return int(nulls)


def _line_by_line(cursor: sqlite3.Cursor, builder: "ChunkBuilder", watch: Watch) -> Iterator[Chunk]:
    lines: list[bytes] = []
    size = 0
    for (line,) in cursor:
        if line is None:  # so `printf` says that its result goes beyond the limit
            raise sqlite3.DataError("a row is too big")
        lines.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield builder.build(lines)
            watch.alive()
            lines, size = [], 0
    if lines:
        yield builder.build(lines)


class ChunkBuilder:
    """Checks and escapes the lines of one table."""

    def __init__(self, table: str, read_rows: RowReader, missing: int = 0) -> None:
        self.table = table
        self.missing = missing  # columns that nothing feeds, which are null in every row
        self.numbers = len(number_columns(table))
        # Per line: before the storage, and before each field of a column.
        self.field_ends = 1 + 2 * self.numbers + len(text_columns(table))
        self.read_rows = read_rows

    def build(self, lines: list[bytes]) -> Chunk:
        data = b"".join(lines)
        if not self.is_usual(data, len(lines)):
            odd = {index for index, line in enumerate(lines) if not self.is_sound_line(line)}
            if odd:
                return self.build_with_odd_lines(lines, odd)
        return Chunk(escaped(data).replace(LINE_END, b"\n"), len(lines))

    def is_usual(self, data: bytes, rows: int, nulls: int = 0) -> bool:
        """Whether the lines are sound, and no field is null but one of the two of each number, and those of `nulls`.

        No line has fewer marks of any kind than it should, so where their sums are right each line is.
        """
        return data.count(NULL) == rows * (self.numbers + self.missing) + nulls and self.is_sound(data, rows)

    def is_sound(self, data: bytes, rows: int) -> bool:
        """Whether the lines say exactly what the rows hold and PostgreSQL will take them."""
        return (
            data.count(LINE_END) == rows
            and data.count(FIELD_END) == rows * self.field_ends
            and ODD not in data
            and b"\0" not in data
            and is_utf8(data)
        )

    def is_sound_line(self, line: bytes) -> bool:
        if not self.is_sound(line, 1):
            return False
        storage = line.split(FIELD_END, 2)[1]
        return line.count(NULL) == self.numbers + storage.count(b"n")

    def build_with_odd_lines(self, lines: list[bytes], odd: set[int]) -> Chunk:
        positions = [position_of(lines[index]) for index in sorted(odd)]
        built = {row.position: line_of(self.table, row) for row in self.read_rows(positions)}
        parts = [
            built[position_of(line)] if index in odd else escaped(line).replace(LINE_END, b"\n")
            for index, line in enumerate(lines)
        ]
        return Chunk(b"".join(parts), len(lines))


def position_of(line: bytes) -> int:
    return int(line.split(FIELD_END, 1)[0].removeprefix(ODD))


def line_of(table: str, row: LegacyRow) -> bytes:
    """Build one COPY line from Python values, repairing what PostgreSQL could not store."""
    storage = "".join(storage_letter(value) for value in row.values)
    values = row.named(CANONICAL_COLUMNS[table])
    fields = [f"{row.position}".encode(), storage.encode()]
    for name in number_columns(table):
        is_number = storage_letter(values[name]) == "i"
        fields += [field_of(values[name] if is_number else None), field_of(None if is_number else values[name])]
    fields += [field_of(values[name]) for name in text_columns(table)]
    return FIELD_END.join(fields) + b"\n"


def field_of(value: LegacyValue) -> bytes:
    text = as_text(value)
    return NULL if text is None else escaped_field(text.encode())


def escaped(data: bytes) -> bytes:
    for character, escape in ESCAPES:
        data = data.replace(character, escape)
    return data


def escaped_field(data: bytes) -> bytes:
    """Escape a value that may hold the very characters that part fields and mark nulls."""
    data = escaped(data).replace(FIELD_END, b"\\" + FIELD_END)
    return b"\\" + data if data == NULL else data


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
