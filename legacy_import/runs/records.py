"""What staff chose for a run, and what was found of its old database. The two are apart: a run that follows another
one takes over every choice and no finding. And the rows that its pages show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import filterfalse
from typing import Any, Self

from legacy_import.rules.day_order import DayOrder
from legacy_import.rules.options import ImportOptions
from legacy_import.source.recognition.mapping import TableMappings, mappings_as_json, mappings_from_json
from legacy_import.steps.identity import VanishedRow
from legacy_import.steps.preview import SampleRow
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class Choices(JsonRecord):
    """`ImportRun.options`.

    Attributes:
        options: how rows are treated.
        mapping: the tables and columns to read; None if those that were chosen before for this old database, or else
            the recognised ones, are read; empty if the recognised ones are, whatever was chosen before.
    """

    options: ImportOptions = field(default_factory=ImportOptions)
    mapping: TableMappings | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        mapping = mappings_from_json(data["mapping"]) if "mapping" in data else None
        return cls(ImportOptions.from_json(data), mapping)

    def as_json(self) -> dict[str, Any]:
        mapping = {} if self.mapping is None else {"mapping": mappings_as_json(self.mapping)}
        return {**self.options.as_json(), **mapping}


@dataclass(frozen=True)
class Findings(JsonRecord):
    """`ImportRun.findings`: what the preview found that the later steps need.

    Attributes:
        unique_ids: whether the ids of an old table are unique, by canonical table.
        users_run: the number of the users' import that an import of messages rests on.
        day_orders: whether the day or the month comes first in the dates of a column, by its canonical name.
    """

    unique_ids: Mapping[str, bool] = field(default_factory=dict)
    users_run: int | None = None
    day_orders: Mapping[str, DayOrder] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        orders = {column: DayOrder.from_json(order) for column, order in data.get("day_orders", {}).items()}
        return super().from_json({**data, "day_orders": orders})


@dataclass(frozen=True)
class Samples(JsonRecord):
    """`ImportRun.samples`, by canonical table: sample rows as a preview shows them, and the first vanished ones."""

    rows: dict[str, list[SampleRow]] = field(default_factory=dict)
    vanished: dict[str, list[VanishedRow]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        rows = {table: [*map(SampleRow.from_json, rows)] for table, rows in data.items() if table != "vanished"}
        vanished = data.get("vanished", {})
        return cls(rows, {table: [*map(VanishedRow.from_json, rows)] for table, rows in vanished.items()})

    def as_json(self) -> dict[str, Any]:
        data = super().as_json()
        return {**data["rows"], "vanished": data["vanished"]}

    def without(self, is_to_go: Callable[[SampleRow | VanishedRow], bool]) -> Self:
        return replace(
            self,
            rows={table: [*filterfalse(is_to_go, rows)] for table, rows in self.rows.items()},
            vanished={table: [*filterfalse(is_to_go, rows)] for table, rows in self.vanished.items()},
        )
