"""Which columns of one table feed the canonical ones."""

import re
from collections import defaultdict
from collections.abc import Collection

from legacy_import.source.recognition import activity, known_names
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable, is_secret_name
from legacy_import.source.schema import HIDDEN_COLUMN, ID_COLUMNS, CanonicalTable

REFERENCES = frozenset({"author_id", "who_id", "whom_id"})


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


def _fits(canonical: str, column: FoundColumn) -> bool:
    """Whether the values of a column can be what the canonical column holds."""
    if is_foreign(canonical, column) or (canonical in ID_COLUMNS and column.repeated):
        return False
    if canonical in REFERENCES and column.samples == ["0"]:
        return False  # as Go writes what was never set
    return column.values > 0 or canonical == "flagged"


def is_foreign(canonical: str, column: FoundColumn) -> bool:
    if canonical in ID_COLUMNS:
        return not column.integers and column.values > 0
    return canonical in REFERENCES and not column.integers and column.guids > 0


def may_be_shown(canonical: str, column: FoundColumn) -> bool:
    """Whether a column can feed a canonical one without showing passwords. (A GUID looks like a hash.)"""
    if canonical == HIDDEN_COLUMN or not column.only_for_passwords:
        return True
    is_id = canonical in ID_COLUMNS or canonical in REFERENCES
    return is_id and not is_secret_name(column.name) and column.guids >= column.hashes
