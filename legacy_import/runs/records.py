"""What staff chose for a run, and what was found of its old database. The two are apart: a run that follows another
one takes over every choice and no finding."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from legacy_import.rules.options import ImportOptions
from legacy_import.source.recognition.mapping import TableMappings, mappings_as_json, mappings_from_json


@dataclass(frozen=True)
class Choices:
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
        return cls(ImportOptions.from_json(dict(data)), mapping)

    def as_json(self) -> dict[str, Any]:
        mapping = {} if self.mapping is None else {"mapping": mappings_as_json(self.mapping)}
        return {**self.options.as_json(), **mapping}


@dataclass(frozen=True)
class Findings:
    """`ImportRun.findings`: what the preview found that the later steps need.

    Attributes:
        unique_ids: whether the ids of an old table are unique, by canonical table.
        users_run: the number of the users' import that an import of messages rests on.
    """

    unique_ids: Mapping[str, bool] = field(default_factory=dict)
    users_run: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
