"""The columns of one table of a SQLite file, and what SQLite itself calls a row's place."""

import sqlite3
from dataclasses import dataclass

from legacy_import.source.copy_lines import quoted

ROWID_NAMES = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True)
class Columns:
    """The columns of one table.

    Attributes:
        stored: lower-case name -> name. computed: those that are calculated.
        primary_key: the columns of the primary key, in its order.
        references: column -> the table and the column that it was declared to refer to; an empty one is the key.
        row_id_alias: the column that is the row id under another name, in lower case; empty if none is, so that it
            equals the name of a missing id column, in place of which the row id is read.
    """

    stored: dict[str, str]
    computed: tuple[str, ...]
    primary_key: tuple[str, ...]
    references: dict[str, tuple[str, str]]
    row_id_alias: str


NO_COLUMNS = Columns({}, (), (), {}, "")


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
        references=declared_references(connection, actual_name),
        row_id_alias=row_id_alias if len(keys) == 1 else "",
    )


def declared_references(connection: sqlite3.Connection, actual_name: str) -> dict[str, tuple[str, str]]:
    """What the columns of a table were declared to refer to."""

    def readable(name: bytes | None) -> str:
        return (name or b"").decode("utf-8", "replace").replace("\0", "\ufffd")

    rows = connection.execute(f"PRAGMA foreign_key_list({quoted(actual_name)})")
    return {readable(column): (readable(table), readable(key)) for _, _, table, column, key, *_ in rows}


def position_of(connection: sqlite3.Connection, actual_name: str, columns: Columns) -> str:
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
