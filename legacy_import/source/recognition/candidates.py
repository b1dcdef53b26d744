"""Which tables may be a canonical one, and which of them is likelier."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from legacy_import.source.recognition import known_names
from legacy_import.source.recognition.belonging import Belonging, People
from legacy_import.source.recognition.columns import recognised_columns
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.row_queries import RowQueries
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.source.schema import (
    CANONICAL_TABLES,
    EXTRA_COLUMNS,
    MESSAGE,
    USER,
    CanonicalTable,
)


@dataclass(frozen=True)
class Candidate:
    """A table that may be the canonical one, with the columns that would feed it.

    Attributes:
        belonging: whether it belongs to the other canonical tables.
    """

    canonical: CanonicalTable
    found: FoundTable
    columns: dict[str, str]
    belonging: Belonging = Belonging.UNKNOWN

    @property
    def likeness(self) -> int:
        return known_names.table_likeness(self.canonical.name, self.found.name)

    @property
    def missing(self) -> list[str]:
        return [column for column in self.canonical.needed if column not in self.columns]

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
            self.belonging is Belonging.OTHERS,
            self.likeness < known_names.WELL_KNOWN,
            not self.found.rows,
            self.belonging is not Belonging.DECLARED,
            -self.likeness,
            self.belonging,
            -self.known_columns,
            known_names.table_rank(self.canonical.name, self.found.name),
            self.found.name,
        )


def is_rival(best: Candidate, other: Candidate) -> bool:
    """Whether only staff can say which of two tables is meant.

    An empty table is no rival, unless its name is the canonical one; neither is a table that merely resembles one,
    unless the better name has no rows. Neither is one that belongs to others, or that nothing is known of while the
    better one was declared to belong.
    """
    if best.belonging < other.belonging and (
        best.belonging is Belonging.DECLARED or other.belonging is Belonging.OTHERS
    ):
        return False
    if other.likeness == known_names.CANONICAL:
        return True
    least = min(best.likeness, known_names.WELL_KNOWN if best.found.rows else known_names.LIKELY)
    return other.found.rows > 0 and other.likeness >= least


def candidates_for(
    canonical: CanonicalTable,
    found: Sequence[FoundTable],
    people: People | None = None,
    rows: RowQueries | None = None,
) -> list[Candidate]:
    """The tables as candidates for a canonical one, the best first.

    Args:
        people: the users whom messages and follows are of, if they are known. rows: for questions to the rows.
    """
    candidates = [candidate_of(table, canonical, people) for table in found]
    plausible = [candidate for candidate in candidates if candidate.is_plausible]
    if canonical is USER and len(plausible) > 1:
        known = {one.found.name: belonging_of_users(one, found, rows) for one in plausible if one.found.rows}
    elif people:
        known = {one.found.name: people.belonging(one.found, one.columns) for one in plausible}
    else:
        known = {}
    candidates = [replace(one, belonging=known.get(one.found.name, one.belonging)) for one in candidates]
    return sorted(candidates, key=Candidate.preference)


def candidate_of(table: FoundTable, canonical: CanonicalTable, people: People | None = None) -> Candidate:
    return Candidate(canonical, table, recognised_columns(table, canonical, people=people))


def belonging_of_users(users: Candidate, found: Sequence[FoundTable], rows: RowQueries | None) -> Belonging:
    """How sure it is that the users of a table are those who wrote the messages of the old database."""
    people = People(TableMapping(users.found.name, users.columns), {table.name.lower() for table in found}, rows)
    messages = [candidate_of(table, MESSAGE, people) for table in found if table.rows]
    told = [
        people.belonging(candidate.found, candidate.columns)
        for candidate in messages
        if candidate.is_plausible and candidate.likeness
    ]
    return max(min(told), Belonging.LIKELY) if told else Belonging.UNKNOWN
