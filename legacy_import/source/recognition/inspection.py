"""Look at the tables of a SQLite file. Only ordinary tables and stored columns count."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from legacy_import.source.copy_lines import quoted
from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.activity import activity_expression, meaning_of
from legacy_import.source.recognition.follow_lists import FollowLists, follow_lists, tables_of_lists
from legacy_import.source.recognition.known_names import best_likeness
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.matching import Recognition
from legacy_import.source.recognition.table_profile import FoundTable, found_table
from legacy_import.source.sandbox import UNREADABLE, QueryTimeout
from legacy_import.source.schema import CANONICAL_TABLES, ID_COLUMNS, MISSING, CanonicalTable, TableDescription
from legacy_import.source.values import LegacyValue
from legacy_import.source.wording import listed

# What the check also says of values; the import has its own say about those.
ABOUT_VALUES = ("NULL value in", "CHECK constraint failed", "non-")
ROWID_NAMES = ("rowid", "_rowid_", "oid")
LARGEST_SCHEMA = 1024 * 1024  # characters of all CREATE statements
MOST_TABLES = 100  # that are looked into; those whose names say something come first


def read_tables(connection: sqlite3.Connection, timeout: QueryTimeout, label: str) -> list[FoundTable]:
    """Describe the ordinary tables of the file, with what their first rows hold.

    Raises:
        SourceError: there are so many tables and columns that each look at the file would take seconds.
        sqlite3.Error: SQLite could not read the schema.
    """
    check_size_of_schema(connection, label)
    actual_names = ordinary_tables(connection)
    looked_into = set(sorted(actual_names, key=best_likeness, reverse=True)[:MOST_TABLES])
    found = []
    for name in actual_names:
        timeout.touch()
        columns = read_columns(connection, name) if name in looked_into else NO_COLUMNS
        stored = list(columns.stored.values())
        rows = first_rows(connection, name, stored)
        found.append(found_table(name, stored, rows, columns.computed, columns.primary_key))
    return found + tables_of_lists(found)


def check_size_of_schema(connection: sqlite3.Connection, label: str) -> None:
    """Every opening of the file reads all of its schema, and an import opens it several times."""
    lengths = connection.execute("SELECT coalesce(length(sql), 0) FROM sqlite_master").fetchall()
    if sum(length for (length,) in lengths) > LARGEST_SCHEMA:
        raise SourceError(
            "too_many_tables",
            f"{label} has {len(lengths):,} tables, indexes and the like, with more columns than any MiniTwit. Copy "
            "the tables of the users, messages and follows into a file of their own.",
        )


def first_rows(
    connection: sqlite3.Connection, name: str, columns: Sequence[str]
) -> Iterator[tuple[LegacyValue, ...]]:
    """The rows of a table, until one of them cannot be read: whether that matters is found out later."""
    if not columns:
        return
    try:
        yield from connection.execute(
            f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(name)}"  # noqa: S608 -- quoted names
        )
    except UNREADABLE:
        return


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
            if name in required:
                raise computed_columns(actual_name, columns.computed, label)
            continue
        # No limit of time ends the one step of `count(*)`, and a tree whose branches are all the same one never ends:
        # so only a table that was checked is counted that way.
        count = "count(1)"
        if name in required and mapping.table:
            check_undamaged(connection, label, actual_name)
            timeout.touch()
            count = "count(*)"
        canonical = CANONICAL_TABLES[name]
        described[name] = (
            describe_lists(connection, canonical, mapping, lists, columns)
            if lists
            else describe_table(connection, canonical, mapping, columns, count)
        )
    return described


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


def ordinary_tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the real tables: not views, not virtual tables (which have no root page), not SQLite's own."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
    # A name can be forged to hold a NUL, which PostgreSQL could not store.
    names = [name.decode("utf-8", "replace").replace("\0", "\ufffd") for (name,) in rows]
    return sorted(name for name in names if not name.startswith("sqlite_"))


@dataclass(frozen=True)
class Columns:
    """The columns of one table.

    Attributes:
        stored: lower-case name -> name. computed: those that are calculated.
        primary_key: the columns of the primary key, in its order.
        row_id_alias: the column that is the row id under another name, in lower case; empty if none is, so that it
            equals the name of a missing id column, in place of which the row id is read.
    """

    stored: dict[str, str]
    computed: tuple[str, ...]
    primary_key: tuple[str, ...]
    row_id_alias: str


NO_COLUMNS = Columns({}, (), (), "")


def read_columns(connection: sqlite3.Connection, actual_name: str) -> Columns:
    """Describe the columns of a table; none of a table whose name is empty or was forged."""
    if not actual_name:
        return NO_COLUMNS
    stored: dict[str, str] = {}
    computed: list[str] = []
    keys: dict[int, str] = {}
    row_id_alias = ""
    for _, name, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({quoted(actual_name)})"):
        column = name.decode("utf-8", "replace")
        if column.encode() != name or "\0" in column:
            continue  # no statement could name it
        if hidden:
            computed.append(column)
            continue
        stored[column.lower()] = column
        if key:
            keys[key] = column
            row_id_alias = column.lower() if kind.lower() == b"integer" else ""
    return Columns(
        stored=stored,
        computed=tuple(computed),
        primary_key=tuple(keys[place] for place in sorted(keys)),
        row_id_alias=row_id_alias if len(keys) == 1 else "",
    )


def describe_table(
    connection: sqlite3.Connection, canonical: CanonicalTable, mapping: TableMapping, found: Columns, count: str
) -> TableDescription:
    """Say how the canonical columns are read from one table, whose rows are counted by the given expression."""
    position = _position(connection, mapping.table, found)
    columns = []
    for name, actual in zip(canonical.columns, mapping.in_order(canonical), strict=True):
        if actual and name == "is_active":
            columns.append(activity_expression(meaning_of(mapping.table, actual), quoted(actual)))
        elif actual:
            columns.append(quoted(actual))
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
    )


def describe_lists(
    connection: sqlite3.Connection,
    canonical: CanonicalTable,
    mapping: TableMapping,
    lists: FollowLists,
    found: Columns,
) -> TableDescription:
    """Say how follows are read from lists in the given columns of a table of users."""
    order = (f"person.{quoted(column)}" for column in found.primary_key)
    row_id = _position(connection, lists.table, found)
    in_order = f"person.{row_id}" if row_id in ROWID_NAMES else ", ".join(order)
    return TableDescription(
        canonical=canonical,
        actual_name=mapping.table,
        rows_from=lists.rows_from,
        columns=lists.columns,
        position=f"row_number() OVER (ORDER BY {in_order}, item.key)",
        has_row_ids=False,
        unique_ids=False,
        rows=connection.execute(f"SELECT count(*) FROM {lists.rows_from}").fetchone()[0],  # noqa: S608
    )


def _position(connection: sqlite3.Connection, actual_name: str, columns: Columns) -> str:
    """The row id, under a name that no column of the table has taken; or the row's number where there is none."""
    for name in ROWID_NAMES:
        if actual_name and name not in columns.stored:
            try:
                connection.execute(f"SELECT {name} FROM {quoted(actual_name)} LIMIT 0")  # noqa: S608
            except sqlite3.OperationalError:
                break  # WITHOUT ROWID
            return name
    # In the order of the key, so that every count of the rows gives the same numbers.
    return f"row_number() OVER (ORDER BY {', '.join(map(quoted, columns.primary_key)) or 'NULL'})"
