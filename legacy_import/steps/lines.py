"""How the rows of an old table become the lines of its staging table: by the columns of its Resource.

A staging table is typed and clean. A row holds its position, the new form of each value, the reason by which one of
its values is refused, what was noticed, and as JSON the old values that are not the same as the new ones.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from json.encoder import encode_basestring

from psycopg2 import sql

from legacy_import.rules.columns import Column, New, Refused, Row, TextId, id_text
from legacy_import.rules.passwords.hashing_process import hash_beside
from legacy_import.rules.resources import LegacyResource
from legacy_import.source.copy_lines import (
    FIELD_END,
    MOST_ROWS,
    NULL,
    ODD,
    Chunk,
    Copy,
    LineField,
    LinePlan,
    field_of,
    old_value,
)
from legacy_import.source.schema import MISSING, TableDescription
from legacy_import.source.values import LegacyRow, LegacyValue, as_text

# Rows that a thread writes at one go: between two of them the import can be cancelled and says how far it is.
ROWS_AT_A_TIME = 250
WORKERS = min(2 * (os.cpu_count() or 1), 8)  # threads that hash; each waits for its process half of the time


@dataclass(frozen=True)
class Rule:
    """A column of an old table and what it becomes.

    Attributes:
        name: its canonical name. attribute: the column of the staging table. place: where a line has it.
        text_place: where a line has the text of an id that is one.
    """

    name: str
    attribute: str
    column: Column
    place: int
    text_place: int | None


class Lines:
    """The lines of one table, and the staging table that they fill.

    Attributes:
        has_text_ids: whether an id or a reference was a text, of what was read so far.
        columns: name -> PostgreSQL's type, in the order of a line. Columns of one width come first: what is behind a
            text is found only by measuring the text.
    """

    def __init__(self, resource: LegacyResource) -> None:
        fields: list[tuple[str, str, Column]] = [
            (field.column_name, field.attribute, field.widget) for field in resource.get_import_fields()
        ]
        self.columns = {"position": "bigint"}
        self.columns |= {attribute: column.new_type for _, attribute, column in fields if column.new_type != "text"}
        self.columns |= {
            text_of(name): "text" for _, name, column in fields if any(copy.is_text_id for copy in column.copies)
        }
        self.columns |= dict.fromkeys(("reason", "notes", "original"), "text")
        self.columns |= {attribute: "text" for _, attribute, column in fields if column.new_type == "text"}
        self.places = {name: place for place, name in enumerate(self.columns)}
        self.rules = [
            Rule(name, attribute, column, self.places[attribute], self.places.get(text_of(attribute)))
            for name, attribute, column in fields
        ]
        self.names = [rule.name for rule in self.rules]
        self.has_text_ids = False
        self.reason, self.notes, self.original = map(self.places.__getitem__, ("reason", "notes", "original"))

    def build(self, row: LegacyRow) -> bytes:
        """The line of any row."""
        line = [NULL] * len(self.columns)
        line[0] = b"%d" % row.position
        line[self.notes] = line[self.original] = b""
        named = row.named(self.names)
        return self._filled(line, zip(self.rules, row.values, strict=True), named)

    def mend(self, line: list[bytes]) -> bytes:
        """A line with the new forms of its odd values."""
        odd = [(rule, old_value(line[rule.place])) for rule in self.rules if line[rule.place].startswith(ODD)]
        own_id = self.rules[0]  # that of an odd password depends on it; what SQLite copied is the same text
        text = line[own_id.text_place or 0] if own_id.text_place else NULL
        row = {own_id.name: (line[own_id.place] if text == NULL else text).decode()}
        return self._filled(line, odd, row | {rule.name: value for rule, value in odd})

    def _filled(self, line: list[bytes], old: Iterable[tuple[Rule, LegacyValue]], row: Row | None = None) -> bytes:
        notes: tuple[str, ...] = ()
        changed = []
        for rule, value in old:
            new, noticed, reason = read(rule.column, value, row)
            text = as_text(value)
            if isinstance(new, TextId):
                assert rule.text_place is not None  # noqa: S101 -- see `columns`
                self.has_text_ids = True
                line[rule.place], line[rule.text_place] = copied(new.number), field_of(new.text)
                text, new = id_text(value), new.text
            else:
                line[rule.place] = NULL if new is None else copied(new)
            notes += noticed
            if reason and line[self.reason] == NULL:
                line[self.reason] = reason.encode()
            if new is value or rule.column.secret or (type(value) is int and not noticed and not reason):
                continue  # the new form tells it, see `Column.stored`
            if text != (str(new) if type(new) is int else new):
                changed.append(f'"{rule.name}": {"null" if text is None else encode_basestring(text)}')
        line[self.notes] = noted(line[self.notes], notes)
        if changed:  # JSON has no control characters
            line[self.original] = f"{{{', '.join(changed)}}}".encode().replace(b"\\", b"\\\\")
        return FIELD_END.join(line)

    @property
    def are_costly(self) -> bool:
        """Whether values may have to be hashed: of some column SQLite copies none."""
        return any(not rule.column.copies for rule in self.rules)

    def plan(self, table: TableDescription, count: Callable[[list[str]], list[int]]) -> LinePlan:
        """How the lines of a table are made, most of them within SQLite.

        Args:
            count: says how many of some rows pass each of SQLite's tests.
        """
        line = [LineField.same(NULL.decode()) for _ in self.columns]
        line[0] = LineField.same("%d", table.position)
        always: list[str] = []  # noticed of every row
        usual: list[str] = []  # noticed of those whose values have the usual forms
        kept: dict[str, str] = {}
        for rule, stored in zip(self.rules, table.columns, strict=True):
            if stored == MISSING:  # reads the same in every row
                new, notes, reason = read(rule.column, None)
                assert not isinstance(new, TextId)  # noqa: S101 -- nothing is no text
                always += notes
                is_text = rule.column.new_type == "text"  # which come last, see `LinePlan`
                line[rule.place] = (
                    LineField.same_text(copied(new)) if is_text else LineField.same(copied(new).decode())
                )
                if reason:
                    line[self.reason] = LineField.same(reason)
            elif not rule.column.copies:
                line[rule.place] = LineField(None, None, stored)
            else:
                copies = [copy.of(stored) for copy in rule.column.copies]
                counts = count([copy.test for copy in copies])
                copy = copies[counts.index(max(counts))]
                line[rule.place] = LineField(copy, copies[0], stored)
                usual += copy.notes
                if rule.text_place and copy.is_text_id:
                    self.has_text_ids = True
                    line[rule.text_place] = LineField(Copy("%s", stored), Copy(NULL.decode(), ""))
                if copy.is_kept:
                    kept[f'"{rule.name}": "%s"'] = stored
        line[self.notes] = LineField(Copy(noted(b"", (*always, *usual)).decode(), ""), Copy(" ".join(always), ""))
        original = f"{{{', '.join(kept)}}}" if kept else ""
        line[self.original] = LineField(Copy(original, ", ".join(kept.values())), Copy("", ""))
        return LinePlan(line, self.mend, self.build, ROWS_AT_A_TIME if self.are_costly else MOST_ROWS)

    def old_values(self) -> sql.Composed:
        """SQL for the old values of a staged row, but for secret ones: text by canonical name, as JSON."""
        pairs = []
        for rule in self.rules:
            if not rule.column.secret:
                value: sql.Composable = sql.SQL(rule.column.stored).format(
                    sql.Identifier("staged", rule.attribute), notes=sql.Identifier("staged", "notes")
                )
                if rule.text_place:
                    value = sql.SQL("coalesce({}, {})").format(
                        sql.Identifier("staged", text_of(rule.attribute)), value
                    )
                pairs.append(sql.SQL("{}, {}").format(sql.Literal(rule.name), value))
        return sql.SQL("(jsonb_build_object({}) || coalesce(nullif(staged.original, '')::jsonb, '{{}}'))").format(
            sql.SQL(", ").join(pairs)
        )


@cache
def noted(before: bytes, codes: tuple[str, ...]) -> bytes:
    """The field of notes: each once, of however many values it was noticed."""
    return b" ".join(dict.fromkeys((*before.split(), *(code.encode() for code in codes))))


def text_of(attribute: str) -> str:
    """Where a staging table has the text of an id that is one."""
    return f"{attribute}_text"


def read(column: Column, value: LegacyValue, row: Row | None = None) -> tuple[New, tuple[str, ...], str | None]:
    """The new form of a value, what was noticed, and the reason for which it is refused, if it is."""
    try:
        return *column.read(value, row), None
    except Refused as refusal:
        return refusal.new, (), refusal.code


def copied(new: int | str | datetime | None) -> bytes:
    """A new value as a field of a line, spelt as SQLite spells it."""
    if isinstance(new, int):
        return b"%d" % new
    if isinstance(new, datetime):
        return new.isoformat(" ").removesuffix(":00").encode()
    return field_of(new)


def made_in_threads(chunks: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
    """The same chunks, in their order, made by several threads: hashing keeps every processor busy."""
    waiting: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="hashing passwords", initializer=hash_beside)
    try:
        for chunk in chunks:
            waiting.append(pool.submit(chunk))
            if len(waiting) > 2 * WORKERS:
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result
    finally:
        pool.shutdown(cancel_futures=True)
        chunks.close()
