"""What a check found in a file: totals of all rows, and a bounded number of them to be shown.

It is kept as JSON between the check and the page, which shows import-export's own `Result`.
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from diff_match_patch import diff_match_patch
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from import_export.results import InvalidRow, Result, RowResult

from MiniTwit.admin.files.notes import Note, Notes

SHOWN = 100  # rows of each kind
SHOWN_CHARACTERS = 2_000  # of a value
COMPARED_SECONDS = 0.02  # then the rest of two texts is shown as replaced

New, Update, Skip = RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE, RowResult.IMPORT_TYPE_SKIP
Invalid, Failed = RowResult.IMPORT_TYPE_INVALID, RowResult.IMPORT_TYPE_ERROR


@dataclass
class Report:
    """What the rows of a file do.

    Attributes:
        totals: how many rows are of each kind.
        remarks: sentences about the file's columns. `doubts` are those that need staff's consent.
        ignored: the columns of the file that were not read.
        blank: how many rows are empty, and left out.
        outdated: the numbers of the rows that would do something else than the preview said.
        shown: of each kind the first rows: the number, and the values before and after.
        invalid: the first rows that cannot be imported: the number, the sentences by column, and the values.
    """

    columns: list[str] = field(default_factory=list)
    read_as: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys((New, Update, Skip, Invalid), 0))
    rows: int = 0
    blank: int = 0
    outdated: list[int] = field(default_factory=list)
    shown: dict[str, list[Any]] = field(default_factory=lambda: {New: [], Update: []})
    invalid: list[Any] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        return self.totals[Invalid] > 0

    @property
    def counted_notes(self) -> list[Note]:
        return list(Notes(self.notes))

    @property
    def needs_consent(self) -> bool:
        """Whether staff have to consent to the doubts and grave notes."""
        return bool(self.doubts) or any(note.is_grave for note in self.counted_notes)

    def is_full(self, kind: str) -> bool:
        return len(self.shown[kind]) >= SHOWN

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def count(self, kind: str) -> None:
        self.totals[kind] += 1
        self.rows += 1

    def show(self, kind: str, number: int, before: list[str], after: list[str]) -> None:
        self.shown[kind].append([number, [*map(presentable, before)], [*map(presentable, after)]])

    def refuse(self, number: int, error: ValidationError, values: list[Any]) -> None:
        """Count a row that cannot be imported, and why."""
        self.count(Invalid)
        if len(self.invalid) < SHOWN:
            shown = InvalidRow(number, error, values)
            sentences = {name: [*map(presentable, texts)] for name, texts in shown.error_dict.items()}
            self.invalid.append([number, sentences, [*map(presentable, values)]])

    def result(self) -> Result:
        """The report as import-export's pages show it: new rows first, then changed ones."""
        result = Result()
        result.diff_headers = self.columns
        result.total_rows = self.rows
        result.totals.update(self.totals)
        for kind in (New, Update):
            for number, before, after in self.shown[kind]:
                row = RowResult()
                row.import_type, row.number = kind, number
                row.diff = [difference(*pair) for pair in zip(before, after, strict=True)]
                result.append_row_result(row)
        for number, sentences, values in self.invalid:
            result.append_invalid_row(
                number, dict(zip(self.columns, values, strict=True)), ValidationError(sentences)
            )
        return result


def presentable(value: Any) -> str:
    """A value as the page shows it: cut, and without NUL, which PostgreSQL's JSON cannot hold."""
    text = "" if value is None else str(value)
    text = text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def difference(before: str, after: str) -> str:
    """Import-export's own way to show a change."""
    if before and after and before != after and not re.search(r"\s", before + after):
        return format_html("<del>{}</del><ins>{}</ins>", before, after)  # a date or an address is read as a whole
    compare = diff_match_patch()
    compare.Diff_Timeout = COMPARED_SECONDS
    differences = compare.diff_main(before, after)
    compare.diff_cleanupSemantic(differences)
    html: str = mark_safe(compare.diff_prettyHtml(differences))  # noqa: S308 -- which escapes the texts
    return html
