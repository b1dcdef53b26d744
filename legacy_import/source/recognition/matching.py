"""Recognise the tables and columns of a MiniTwit under whatever names they have.

Canonical names always win over others; among the others, the values of a column count for more than its name.
Where several tables would do, one is proposed and the decision is left to staff. It knows only what was found
(`table_profile.py`), so it works for any kind of database.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from legacy_import.source.recognition import known_names
from legacy_import.source.recognition.candidates import Candidate, candidates_for, is_rival
from legacy_import.source.recognition.mapping import TableMapping, TableMappings
from legacy_import.source.recognition.refusals import foreign_ids, missing_column, missing_table, no_follows
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.recognition.wishes import fulfilled
from legacy_import.source.schema import CANONICAL_TABLES, CanonicalTable


@dataclass(frozen=True)
class Recognition:
    """What was recognised.

    Attributes:
        tables: canonical table -> what it is called in the file; those that the file lacks are left out, but for a
            required one that may be missing, whose name is then empty.
        undecided: canonical table -> the tables that would do for it, the proposed one first.
        warnings: sentences for staff about what was left aside.
    """

    tables: dict[str, TableMapping]
    undecided: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def recognise(
    found: Sequence[FoundTable], *, label: str, required: Collection[str], wishes: TableMappings | None = None
) -> Recognition:
    """Say which table and column feeds what.

    Args:
        label: how staff know the database. required: the canonical tables that must be there.
        wishes: what staff chose; the rest is recognised.

    Raises:
        SourceError: a required table or column is missing, its ids are no integers, or a wish cannot be met.
    """
    recognition = Recognition({})
    for name, canonical in CANONICAL_TABLES.items():
        wish = (wishes or {}).get(name)
        if wish is not None:
            recognition.tables[name] = fulfilled(found, canonical, wish, label)
        else:
            _propose(found, canonical, label, name in required, recognition)
    return recognition


def _propose(
    found: Sequence[FoundTable], canonical: CanonicalTable, label: str, required: bool, recognition: Recognition
) -> None:
    """Add the best candidate to the recognition, with what has to be said of it."""
    candidates = candidates_for(canonical, found)
    complete = [candidate for candidate in candidates if candidate.is_plausible]
    usable = [candidate for candidate in complete if candidate.foreign_ids is None]
    if not usable:
        if required:
            recognition.tables[canonical.name] = _nothing_usable(candidates, complete, canonical, label)
            recognition.warnings.append(no_follows(candidates, label))
        return
    best = usable[0]
    recognition.tables[canonical.name] = TableMapping(best.found.name, best.columns)
    if not required:
        return
    with_rows = [other for other in complete if other.found.rows and other.likeness >= known_names.WELL_KNOWN]
    if not best.found.rows and with_rows and all(other.foreign_ids for other in with_rows):
        raise foreign_ids(with_rows[0], label)
    rivals = [other for other in usable[1:] if is_rival(best, other)]
    if rivals:
        recognition.undecided[canonical.name] = [candidate.found.name for candidate in (best, *rivals)]
    recognition.warnings.extend(
        f"The table {other.found.name} looks like {canonical.rows}, too, but its ids ({other.foreign_ids}) are not "
        "integers, so it is left aside."
        for other in complete
        if other.foreign_ids is not None and other.found.rows
    )


def _nothing_usable(
    candidates: Sequence[Candidate], complete: Sequence[Candidate], canonical: CanonicalTable, label: str
) -> TableMapping:
    """Refuse a database without a required table, unless it may be missing.

    Raises:
        SourceError: it may not.
    """
    if complete:
        raise foreign_ids(complete[0], label)
    named = [
        candidate
        for candidate in candidates
        if candidate.likeness >= known_names.WELL_KNOWN and (candidate.found.rows or not canonical.is_optional)
    ]
    if named:
        raise missing_column(max(named, key=lambda best: (best.likeness, -len(best.missing))), label)
    if canonical.is_optional:
        return TableMapping("")
    raise missing_table(canonical, candidates, label)
