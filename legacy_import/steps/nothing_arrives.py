"""An import of which nothing, or hardly anything, arrives. It would read like a success, so staff have to insist.

Most often a column is read that most rows leave empty, or another table than is meant.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import OLD_TABLES, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import REASONS
from legacy_import.source.recognition.columns import recognised_columns
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.record import SourceRecord
from legacy_import.source.schema import ID_COLUMNS
from legacy_import.source.wording import listed
from MiniTwit.json_records import JsonRecord

# Beyond this share of rejected rows hardly anything arrives; of so few rows all have to be rejected.
HARDLY_ANYTHING, FEW_ROWS = 0.9, 10

# Reason -> the column that gives rise to it; None means the id of the table.
COLUMN_OF_REASON: dict[str, str | None] = {
    "bad_id": None,
    "duplicate_id": None,
    "empty_username": "username",
    "bad_username": "username",
    "duplicate_username": "username",
    "username_taken": "username",
    "author_missing": "author_id",
    "author_rejected": "author_id",
    "empty_text": "text",
    "bad_date": "pub_date",
    "incomplete_follow": "who_id",
    "self_follow": "whom_id",
    "follower_missing": "who_id",
    "followed_missing": "whom_id",
}


@dataclass(frozen=True)
class NothingArrives(JsonRecord):
    """Of a table all rows, or nearly all, are rejected.

    Attributes:
        table: user, message or follower. reason: the most frequent one; advice: what would let them in.
    """

    code: ClassVar[str] = "nothing_arrives"
    examples: ClassVar[list[dict[str, Any]]] = []  # the rejected rows can be downloaded

    table: str
    read: int
    rejected: int
    reason: str
    advice: str

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {"code": self.code, "examples": self.examples, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        rows = OLD_TABLES[self.table].rows
        if self.read == 1:
            return f"The only row of {rows} is rejected: {REASONS[self.reason]} {self.advice}".strip()
        which = (
            f"All {self.read:,} {rows}"
            if self.read == self.rejected
            else f"{self.rejected:,} of {self.read:,} {rows}"
        )
        return f"{which} are rejected, most of them because: {REASONS[self.reason]} {self.advice}".strip()

    def objection_to(self, label: str) -> str:
        """Why the import is refused, up to what to do if staff know better."""
        return f"{label}: {self.sentence} Nothing was imported. If that is right"


def nothing_arrives(run: ImportRun, table: OldTable) -> NothingArrives | None:
    """What to say of a table whose rows have their outcomes, if hardly any of them arrives."""
    counts = TableCounts.from_json(run.counts[table.name])
    hardly = counts.read > FEW_ROWS and counts.rejected >= HARDLY_ANYTHING * counts.read
    if not counts.rejected or not (counts.rejected == counts.read or hardly):
        return None
    if table.is_optional and counts.read <= FEW_ROWS:
        return None  # a few follows of accounts that are gone are usual
    reason = max(counts.reasons, key=lambda code: (counts.reasons[code], code))
    return NothingArrives(table.name, counts.read, counts.rejected, reason, advice_for(run, table, reason))


def advice_for(run: ImportRun, table: OldTable, reason: str) -> str:
    """Say which column is read, and which others could be."""
    column = COLUMN_OF_REASON.get(reason, "") or table.columns[0]
    used = SourceRecord.from_json(run.source).mapping_of(table.name)
    actual = used.columns.get(column, "")
    found = next((FoundTable.from_json(old) for old in run.old_tables if old["name"] == used.table), None)
    if not actual or found is None:
        return ""
    advice = f"The {column} is read from the column {actual} of the table {used.table}."
    if column in ID_COLUMNS:
        return (
            f"{advice} To number the rows by their place in the table, give --map {table.name}.{column}={used.table}."
        )
    free = [
        other.name
        for other in found.columns
        if other.name not in used.columns.values() and other.values and not other.only_for_passwords
    ]
    if not free:
        return advice
    likely = recognised_columns(found, table, taken=[*used.columns.values()]).get(column, free[0])
    return (
        f"{advice} Others that hold something: {listed(free)}. Choose one in the preview, or with "
        f"--map {table.name}.{column}={used.table}.{likely}."
    )
