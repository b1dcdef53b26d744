"""Old databases that are not what they should be: refused with a sentence, and never obeyed."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from legacy_import.rules.old_tables import OLD_TABLES
from legacy_import.source import SourceError, SQLiteSource, configured_source, source_at
from legacy_import.source.copy_lines import FIRST_ROWS, Chunk
from legacy_import.source.location import SourceReference
from legacy_import.source.sandbox import QueryTimeout, open_readonly
from legacy_import.steps.lines import Lines
from tests.legacy_import.hostile import KINDS, files_of
from tests.legacy_import.old_database import LOOSE_SCHEMA, make_old_database

USER = ("user",)
PERSON = (1, "ann", "ann@example.com", "x")


def open_source(path: Path, required: Sequence[str] = USER) -> SQLiteSource:
    return SQLiteSource.open(source_at(str(path)), path.with_suffix(".snapshot"), required=required)


def refusal(path: Path, required: Sequence[str] = USER) -> SourceError:
    with pytest.raises(SourceError) as error, open_source(path, required) as source:
        lines_of(source, "user")
    assert str(path) in error.value.message
    return error.value


def lines_of(source: SQLiteSource, table: str) -> bytes:
    return b"".join(chunk() for chunk in chunks_of(source, table))


def chunks_of(source: SQLiteSource, table: str) -> Iterator[Chunk]:
    plan = Lines(OLD_TABLES[table].resource()).plan(
        source.tables[table], lambda tests: source.count_passing(table, tests)
    )
    return source.chunks(table, plan)


def lines_one_by_one(source: SQLiteSource, table: str) -> bytes:
    return b"\n".join([*map(Lines(OLD_TABLES[table].resource()).build, source.rows(table)), b""])


def write(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


@pytest.mark.parametrize(
    ("content", "what_it_is"),
    [
        (b"", "an empty file"),
        (b'[{"user_id": 1}]', "a JSON file"),
        (b"<!DOCTYPE html>\n<html><body>Not found</body></html>", "an HTML page"),
        (b"\0\1\0\0Standard Jet DB\0" + bytes(80), "a Microsoft Access database"),
        ("größe".encode(), "a text file"),
        (b"12345678DUCK", "a DuckDB database"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\x37\x7f\x06\x82wal", "write-ahead log"),
        (bytes(range(256)), "an unknown kind"),
    ],
)
def test_a_file_that_is_no_database_is_named_for_what_it_is(tmp_path, content, what_it_is):
    path = tmp_path / "old.db"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "not_sqlite"
    assert what_it_is in error.message


def test_a_missing_file_and_a_folder(tmp_path):
    assert refusal(tmp_path / "nowhere.db").code == "no_such_file"
    assert refusal(tmp_path).code == "not_sqlite"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "old.db")
    assert "a pipe" in refusal(tmp_path / "old.db").message


@pytest.mark.parametrize("ending", ["-wal", "-journal"])
def test_a_pipe_beside_a_database_is_not_waited_for(tmp_path, ending):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    os.mkfifo(f"{path}{ending}")
    assert f"old.db{ending} is no file" in refusal(path).message


def test_a_complaint_that_quotes_bytes_of_the_file_is_a_complaint(tmp_path):
    """Python cannot decode what SQLite says of it, which is no fault of the program."""
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    path.write_bytes(path.read_bytes().replace(b"TABLE message", b"TABLE \xffessag("))
    error = refusal(path)
    assert error.code == "damaged_file"
    assert "malformed database schema" in error.message


def test_a_tree_without_an_end_is_damage(tmp_path):
    """Every branch refers a hundred times to the next, which makes a hundred to the eighteenth rows."""
    file = next(file for file in files_of(KINDS["endless_trees"]) if file.number == 4)
    error = refusal(file.make(tmp_path / "endless"), ("message",))
    assert error.code == "damaged_file"
    assert "2nd reference to page" in error.message


def test_more_columns_than_can_be_looked_at_in_time_are_refused(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    columns = ", ".join(f"column_{number}" for number in range(1000))
    write(path, "".join(f"CREATE TABLE more_{number} ({columns});" for number in range(100)))
    assert refusal(path).code == "too_many_tables"


def test_names_in_a_sentence_can_be_read(tmp_path):
    path = write(tmp_path / "old\n\u202ename.db", 'CREATE TABLE "two\nlines\u202e" (a)')
    for number in range(100):
        write(path, f"CREATE TABLE {'x' * 1000}{number} (a)")
    with pytest.raises(SourceError) as error:
        open_source(path)
    assert "old\ufffd\ufffdname.db" in error.value.message
    assert "and 81 more" in error.value.message
    assert error.value.message.isprintable()
    assert len(error.value.message) < 2000


def test_a_truncated_file_is_damaged(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[(n, f"user {n}", "x" * 500, "y") for n in range(1, 500)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path).code == "damaged_file"


def test_overwritten_pages_are_damage(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[(n, f"user {n}", "x" * 500, "y") for n in range(1, 500)])
    data = bytearray(path.read_bytes())
    data[8192:40960] = b"\xff" * (40960 - 8192)
    path.write_bytes(data)
    assert refusal(path).code == "damaged_file"


def test_a_missing_table_or_column_is_named(tmp_path):
    path = write(tmp_path / "a.db", "CREATE TABLE user (user_id integer primary key, username, email, pw_hash)")
    assert "no table message" in refusal(path, ("user", "message")).message
    path = write(tmp_path / "b.db", "CREATE TABLE user (user_id integer primary key, email, pw_hash)")
    assert "no column username" in refusal(path).message


def test_a_file_without_the_flagged_column_is_read_as_never_flagged(tmp_path):
    path = write(
        tmp_path / "old.db",
        "CREATE TABLE message (message_id integer primary key, author_id, text, pub_date);"
        "INSERT INTO message VALUES (1, 1, 'hi', 1600000000)",
    )
    with open_source(path, ("message",)) as source:
        assert [row.values for row in source.rows("message")] == [(1, 1, "hi", 1600000000, None)]


def test_a_view_with_the_name_of_a_table_is_not_read(tmp_path):
    path = write(tmp_path / "old.db", "CREATE VIEW user AS SELECT 1 user_id, 'x' username, '' email, '' pw_hash")
    assert refusal(path).code == "missing_table"


def test_a_virtual_table_is_not_read(tmp_path):
    path = write(tmp_path / "old.db", "CREATE VIRTUAL TABLE user USING fts5(user_id, username, email, pw_hash)")
    assert refusal(path).code == "missing_table"


def test_a_computed_column_is_not_read(tmp_path):
    path = write(
        tmp_path / "old.db",
        "CREATE TABLE user (user_id integer primary key, username, email,"
        " pw_hash AS (printf('%.*c', 100000000, 'x')));"
        "INSERT INTO user (username) VALUES ('ann')",
    )
    assert refusal(path).code == "computed_columns"


def test_a_computed_column_is_never_calculated(tmp_path):
    """Looking for one text of four million letters in another takes hours, and no time limit ends a single call."""
    endless = "instr(printf('%.*c', 9000000, 'a'), printf('%.*c', 4000000, 'a') || 'b')"
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    write(path, f"ALTER TABLE user ADD COLUMN trap INTEGER AS ({endless}) VIRTUAL")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'VIRTUAL', 'NOT NULL') WHERE name = 'user'")
    connection.commit()
    connection.close()
    error = refusal(path)
    assert error.code == "computed_columns"
    assert "trap" in error.message


def test_a_value_beyond_all_measure_is_refused(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[(1, "x" * (17 * 1024 * 1024), "", "")])
    assert refusal(path).code == "value_too_long"


def test_a_statement_that_gives_nothing_is_ended(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[(n, "x", "", "") for n in range(1, 2000)])
    timeout = QueryTimeout(silence_limit=0)
    connection = open_readonly(path, timeout)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute("SELECT count(*) FROM user AS a, user AS b, user AS c").fetchone()
    assert timeout.timed_out
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM user",
        "CREATE TABLE more (id)",
        "ATTACH DATABASE ':memory:' AS other",
        "PRAGMA journal_mode=WAL",
        "PRAGMA writable_schema=ON",
        "SELECT load_extension('anything')",
        "SELECT randomblob(10)",
        "WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless) SELECT count(*) FROM endless",
        "SELECT * FROM trap",
    ],
)
def test_nothing_but_reading_tables_is_allowed(tmp_path, statement):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    write(path, "CREATE VIEW trap AS SELECT username FROM user")
    connection = open_readonly(path)
    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
        connection.execute(statement).fetchall()
    connection.close()


def test_half_a_character_takes_no_mark_of_a_line_along(tmp_path):
    """In a file of UTF-16, half of one at the end of a text would make a whole of itself and what comes after it."""
    path = write(
        tmp_path / "old.db",
        "PRAGMA encoding='UTF-16le'; CREATE TABLE user (user_id, username); CREATE TABLE message (message_id integer"
        " primary key, author_id, text, pub_date, flagged);"
        "INSERT INTO message VALUES (1, 1, CAST(x'62003dd8' AS TEXT), 1600000000, 0), (2, 1, 'b', 1600000000, 0)",
    )
    with open_source(path, ("user", "message")) as source:
        lines = lines_of(source, "message")
        assert lines == lines_one_by_one(source, "message")
        assert lines.count(b"\n") == 2


def test_a_wal_file_that_came_alone_is_warned_about(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    data = bytearray(path.read_bytes())
    data[18:20] = b"\x02\x02"
    path.write_bytes(data)
    with SQLiteSource.open(SourceReference(path, "old.db", uploaded=True), tmp_path / "s", required=USER) as source:
        assert "came without its -wal file" in source.description.warnings[0]


def test_other_tables_are_ignored_and_listed(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    write(path, "CREATE TABLE latest (id); CREATE TABLE sessions (id)")
    with open_source(path) as source:
        assert source.description.ignored == ["latest", "sessions"]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("sqlite:////srv/old%20site.db", "/srv/old site.db"),
        ("sqlite+pysqlite:////srv/old%20site.db", "/srv/old site.db"),
        ("SQLite:////srv/old.db", "/srv/old.db"),
        ("/srv/old.db", "/srv/old.db"),
    ],
)
def test_a_source_is_given_as_a_path_or_an_address(location, path):
    assert str(source_at(location).path) == path


@pytest.mark.parametrize(
    "location", ["~nobody-of-that-name/old.db", "sqlite://[srv/old.db", "/srv/caf\udce9.db", "sqlite:////srv/a%00.db"]
)
def test_an_address_that_cannot_be_understood_is_refused(location):
    with pytest.raises(SourceError) as error:
        source_at(location)
    assert error.value.code == "bad_address"
    assert error.value.message.isprintable()


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("postgres://ann:s3cret@db.example.com/old", "postgresql://db.example.com/old"),
        ("postgresql+psycopg2://ann:s3cret@db.example.com/old", "postgresql://db.example.com/old"),
        ("postgresql+asyncpg://ann:s3cret@db.example.com:5433/old", "postgresql://db.example.com:5433/old"),
        ("mysql+pymysql://ann:s3cret@db.example.com/old?charset=utf8mb4", "mysql://db.example.com/old"),
        ("mariadb+mariadbconnector://ann:s3cret@db.example.com/old", "mysql://db.example.com/old"),
    ],
)
def test_a_server_is_known_by_its_address_whatever_driver_is_named_in_it(address, label):
    """Old applications have such addresses in their configuration, and staff copy them."""
    source = source_at(address)
    assert source.key("") == source.label == label


def test_another_kind_of_database_is_refused_by_its_address(settings):
    settings.LEGACY_DATABASE_URL = "oracle://somewhere/db"
    with pytest.raises(SourceError, match="cannot be read from an address that starts with oracle://"):
        configured_source()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_bytes_are_read_alike_however_the_file_encodes_its_texts(tmp_path, encoding):
    """Some drivers store a password's hash as bytes."""
    path = write(
        tmp_path / "old.db",
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE user (user_id integer primary key, username, email, pw_hash);"
        "INSERT INTO user VALUES (1, 'Søren', 'soren@example.com', 'x'), (2, 'ann', '', x'24326224');",
    )
    with open_source(path) as source:
        rows = [row.values[1:4] for row in source.rows("user")]
    assert rows == [("Søren", "soren@example.com", "x"), ("ann", "", b"$2b$")]


def test_rows_that_are_taken_together_give_the_lines_that_each_gives_alone(tmp_path):
    """Among those that SQLite writes are others that Python writes; a text may hold the very marks between fields."""
    kinds = [(1, "hello", 1_600_000_000, 0), (None, None, None, None), ("ann", "line\nend\\", 1.5, None)]
    kinds += [(2, "back\\slash\r\n", 1_600_000_001, 1), (2, "a\x1db", 1_600_000_001, 1)]
    messages = [(number, *kinds[number % (4 if number < 2000 else 5)]) for number in range(1, 3000)]
    path = make_old_database(tmp_path / "old.db", message=messages, schema=LOOSE_SCHEMA)
    with open_source(path, ("user", "message")) as source:
        together, alone = lines_of(source, "message"), lines_one_by_one(source, "message")
    assert together == alone


def test_a_row_in_another_form_than_most_is_taken_together_with_them(tmp_path):
    """SQLite writes both forms, so that no value is odd."""
    dates = ["2020-09-13 12:26:40", "2020-09-13 12:26:41", 1_600_000_000]
    path = make_old_database(tmp_path / "old.db", message=[(n, 1, "hi", dates[n % 3], 0) for n in range(1, 30)])
    with open_source(path, ("user", "message")) as source:
        together, alone = lines_of(source, "message"), lines_one_by_one(source, "message")
    assert [line.split(b"\x1f")[3] for line in together.splitlines()] == [
        line.split(b"\x1f")[3] for line in alone.splitlines()
    ]


def test_users_that_are_taken_together_give_the_lines_that_each_gives_alone(tmp_path):
    """Of users only the passwords are odd, and what belongs to a password in clear depends on the user's id."""
    kinds = [("ann", "ann@example.com", "secret"), ("größe", "no address", None), ("back\\slash", "", "sec\\ret\r\n")]
    kinds += [("ａnn", "ann@example.com", b"secret"), (7, 1.5, "pbkdf2:sha256:1000$salt$" + 64 * "0")]
    users = [(number, *kinds[number % 5]) for number in range(1, 1000)]
    users += [(f"00{number}", *kinds[number % 5]) for number in range(1000, 1100)]
    path = make_old_database(tmp_path / "old.db", user=users, schema=LOOSE_SCHEMA)
    with open_source(path) as source:
        chunks, alone = [chunk() for chunk in chunks_of(source, "user")], lines_one_by_one(source, "user")
    assert b"".join(chunks) == alone
    # Hashing takes time, and between two chunks an import says how far it is.
    assert [chunk.count(b"\n") for chunk in chunks] == [FIRST_ROWS, 250, 250, 99]


@pytest.mark.parametrize("text", ["nul\0inside", "a\x1eb", "a\x1fb", "a\x1cb", "\x1d", "a\x1c\x1eb"])
def test_a_text_that_holds_the_marks_of_lines_stays_a_text(tmp_path, text):
    """Control characters separate fields and lines on their way; a text that holds them must not add a row."""
    messages = [(number, 1, "hello", 1_600_000_000, 0) for number in range(1, 10)]
    messages[4] = (5, 1, text, 1_600_000_000, 0)
    path = make_old_database(tmp_path / "old.db", message=messages)
    with open_source(path, ("user", "message")) as source:
        lines, alone = lines_of(source, "message"), lines_one_by_one(source, "message")
    assert lines == alone
    assert [line.split(b"\x1f")[0] for line in lines.splitlines()] == [b"%d" % number for number in range(1, 10)]


def test_rows_that_are_too_long_to_be_read_together_are_read_few_at_a_time(tmp_path):
    messages = [(number, 1, "x" * 100_000, 1_600_000_000, 0) for number in range(1, 701)]
    path = make_old_database(tmp_path / "old.db", message=messages)
    with open_source(path, ("user", "message")) as source:
        statements: list[str] = []
        source.connection.set_trace_callback(statements.append)
        lines = lines_of(source, "message")
    limits = [int(statement.rpartition("LIMIT ")[2].rstrip(")")) for statement in statements if "LIMIT" in statement]
    assert lines.count(b"\n") == 700
    assert limits
    assert max(limits) == limits[0]
