"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

EXAMPLES = 5  # sentences per table, of each kind


@dataclass
class TableVerification:
    """The account of one old table: legacy = arrived + rejected + missing.

    Attributes:
        legacy: rows in the old table.
        arrived: old rows that have a new counterpart, or had one until it was deleted permanently or erased on
            request.
        rejected: old rows that the import refused, and stored with the reason.
        missing: old rows that have neither arrived nor been refused.
        altered: arrived, but not what the old row says, although they were not changed since.
        kept: arrived and not what the old row says, because the import was to leave existing rows as they were.
        examples: short sentences about the first missing and altered rows.
    """

    legacy: int = 0
    arrived: int = 0
    rejected: int = 0
    missing: int = 0
    altered: int = 0
    kept: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.missing == 0 and self.altered == 0

    def add_altered(self, sentence: str) -> None:
        self.altered += 1
        if self.altered <= EXAMPLES:
            self.examples.append(sentence)

    def add_missing(self, sentence: str) -> None:
        self.missing += 1
        if self.missing <= EXAMPLES:
            self.examples.append(sentence)

    def as_json(self) -> dict[str, int]:
        """The figures; `kept` is among them only where there are any."""
        hidden = {"examples"} if self.kept else {"examples", "kept"}
        return {name: value for name, value in vars(self).items() if name not in hidden}


@dataclass
class Verification:
    """The account of every table that was compared, by canonical name.

    Attributes:
        error: what ended the comparison before its end; empty if nothing did.
    """

    tables: dict[str, TableVerification] = field(default_factory=dict)
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and all(table.ok for table in self.tables.values())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        tables = {name: TableVerification(**table) for name, table in data["tables"].items()}
        return cls(tables, data.get("error", ""))

    def as_json(self, *, examples: bool = False) -> dict[str, Any]:
        """Return `{"ok": true, "tables": {"user": {"legacy": 0, ...}}}`; with `examples`, their sentences too."""
        tables: dict[str, dict[str, Any]] = {name: table.as_json() for name, table in self.tables.items()}
        if examples:
            for name, table in self.tables.items():
                tables[name]["examples"] = table.examples
        return {"ok": self.ok, "tables": tables} | ({"error": self.error} if self.error else {})
