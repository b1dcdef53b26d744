"""What speaks against a mapping, though it can be used: and which one would fit better."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from legacy_import.source.recognition.belonging import Belonging, People, declared_people
from legacy_import.source.recognition.candidates import candidates_for
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.row_queries import Share
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable, named
from legacy_import.source.schema import MESSAGE, USER, CanonicalTable
from legacy_import.source.wording import listed

ENOUGH_ROWS = 10  # of which each has another number, for the numbers to be ids
MOST_TRIED = 10  # other columns


def doubts_of(
    canonical: CanonicalTable, mapping: TableMapping, found: Sequence[FoundTable], people: People | None
) -> list[str]:
    """Say what is doubtful about the mapping of a table.

    Args:
        people: the users that are read, if any are.
    """
    table = named(mapping.table, found)
    if table is None:
        return []
    doubts = [numbered_by_place(canonical, mapping, table)]
    if canonical is not USER and people:
        doubts.append(of_other_people(canonical, mapping, table, found, people))
    return [doubt for doubt in doubts if doubt]


def numbered_by_place(canonical: CanonicalTable, mapping: TableMapping, table: FoundTable) -> str:
    """Say if the rows' places are read as their ids, though a column of the table could be it."""
    id_column = canonical.columns[0]
    if not canonical.has_ids or mapping.columns.get(id_column):
        return ""
    numbers = [column.name for column in could_be_ids(mapping, table)]
    if not numbers:
        return ""
    return (
        f"The ids of the {canonical.rows} are their places in the table {table.name}, but its column {numbers[0]} "
        f"holds another whole number in each row. If that is the id, choose it in the preview, or give --map "
        f"{canonical.name}.{id_column}={table.name}.{numbers[0]}."
    )


def could_be_ids(mapping: TableMapping, table: FoundTable) -> list[FoundColumn]:
    """The columns that are not read, and hold another whole number in each row."""
    return [
        column
        for column in table.columns
        if column.name not in mapping.columns.values()
        and ENOUGH_ROWS <= column.values == column.integers == column.distinct == table.rows
        and not column.dates
    ]


def of_other_people(
    canonical: CanonicalTable,
    mapping: TableMapping,
    table: FoundTable,
    found: Sequence[FoundTable],
    people: People,
) -> str:
    """Say if the rows of a table are of other people than the users that are read."""
    if people.belonging(table, mapping.columns) is not Belonging.OTHERS:
        return ""
    users = people.mapping.table
    declared = declared_people(table, mapping.columns, people.tables)
    share = people.share(table.name, mapping.columns)
    if declared:
        others = listed(other.name for other in found if other.name.lower() in declared)
        return (
            f"The {canonical.rows} of the table {table.name} are of the users of the table {others}, but the users "
            f"are read from the table {users}: they would be taken for those of other people. Import the users with "
            f"--map user={others}, or choose another table of {canonical.rows}."
        )
    if share is None:
        return ""
    what = "have an author" if canonical is MESSAGE else "are between users"
    sentence = (
        f"Of the first {share.rows:,} {canonical.rows} in the table {table.name} only {share.known:,} {what} of the "
        f"table {users}; the others will be rejected."
    )
    word, better = next(better_mappings(canonical, mapping, table, found, people), ("", share))
    return f"{sentence} With --map {word} it is {better.known:,} of them." if word else sentence


def better_mappings(
    canonical: CanonicalTable,
    mapping: TableMapping,
    table: FoundTable,
    found: Sequence[FoundTable],
    people: People,
) -> Iterator[tuple[str, Share]]:
    """Other mappings by which the rows of a table are of the users, as on the command line."""
    for word, users, columns in other_mappings(canonical, mapping, table, found, people):
        share = replace(people, mapping=users).share(table.name, columns)
        if share and share.is_most:
            yield word, share


def other_mappings(
    canonical: CanonicalTable,
    mapping: TableMapping,
    table: FoundTable,
    found: Sequence[FoundTable],
    people: People,
) -> Iterator[tuple[str, TableMapping, dict[str, str]]]:
    """Mappings that can be tried: another author, another id of the users, another table of users."""
    users = people.mapping
    if canonical is MESSAGE:
        free = [one for one in table.columns if one.values and one.name not in mapping.columns.values()]
        for column in free[:MOST_TRIED]:
            word = f"message.author_id={table.name}.{column.name}"
            yield word, users, {**mapping.columns, "author_id": column.name}
    of_users = named(users.table, found)
    for column in could_be_ids(users, of_users)[:MOST_TRIED] if of_users else ():
        word = f"user.user_id={users.table}.{column.name}"
        yield word, replace(users, columns={**users.columns, "user_id": column.name}), mapping.columns
    for other in candidates_for(USER, found):
        if other.is_plausible and other.found.name != users.table:
            yield f"user={other.found.name}", TableMapping(other.found.name, other.columns), mapping.columns
