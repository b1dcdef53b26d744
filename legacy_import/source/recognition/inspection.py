"""Look at the tables of a SQLite file. Only ordinary tables and stored columns count."""

import sqlite3
from collections.abc import Iterator, Sequence

from legacy_import.source.copy_lines import quoted
from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.follow_lists import tables_of_lists
from legacy_import.source.recognition.known_names import best_likeness
from legacy_import.source.recognition.second_table import with_second_tables
from legacy_import.source.recognition.table_columns import NO_COLUMNS, read_columns
from legacy_import.source.recognition.table_profile import FoundTable, found_table
from legacy_import.source.sandbox import UNREADABLE, QueryTimeout
from legacy_import.source.values import LegacyValue

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
        found.append(found_table(name, stored, rows, columns.computed, columns.primary_key, columns.references))
    found = with_second_tables(connection, found)
    return found if is_taken(connection, "json_each") else found + tables_of_lists(found)


def is_taken(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the file has something of that name, which is then read in place of SQLite's own."""
    taken = connection.execute("SELECT name FROM sqlite_master WHERE name = ? COLLATE NOCASE", [name])
    return taken.fetchone() is not None


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


def ordinary_tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the real tables: not views, not virtual tables (which have no root page), not SQLite's own."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
    # A name can be forged to hold a NUL, which PostgreSQL could not store.
    names = [name.decode("utf-8", "replace").replace("\0", "\ufffd") for (name,) in rows]
    return sorted(name for name in names if not name.startswith("sqlite_"))
