"""Old databases packed into dumps and archives, and what is read of them."""

import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError, SourceReference, SQLiteSource
from tests.legacy_import.old_database import LOOSE_SCHEMA, make_old_database

TABLES = ("user", "message", "follower")
HEAD = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE user(user_id,username,email,pw_hash);\n"
# For values that are too long: with each block, one is looked at again from its beginning.
LARGE_BLOCK = 8 * 1024 * 1024  # characters


def make_awkward_database(path: Path) -> Path:
    """Values that are hard to write down: quotes, line ends, semicolons, comments, numbers, bytes, and none."""
    return make_old_database(
        path,
        user=[(1, "o'brien; --", "a\r\nb", b"\x00\xff"), (2, "größe 🎉", None, 1.5), (9, 7, "[/*", "\udcff\udcfe")],
        message=[
            (3, 1, "first\nline;\n-- INSERT INTO user VALUES(1);", 1_600_000_000, 0),
            (4, 2, "(((", "2020", None),
        ],
        follower=[(1, 2), (1, 2), (None, 9)],
        schema=LOOSE_SCHEMA,
    )


def rows_of(path: Path, tmp_path: Path, *, uploaded: bool = False) -> dict[str, list[Any]]:
    with open_source(path, tmp_path, uploaded=uploaded) as source:
        return {table: [(row.position, row.values) for row in source.rows(table)] for table in TABLES}


def open_source(path: Path, tmp_path: Path, *, uploaded: bool = False, required: Any = TABLES) -> SQLiteSource:
    reference = SourceReference(path, path.name, uploaded=uploaded)
    return SQLiteSource.open(reference, tmp_path / "snapshot", required=required)


def refusal(path: Path, tmp_path: Path) -> SourceError:
    """The refusal of a source, which leaves nothing behind."""
    with pytest.raises(SourceError) as error:
        open_source(path, tmp_path, required=("user",))
    assert not list(tmp_path.glob("snapshot*"))
    return error.value


def dumped(path: Path) -> str:
    """What `sqlite3 old.db .dump` writes: line ends by `replace`, bytes that are not UTF-8 as they are."""
    lines = ["PRAGMA foreign_keys=OFF;", "BEGIN TRANSACTION;"]
    connection = sqlite3.connect(path)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    for table in TABLES:
        lines.append(f"CREATE TABLE {table} ({LOOSE_SCHEMA[table]});")
        for row in connection.execute(f"SELECT * FROM {table}"):
            lines.append(f'INSERT INTO "{table}" VALUES({",".join(map(literal, row))});')
    connection.close()
    return "\n".join([*lines, "COMMIT;", ""])


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if not isinstance(value, str):
        return repr(value)
    text = "'" + value.replace("'", "''") + "'"
    for character, name, number in (("\n", "\\n", 10), ("\r", "\\r", 13)):
        if character in text:
            text = f"replace({text.replace(character, name)},'{name}',char({number}))"
    return text


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding, "surrogateescape" if "16" not in encoding else "replace"))
    return path


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def wal_pair(old: Path, tmp_path: Path) -> Path:
    """A copy of a live database, taken while its newest row is in the log only."""
    live, copy = tmp_path / "live.db", tmp_path / "copy.db"
    shutil.copy(old, live)
    connection = sqlite3.connect(live)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("INSERT INTO user VALUES (10, 'recent', 'r@b.cc', 'x')")
    connection.commit()
    for ending in ("", "-wal"):
        shutil.copy(f"{live}{ending}", f"{copy}{ending}")
    connection.close()
    return copy
