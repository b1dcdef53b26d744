"""The small records that the rooms of the import hand to each other."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from legacy_import.rules.outcomes import Verdict
from legacy_import.rules.passwords.conversion import Conversion

# Which old tables a run of each kind imports, in this order. The names are the canonical ones, whatever the
# tables of a particular old database are called.
TABLES_OF_KIND: dict[str, tuple[str, ...]] = {"users": ("user",), "messages": ("message", "follower")}


@dataclass(frozen=True)
class ImportOptions:
    """How a run treats rows that are here already, and users of the same name."""

    existing: str = "keep"  # or "update": differing rows that nobody changed here are updated
    duplicates: str = "reject"  # or "merge": messages and follows of the others go to the survivor
    plain_passwords: str = "hash"  # or "unusable": passwords that the old application kept in clear

    @property
    def passwords(self) -> Conversion:
        return Conversion(self.plain_passwords)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What staff chose, out of what a run or a form holds besides; the default where it is older than an option.

        A new run that follows another one takes its options from here, whole: an option that is copied by its name is
        forgotten when the next one comes.
        """
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class TableCounts:
    """The account of one old table; `read` is the sum of the six verdicts.

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

    def add(self, verdict: str, reason: str | None, notes: str | None, count: int) -> None:
        """Count `count` more rows of one verdict, reason and space-separated note codes."""
        self.read += count
        setattr(self, verdict, getattr(self, verdict) + count)
        if verdict == Verdict.REJECTED:
            self.reasons[reason or ""] = self.reasons.get(reason or "", 0) + count
        else:
            for note in (notes or "").split():
                self.notes[note] = self.notes.get(note, 0) + count

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)
