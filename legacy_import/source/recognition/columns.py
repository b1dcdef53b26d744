"""Which columns of one table feed the canonical ones."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from legacy_import.source.recognition import activity, known_names
from legacy_import.source.recognition.belonging import People
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable, is_secret_name, shortened
from legacy_import.source.schema import FOLLOWER, HIDDEN_COLUMN, ID_COLUMNS, REFERENCES, USER, CanonicalTable

# What Go and .NET write for a reference that was never set.
NEVER_SET = (["0"], [shortened("00000000-0000-0000-0000-000000000000")])
ID_NAME = re.compile(r"(id|guid|key)$", re.IGNORECASE)


def recognised_columns(
    table: FoundTable, canonical: CanonicalTable, taken: Collection[str] = (), people: People | None = None
) -> dict[str, str]:
    """Canonical column -> the column that feeds it, as far as there is one.

    Args:
        taken: columns that are not considered. people: the users whom messages and follows are of, if they are known.
    """
    if table.are_lists:
        ends = [column.name for column in table.columns]
        return dict(zip(canonical.columns, ends, strict=True)) if canonical is FOLLOWER else {}
    spelt: dict[str, list[tuple[int, FoundColumn]]] = defaultdict(list)
    for place, column in enumerate(table.columns):
        for spelling in known_names.column_spellings(canonical.name, table.name, column.name):
            spelt[spelling].append((place, column))
    chosen: dict[str, str] = {}
    for wanted in canonical.columns:
        names = activity.KNOWN_NAMES if wanted == "is_active" else known_names.COLUMN_NAMES[canonical.name, wanted]
        named = [
            Named(column, rank, place)
            for rank, name in enumerate(names)
            for place, column in spelt.get(name, ())
            if column.name not in taken and column.name not in chosen.values() and _may_feed(wanted, table, column)
        ]
        declared = [column.name for column in table.columns if people and people.are_meant_by(column)]
        is_told = any(fitting_values(wanted, column) for column, _, _ in named)
        if wanted == "author_id" and len(declared) == 1 and declared[0] not in taken and not is_told:
            [chosen[wanted]] = declared
        elif named:
            chosen[wanted] = best_of(named, wanted, table.name, people).name
        elif wanted in ID_COLUMNS:
            key = next((column for column in table.columns if column.key and column.name not in taken), None)
            if key and 0 < key.values in (key.integers, key.guids):
                chosen[wanted] = key.name
    if canonical is USER and not _holds_something(table, chosen.get(HIDDEN_COLUMN, "")):
        elsewhere = [column.name for column in table.columns if column.elsewhere and column.name not in taken]
        if elsewhere:
            chosen[HIDDEN_COLUMN] = elsewhere[0]
    if not canonical.has_ids:
        _complete_follow(
            chosen, [column for column in table.columns if column.name not in {*taken, *chosen.values()}]
        )
    return chosen


def _holds_something(table: FoundTable, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.values > 0


class Named(NamedTuple):
    """A column whose name would do: the place of its name among the known ones, and its own place in the table."""

    column: FoundColumn
    rank: int
    place: int


def best_of(named: Sequence[Named], wanted: str, table: str, people: People | None) -> FoundColumn:
    """The column that carries what is wanted.

    It is the one of the best name among those that hold at least half as many fitting values, and half as many values
    at all, as the fullest of them. An id is rather a whole number than a text, and rather the key of its table; an
    author is rather the column that was declared to refer to the users.
    """
    most_fitting = max(fitting_values(wanted, column) for column, _, _ in named)
    most_values = max(column.values for column, _, _ in named)

    def preference(candidate: Named) -> tuple[object, ...]:
        column, rank, place = candidate
        return (
            2 * fitting_values(wanted, column) < most_fitting,
            2 * column.values < most_values,
            wanted in ID_COLUMNS and (column.integers < column.values, not column.key),
            wanted in REFERENCES and people is not None and not people.are_meant_by(column),
            wanted == "is_active" and not activity.marks_an_account(table, column),
            rank,
            column.name.lower() != wanted,
            place,
        )

    return min(named, key=preference).column


def fitting_values(wanted: str, column: FoundColumn) -> int:
    """How many of the first values of a column look like what the canonical column holds."""
    if wanted in ID_COLUMNS:
        return 0 if column.repeated else column.values
    if wanted in REFERENCES:
        return 0 if column.samples in NEVER_SET else column.values
    if wanted == "text":
        return column.values - column.integers
    kinds = {
        "username": column.distinct,
        "email": column.emails,
        "pub_date": column.dates,
        "date_joined": column.dates,
    }
    return kinds.get(wanted, column.values)


def _may_feed(wanted: str, table: FoundTable, column: FoundColumn) -> bool:
    """Whether a column of a fitting name is proposed: if it holds no passwords, and what it says is plain enough."""
    if not may_be_shown(wanted, column):
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


def may_be_shown(canonical: str, column: FoundColumn) -> bool:
    """Whether a column can feed a canonical one without showing passwords.

    A GUID can look like a hash, and a hash like a GUID. An id is the key of its table then, or is called an id.
    """
    if canonical == HIDDEN_COLUMN or not column.only_for_passwords:
        return True
    is_id = canonical in REFERENCES or (canonical in ID_COLUMNS and (column.key or ID_NAME.search(column.name)))
    return bool(is_id) and not is_secret_name(column.name) and column.guids >= column.hashes
