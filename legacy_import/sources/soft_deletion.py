"""Rows that the old application had deleted, but kept with a mark.

GORM, Sequelize, Rails and others can do so. No MiniTwit knows such a mark, so the rows are imported like all others,
and staff are told how many there are.
"""

import sqlite3
from collections.abc import Iterable

from legacy_import.sources.copy_lines import quoted
from legacy_import.sources.inspect import read_columns
from legacy_import.sources.names import plain
from legacy_import.sources.schema import TableDescription

MARKS = frozenset({"deletedat", "deletedon", "deleteddate", "dateremoved", "datedeleted", "isdeleted", "deleted"})
# What says that a row is not deleted, beside NULL; Go writes an empty time as that of the year 1.
NO_MARK = ("", "0", "f", "false", "False", "n", "no")
NO_TIME = ("0000-", "0001-01-02")  # from, to


def soft_deletions(connection: sqlite3.Connection, tables: Iterable[TableDescription]) -> list[str]:
    """Say of each table how many of its rows carry such a mark, if any do.

    Raises:
        sqlite3.Error: SQLite could not read a table.
    """
    sentences = []
    for table in tables:
        for column in read_columns(connection, table.actual_name).stored.values():
            count = _marked(connection, table.actual_name, column) if plain(column) in MARKS else 0
            if count:
                rows = "1 row was" if count == 1 else f"{count:,} rows were"
                sentences.append(
                    f"By the column {column} of the table {table.actual_name}, {rows} deleted in the old "
                    "application. The import does not know such marks: it brings these rows like all others. If they "
                    "are not to come back, delete them from a copy of the old database first, and import that."
                )
    return sentences


def _marked(connection: sqlite3.Connection, table: str, column: str) -> int:
    marks = ", ".join("?" * len(NO_MARK))
    name = quoted(column)
    query = (
        f"SELECT count(*) FROM {quoted(table)} WHERE {name} IS NOT NULL AND {name} NOT IN ({marks}, 0)"  # noqa: S608
        f" AND {name} NOT BETWEEN ? AND ?"
    )
    [(count,)] = connection.execute(query, [*NO_MARK, *NO_TIME])
    return int(count)
