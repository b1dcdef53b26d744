"""A run's stored samples as import-export's Result, so that its pages can show them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from django.core.exceptions import ValidationError
from django.utils.safestring import mark_safe
from import_export.results import Error, InvalidRow, Result

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import FOLLOWS, MESSAGES, TABLES_OF_KIND, USERS, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import NOTES, REASONS, Outcome
from legacy_import.rules.resources import LegacyRowResult
from legacy_import.runs.records import Samples
from legacy_import.source.record import SourceRecord
from legacy_import.source.schema import HIDDEN_COLUMN
from legacy_import.steps.audit import Audit
from legacy_import.steps.identity import VanishedRow
from legacy_import.steps.preview import SampleRow

SHOWN_DISAGREEMENTS = 10
# import-export's word for each outcome, for the totals.
IMPORT_TYPES = {
    Outcome.NEW: LegacyRowResult.IMPORT_TYPE_NEW,
    Outcome.CHANGED: LegacyRowResult.IMPORT_TYPE_UPDATE,
    Outcome.UNCHANGED: LegacyRowResult.IMPORT_TYPE_SKIP,
    Outcome.KEPT: LegacyRowResult.IMPORT_TYPE_SKIP,
    Outcome.DUPLICATE: LegacyRowResult.IMPORT_TYPE_SKIP,
    Outcome.REJECTED: LegacyRowResult.IMPORT_TYPE_INVALID,
}

# What the sample of vanished rows shows.
VANISHED_HEADERS = {
    USERS: ("old id", "username", ""),
    MESSAGES: ("old id", "author", "text"),
    FOLLOWS: ("old id", "follower", "followed"),
}


@dataclass(frozen=True)
class Line:
    """A line of a table's account: an outcome, or the code of a reason or a note, its rows and what it means."""

    name: str
    rows: int
    meaning: str


@dataclass(frozen=True)
class SampleGroup:
    """The sample rows of one outcome, and how many rows have it."""

    name: str
    total: int
    rows: list[LegacyRowResult]


class TableResult(Result):
    """One old table: totals of all its rows, and of the rows themselves the samples.

    Args:
        is_applied: whether the run is; then the outcomes are told in the past.
        vanished: the first imported rows that it no longer has.
        source: its mapping says what the columns are called in the old database.
    """

    def __init__(
        self,
        table: OldTable,
        counts: TableCounts,
        samples: list[SampleRow],
        is_applied: bool,
        vanished: list[VanishedRow],
        source: SourceRecord,
    ) -> None:
        super().__init__()
        self.is_applied = is_applied
        self.table = table.name
        self.vanished = vanished
        self.vanished_headers = VANISHED_HEADERS[table]
        self.name = table.rows
        self.counts = counts
        self.columns = source.shown_columns(table.name)
        self.diff_headers = [source.heading(table.name, column) for column in self.columns]
        fields = [field.column_name for field in table.resource().get_import_fields()]
        places = [fields.index(column) for column in self.columns]
        self.total_rows = counts.read
        for outcome, import_type in IMPORT_TYPES.items():
            self.totals[import_type] += getattr(counts, outcome)
        for sample in samples:
            if sample.outcome == Outcome.REJECTED:
                self.append_rejected(sample)
            else:
                self.append_row_result(row_result_of(sample, places))

    def append_rejected(self, sample: SampleRow) -> None:
        code = sample.reason or ""
        values = {HIDDEN_COLUMN: "not shown", **sample.values}
        error = ValidationError({code: ValidationError(REASONS.get(code, code), code=code)})
        shown = tuple(values.get(column) for column in self.columns)
        self.invalid_rows.append(InvalidRow(sample.position, error, shown))

    def outcomes(self) -> list[Line]:
        return [
            Line(outcome, getattr(self.counts, outcome), outcome.done if self.is_applied else outcome.expected)
            for outcome in Outcome
        ]

    def reasons(self) -> list[Line]:
        return explained(self.counts.reasons, REASONS)

    def notes(self) -> list[Line]:
        return explained(self.counts.notes, NOTES)

    def sample_groups(self) -> Iterator[SampleGroup]:
        """The rows that are not rejected, in groups; the run stores them in the order of their outcomes."""
        for outcome, rows in groupby(self.rows, key=lambda row: row.outcome):
            yield SampleGroup(outcome, getattr(self.counts, outcome), list(rows))


class PreviewResult(Result):
    """All tables of a run. What the audit found is an error of the whole."""

    def __init__(self, run: ImportRun, source: SourceRecord, counts: Mapping[str, TableCounts], audit: Audit) -> None:
        super().__init__()
        is_applied = run.state == ImportRun.State.APPLIED
        samples = Samples.from_json(run.samples)
        self.tables = [
            TableResult(
                table,
                counts[table.name],
                samples.rows.get(table.name, []),
                is_applied,
                samples.vanished.get(table.name, []),
                source,
            )
            for table in TABLES_OF_KIND[run.kind]
            if table.name in counts
        ]
        for table in self.tables:
            self.rows += table.rows
            self.invalid_rows += table.invalid_rows
            self.total_rows += table.total_rows
            for import_type, total in table.totals.items():
                self.totals[import_type] += total
        for disagreement in audit.disagreements[:SHOWN_DISAGREEMENTS]:
            self.append_base_error(Error(disagreement))


def row_result_of(sample: SampleRow, places: list[int]) -> LegacyRowResult:
    """A genuine RowResult from what was stored of it, with the given fields of its diff."""
    result = LegacyRowResult()
    result.import_type = sample.import_type
    # import-export escapes the values when it makes the diff.
    diff = sample.diff or []
    result.diff = [mark_safe(diff[place]) for place in places if place < len(diff)]  # noqa: S308
    result.outcome = sample.outcome
    result.notes = sample.notes
    result.row_values = sample.values
    result.number = sample.position
    return result


def explained(counts: dict[str, int], sentences: dict[str, str]) -> list[Line]:
    """Codes with their counts and sentences, the most frequent first."""
    return [
        Line(code, rows, sentences.get(code, ""))
        for code, rows in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
