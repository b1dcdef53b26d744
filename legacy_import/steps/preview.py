"""The rows that a preview shows, audited: each of them goes through import-export's own path as well.

For every outcome the first rows and some random ones are taken. They are read from the old database again, one
by one, and classified by `Resource.import_row` in a dry run, which gives import-export's RowResult with its diff.
If it disagrees with the outcome in SQL, one of the two rules is wrong, and the import must not be confirmed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

from django.db import connection
from django.utils.html import escape
from django.utils.text import Truncator
from psycopg2 import sql

from legacy_import.rules.columns import Row, id_text
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import Outcome
from legacy_import.rules.resources import LegacyInstanceLoader, LegacyRowResult
from legacy_import.source import SQLiteSource
from legacy_import.source.schema import HIDDEN_COLUMN, ID_COLUMNS, REFERENCES
from legacy_import.source.values import as_text
from legacy_import.steps.classify import Check
from MiniTwit.excerpts import capped, excerpt
from MiniTwit.json_records import JsonRecord
from MiniTwit.text_ids import number_of

FIRST_ROWS = RANDOM_ROWS = 5  # of each outcome; of each reason among the rejected
LARGE_CLASS = 300_000  # rows
Drawn = tuple[int, str]  # position and notes
LONGEST_SHOWN = 500  # characters of a value
LONGEST_MARKUP = 400 * LONGEST_SHOWN  # no character of a diff has longer tags around it


@dataclass
class SampleRow(JsonRecord):
    """One row as a preview shows it.

    Attributes:
        position: the row's place in the old table.
        outcome, reason, notes: what the SQL says of it; notes are codes with spaces between.
        values: the old values as text, by canonical column; passwords are not shown.
        import_type: what import-export calls the result: new, update, skip, invalid or error.
        diff: import-export's HTML for each field of the new row; empty for rejected rows.
    """

    position: int
    outcome: str
    reason: str | None
    notes: str
    values: dict[str, str | None]
    import_type: str = ""
    diff: list[str] | None = None


def take_samples(check: Check, counts: TableCounts, source: SQLiteSource) -> tuple[list[SampleRow], list[str]]:
    """Choose the sample rows of a table and audit them.

    Returns:
        The rows, and a sentence for each disagreement.
    """
    classified = chosen_rows(check, counts)
    positions = sorted(classified)
    check.resource.neighbours = check.table.neighbours(check.checked, positions, check.unique_ids)
    loader = check.resource._meta.instance_loader_class(check.resource)
    shown = source.description.shown_columns(check.table.name)
    samples, disagreements = [], []
    for row in source.rows(check.table.name, positions):
        values = row.named(check.table.columns)
        sample = SampleRow(row.position, *classified.pop(row.position), shown_values(values, shown))
        result = import_row(check, {**values, "position": row.position}, loader)
        sample.import_type = result.import_type
        sample.diff = [shown_diff(markup) for markup in result.diff or []] or None
        own_id = sample.values.get(check.table.columns[0])
        if sample.diff and own_id:  # in place of the number that represents it
            sample.diff[0] = sample.diff[0].replace(str(number_of(own_id)), escape(own_id))
        samples.append(sample)
        if complaint := disagreement(check.table.name, sample, result):
            disagreements.append(complaint)
    disagreements += [
        f"{check.table.name} row {position}: staged, but not in the old database." for position in sorted(classified)
    ]
    order = [outcome.value for outcome in Outcome]
    samples.sort(key=lambda sample: (order.index(sample.outcome), sample.reason or "", sample.position))
    return samples, disagreements


def chosen_rows(check: Check, counts: TableCounts) -> dict[int, tuple[str, str | None, str]]:
    """Position -> outcome, reason and notes, of the first rows of each class and of random ones."""
    classes: list[tuple[str, str | None, int]] = [
        (Outcome.REJECTED.value, reason, count) for reason, count in counts.reasons.items()
    ]
    classes += [(v.value, None, getattr(counts, v.value)) for v in Outcome if v is not Outcome.REJECTED]
    chosen: dict[int, tuple[str, str | None, str]] = {}
    for outcome, reason, count in filter(itemgetter(2), classes):
        drawn = first_rows(check, outcome, reason, count)
        # A hundredth of the pages has plenty to draw from.
        part = "TABLESAMPLE SYSTEM (1)" if count > LARGE_CLASS else ""
        drawn += draw(check, outcome, reason, part, "random()", RANDOM_ROWS)
        chosen |= {position: (outcome, reason, notes) for position, notes in drawn}
    return chosen


def first_rows(check: Check, outcome: str, reason: str | None, count: int) -> list[Drawn]:
    """The first rows of a class; of a large one, whose rows nearly always lie in order, those of the first pages."""
    if count > LARGE_CLASS and check.can_be_parted:
        rows = draw(check, outcome, reason, "WHERE ctid < '(100,0)'", "position", FIRST_ROWS)
        if len(rows) == FIRST_ROWS:
            return rows
    return draw(check, outcome, reason, "", "position", FIRST_ROWS)


def draw(check: Check, outcome: str, reason: str | None, pages: str, order: str, limit: int) -> list[Drawn]:
    """Position and notes of some rows of a class, out of all pages or those that a clause says."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT position, notes FROM (SELECT * FROM {checked} {pages}) AS checked"
                " WHERE outcome = %s AND reason IS NOT DISTINCT FROM %s ORDER BY {order} LIMIT %s"
            ).format(checked=check.checked, pages=sql.SQL(pages), order=sql.SQL(order)),
            [outcome, reason, limit],
        )
        return cursor.fetchall()


def import_row(check: Check, row: Row, loader: LegacyInstanceLoader) -> LegacyRowResult:
    """Send one row through import-export's own path, which only reads."""
    number = row["position"]
    return check.resource.import_row(row, loader, row_number=number, dry_run=True, using_transactions=False)


def disagreement(table: str, sample: SampleRow, result: LegacyRowResult) -> str | None:
    """Say in what the two paths differ, if they do."""
    if result.errors:
        return f"{table} row {sample.position}: import-export stopped with “{result.errors[0].error}”."
    theirs = (result.outcome, result.reason, set(result.notes.split()))
    ours = (sample.outcome, sample.reason, set(sample.notes.split()) if sample.reason is None else set())
    if theirs == ours:
        return None
    return f"{table} row {sample.position}: {_spoken(ours)} by the set-based rules, {_spoken(theirs)} row by row."


def _spoken(result: tuple[str, str | None, set[str]]) -> str:
    outcome, reason, notes = result
    return " ".join(filter(None, [outcome, reason, f"({', '.join(sorted(notes))})" if notes else ""]))


def shown_values(values: Row, columns: Iterable[str]) -> dict[str, str | None]:
    """The old values as text, cut to a readable length, without the password."""
    texts = {
        name: as_text(value) if value is None or name not in ID_COLUMNS | {*REFERENCES} else id_text(value)
        for name, value in values.items()
        if name in columns and name != HIDDEN_COLUMN
    }
    return {name: text if text is None else excerpt(text, LONGEST_SHOWN) for name, text in texts.items()}


def shown_diff(markup: str) -> str:
    """A diff cut to a readable length, as HTML: tags stay closed and values escaped."""
    return Truncator(capped(markup[:LONGEST_MARKUP])).chars(LONGEST_SHOWN, html=True)
