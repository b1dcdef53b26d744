"""Recognise the tables and columns of a MiniTwit under whatever names they have.

Canonical names always win over others; among the others, the values of a column count for more than its name, and
what was declared to belong together stays together. Where several tables would do, one is proposed and the decision
is left to staff.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition import known_names
from legacy_import.source.recognition.belonging import Belonging, People
from legacy_import.source.recognition.candidates import Candidate, candidates_for, is_rival
from legacy_import.source.recognition.doubts import doubts_of
from legacy_import.source.recognition.mapping import TableMapping, TableMappings
from legacy_import.source.recognition.refusals import missing_column, missing_table, unclear_follows
from legacy_import.source.recognition.row_queries import RowQueries
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable, named
from legacy_import.source.recognition.wishes import fulfilled
from legacy_import.source.schema import CANONICAL_TABLES, FOLLOWER, REFERENCES, USER, CanonicalTable


@dataclass(frozen=True)
class Recognition:
    """What was recognised.

    Attributes:
        tables: canonical table -> what it is called in the file; those that cannot be read are left out. An optional
            one that the file lacks has an empty name.
        undecided: canonical table -> the tables that would do for it, the proposed one first.
        counted: how many rows each of these has.
        refused: canonical table -> why it is not read, though it may be there.
        left_aside: canonical table -> sentences about tables that are not read.
        warnings: canonical table -> sentences about what is doubtful.
    """

    tables: dict[str, TableMapping]
    undecided: dict[str, list[str]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    left_aside: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def undecided_of(self, names: Collection[str]) -> dict[str, list[str]]:
        """What staff have to decide before the given canonical tables can be imported."""
        return {name: tables for name, tables in self.undecided.items() if name in names}

    def warnings_about(self, names: Collection[str]) -> list[str]:
        """What staff are told about the given canonical tables."""
        refused = [self.refused[name] for name in names if name in self.refused]
        told = [self.left_aside.get(name, []) + self.warnings.get(name, []) for name in names]
        return [*chain(*told), *refused]


def recognise(
    found: Sequence[FoundTable],
    rows: RowQueries | None = None,
    *,
    label: str,
    required: Collection[str],
    wishes: TableMappings | None = None,
) -> Recognition:
    """Say which table and column feeds what.

    Args:
        rows: for questions to the rows of the tables; without it, only what was found counts.
        label: how staff know the database. required: the canonical tables that must be there.
        wishes: what staff chose; the rest is recognised.

    Raises:
        SourceError: a required table or column is missing, its ids are no integers, or a wish cannot be met.
    """
    recognition, wishes = Recognition({}), wishes or {}
    names = {table.name.lower() for table in found}

    def people() -> People | None:
        users = recognition.tables.get(USER.name)
        return People(users, names, rows) if users else None

    for name, canonical in CANONICAL_TABLES.items():
        recognition.warnings[name] = []
        try:
            if name in wishes:
                recognition.tables[name] = fulfilled(found, canonical, wishes[name], label, people())
            else:
                _propose(found, canonical, label, people(), rows, recognition)
        except SourceError as error:
            if name in required or name in wishes:
                raise
            recognition.refused[name] = error.message
    _take_declared_id(recognition, found, wishes)
    for table in chain(*recognition.undecided.values()):
        count = rows.count(table) if rows else None
        if count is not None:
            recognition.counted[table] = count
    for name, mapping in recognition.tables.items():
        recognition.warnings[name] += doubts_of(CANONICAL_TABLES[name], mapping, found, people())
    return recognition


def _propose(
    found: Sequence[FoundTable],
    canonical: CanonicalTable,
    label: str,
    people: People | None,
    rows: RowQueries | None,
    recognition: Recognition,
) -> None:
    """Add the best candidate to the recognition, with what has to be said of it.

    Raises:
        SourceError: no table can be the canonical one, and there has to be one.
    """
    candidates = candidates_for(canonical, found, people, rows)
    plausible = [candidate for candidate in candidates if candidate.is_plausible]
    if not plausible:
        recognition.tables[canonical.name] = _nothing_usable(candidates, canonical, label)
        _say_of_no_follows(candidates, label, recognition)
        return
    best, *others = plausible
    recognition.tables[canonical.name] = TableMapping(best.found.name, best.columns)
    beside = {column.elsewhere for column in best.found.columns}  # holds passwords of the same people
    rivals = [other for other in others if is_rival(best, other) and other.found.name not in beside]
    if rivals:
        recognition.undecided[canonical.name] = [candidate.found.name for candidate in (best, *rivals)]
    recognition.left_aside[canonical.name] = [
        f"The table {other.found.name} looks like {canonical.rows}, too, but {whose(canonical)}, so it is left aside."
        for other in others
        if other.belonging is Belonging.OTHERS and other.found.rows and other.likeness >= known_names.WELL_KNOWN
    ]


def whose(canonical: CanonicalTable) -> str:
    return "the messages are not theirs" if canonical is USER else "they are not of the users that are read"


def _take_declared_id(recognition: Recognition, found: Sequence[FoundTable], wishes: TableMappings) -> None:
    """Read the id of the users from the column that messages or follows were declared to refer to."""
    users = recognition.tables.get(USER.name, TableMapping(""))
    table = named(users.table, found)
    if table is None or (USER.name in wishes and "user_id" in wishes[USER.name].columns):
        return
    for column in _referring_columns(recognition, found):
        key = next((own.name for own in table.columns if own.key), "")
        meant = table.column(column.refers_to_column or key)
        if column.refers_to.lower() != table.name.lower() or meant is None:
            continue
        if meant.name not in users.columns.values() and 0 < meant.values == meant.distinct:
            recognition.tables[USER.name] = replace(users, columns={**users.columns, "user_id": meant.name})
            return


def _referring_columns(recognition: Recognition, found: Sequence[FoundTable]) -> Iterator[FoundColumn]:
    """The columns that say whose the messages and follows are."""
    for mapping in recognition.tables.values():
        table = named(mapping.table, found)
        for reference in REFERENCES if table else ():
            column = table.column(mapping.columns.get(reference, "")) if table else None
            if column:
                yield column


def _say_of_no_follows(candidates: Sequence[Candidate], label: str, recognition: Recognition) -> None:
    likely = [candidate for candidate in candidates if candidate.likeness and candidate.found.rows]
    if likely:
        recognition.refused[FOLLOWER.name] = unclear_follows(likely[0], label)
    else:
        recognition.warnings[FOLLOWER.name].append(f"{label} has no table of follows, so there are none to import.")


def _nothing_usable(candidates: Sequence[Candidate], canonical: CanonicalTable, label: str) -> TableMapping:
    """Refuse a database without a required table, unless it may be missing.

    Raises:
        SourceError: it may not.
    """
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
