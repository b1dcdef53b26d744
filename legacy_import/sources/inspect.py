"""Find the old tables in a SQLite file. Only ordinary tables and stored columns count."""

import sqlite3
from collections.abc import Sequence

from legacy_import.sources.copy_lines import quoted
from legacy_import.sources.errors import SourceError
from legacy_import.sources.guard import Watch
from legacy_import.sources.schema import CANONICAL_COLUMNS, TEXT_COLUMNS, TableDescription

# A file without this column is imported as if nothing had ever been flagged.
OPTIONAL_COLUMNS = frozenset({("message", "flagged")})
# What the check also says of values; the import has its own say about those.
ABOUT_VALUES = ("NULL value in", "CHECK constraint failed", "non-")
ROWID_NAMES = ("rowid", "_rowid_", "oid")


def describe_tables(
    connection: sqlite3.Connection, watch: Watch, label: str, required: Sequence[str]
) -> tuple[dict[str, TableDescription], list[str]]:
    """Return the canonical tables that the file has, and the names of its other tables.

    Raises:
        SourceError: the file is damaged, or a required table or column is not there.
        sqlite3.Error: SQLite could not read the schema.
    """
    actual_names = ordinary_tables(connection)
    by_lower_name = {name.lower(): name for name in actual_names}
    found: dict[str, TableDescription] = {}
    for name in CANONICAL_COLUMNS:
        if actual := by_lower_name.get(name):
            watch.alive()
            found[name] = describe_table(connection, label, name, actual)
            if name in required:
                watch.alive()
                check_undamaged(connection, label, actual)
        elif name in required:
            have = ", ".join(actual_names) or "none at all"
            raise SourceError(
                "missing_table",
                f"{label} has no table {name}, so it is not the database of a MiniTwit. Its tables: {have}.",
            )
    used = {table.actual_name for table in found.values()}
    return found, [name for name in actual_names if name not in used]


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


def describe_table(connection: sqlite3.Connection, label: str, name: str, actual_name: str) -> TableDescription:
    """Map one table's columns to the canonical ones."""
    stored: dict[str, str] = {}
    computed: list[str] = []
    row_id_alias = ""
    primary_key = 0
    for _, column, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({quoted(actual_name)})"):
        text = column.decode("utf-8", "replace")
        if hidden:
            computed.append(text)
            continue
        stored[text.lower()] = text
        primary_key += bool(key)
        if key and kind.lower() == b"integer":
            row_id_alias = text.lower()
    columns = []
    for column in CANONICAL_COLUMNS[name]:
        if column in stored:
            columns.append(quoted(stored[column]))
        elif (name, column) in OPTIONAL_COLUMNS:
            columns.append("NULL")
        else:
            raise SourceError(
                "missing_column",
                f"The table {actual_name} in {label} has no column {column}. Its columns: "
                f"{', '.join(stored.values()) or 'none'}.",
            )
    if computed:
        # SQLite's check calculates them, and one call of a function can take hours that no watch can end.
        raise SourceError(
            "computed_columns",
            f"The table {actual_name} in {label} has computed columns ({', '.join(computed)}), which are not read. "
            "Copy its other columns into a plain table of the same name.",
        )
    position = _position(connection, actual_name, stored)
    rows = connection.execute(f"SELECT count(*) FROM {quoted(actual_name)}").fetchone()[0]  # noqa: S608
    return TableDescription(
        name=name,
        actual_name=actual_name,
        columns=tuple(columns),
        text_columns=frozenset(
            actual for column, actual in zip(CANONICAL_COLUMNS[name], columns, strict=True) if column in TEXT_COLUMNS
        ),
        position=position,
        has_row_ids=position in ROWID_NAMES,
        unique_ids=primary_key == 1 and row_id_alias == CANONICAL_COLUMNS[name][0],
        rows=rows,
    )


def _position(connection: sqlite3.Connection, actual_name: str, stored: dict[str, str]) -> str:
    """The row id, under a name that no column of the table has taken; or the row's number where there is none."""
    for name in ROWID_NAMES:
        if name not in stored:
            try:
                connection.execute(f"SELECT {name} FROM {quoted(actual_name)} LIMIT 0")  # noqa: S608
            except sqlite3.OperationalError:
                break  # WITHOUT ROWID
            return name
    return "row_number() OVER ()"
