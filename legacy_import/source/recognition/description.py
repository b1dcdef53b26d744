"""Say how each table that was recognised is read."""

import sqlite3
from collections.abc import Sequence

from legacy_import.source.copy_lines import quoted
from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.activity import activity_expression, meaning_of
from legacy_import.source.recognition.follow_lists import FollowLists, follow_lists
from legacy_import.source.recognition.inspection import ordinary_tables
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.matching import Recognition
from legacy_import.source.recognition.second_table import SecondTable, second_table_named
from legacy_import.source.recognition.table_columns import ROWID_NAMES, Columns, position_of, read_columns
from legacy_import.source.sandbox import QueryTimeout
from legacy_import.source.schema import CANONICAL_TABLES, ID_COLUMNS, MISSING, CanonicalTable, TableDescription
from legacy_import.source.wording import listed

# What the check also says of values; the import has its own say about those.
ABOUT_VALUES = ("NULL value in", "CHECK constraint failed", "non-")


def describe_tables(
    connection: sqlite3.Connection,
    timeout: QueryTimeout,
    label: str,
    required: Sequence[str],
    recognition: Recognition,
) -> dict[str, TableDescription]:
    """Describe the tables that were recognised.

    Raises:
        SourceError: the file is damaged, or a required table has computed columns.
        sqlite3.Error: SQLite could not read a table.
    """
    described: dict[str, TableDescription] = {}
    ordinary = ordinary_tables(connection)
    for name, mapping in recognition.tables.items():
        timeout.touch()
        lists = follow_lists(mapping, ordinary)
        actual_name = lists.table if lists else mapping.table
        columns = read_columns(connection, actual_name)
        if columns.computed:
            refusal = computed_columns(actual_name, columns.computed, label)
            if name in required:
                raise refusal
            recognition.refused[name] = refusal.message
            continue
        # No limit of time ends the one step of `count(*)`, and a tree whose branches are all the same one never ends:
        # so only a table that was checked is counted that way.
        count = "count(1)"
        if name in required and mapping.table:
            for each in (actual_name, *second_tables(connection, mapping, columns)):
                check_undamaged(connection, label, each)
                timeout.touch()
            count = "count(*)"
        canonical = CANONICAL_TABLES[name]
        described[name] = (
            describe_lists(connection, canonical, mapping, lists)
            if lists
            else describe_table(connection, canonical, mapping, columns, count)
        )
    return described


def describe_table(
    connection: sqlite3.Connection, canonical: CanonicalTable, mapping: TableMapping, found: Columns, count: str
) -> TableDescription:
    """Say how the canonical columns are read from one table, whose rows are counted by the given expression."""
    position = position_of(connection, mapping.table, found)
    columns = []
    for name, actual in zip(canonical.columns, mapping.in_order(canonical), strict=True):
        if actual and name == "is_active":
            columns.append(activity_expression(meaning_of(mapping.table, actual), quoted(actual)))
        elif actual:
            columns.append(column_sql(connection, mapping.table, actual, found))
        else:
            columns.append(position if name in ID_COLUMNS else MISSING)
    id_column = mapping.columns.get(canonical.columns[0], "")
    query = f"SELECT {count} FROM {quoted(mapping.table)}"  # noqa: S608 -- quoted names
    return TableDescription(
        canonical=canonical,
        actual_name=mapping.table,
        rows_from=quoted(mapping.table),
        columns=tuple(columns),
        position=position,
        has_row_ids=position in ROWID_NAMES,
        unique_ids=canonical.has_ids and id_column.lower() == found.row_id_alias,
        rows=connection.execute(query).fetchone()[0] if mapping.table else 0,
        also_read=tuple(second_tables(connection, mapping, found)),
    )


def column_sql(connection: sqlite3.Connection, table: str, name: str, found: Columns) -> str:
    """The SQL that reads a column, be it one of a second table."""
    second = second_table_of(connection, name, found)
    return second.sql(table) if second else quoted(name)


def second_table_of(connection: sqlite3.Connection, name: str, found: Columns) -> SecondTable | None:
    """The second table that holds a column, if the table itself does not."""
    if name.lower() in found.stored:
        return None
    return second_table_named(name, lambda table: read_columns(connection, table).primary_key)


def second_tables(connection: sqlite3.Connection, mapping: TableMapping, found: Columns) -> list[str]:
    """The other tables that are read beside the one of a mapping."""
    links = (second_table_of(connection, name, found) for name in mapping.columns.values() if name)
    return [link.table for link in links if link]


def describe_lists(
    connection: sqlite3.Connection, canonical: CanonicalTable, mapping: TableMapping, lists: FollowLists
) -> TableDescription:
    """Say how follows are read from lists in a table of users."""
    return TableDescription(
        canonical=canonical,
        actual_name=mapping.table,
        rows_from=lists.rows_from,
        columns=lists.columns,
        position="0",
        has_row_ids=False,
        unique_ids=False,
        rows=connection.execute(f"SELECT count(*) FROM {lists.rows_from}").fetchone()[0],  # noqa: S608
        is_counted=True,
        also_read=(lists.table,),
    )


def computed_columns(table: str, columns: Sequence[str], label: str) -> SourceError:
    """SQLite's check calculates them, and one call of a function can take hours that no time limit can end."""
    return SourceError(
        "computed_columns",
        f"The table {table} in {label} has computed columns ({listed(columns)}), which are not read. "
        "Copy its other columns into a plain table of the same name.",
    )


def check_undamaged(connection: sqlite3.Connection, label: str, actual_name: str) -> None:
    """Let SQLite check the structure of one table."""
    for (line,) in connection.execute(f"PRAGMA quick_check({quoted(actual_name)})"):
        complaint = line.decode("utf-8", "replace")
        if complaint == "ok" or complaint.startswith(ABOUT_VALUES):
            continue
        raise SourceError(
            "damaged_file",
            f"{label} is damaged: SQLite's check says “{' '.join(complaint.split())}”. Copy it again from where the "
            "old application keeps it, with the application stopped.",
        )
