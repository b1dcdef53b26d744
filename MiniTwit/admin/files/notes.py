"""Notes for staff about a file before they confirm it: counts over all rows, and the first rows of each."""

from dataclasses import dataclass, field
from typing import Any

SHOWN_ROWS = 10

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
        if len(note.rows) < SHOWN_ROWS:
            note.rows.append(number)
            note.examples += [example] if example else []

    def as_json(self) -> list[dict[str, Any]]:
        return [vars(note) for note in self]

    def __iter__(self) -> Any:
        """The grave ones first."""
        return iter(sorted(self.notes.values(), key=lambda note: (not note.is_grave, note.kind, note.column)))
