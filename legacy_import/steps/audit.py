"""What speaks against the confirmation of a preview."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.source.record import SourceRecord
from legacy_import.steps.identity import OtherDatabase
from legacy_import.steps.nothing_arrives import NothingArrives

Doubt = OtherDatabase | NothingArrives


@dataclass(frozen=True)
class Audit:
    """`ImportRun.audit`.

    Attributes:
        checked: how many sample rows went through import-export's own path.
        disagreements: a sentence for each of them that came out differently; this cannot be insisted on.
        doubts: what staff have to insist on, in the order in which it was found.
        insisted_by: who did; empty if the preview needed no insisting.
    """

    checked: int = 0
    disagreements: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    insisted_by: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "doubts": [doubt_from_json(doubt) for doubt in data.get("doubts", [])]})

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "doubts": [doubt.as_json() for doubt in self.doubts]}

    def without(self, struck_out_of: Callable[[Any], Any]) -> Self:
        """The audit with words struck out of what old rows and sentences say; its codes and figures stay."""
        doubts = [
            replace(doubt, examples=struck_out_of(doubt.examples))
            if isinstance(doubt, OtherDatabase)
            else replace(doubt, advice=struck_out_of(doubt.advice))
            for doubt in self.doubts
        ]
        return replace(self, disagreements=struck_out_of(self.disagreements), doubts=doubts)


def doubt_from_json(data: Mapping[str, Any]) -> Doubt:
    kind = OtherDatabase if data["code"] == OtherDatabase.code else NothingArrives
    return kind.from_json(data)


def check_audit(run: ImportRun) -> None:
    """Raise RunError if import-export's own path treated the samples otherwise than the SQL."""
    if disagreements := Audit.from_json(run.audit).disagreements:
        raise RunError(
            "audit_failed",
            f"Import {run.pk} cannot be confirmed: its set-based rules and import-export's row-by-row path disagree. "
            f"{disagreements[0]} This is a fault of the program; report it.",
        )


def refuse_doubtful(run: ImportRun) -> None:
    """Raise RunError if the old database does not look like the one imported before, or nothing of it arrives."""
    doubts = Audit.from_json(run.audit).doubts
    if doubts:
        label = SourceRecord.from_json(run.source).label
        insist = f"insist: tick so on the preview of import {run.pk}, or run import_legacy {run.kind} with --insist."
        raise RunError(doubts[0].code, f"{doubts[0].objection_to(label)}, {insist}")
