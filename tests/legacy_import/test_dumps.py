"""Old databases as dumps: they hold the same rows, and what is broken or hostile is refused."""

import gzip
import random
import shutil
from pathlib import Path

import pytest

from legacy_import.source import SourceError, SQLiteSource, source_at
from legacy_import.source.snapshot.dumps import loading, sql_splitter
from tests.legacy_import.packed import (
    HEAD,
    LARGE_BLOCK,
    dumped,
    make_awkward_database,
    open_source,
    refusal,
    rows_of,
    wal_pair,
    write,
    zipped,
)

ANN = "INSERT INTO user VALUES(1,'ann','a@b.cc','x');\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_awkward_database(tmp_path / "old.db")


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
        f"{HEAD}CREATE TRIGGER t AFTER INSERT ON user BEGIN DELETE FROM user; SELECT 'END;\udcff'; END;\n"
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
        (HEAD + ANN + "INSERT INTO message VALUES(1);\nCOMMIT;", "missing_schema", 5),
        (HEAD + "INSERT INTO user VALUES((SELECT 1 FROM nobody),2,3,4);\nCOMMIT;", "damaged_file", 4),
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
        (HEAD + "CREATE TEMP TABLE message(a);\nINSERT INTO message VALUES(1);\nCOMMIT;", "missing_schema", 5),
    ],
)
def test_a_broken_or_hostile_dump_is_refused_with_its_line(tmp_path: Path, text: str, code: str, line: int) -> None:
    error = refusal(write(tmp_path / "old.sql", text), tmp_path)
    assert error.code == code
    assert f"line {line}:" in error.message


def test_a_dump_that_grows_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LEAST_BYTES", 1024 * 1024)
    double = "INSERT INTO user SELECT * FROM user;\n"
    error = refusal(write(tmp_path / "old.sql", HEAD + ANN + 40 * double + "COMMIT;\n"), tmp_path)
    assert error.code == "too_large"


def test_a_dump_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SECONDS", 0.5)
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
def test_a_dump_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: str
) -> None:
    monkeypatch.setattr(sql_splitter, "BLOCK_CHARACTERS", LARGE_BLOCK)
    assert refusal(write(tmp_path / "old.sql", HEAD + text + "COMMIT;\n"), tmp_path).code == code


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
