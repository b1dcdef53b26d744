"""The small records that the packages of the import hand to each other."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from legacy_import.rules.outcomes import Outcome


@dataclass(frozen=True)
class ImportOptions:
    """How a run treats existing rows, and users of the same name."""

    existing: str = "keep"  # or "update": differing rows are updated, unless they were changed in the target
    duplicates: str = "reject"  # or "merge": messages and follows of the others go to the survivor
    plain_passwords: str = "hash"  # or "unusable": passwords that the old application kept in clear

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What staff chose, out of what a run or a form holds besides; the default where it is older than an option.

        A run that follows another one takes over all options by this method: code that copies them by name would
        forget an option that is added later.
        """
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class TableCounts:
    """The account of one old table; `read` is the sum of the six outcomes.

    `vanished` rows are not among them: they came earlier, and the old table no longer has them.
    """

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    duplicate: int = 0
    rejected: int = 0
    vanished: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # of the rejected rows
    notes: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: str, reason: str | None, notes: str | None, count: int) -> None:
        """Count `count` more rows of one outcome, reason and space-separated note codes."""
        self.read += count
        setattr(self, outcome, getattr(self, outcome) + count)
        if outcome == Outcome.REJECTED:
            self.reasons[reason or ""] = self.reasons.get(reason or "", 0) + count
        else:
            for note in (notes or "").split():
                self.notes[note] = self.notes.get(note, 0) + count

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)
