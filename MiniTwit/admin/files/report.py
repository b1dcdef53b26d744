"""What a check found in a file: totals of all rows, a bounded number of them to be shown, and notes for staff.

It is kept as JSON between the check and the page, which shows import-export's own `Result`.
"""

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from import_export.results import InvalidRow, Result, RowResult

from MiniTwit.differences import difference
from MiniTwit.json_records import JsonRecord

SHOWN = 100  # rows of each kind
SHOWN_CHARACTERS = 2_000  # of a value

New, Update, Skip = RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE, RowResult.IMPORT_TYPE_SKIP
Invalid, Failed = RowResult.IMPORT_TYPE_INVALID, RowResult.IMPORT_TYPE_ERROR

NOTED_ROWS = 10  # that a note names

# One value, and several.
SENTENCES = {
    "emptied": ("value would be emptied: its cell is empty.", "values would be emptied: their cells are empty."),
    "left": ("value stays as it is: its cell is empty.", "values stay as they are: their cells are empty."),
    "number": (
        "value is a number or TRUE/FALSE in the file, not text; a spreadsheet drops leading zeros.",
        "values are numbers or TRUE/FALSE in the file, not text; a spreadsheet drops leading zeros.",
    ),
    "midnight": ("date names no time of day: midnight is taken.", "dates name no time of day: midnight is taken."),
    "zone": (
        "date names no offset from UTC: it is read in the site's time zone.",
        "dates name no offset from UTC: they are read in the site's time zone.",
    ),
    "spaces": ("new username begins or ends with a space.", "new usernames begin or end with a space."),
    "similar": (
        "new username differs from an existing one in upper and lower case or spaces alone.",
        "new usernames differ from existing ones in upper and lower case or spaces alone.",
    ),
    "flagged": (
        "value differs from the stored one. It is not read: a moderator decides about existing messages.",
        "values differ from the stored ones. They are not read: a moderator decides about existing messages.",
    ),
    "author": ("message would get another author.", "messages would get another author."),
    "again": (
        "new message exists already, word for word, of the same author and date.",
        "new messages exist already, word for word, of the same author and date.",
    ),
}
GRAVE = ("emptied", "similar", "again", "author")  # a person has to say that this is meant


@dataclass
class Note:
    """One kind of remark about one column."""

    kind: str
    column: str
    count: int = 0
    rows: list[int] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def is_grave(self) -> bool:
        return self.kind in GRAVE

    @property
    def sentence(self) -> str:
        more = ", …" if self.count > len(self.rows) else ""
        rows = f"Row{'s' if self.count > 1 else ''} {', '.join(map(str, self.rows))}{more}."
        examples = f" {'; '.join(self.examples)}." if self.examples else ""
        return f"{self.count:,} {SENTENCES[self.kind][self.count > 1]}{examples} {rows}"


class Notes:
    """The notes about a file."""

    def __init__(self, stored: list[dict[str, Any]] | None = None) -> None:
        self.notes = {(each["kind"], each["column"]): Note(**each) for each in stored or []}

    def count(self, kind: str, number: int, column: str, example: str = "") -> None:
        note = self.notes.setdefault((kind, column), Note(kind, column))
        note.count += 1
        if len(note.rows) < NOTED_ROWS:
            note.rows.append(number)
            note.examples += [example] if example else []

    def as_json(self) -> list[dict[str, Any]]:
        return [vars(note) for note in self]

    def __iter__(self) -> Any:
        """The grave ones first."""
        return iter(sorted(self.notes.values(), key=lambda note: (not note.is_grave, note.kind, note.column)))


@dataclass
class Report(JsonRecord):
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
