"""Old databases in archives and with their logs: read, or refused, whatever is in them."""

import gzip
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError
from legacy_import.source.snapshot import archives
from tests.legacy_import.packed import (
    HEAD,
    dumped,
    make_awkward_database,
    open_source,
    refusal,
    rows_of,
    wal_pair,
    zipped,
)

SCHEMA = """-- the schema of Flask's MiniTwit
drop table if exists user;
create table user (user_id integer primary key autoincrement, username string not null, email string, pw_hash string);
drop table if exists follower;
create table follower (who_id integer, whom_id integer);
drop table if exists message;
create table message (message_id integer primary key, author_id integer, text string, pub_date integer, flagged)
"""
ROWS = "INSERT INTO user VALUES(1,'ann','a@x','hash');\nINSERT INTO user VALUES(2,'bo',NULL,'hash');\n"
MESSAGES = "INSERT INTO message VALUES(7,1,'hi',1600000000,0);\n"
TWO_ROWS = {"user": 2, "message": 1, "follower": 0}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_awkward_database(tmp_path / "old.db")


@pytest.mark.parametrize("pack", ["zip", "zip of a dump", "gzip", "gzip of a dump"])
def test_an_archive_holds_the_same_rows_as_its_database(old: Path, tmp_path: Path, pack: str) -> None:
    content = dumped(old).encode("utf-8", "surrogateescape") if "dump" in pack else old.read_bytes()
    path = tmp_path / "old.packed"
    if pack.startswith("zip"):
        zipped(path, **{"site/data/old.db": content, "__MACOSX/._old.db": b"\0\5\x16\7", "README": b"hello"})
    else:
        path.write_bytes(gzip.compress(content))
    assert rows_of(path, tmp_path, uploaded=True) == rows_of(old, tmp_path)
    assert not list(tmp_path.glob("snapshot-*"))


def test_a_zip_with_a_write_ahead_log_brings_the_newest_rows(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    log = copy.with_name("copy.db-wal")
    path = zipped(tmp_path / "old.zip", **{"old.db": copy.read_bytes(), "old.db-wal": log.read_bytes()})
    with open_source(path, tmp_path) as source:
        assert source.tables["user"].rows == 4
        assert source.description.warnings == []


def test_an_uploaded_log_brings_the_newest_rows_and_an_upload_without_it_is_warned_of(
    old: Path, tmp_path: Path
) -> None:
    copy = wal_pair(old, tmp_path)
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 4
        assert source.description.warnings == []
    copy.with_name("copy.db-wal").unlink()
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 3
        assert "upload the -wal file with it" in source.description.warnings[0]


def test_the_log_of_another_database_is_noticed(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    log = copy.with_name("copy.db-wal")
    content = bytearray(log.read_bytes())
    content[16:24] = b"another!"  # its salt, which all its pages repeat
    log.write_bytes(content)
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert "holds nothing for this database" in source.description.warnings[0]
    content[8:12] = struct.pack(">I", 1024)
    log.write_bytes(content)
    with pytest.raises(SourceError, match="its pages have another size"):
        open_source(copy, tmp_path, uploaded=True)


def test_a_log_that_is_damaged_in_the_middle_is_warned_of(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    with closing(sqlite3.connect(copy)) as connection:  # one more change; closing it would bring the log in
        connection.execute("INSERT INTO user VALUES (11, 'last', 'l@b.cc', 'x')")
        connection.commit()
        torn = tmp_path / "torn.db"
        for ending in ("", "-wal"):
            shutil.copy(f"{copy}{ending}", f"{torn}{ending}")
    log = torn.with_name("torn.db-wal")
    content = bytearray(log.read_bytes())
    content[-10] ^= 1
    log.write_bytes(content)
    with open_source(torn, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 4
        assert "damaged, cut short" in source.description.warnings[0]


def encrypted(path: Path, old: Path) -> Path:
    content = bytearray(zipped(path, old__db=old.read_bytes()).read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    return path


def cut_short(path: Path, old: Path) -> Path:
    path.write_bytes(zipped(path, old__db=old.read_bytes()).read_bytes()[:-30])
    return path


def damaged(path: Path, old: Path) -> Path:
    content = bytearray(zipped(path, old__db=old.read_bytes()).read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    return path


def nested(path: Path, old: Path) -> Path:
    return zipped(path, inner__zip=zipped(path, old__db=old.read_bytes()).read_bytes())


def crowded(path: Path, old: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(archives.MOST_FILES + 1):
            archive.writestr(f"{number}", b"x")
    return path


def gzip_of_zip(path: Path, old: Path) -> Path:
    path.write_bytes(gzip.compress(nested(path, old).read_bytes()))
    return path


def gzip_cut_short(path: Path, old: Path) -> Path:
    path.write_bytes(gzip.compress(old.read_bytes() * 50)[:-40])
    return path


@pytest.mark.parametrize(
    ("make", "code", "sentence"),
    [
        (encrypted, "encrypted_archive", "protected with a password"),
        (cut_short, "damaged_archive", "damaged or cut short"),
        (damaged, "damaged_archive", "damaged or cut short"),
        (nested, "nested_archive", "holds another archive"),
        (gzip_of_zip, "nested_archive", "holds another archive"),
        (gzip_cut_short, "damaged_archive", "damaged or cut short"),
        (crowded, "unusual_archive", "too many files"),
        (lambda path, old: zipped(path), "empty_archive", "no old database and no dump"),
        (lambda path, old: zipped(path, a__txt=b"hello"), "empty_archive", "a.txt is not a SQLite database"),
        (
            lambda path, old: zipped(path, one__db=old.read_bytes(), two__sql=f"{HEAD}{ROWS}COMMIT;".encode()),
            "several_databases",
            "one.db, two.sql",
        ),
    ],
)
def test_an_archive_that_is_not_one_old_database_is_refused(
    old: Path, tmp_path: Path, make: Callable[[Path, Path], Path], code: str, sentence: str
) -> None:
    error = refusal(make(tmp_path / "old.zip", old), tmp_path)
    assert error.code == code
    assert sentence in error.message


def test_an_archive_goes_nowhere_but_where_we_say(old: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "old.zip", **{"../../escaped.db": old.read_bytes()})
    assert rows_of(path, tmp_path) == rows_of(old, tmp_path)
    assert not list(tmp_path.parent.glob("escaped*"))
    assert not list(tmp_path.parent.parent.glob("escaped*"))


@pytest.mark.parametrize("pack", ["zip", "gzip"])
def test_what_comes_out_of_an_archive_is_counted_whatever_it_says(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, pack: str
) -> None:
    content = old.read_bytes() + bytes(4 * 1024 * 1024)
    path = tmp_path / "old.packed"
    if pack == "zip":
        zipped(path, old__db=content)
    else:
        path.write_bytes(gzip.compress(content))
    monkeypatch.setattr(archives, "HARMLESS_BYTES", 1024)
    assert refusal(path, tmp_path).code == "archive_bomb"
    monkeypatch.setattr(archives, "GROWTH", 10_000)
    settings.LEGACY_UPLOAD_MAX_BYTES = 1024 * 1024
    assert refusal(path, tmp_path).code == "too_large"


def packed(tmp_path: Path, **files: str | bytes) -> Path:
    contents = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    return zipped(tmp_path / "old.zip", **contents)


@pytest.mark.parametrize(
    "files",
    [
        {"schema__sql": SCHEMA, "dump__sql": ROWS + MESSAGES},
        {"a_dump__sql": ROWS + MESSAGES, "z_schema__sql": SCHEMA},
        {"site/user__sql": ROWS, "site/schema__sql": SCHEMA, "site/message__sql": MESSAGES},
        {"user__sql": ROWS, "follower__sql": SCHEMA, "message__sql": MESSAGES.encode("utf-16")},
        {"schema__sql": SCHEMA, "dump__sql": f"BEGIN;{SCHEMA};{ROWS}{MESSAGES}COMMIT;"},
        {"one__sql": SCHEMA.split("drop table if exists message")[0] + ";" + ROWS, "two__sql": MESSAGES},
    ],
)
def test_a_schema_and_its_rows_are_one_database_in_whatever_order(
    tmp_path: Path, files: dict[str, str | bytes]
) -> None:
    with open_source(packed(tmp_path, **files), tmp_path, required=("user", "message")) as source:
        assert {name: source.tables[name].rows if name in source.tables else 0 for name in TWO_ROWS} == TWO_ROWS
        assert [row.values[:4] for row in source.rows("user")] == [(1, "ann", "a@x", "hash"), (2, "bo", None, "hash")]
        assert source.description.kind.startswith("ZIP archive of a SQLite dump, ")
    assert not list(tmp_path.glob("snapshot-*"))


def test_a_schema_beside_a_database_or_a_whole_dump_is_not_read_and_staff_are_told(old: Path, tmp_path: Path) -> None:
    path = packed(
        tmp_path, old__db=old.read_bytes(), **{"app/schema__sql": SCHEMA, "app/indexes__sql": "BEGIN;COMMIT;"}
    )
    assert rows_of(path, tmp_path) == rows_of(old, tmp_path)
    with open_source(path, tmp_path) as source:
        assert source.description.kind == "ZIP archive of a SQLite database, old.db"
        (warning,) = source.description.warnings
    assert "not read: app/schema.sql, app/indexes.sql" in warning


def test_dumps_of_mysql_may_be_a_file_for_each_table(tmp_path: Path) -> None:
    user = "CREATE TABLE `user` (`user_id` int AUTO_INCREMENT, `username` text, PRIMARY KEY (`user_id`));\n"
    message = user.replace("user", "message").replace("`messagename`", "`author_id` int, `pub_date` int, `text`")
    files = {
        "user__sql": user + "INSERT INTO `user` VALUES (1,'o\\'b');\n",
        "message__sql": message + "INSERT INTO `message` VALUES (4,1,5,'it\\'s');\n",
    }
    with open_source(packed(tmp_path, **files), tmp_path, required=("user", "message")) as source:
        assert next(source.rows("user")).values[:2] == (1, "o'b")
        assert next(source.rows("message")).values[:4] == (4, 1, "it's", 5)
        assert source.description.kind == "ZIP archive of a MySQL or MariaDB dump, user.sql and message.sql"


@pytest.mark.parametrize(
    "files",
    [
        {"one__sql": f"{SCHEMA};{ROWS}", "two__sql": f"{SCHEMA};{ROWS}"},
        {"one__sql": f"{SCHEMA};{ROWS}", "two__sql": ROWS},
        {"schema__sql": SCHEMA, "schema_old__sql": SCHEMA, "rows__sql": ROWS},
        {"my__sql": "CREATE TABLE user (id int) ENGINE=InnoDB;", "pg__sql": "CREATE TABLE message (id serial);"},
        {"old__db": b"", "two__sql": ROWS},
    ],
)
def test_two_old_databases_in_one_archive_are_refused(
    old: Path, tmp_path: Path, files: dict[str, str | bytes]
) -> None:
    files = {name: text or old.read_bytes() for name, text in files.items()}
    error = refusal(packed(tmp_path, **files), tmp_path)
    assert error.code == "several_databases"
    assert "a schema and the rows that belong to it may be two files" in error.message


def test_a_part_that_is_damaged_is_named_with_its_line(tmp_path: Path) -> None:
    error = refusal(packed(tmp_path, schema__sql=SCHEMA, rows__sql=ROWS + "INSERT INTO user VALUES(1"), tmp_path)
    assert error.message.startswith("old.zip (rows.sql) cannot be loaded: line 3: it ends in the middle")
