"""Turn the rows of an old table into lines of PostgreSQL's COPY text format.

The lines are written inside SQLite: one `printf` per row in SQLite's own SQL, and escaping by whole blocks, is
several times as fast as building the lines in Python. So is every row whose values all have the usual form of their
column. In any other row, a value that SQLite may not copy goes along as it is, marked as odd, and the caller puts the
new one in its place.

To escape a block at once, fields and lines are first separated by control characters that no normal text holds. A
block that holds one of them too many, a NUL, or bytes that are not UTF-8 is found by counting, and read row by row.
"""

# ruff: noqa: S608 -- names cannot be parameters; `quoted` and the table's description make them safe
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Self

from legacy_import.source.sandbox import VALUE_LIMIT, QueryTimeout
from legacy_import.source.schema import TableDescription
from legacy_import.source.values import LegacyRow, LegacyValue, StoredReal

CHUNK_BYTES = 256 * 1024  # what a chunk should have
Places = tuple[int, int]  # the first and the last row id of a part of a table
EVERYWHERE: Places = (-(2**63), 2**63 - 1)
FIRST_ROWS, MOST_ROWS = 500, 10_000  # of a chunk
FIELD_END, LINE_END, NULL, ODD, MIXED = b"\x1f", b"\x1e", b"\x1d", b"\x1c", b"\x1a"
MIXED_END = re.compile(FIELD_END + b"([0-9]+)" + MIXED)  # of a line with odd values: how many they are
# How COPY is told to read the lines.
COPY_OPTIONS = r"FORMAT text, DELIMITER E'\x1f', NULL E'\x1d'"
ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))
ESCAPED = re.compile(rb"\\(.)")


# Gives some lines as COPY takes them. The work is the caller's, so that SQLite can go on meanwhile.
Chunk = Callable[[], bytes]


@dataclass(frozen=True)
class Copy:
    """How SQLite writes values of one form.

    Attributes:
        form: a format of `printf`; None for a text, which is written as it is.
        value: the SQL that gives what is written, for a value `{0}`; empty for a constant.
        test: SQLite's test that a value has this form; empty if every one has.
        notes: the codes of what is noticed of such a value.
        is_kept: whether the old value is kept beside the new one, which does not tell it. The test makes sure that
            it is a text without any character that JSON escapes.
        is_text_id: whether the value is a text for which a number is written, and is written in a field of its own.
    """

    form: str | None = "%d"
    value: str = "{0}"
    test: str = ""
    notes: tuple[str, ...] = ()
    is_kept: bool = False
    is_text_id: bool = False

    def of(self, stored: str) -> "Copy":
        """How the values are written that an SQL expression reads.

        A column's own collation may take different texts for the same, or be one that only its application has.
        """
        exact = f"{stored} COLLATE BINARY"
        return replace(self, value=self.value.format(exact), test=self.test.format(exact))

    @property
    def written(self) -> str:
        """The field by itself."""
        if not self.value:
            return f"'{self.form}'"
        return self.value if self.form is None else f"printf('{self.form}', {self.value})"


@dataclass(frozen=True)
class LineField:
    """How SQLite writes one field of a line.

    Attributes:
        usual: in a row of which every value has its usual form; None where every value is odd.
        other: in another row; None likewise.
        stored: the SQL that reads the old value; empty where none can be odd.
    """

    usual: Copy | None
    other: Copy | None
    stored: str = ""

    @classmethod
    def same(cls, form: str, value: str = "") -> Self:
        """A field that is written in the same way in every row."""
        return cls(Copy(form, value), Copy(form, value))

    @classmethod
    def same_text(cls, text: bytes) -> Self:
        """A text that is written in the same way in every row, among those that have no format."""
        copy = Copy(None, f"CAST(x'{text.hex()}' AS TEXT)")
        return cls(copy, copy)

    @property
    def odd(self) -> str:
        """An odd value: its mark, the first letter of its storage class, and its text."""
        return f"char(28) || printf('%.1s', typeof({self.stored})) || coalesce({self.stored}, '')"

    @property
    def in_usual_rows(self) -> Copy:
        return self.usual or Copy(None, self.odd)

    @property
    def alone(self) -> str:
        """The field of another row."""
        if not self.other:
            return self.odd
        if not self.stored:
            return self.other.written
        return f"CASE WHEN {self.other.test} THEN {self.other.written} ELSE {self.odd} END"

    @property
    def is_odd(self) -> str:
        """SQLite's test, 1 or 0, whether the value is an odd one."""
        return f"(({self.other.test}) IS NOT 1)" if self.other else "1"


@dataclass(frozen=True)
class LinePlan:
    """How the rows of a table become lines of COPY.

    Attributes:
        fields: those whose usual form has a format come first.
        mend: puts new values in the place of odd ones, see `old_value`: takes the fields of a line.
        build: writes the line of any row.
        most_rows: of a chunk.
    """

    fields: Sequence[LineField]
    mend: Callable[[list[bytes]], bytes]
    build: Callable[[LegacyRow], bytes]
    most_rows: int

    @property
    def line(self) -> str:
        """SQLite's expression for the line of a row. One with odd values says at its end how many they are."""
        usual = [field.in_usual_rows for field in self.fields]
        texts = " || char(31)".join(f" || {copy.value}" for copy in usual if copy.form is None)
        forms = FIELD_END.decode().join([copy.form for copy in usual if copy.form is not None] + [""] * bool(texts))
        values = ", ".join(copy.value for copy in usual if copy.form is not None and copy.value)
        is_usual = " AND ".join(f"({copy.test})" for copy in usual if copy.test) or "true"
        mixed = " || char(31) || ".join(f"({field.alone})" for field in self.fields)
        odd = " + ".join(field.is_odd for field in self.fields if field.stored) or "0"
        return (
            f"CASE WHEN {is_usual} THEN printf('{forms}', {values}){texts}"
            f" ELSE {mixed} || char(31) || ({odd}) || char(26) END"
        )

    def is_sound(self, data: bytes, rows: int) -> bool:
        """Whether the lines say exactly what so many rows hold, and PostgreSQL will take them.

        No line has fewer marks of any kind than it should, so where their sums are right each line is.
        """
        nulls = sum(field.in_usual_rows.form == NULL.decode() for field in self.fields)
        nulls_if_mixed = sum(field.other is not None and field.other.form == NULL.decode() for field in self.fields)
        always_odd = sum(field.usual is None for field in self.fields)
        mixed = data.count(MIXED)
        odd = [int(count) for count in MIXED_END.findall(data)] if mixed else []
        return (
            data.count(LINE_END) == rows
            and len(odd) == mixed
            and data.count(FIELD_END) == rows * (len(self.fields) - 1) + len(odd)
            and data.count(NULL) == (rows - mixed) * nulls + mixed * nulls_if_mixed
            and data.count(ODD) == sum(odd) + always_odd * (rows - mixed)
            and b"\0" not in data
            and _is_utf8(data)
        )


def quoted(name: str) -> str:
    """Quote a name for SQLite. (Names cannot be passed as parameters.)"""
    return '"' + name.replace('"', '""') + '"'


def copy_chunks(
    connection: sqlite3.Connection,
    table: TableDescription,
    timeout: QueryTimeout,
    plan: LinePlan,
    places: Places = EVERYWHERE,
) -> Iterator[Chunk]:
    """Stream a table as chunks of COPY lines, in the order of its rows.

    Args:
        places: which row ids; of a table without row ids everything is read.

    Raises:
        sqlite3.Error: the file is damaged, a value is too long, or the timeout ended the statement.
    """
    timeout.touch()
    bounded = f"WHERE {table.position} BETWEEN ? AND ?" if table.has_row_ids else ""
    # In a file whose texts are UTF-16, SQLite would join bytes of two encodings.
    (is_utf8,) = connection.execute("SELECT CAST(x'41' AS TEXT) = 'A'").fetchone()
    if not table.has_row_ids or not is_utf8:
        yield from _built_chunks(connection, table, timeout, plan, bounded, places if bounded else ())
        return
    lines = (
        f"SELECT {table.position} AS place, {plan.line} AS line FROM {table.rows_from} {bounded}"
        f" ORDER BY {table.position} LIMIT ?"
    )
    (start, end), limit = places, FIRST_ROWS
    while start <= end:
        timeout.touch()  # the consumer may have been slow
        count, last, data = _block(connection, lines, [start, end, limit])
        if not count:
            return
        if not plan.is_sound(data, count):
            yield from _built_chunks(connection, table, timeout, plan, bounded, [start, last])
        else:
            yield partial(_mended, data, plan.mend)
        # What was too long to be joined says only that the block was far too large.
        limit = max(1, min(plan.most_rows, count * CHUNK_BYTES // len(data) if data else count // 10))
        start = last + 1


def _block(connection: sqlite3.Connection, lines: str, bounds: list[int]) -> tuple[int, int, bytes]:
    """How many lines there are, the row id of the last one, and all lines joined, unless that is too long."""
    figures = "SELECT count(*), max(place)"
    try:
        found = connection.execute(
            f"{figures}, group_concat(line, char(30)) || char(30) FROM ({lines})", bounds
        ).fetchone()
    except sqlite3.DataError:  # together they are longer than any value may be
        found = (*connection.execute(f"{figures} FROM ({lines})", bounds).fetchone(), None)
    count, last, data = found
    return count, last, data or b""


def _mended(data: bytes, mend: Callable[[list[bytes]], bytes]) -> bytes:
    """The lines of a block as COPY takes them, new values in the place of odd ones."""
    if ODD not in data and MIXED not in data:
        return escaped(data).replace(LINE_END, b"\n")
    lines = escaped(MIXED_END.sub(b"", data)).split(LINE_END)
    return b"\n".join([mend(line.split(FIELD_END)) if ODD in line else line for line in lines])


def old_value(field: bytes) -> LegacyValue:
    """The value that an odd field of a line holds."""
    data = field[2:]
    if b"\\" in data:
        data = ESCAPED.sub(lambda escape: UNESCAPED.get(escape[1], escape[1]), data)
    return READERS[field[1]](data)


def _built_chunks(
    connection: sqlite3.Connection,
    table: TableDescription,
    timeout: QueryTimeout,
    plan: LinePlan,
    where: str,
    parameters: Sequence[Any],
) -> Iterator[Chunk]:
    """Lines that are built row by row."""
    for rows in _read_in_batches(connection, table, timeout, where, parameters, plan.most_rows):
        yield partial(_built, rows, plan.build)


def _built(rows: Iterable[LegacyRow], build: Callable[[LegacyRow], bytes]) -> bytes:
    return b"\n".join([*map(build, rows), b""])


def read_rows(
    connection: sqlite3.Connection,
    table: TableDescription,
    timeout: QueryTimeout,
    where: str = "",
    parameters: Sequence[Any] = (),
) -> Iterator[LegacyRow]:
    """Read rows of a table with Python values, in order.

    Args:
        where: which; of a table without row ids it can only name the position, `place`; one whose rows are counted is
            read as a whole.
    """
    for rows in _read_in_batches(connection, table, timeout, where, parameters, MOST_ROWS):
        yield from rows


def _read_in_batches(
    connection: sqlite3.Connection,
    table: TableDescription,
    timeout: QueryTimeout,
    where: str,
    parameters: Sequence[Any],
    most_rows: int,
) -> Iterator[list[LegacyRow]]:
    letters = ", ".join(f"typeof({column})" for column in table.columns)
    values = ", ".join(
        f"CASE typeof({column}) WHEN 'real' THEN CAST({column} AS TEXT) ELSE {column} END" for column in table.columns
    )
    rows_of_table = (
        f"SELECT {table.position} AS place, printf('{'%.1s' * len(table.columns)}', {letters}), {values}"
        f" FROM {table.rows_from}"
    )
    if table.is_counted:
        cursor = connection.execute(rows_of_table)
    elif table.has_row_ids:
        cursor = connection.execute(f"{rows_of_table} {where} ORDER BY place", parameters)
    else:
        cursor = connection.execute(f"SELECT * FROM ({rows_of_table}) {where} ORDER BY place", parameters)
    numbers = count(1)
    while rows := _some_of(cursor, timeout, most_rows):
        yield [
            LegacyRow(next(numbers) if table.is_counted else place, tuple(map(_value, kinds, stored)))
            for place, kinds, *stored in rows
        ]


def _some_of(cursor: sqlite3.Cursor, timeout: QueryTimeout, most_rows: int) -> list[tuple[Any, ...]]:
    """The next rows, as many as a chunk should have."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    timeout.touch()
    for row in cursor:
        length = sum([len(value) for value in row if value.__class__ is bytes])
        if length > VALUE_LIMIT:
            raise sqlite3.DataError("a row is too big")
        rows.append(row)
        size += length
        if size >= CHUNK_BYTES or len(rows) >= most_rows:
            break
    return rows


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _real(data: bytes) -> StoredReal:
    return StoredReal(data.decode())


UNESCAPED = {b"n": b"\n", b"r": b"\r"}
# By the first letter of the storage class: what makes a value of the text that SQLite gave.
READERS: dict[int, Callable[[bytes], LegacyValue]] = {
    ord("n"): lambda data: None,
    ord("i"): int,
    ord("r"): _real,
    ord("t"): _text,
    ord("b"): bytes,
}


def _value(kind: int, stored: Any) -> LegacyValue:
    """A value of a row; what SQLite does not give as bytes is one already."""
    return READERS[kind](stored) if stored.__class__ is bytes else stored


def escaped(data: bytes) -> bytes:
    for character, escape in ESCAPES:
        data = data.replace(character, escape)
    return data


def field_of(text: str | None) -> bytes:
    """A field of a line: a value that may hold the very characters that separate fields and mark nulls."""
    if text is None:
        return NULL
    if text.isprintable() and "\\" not in text:
        return text.encode()
    data = escaped(text.encode()).replace(FIELD_END, b"\\" + FIELD_END)
    return b"\\" + data if data == NULL else data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
