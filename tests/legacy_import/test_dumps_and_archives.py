"""Old databases that come as a dump, in an archive, or with a write-ahead log: the same rows as the plain file."""

import gzip
import random
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError, SourceReference, SQLiteSource, source_at
from legacy_import.source.snapshot import archives, dumps, sql_splitter
from tests.legacy_import.old_database import LOOSE_SCHEMA, make_old_database

TABLES = ("user", "message", "follower")
HEAD = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE user(user_id,username,email,pw_hash);\n"
ANN = "INSERT INTO user VALUES(1,'ann','a@b.cc','x');\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Values that are hard to write down: quotes, line ends, semicolons, comments, numbers, bytes, and none."""
    return make_old_database(
        tmp_path / "old.db",
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


def test_a_dump_holds_the_same_rows_as_its_database(old: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "old.sql", dumped(old))
    assert rows_of(path, tmp_path) == rows_of(old, tmp_path)
    with open_source(path, tmp_path) as source:
        assert source.description.kind == "SQLite dump"
        assert source.description.warnings == []


def test_a_dump_with_line_ends_within_its_texts_holds_the_same_rows(old: Path, tmp_path: Path) -> None:
    """As Python's iterdump and old versions of SQLite write it; read in blocks that end anywhere."""
    text = dumped(old).replace("replace('first\\nline;\\n--", "replace('first\nline;\n--")
    assert "'first\nline" in text
    assert rows_of(write(tmp_path / "old.sql", text), tmp_path) == rows_of(old, tmp_path)


@pytest.mark.parametrize("characters", [1, 2, 7, 64])
def test_where_a_block_of_the_dump_ends_does_not_matter(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, characters: int
) -> None:
    monkeypatch.setattr(sql_splitter, "BLOCK_CHARACTERS", characters)
    assert rows_of(write(tmp_path / "old.sql", dumped(old)), tmp_path) == rows_of(old, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_dump_in_another_encoding_holds_the_same_texts(tmp_path: Path, encoding: str) -> None:
    text = HEAD + "INSERT INTO user VALUES(1,'größe 🎉','','');\nCOMMIT;\n"
    with open_source(write(tmp_path / "old.sql", text, encoding), tmp_path, required=("user",)) as source:
        assert [row.values[1] for row in source.rows("user")] == ["größe 🎉"]


def test_a_dump_with_the_line_ends_of_windows(tmp_path: Path) -> None:
    path = write(tmp_path / "old.sql", (HEAD + ANN + "COMMIT;\n").replace("\n", "\r\n"))
    with open_source(path, tmp_path, required=("user",)) as source:
        assert [row.values for row in source.rows("user")] == [(1, "ann", "a@b.cc", "x", None, None)]


def test_what_is_not_tables_and_rows_is_left_out_and_named(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    text = (
        f"{HEAD}CREATE TRIGGER t AFTER INSERT ON user BEGIN DELETE FROM user; SELECT 'END;'; END;\n"
        f"CREATE VIEW v AS SELECT 1;\nATTACH '{elsewhere}' AS other;\nSELECT load_extension('x');\n"
        f"CREATE VIRTUAL TABLE f USING fts5(a);\n{ANN}CREATE INDEX i ON user(username);\n"
        "DELETE FROM sqlite_sequence;\nCOMMIT;\n"
    )
    with open_source(write(tmp_path / "old.sql", text), tmp_path, required=("user",)) as source:
        assert source.tables["user"].rows == 1
        (warning,) = source.description.warnings
    for named in ("CREATE TRIGGER", "CREATE VIEW", "ATTACH", "load_extension", "CREATE VIRTUAL TABLE"):
        assert named in warning
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (HEAD + ANN, "cut_short", 5),
        (HEAD + ANN + "INSERT INTO user VALUES(2,'bo", "cut_short", 5),
        (HEAD + ANN + ANN + "INSERT INTO user VALUES(3);\nCOMMIT;", "damaged_file", 6),
        (HEAD + ANN + "INSERT INTO user VALEUS(3,'','','');\nCOMMIT;", "damaged_file", 5),
        (HEAD + ANN + "INSERT INTO nobody VALUES(1);\nCOMMIT;", "damaged_file", 5),
        (HEAD + ANN + "ROLLBACK; -- due to errors\n", "damaged_file", 5),
        (HEAD + "UPDATE user SET username = 'x';\nCOMMIT;", "unknown_statement", 4),
        (HEAD + ".shell touch /tmp/x\n" + ANN + "COMMIT;", "unknown_statement", 5),
        (HEAD + "INSERT INTO user VALUES(1,load_extension('x'),'','');\nCOMMIT;", "unknown_statement", 4),
        (HEAD + "INSERT INTO user SELECT randomblob(9),1,1,1;\nCOMMIT;", "unknown_statement", 4),
        (
            HEAD + "INSERT INTO user WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i,i,i,i"
            " FROM n;\nCOMMIT;",
            "unknown_statement",
            4,
        ),
        (HEAD + "CREATE TEMP TABLE x(a);\nINSERT INTO x VALUES(1);\nCOMMIT;", "damaged_file", 5),
    ],
)
def test_a_broken_or_hostile_dump_is_refused_with_its_line(tmp_path: Path, text: str, code: str, line: int) -> None:
    error = refusal(write(tmp_path / "old.sql", text), tmp_path)
    assert error.code == code
    assert f"line {line}:" in error.message


def test_a_dump_that_grows_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "LEAST_BYTES", 1024 * 1024)
    double = "INSERT INTO user SELECT * FROM user;\n"
    error = refusal(write(tmp_path / "old.sql", HEAD + ANN + 40 * double + "COMMIT;\n"), tmp_path)
    assert error.code == "too_large"


def test_a_dump_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "SECONDS", 0.5)
    cross = "INSERT INTO user SELECT 1,1,1,1 FROM user a, user b, user c, user d, user e WHERE a.username = 'x';\n"
    error = refusal(write(tmp_path / "old.sql", HEAD + 200 * ANN + cross + "COMMIT;\n"), tmp_path)
    assert error.code == "source_too_slow"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"INSERT INTO user VALUES(1,'{'x' * 17 * 1024 * 1024}','','');\n", "value_too_long"),
        ("INSERT INTO user VALUES" + "(1,2,3,4)," * 200_000 + "(1,2,3,4);\n", "statement_too_long"),
        ("INSERT INTO user VALUES(1,'" + ";\n" * 18 * 1024 * 1024, "statement_too_long"),
        ("CREATE TRIGGER t AFTER INSERT ON user BEGIN " + "SELECT 1;" * 10_000, "statement_too_long"),
    ],
)
def test_a_dump_that_would_fill_the_memory_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert refusal(write(tmp_path / "old.sql", HEAD + text + "COMMIT;\n"), tmp_path).code == code


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
        (lambda path, old: zipped(path), "empty_archive", "no SQLite database and no dump"),
        (lambda path, old: zipped(path, a__txt=b"hello"), "empty_archive", "a.txt is not a SQLite database"),
        (
            lambda path, old: zipped(path, one__db=old.read_bytes(), two__sql=HEAD.encode()),
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


@pytest.mark.parametrize("kind", ["dump", "zip", "gzip", "wal"])
def test_a_damaged_source_is_read_or_refused_but_never_crashes(old: Path, tmp_path: Path, kind: str) -> None:
    chance = random.Random(4)
    path, broken = tmp_path / "good", tmp_path / "broken"
    if kind == "dump":
        write(path, dumped(old))
    elif kind == "zip":
        zipped(path, old__db=old.read_bytes())
    elif kind == "gzip":
        path.write_bytes(gzip.compress(old.read_bytes()))
    else:
        path = wal_pair(old, tmp_path)
    outcomes = set()
    for _ in range(60):
        damaged = path.with_name("copy.db-wal") if kind == "wal" else path
        content = bytearray(damaged.read_bytes())
        for _ in range(chance.randint(1, 5)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        del content[chance.choice([len(content), chance.randrange(len(content))]) :]
        if kind == "wal":
            shutil.copy(path, broken)
        (tmp_path / "broken-wal" if kind == "wal" else broken).write_bytes(content)
        try:
            rows_of(broken, tmp_path, uploaded=True)
        except SourceError as error:
            outcomes.add(error.code)
        else:
            outcomes.add("read")
    assert outcomes - {"read"} or kind == "wal"


class Stop(Exception):  # noqa: N818 -- somebody asked
    pass


@pytest.mark.parametrize("kind", ["dump", "zip"])
def test_taking_in_can_be_stopped_and_leaves_nothing(old: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "old"
    if kind == "dump":
        write(path, dumped(old))
    else:
        zipped(path, old__db=old.read_bytes())

    def on_progress(line: str) -> None:
        raise Stop(line)

    with pytest.raises(Stop, match=r"Loading the dump|Unpacking"):
        SQLiteSource.open(source_at(str(path)), tmp_path / "snapshot", required=("user",), on_progress=on_progress)
    assert not list(tmp_path.glob("snapshot*"))
