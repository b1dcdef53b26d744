"""Recognise the tables and columns of a MiniTwit under whatever names they have.

Canonical names always win over others; among the others, the values of a column count for more than its name.
Where several tables would do, one is proposed and the decision is left to staff. It knows only what was found
(`table_profile.py`), so it works for any kind of database.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition import activity, known_names
from legacy_import.source.recognition.mapping import TableMapping, TableMappings
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable, is_secret_name
from legacy_import.source.schema import CANONICAL_TABLES, EXTRA_COLUMNS, HIDDEN_COLUMN, ID_COLUMNS, CanonicalTable
from legacy_import.source.wording import listed

REFERENCES = frozenset({"author_id", "who_id", "whom_id"})
MEANINGS = {
    "username": "the name of a user",
    "author_id": "the author of a message",
    "text": "the text of a message",
    "pub_date": "the date of a message",
    "who_id": "who follows",
    "whom_id": "who is followed",
}


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


@dataclass(frozen=True)
class Candidate:
    """A table that may be the canonical one, with the columns that would feed it."""

    canonical: CanonicalTable
    found: FoundTable
    columns: dict[str, str]

    @property
    def likeness(self) -> int:
        return known_names.table_likeness(self.canonical.name, self.found.name)

    @property
    def missing(self) -> list[str]:
        return [column for column in self.canonical.needed if column not in self.columns]

    @property
    def foreign_ids(self) -> str | None:
        """The column whose ids are no integers, if there is one."""
        fed = ((column, self.found.column(actual)) for column, actual in self.columns.items())
        return next((found.name for column, found in fed if found and _is_foreign(column, found)), None)

    @property
    def is_plausible(self) -> bool:
        """Whether name and columns together say that it is the canonical table."""
        if self.missing:
            return False
        if self.likeness > known_names.UNKNOWN:
            return True
        if self.is_rather_another:
            return False
        if not self.canonical.has_ids:
            return all(known_names.is_follow_side(self.found.name, column) for column in self.columns.values())
        return self.known_columns >= len(set(self.canonical.columns) - EXTRA_COLUMNS) - 1

    @property
    def known_columns(self) -> int:
        """How many of MiniTwit's own columns are fed."""
        return len(self.columns.keys() - EXTRA_COLUMNS)

    @property
    def is_rather_another(self) -> bool:
        """Whether it is by its name and its columns another table, such as users with a number of their followers."""
        return any(
            known_names.table_likeness(other.name, self.found.name) and not candidate_of(self.found, other).missing
            for other in CANONICAL_TABLES.values()
            if other.name != self.canonical.name
        )

    def preference(self) -> tuple[object, ...]:
        """Sorts the better candidate first."""
        return (
            self.foreign_ids is not None,
            self.likeness < known_names.WELL_KNOWN,
            not self.found.rows,
            -self.likeness,
            -self.known_columns,
            known_names.table_rank(self.canonical.name, self.found.name),
            self.found.name,
        )


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
            recognition.warnings.append(_no_follows(candidates, label))
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


def is_rival(best: Candidate, other: Candidate) -> bool:
    """Whether only staff can say which of two tables is meant.

    An empty table is no rival, unless its name is the canonical one; neither is a table that merely resembles one,
    unless the better name has no rows.
    """
    if other.likeness == known_names.CANONICAL:
        return True
    least = min(best.likeness, known_names.WELL_KNOWN if best.found.rows else known_names.LIKELY)
    return other.found.rows > 0 and other.likeness >= least


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
    have = listed(sorted(candidate.found.name for candidate in candidates)) or "none at all"
    raise SourceError(
        "missing_table",
        f"{label} has no table {canonical.name}, nor one that looks like {canonical.rows} under another name, so it "
        f"is not the database of a MiniTwit. Its tables: {have}. If one of them holds the {canonical.rows}, say "
        "which one (on the page of the import, or with --map).",
    )


def _no_follows(candidates: Sequence[Candidate], label: str) -> str:
    """Say that there are no follows, or which table may hold them."""
    likely = [candidate.found for candidate in candidates if candidate.likeness and candidate.found.rows]
    if not likely:
        return f"{label} has no table of follows, so there are none to import."
    columns = listed(column.name for column in likely[0].columns)
    return (
        f"{label} has no table whose columns tell who follows whom, so no follows are imported. If it is "
        f"{likely[0].name} ({columns}), choose its columns."
    )


def foreign_ids(candidate: Candidate, label: str) -> SourceError:
    column = candidate.foreign_ids
    return SourceError(
        "ids_not_integers",
        f"The ids in the table {candidate.found.name} of {label} (column {column}) are not integers but text such as "
        "GUIDs, by which the import cannot recognise rows. It is not the database of a MiniTwit that can be "
        "imported; give one whose ids are whole numbers.",
    )


def missing_column(candidate: Candidate, label: str) -> SourceError:
    canonical, table, column = candidate.canonical, candidate.found, candidate.missing[0]
    columns = listed(found.name for found in table.columns) or "none"
    leave_out = f"; --map {canonical.name}= leaves the {canonical.rows} out" if canonical.is_optional else ""
    hashes = [found.name for found in table.columns if found.hashes and found.only_for_passwords]
    refused = f" What looks like passwords ({listed(hashes)}) is read as nothing else." if hashes else ""
    return SourceError(
        "missing_column",
        f"The table {table.name} in {label} has no column {column} ({MEANINGS[column]}), nor one that looks like it "
        f"under another name. Its columns: {columns}. If one of them is meant, say which one (on the page of the "
        f"import, or with --map {canonical.name}.{column}={table.name}.COLUMN{leave_out}).{refused}",
    )


def candidates_for(canonical: CanonicalTable, found: Sequence[FoundTable]) -> list[Candidate]:
    """The tables as candidates for a canonical one, the best first."""
    return sorted((candidate_of(table, canonical) for table in found), key=Candidate.preference)


def candidate_of(table: FoundTable, canonical: CanonicalTable) -> Candidate:
    return Candidate(canonical, table, recognised_columns(table, canonical))


def recognised_columns(table: FoundTable, canonical: CanonicalTable, taken: Collection[str] = ()) -> dict[str, str]:
    """Canonical column -> the column that feeds it, as far as there is one; `taken` ones are not considered."""
    spelt: dict[str, list[tuple[int, FoundColumn]]] = defaultdict(list)
    for place, column in enumerate(table.columns):
        for spelling in known_names.column_spellings(canonical.name, table.name, column.name):
            spelt[spelling].append((place, column))
    chosen: dict[str, str] = {}
    for wanted in canonical.columns:
        names = activity.KNOWN_NAMES if wanted == "is_active" else known_names.COLUMN_NAMES[canonical.name, wanted]
        ranked = [
            (
                not _fits(wanted, column),
                wanted in canonical.needed and 2 * column.values < table.rows,  # most rows would be refused
                wanted in ID_COLUMNS and not column.key,
                wanted == "is_active" and not activity.marks_an_account(table.name, column),
                rank,
                column.name.lower() != wanted,
                place,
                column.name,
            )
            for rank, name in enumerate(names)
            for place, column in spelt.get(name, ())
            if column.name not in taken and column.name not in chosen.values() and _may_feed(wanted, table, column)
        ]
        if ranked:
            chosen[wanted] = min(ranked)[-1]
    if not canonical.has_ids:
        _complete_follow(
            chosen, [column for column in table.columns if column.name not in {*taken, *chosen.values()}]
        )
    return chosen


def _may_feed(wanted: str, table: FoundTable, column: FoundColumn) -> bool:
    """Whether a column of a fitting name is proposed: if it holds no passwords, and what it says is plain enough."""
    if not _may_be_shown(wanted, column):
        return False
    if wanted == "is_active":
        return activity.is_plain(table.name, column)
    if wanted == "date_joined":  # `joined` can be a yes or no
        return column.values == 0 or column.yes + column.no < column.values
    return True


def _complete_follow(chosen: dict[str, str], free: list[FoundColumn]) -> None:
    """`user_id` is who follows beside `followed_id`, and who is followed beside `follower_id`."""

    def choose(wanted: str, names_of_it: re.Pattern[str], *, only_one: bool = False) -> None:
        fitting = [
            column for column in free if names_of_it.fullmatch(known_names.plain(column.name)) and not column.key
        ]
        if wanted not in chosen and fitting and not (only_one and len(fitting) > 1):
            chosen[wanted] = fitting[0].name
            free.remove(fitting[0])

    choose("who_id", known_names.FOLLOWER_SIDE)
    choose("whom_id", known_names.FOLLOWED_SIDE)
    if not chosen:
        choose("whom_id", known_names.FOLLOW)
    if list(chosen) == ["whom_id"]:
        choose("who_id", known_names.FOLLOWING)
    if len(chosen) == 1:
        [wanted] = {"who_id", "whom_id"} - set(chosen)
        choose(wanted, known_names.ACCOUNT, only_one=True)
    if list(chosen) == ["who_id"]:
        choose("whom_id", known_names.FOLLOW)


def _fits(canonical: str, column: FoundColumn) -> bool:
    """Whether the values of a column can be what the canonical column holds."""
    if _is_foreign(canonical, column) or (canonical in ID_COLUMNS and column.repeated):
        return False
    if canonical in REFERENCES and column.samples == ["0"]:
        return False  # as Go writes what was never set
    return column.values > 0 or canonical == "flagged"


def _is_foreign(canonical: str, column: FoundColumn) -> bool:
    if canonical in ID_COLUMNS:
        return not column.integers and column.values > 0
    return canonical in REFERENCES and not column.integers and column.guids > 0


def can_be_met(found: Sequence[FoundTable], canonical: CanonicalTable, wish: TableMapping) -> bool:
    """Whether the tables found have what was chosen."""
    try:
        fulfilled(found, canonical, wish, "")
    except SourceError:
        return False
    return True


def fulfilled(found: Sequence[FoundTable], canonical: CanonicalTable, wish: TableMapping, label: str) -> TableMapping:
    """A wish with the names as they are in the file, completed by what is recognised.

    Raises:
        SourceError: there is no such table or column, or it may not be used so.
    """
    if not wish.table:
        if canonical.is_optional:
            return TableMapping("")
        raise misfit(f"There has to be a table of {canonical.rows}.")
    of_that_name = [table for table in found if table.name.lower() == wish.table.lower()]
    if not of_that_name:
        have = listed(table.name for table in found) or "none at all"
        raise misfit(f"{label} has no table {wish.table}. Its tables: {have}.")
    table = min(of_that_name, key=lambda table: table.name != wish.table)  # one in the same case before others
    stated = {column: _actual(table, column, actual, label) for column, actual in wish.columns.items()}
    others = recognised_columns(table, canonical, taken=[*stated.values()])
    columns = {**others, **stated}
    columns = {column: columns[column] for column in canonical.columns if columns.get(column)}
    candidate = Candidate(canonical, table, columns)
    if candidate.missing:
        raise missing_column(candidate, label)
    if candidate.foreign_ids:
        raise foreign_ids(candidate, label)
    return TableMapping(table.name, columns)


def _actual(table: FoundTable, canonical_column: str, name: str, label: str) -> str:
    """The column's name as it is in the file; empty if there is to be none."""
    if not name:
        return ""
    column = table.column(name)
    if column is None:
        if name.lower() in (computed.lower() for computed in table.computed):
            raise misfit(f"The column {name} of the table {table.name} is computed, and such columns are not read.")
        have = listed(column.name for column in table.columns)
        raise misfit(f"The table {table.name} in {label} has no column {name}. Its columns: {have}.")
    if not _may_be_shown(canonical_column, column):
        raise misfit(
            f"The column {column.name} of the table {table.name} looks like passwords, which staff would see "
            f"as {canonical_column}. It can only be mapped to {HIDDEN_COLUMN}."
        )
    return column.name


def _may_be_shown(canonical: str, column: FoundColumn) -> bool:
    """Whether a column can feed a canonical one without showing passwords. (A GUID looks like a hash.)"""
    if canonical == HIDDEN_COLUMN or not column.only_for_passwords:
        return True
    is_id = canonical in ID_COLUMNS or canonical in REFERENCES
    return is_id and not is_secret_name(column.name) and column.guids >= column.hashes


def misfit(sentence: str) -> SourceError:
    return SourceError("bad_mapping", f"This mapping cannot be used. {sentence}")


def undecided_tables(undecided: Mapping[str, list[str]], label: str) -> str:
    """Say which tables staff have to choose from."""
    lines = [f"{CANONICAL_TABLES[name].rows} ({listed(tables)})" for name, tables in undecided.items()]
    return f"{label} has several tables that could hold the {' and the '.join(lines)}."
