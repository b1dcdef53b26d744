"""What staff are told about an old database, and what a run keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from legacy_import.source.recognition.mapping import TableMapping, mappings_from_json
from legacy_import.source.recognition.outlook import TableOutlook
from legacy_import.source.schema import CANONICAL_TABLES, EXTRA_COLUMNS
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class MappingChoice(JsonRecord):
    """Who chose a mapping, and when, as an ISO date."""

    by: str
    at: str


@dataclass(frozen=True)
class StagedFile(JsonRecord):
    """Size and date, in nanoseconds, of the SQLite file that was staged, by which a later step recognises it."""

    size: int
    modified: int


@dataclass(frozen=True)
class SourceRecord(JsonRecord):
    """The old database of a run: where it is from the start, what is in it once it was read.

    Attributes:
        label, location, uploaded: see `Reference`.
        kind: what it is, e.g. SQLite dump or PostgreSQL 15. size, sha256, modified: see `snapshot.Intake`.
        tables: rows per canonical table. ignored: other tables in the file.
        mapping: canonical table -> the table and columns that feed it.
        undecided: canonical table -> the tables of which staff have to choose one.
        counted: rows of these tables. outlook: what it holds of users, messages and follows.
        warnings: sentences about what may be wrong with the file as a whole.
        mapping_key: what choices of a mapping are remembered by.
        mapping_choice: who chose the mapping that was used; None if it was recognised.
        snapshot: the file name of the copy; empty until it has one. staged: the file that was staged.
    """

    label: str = ""
    location: str = ""
    uploaded: bool = False
    kind: str = ""
    size: int = 0
    sha256: str = ""
    modified: str = ""
    tables: Mapping[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    mapping: Mapping[str, TableMapping] = field(default_factory=dict)
    undecided: Mapping[str, list[str]] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    outlook: list[TableOutlook] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mapping_key: str = ""
    mapping_choice: MappingChoice | None = None
    snapshot: str = ""
    staged: StagedFile | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        parts: dict[str, Any] = {
            "mapping": mappings_from_json(data.get("mapping", {})),
            "outlook": [*map(TableOutlook.from_json, data.get("outlook", []))],
        }
        if choice := data.get("mapping_choice"):
            parts["mapping_choice"] = MappingChoice.from_json(choice)
        if staged := data.get("staged"):
            parts["staged"] = StagedFile.from_json(staged)
        return super().from_json({**data, **parts})

    def described(self, found: Self) -> Self:
        """The record of a run once its old database was read, with what was found in that."""
        return replace(
            found,
            mapping_key=self.mapping_key,
            mapping_choice=self.mapping_choice,
            snapshot=self.snapshot,
        )

    def mapping_of(self, table: str) -> TableMapping:
        """What feeds a canonical table; empty names where nothing does."""
        return self.mapping.get(table, TableMapping(""))

    def shown_columns(self, table: str) -> list[str]:
        """The columns of a table that pages and files show: those of a MiniTwit, and others that were read."""
        read = self.mapping_of(table).columns
        return [
            column for column in CANONICAL_TABLES[table].columns if column not in EXTRA_COLUMNS or read.get(column)
        ]

    def heading(self, table: str, column: str) -> str:
        """A canonical column, with the old one that feeds it where that has another name."""
        old = self.mapping_of(table).columns.get(column, column)
        return column if old.lower() == column else f"{column} ({old})"
