"""Follows that a table of users holds as lists: the row of who follows has `["bob", 7]` in a column `follows`.

Such a column is offered as a table of follows of its own, called `follows of users`. Its columns are the id of the
user and the list, of which each element is a follow.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from legacy_import.source.copy_lines import quoted
from legacy_import.source.recognition.columns import recognised_columns
from legacy_import.source.recognition.known_names import column_spellings
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.refusals import misfit
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable
from legacy_import.source.schema import FOLLOWER, USER

FOLLOWED = frozenset({"follow", "follows", "following", "followings", "followed", "followees", "followinglist"})
FOLLOWERS = frozenset({"followers", "followedby", "followerlist"})  # the other way round
LONGEST_LIST = 1_000_000  # characters; SQLite cannot be stopped while it reads one

# What is no list becomes one follow of nothing, so that the row is refused with a reason.
ITEMS = f"""
CASE WHEN coalesce({{0}}, '') = '' THEN '[]'
    WHEN length({{0}}) > {LONGEST_LIST} OR instr({{0}}, char(0)) OR NOT json_valid({{0}}) THEN '[null]'
    ELSE CASE json_type({{0}}) WHEN 'array' THEN {{0}} WHEN 'null' THEN '[]' ELSE '[null]' END END
"""
ITEM = "CASE WHEN item.type IN ('text', 'integer') THEN item.value END"


def tables_of_lists(found: Sequence[FoundTable]) -> list[FoundTable]:
    """A table of follows for each table of users that holds lists."""
    return [lists for table in found if (lists := _lists_in(table)) is not None]


def _lists_in(table: FoundTable) -> FoundTable | None:
    users = recognised_columns(table, USER)
    own_id = table.column(users.get("user_id", ""))
    if own_id is None or "username" not in users:
        return None
    for names in (FOLLOWED, FOLLOWERS):
        for column in table.columns:
            if column_spellings(USER.name, table.name, column.name) & names and _holds_lists(column):
                ends = [replace(own_id, key=False), column]
                return FoundTable(
                    name=name_of_lists(column.name, table.name),
                    columns=ends if names is FOLLOWED else ends[::-1],
                    rows=table.rows,
                    are_lists=True,
                )
    return None


def _holds_lists(column: FoundColumn) -> bool:
    return 2 * sum(sample.lstrip().startswith("[") for sample in column.samples) > len(column.samples)


def name_of_lists(column: str, table: str) -> str:
    return f"{column} of {table}"


@dataclass(frozen=True)
class FollowLists:
    """How the follows are read out of lists.

    Attributes:
        table: the table of users. rows_from: what a statement reads from, user by user in the order of the table.
        columns: the SQL of who follows and who is followed.
    """

    table: str
    rows_from: str
    columns: tuple[str, ...]


def follow_lists(mapping: TableMapping, ordinary: Collection[str]) -> FollowLists | None:
    """How the follows of a mapping are read, if it is of lists.

    Args:
        ordinary: the names of the tables that the file has.

    Raises:
        SourceError: it does not say which column is the list.
    """
    if not mapping.table or mapping.table in ordinary:
        return None
    ends = mapping.in_order(FOLLOWER)
    for table in ordinary:
        for column in filter(None, ends):
            if name_of_lists(column, table) == mapping.table and len({*ends}) == len(ends):
                items = ITEMS.format(f"CAST(person.{quoted(column)} AS TEXT)")
                return FollowLists(
                    table=table,
                    rows_from=f"{quoted(table)} AS person NOT INDEXED CROSS JOIN json_each({items}) AS item",
                    columns=tuple(ITEM if end == column else f"person.{quoted(end or '')}" for end in ends),
                )
    raise misfit(f"In {mapping.table} one column has to be the list, and the other the id.")
