"""Rows that the old application had switched off, but kept with a mark.

GORM, Sequelize, Rails and others keep deleted rows so. No MiniTwit knows such a mark, so messages and follows are
imported like all others, and staff are told how many there are. Of accounts one such column can be read as
`is_active` (see `activity.py`).
"""

import sqlite3
from collections.abc import Iterable, Mapping

from legacy_import.source.copy_lines import quoted
from legacy_import.source.recognition.activity import Meaning, inactive_condition, meaning_of
from legacy_import.source.recognition.known_names import plain
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.table_columns import read_columns
from legacy_import.source.schema import USER, TableDescription

MARKS = frozenset({"deletedat", "deletedon", "deleteddate", "dateremoved", "datedeleted", "isdeleted", "deleted"})


def unread_marks(
    connection: sqlite3.Connection, tables: Iterable[TableDescription], mappings: Mapping[str, TableMapping]
) -> list[str]:
    """Say of each column with such a mark how many rows carry one, if any do, unless a note counts them.

    Raises:
        sqlite3.Error: SQLite could not read a table.
    """
    sentences = []
    for table in tables:
        used = mappings[table.canonical.name].columns.get("is_active", "")
        for column in read_columns(connection, table.actual_name).stored.values():
            is_deletion = plain(column) in MARKS
            meaning = meaning_of(table.actual_name, column) if table.canonical is USER else None
            if meaning is None and is_deletion:
                meaning = Meaning.SINCE
            if meaning is None or (column == used and not is_deletion):
                continue
            if count := _marked(connection, table.actual_name, column, meaning):
                happened = _what_happened(table, column, is_deletion, count)
                sentences.append(f"{happened} {_what_follows(table, column, meaning, column == used)}")
    return sentences


def _what_happened(table: TableDescription, column: str, is_deletion: bool, count: int) -> str:
    rows, were = ("row", "was") if count == 1 else ("rows", "were")
    what = "deleted" if is_deletion else "deactivated, banned or locked"
    where = f"By the column {column} of the table {table.actual_name}"
    return f"{where}, {count:,} {rows} {were} {what} in the old application."


def _what_follows(table: TableDescription, column: str, meaning: Meaning, is_used: bool) -> str:
    if table.canonical is not USER:
        return (
            "The import does not know such marks: it brings these rows like all others. If they are not to come "
            "back, delete them from a copy of the old database first, and import that."
        )
    if is_used:
        return "These accounts are imported as not active."
    if meaning is Meaning.UNTIL:
        return (
            "It holds when a lockout ends, which is not read: deactivate or suspend these accounts after the import."
        )
    return (
        "The import does not read this column. If these accounts are to be imported as not active, choose it as "
        f"“Active” in the preview, or give --map user.is_active={table.actual_name}.{column}."
    )


def _marked(connection: sqlite3.Connection, table: str, column: str, meaning: Meaning) -> int:
    condition = inactive_condition(meaning, quoted(column))
    [(count,)] = connection.execute(f"SELECT count(*) FROM {quoted(table)} WHERE {condition}")  # noqa: S608
    return int(count)
