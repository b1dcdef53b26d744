"""The small records that the packages of the import hand to each other."""

from dataclasses import dataclass, field

from legacy_import.rules.outcomes import Outcome
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class ImportOptions(JsonRecord):
    """How a run treats existing rows, and users of the same name.

    A run that follows another one takes over all options by `from_json`: code that copies them by name would forget
    one that is added later.
    """

    existing: str = "keep"  # or "update": differing rows are updated, unless they were changed in the target
    duplicates: str = "reject"  # or "merge": messages and follows of the others go to the survivor
    plain_passwords: str = "hash"  # or "unusable": passwords that the old application kept in clear


@dataclass
class TableCounts(JsonRecord):
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
