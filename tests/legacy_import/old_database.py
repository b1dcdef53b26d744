"""Make old MiniTwit databases for tests: real SQLite files with exactly the given values in them."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from legacy_import.source.values import StoredReal

CANONICAL_SCHEMA = {
    "user": "user_id integer primary key autoincrement, username string not null, email string not null,"
    " pw_hash string not null",
    "message": "message_id integer primary key autoincrement, author_id integer not null, text string not null,"
    " pub_date integer, flagged integer",
    "follower": "who_id integer, whom_id integer",
}
# As other ports of the application have it: no types, no keys, nothing refused.
LOOSE_SCHEMA = {
    "user": "user_id, username, email, pw_hash",
    "message": "message_id, author_id, text, pub_date, flagged",
    "follower": "who_id, whom_id",
}
# As the canonical one, but every column takes NULL, as files in the wild do.
NULLABLE_SCHEMA = {name: columns.replace(" not null", "") for name, columns in CANONICAL_SCHEMA.items()}

HASH = "pbkdf2:sha256:1000$Nq1fXSEO$" + "0b1dd8b6" * 8
ANN = (1, "ann", "ann@example.com", HASH)
BOB = (2, "bob", "bob@example.com", HASH)
MORNING = 1_600_000_000  # of a day in September 2020


def old_file(folder: Path, **tables: Any) -> Path:
    return make_old_database(folder / "old.db", **tables)


def make_old_database(
    path: Path,
    *,
    user: Iterable[Sequence[Any]] = (),
    message: Iterable[Sequence[Any]] = (),
    follower: Iterable[Sequence[Any]] = (),
    schema: dict[str, str] = NULLABLE_SCHEMA,
) -> Path:
    """Write a file with the three tables.

    A str with lone surrogates is stored as the bytes they stand for, which are not UTF-8.
    """
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    for name, columns in schema.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
    for name, rows in (("user", user), ("message", message), ("follower", follower)):
        for row in rows:
            marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, str) else "?" for value in row)
            values = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in row]
            connection.execute(f"INSERT INTO {name} VALUES ({marks})", values)
    connection.commit()
    connection.close()
    return path


def as_sqlite_reads(values: Iterable[Any]) -> list[Any]:
    """Values as a source hands them on: floating-point numbers in SQLite's own spelling."""
    connection = sqlite3.connect(":memory:")
    spelt = [
        StoredReal(connection.execute("SELECT CAST(? AS TEXT)", [value]).fetchone()[0])
        if isinstance(value, float)
        else value
        for value in values
    ]
    connection.close()
    return spelt
