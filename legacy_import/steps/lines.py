"""How the rows of an old table become the lines of its staging table: by the columns of its Resource.

A staging table is typed and clean. A row holds its position, the new form of each value, the reason by which one of
its values is refused, what was noticed, and as JSON the old values that are not the same as the new ones.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from json.encoder import encode_basestring

from psycopg2 import sql

from legacy_import.rules.columns import AccountColumn, Column, New, Refused, Row
from legacy_import.rules.resources import LegacyResource
from legacy_import.source.copy_lines import FIELD_END, NULL, Chunk, LineField, LinePlan, field_of
from legacy_import.source.schema import MISSING, TableDescription
from legacy_import.source.values import LegacyRow, LegacyValue, as_text

# Rows that a thread writes at one go: between two of them the import can be cancelled and says how far it is.
ROWS_AT_A_TIME = 250
WORKERS = os.cpu_count() or 1


@dataclass(frozen=True)
class Rule:
    """A column of an old table and what it becomes.

    Attributes:
        name: its canonical name. attribute: the column of the staging table. place: where a line has it.
        name_place: where a line has the username by which an account is named.
    """

    name: str
    attribute: str
    column: Column
    place: int
    name_place: int | None


class Lines:
    """The lines of one table, and the staging table that they fill.

    Attributes:
        columns: name -> PostgreSQL's type, in the order of a line. Columns of one width come first: what is behind a
            text is found only by measuring the text.
    """

    def __init__(self, resource: LegacyResource) -> None:
        fields: list[tuple[str, str, Column]] = [
            (field.column_name, field.attribute, field.widget) for field in resource.get_import_fields()
        ]
        self.columns = {"position": "bigint"}
        self.columns |= {attribute: column.new_type for _, attribute, column in fields if column.line}
        self.columns |= {name_of(name): "text" for _, name, column in fields if isinstance(column, AccountColumn)}
        self.columns |= dict.fromkeys(("reason", "notes", "original"), "text")
        self.columns |= {attribute: "text" for _, attribute, column in fields if not column.line}
        self.places = {name: place for place, name in enumerate(self.columns)}
        self.rules = [
            Rule(name, attribute, column, self.places[attribute], self.places.get(name_of(attribute)))
            for name, attribute, column in fields
        ]
        self.rule_at = {rule.place: rule for rule in self.rules}
        self.reason, self.notes, self.original = map(self.places.__getitem__, ("reason", "notes", "original"))

    def build(self, row: LegacyRow) -> bytes:
        """The line of any row."""
        line = [NULL] * len(self.columns)
        line[0], line[self.notes] = b"%d" % row.position, b""
        named = row.named([rule.name for rule in self.rules])
        return self._filled(line, zip(self.rules, row.values, strict=True), named)

    def mend(self, line: list[bytes], odd: Mapping[int, LegacyValue]) -> bytes:
        """A line with the new forms of its odd values, which are given by their place in it."""
        rules = self.rules if len(odd) > 1 else [self.rule_at[place] for place in odd]
        return self._filled(line, [(rule, odd[rule.place]) for rule in rules if rule.place in odd])

    def _filled(self, line: list[bytes], old: Iterable[tuple[Rule, LegacyValue]], row: Row | None = None) -> bytes:
        notes = [line[self.notes]] if line[self.notes] else []
        changed = []
        for rule, value in old:
            new, noticed, reason = read(rule.column, value, row)
            line[rule.place] = NULL
            if new is not None:
                line[rule.name_place if rule.name_place and isinstance(new, str) else rule.place] = copied(new)
            if noticed:
                notes += [note.encode() for note in noticed]
            if reason and line[self.reason] == NULL:
                line[self.reason] = reason.encode()
            # A whole number of which nothing is noticed can be told from the new form: see `Column.stored`.
            if new != value and (type(value) is not int or noticed or reason) and not rule.column.secret:
                text = as_text(value)
                changed.append(f'"{rule.name}": {"null" if text is None else encode_basestring(text)}')
        line[self.notes] = b" ".join(dict.fromkeys(notes))  # once, however many values it is noticed of
        if changed:
            line[self.original] = field_of(f"{{{', '.join(changed)}}}")
        return FIELD_END.join(line)

    def plan(self, table: TableDescription) -> LinePlan:
        """How the lines of a table are made, most of them within SQLite."""
        line = [LineField(NULL.decode()) for _ in self.columns]
        line[0] = LineField("%d", table.position)
        noticed: list[str] = []
        for rule, stored in zip(self.rules, table.columns, strict=True):
            if stored == MISSING:  # reads the same in every row
                new, notes, reason = read(rule.column, None)
                noticed += notes
                line[rule.place] = LineField(copied(new).decode())
                if reason:
                    line[self.reason] = LineField(reason)
            else:
                form, value = rule.column.line or (None, "{0}")
                test = rule.column.unchanged or "false"
                line[rule.place] = LineField(form, value.format(stored), stored, test.format(stored))
        line[self.notes] = LineField(" ".join(noticed))
        return LinePlan(line, self.mend, self.build, by_row=any(rule.column.unchanged is None for rule in self.rules))

    def old_values(self) -> sql.Composed:
        """SQL for the old values of a staged row, but for secret ones: text by canonical name, as JSON."""
        pairs = []
        for rule in self.rules:
            if not rule.column.secret:
                value: sql.Composable = sql.SQL(rule.column.stored).format(sql.Identifier("staged", rule.attribute))
                if rule.name_place:
                    value = sql.SQL("coalesce({}, {})").format(
                        value, sql.Identifier("staged", name_of(rule.attribute))
                    )
                pairs.append(sql.SQL("{}, {}").format(sql.Literal(rule.name), value))
        return sql.SQL("(jsonb_build_object({}) || coalesce(staged.original::jsonb, '{{}}'))").format(
            sql.SQL(", ").join(pairs)
        )


def name_of(attribute: str) -> str:
    """Where a staging table has the username by which an account is named."""
    return f"{attribute}_name"


def read(column: Column, value: LegacyValue, row: Row | None = None) -> tuple[New, tuple[str, ...], str | None]:
    """The new form of a value, what was noticed, and the reason for which it is refused, if it is."""
    try:
        return *column.read(value, row), None
    except Refused as refusal:
        return refusal.new, (), refusal.code


def copied(new: New) -> bytes:
    """A new value as a field of a line, spelt as SQLite spells it."""
    if new is None or isinstance(new, str):
        return field_of(new)
    if isinstance(new, datetime):
        return new.isoformat(" ").removesuffix(":00").encode()
    return b"%d" % new


def built_in_threads(rows: Iterator[LegacyRow], build: Callable[[LegacyRow], bytes]) -> Generator[Chunk, None, None]:
    """The lines of rows, in their order, made by several threads: hashing keeps every processor busy, because OpenSSL
    works outside of Python's lock.
    """
    waiting: deque[Future[Chunk]] = deque()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="hashing passwords")
    try:
        while taken := list(islice(rows, ROWS_AT_A_TIME)):
            waiting.append(pool.submit(lambda rows: Chunk(b"\n".join([*map(build, rows), b""])), taken))
            if len(waiting) > 2 * WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
