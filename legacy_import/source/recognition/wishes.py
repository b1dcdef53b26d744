"""What staff chose, held against the tables that were found."""

from collections.abc import Sequence

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.belonging import People
from legacy_import.source.recognition.candidates import Candidate
from legacy_import.source.recognition.columns import may_be_shown, recognised_columns
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.refusals import misfit, missing_column
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.schema import HIDDEN_COLUMN, CanonicalTable
from legacy_import.source.wording import listed


def can_be_met(found: Sequence[FoundTable], canonical: CanonicalTable, wish: TableMapping) -> bool:
    """Whether the tables found have what was chosen."""
    try:
        fulfilled(found, canonical, wish, "")
    except SourceError:
        return False
    return True


def fulfilled(
    found: Sequence[FoundTable],
    canonical: CanonicalTable,
    wish: TableMapping,
    label: str,
    people: People | None = None,
) -> TableMapping:
    """A wish with the names as they are in the file, completed by what is recognised.

    Raises:
        SourceError: there is no such table or column, or it may not be used so.
    """
    if not wish.table:
        if canonical.is_optional:
            return TableMapping("")
        have = listed(table.name for table in found) or "none at all"
        raise misfit(f"There has to be a table of {canonical.rows}. Its tables: {have}.")
    of_that_name = [table for table in found if table.name.lower() == wish.table.lower()]
    if not of_that_name:
        have = listed(table.name for table in found) or "none at all"
        raise misfit(f"{label} has no table {wish.table}. Its tables: {have}.")
    table = min(of_that_name, key=lambda table: table.name != wish.table)  # one in the same case before others
    stated = {column: _actual(table, column, actual, label) for column, actual in wish.columns.items()}
    others = recognised_columns(table, canonical, taken=[*stated.values()], people=people)
    columns = {**others, **stated}
    columns = {column: columns[column] for column in canonical.columns if columns.get(column)}
    candidate = Candidate(canonical, table, columns)
    if candidate.missing:
        raise missing_column(candidate, label)
    return TableMapping(table.name, columns)


def _actual(table: FoundTable, canonical_column: str, name: str, label: str) -> str:
    """The column's name as it is in the file; empty if there is to be none."""
    if not name:
        return ""
    column = table.column(name)
    if column is None:
        if name.lower() in (computed.lower() for computed in table.computed):
            raise misfit(
                f"The column {name} of the table {table.name} is computed, and such columns are not read. "
                "Choose another one, or copy it into a plain column."
            )
        have = listed(column.name for column in table.columns)
        raise misfit(f"The table {table.name} in {label} has no column {name}. Its columns: {have}.")
    if not may_be_shown(canonical_column, column):
        raise misfit(
            f"The column {column.name} of the table {table.name} looks like passwords, which staff would see "
            f"as {canonical_column}. It can only be mapped to {HIDDEN_COLUMN}."
        )
    return column.name
