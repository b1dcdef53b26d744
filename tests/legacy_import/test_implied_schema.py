"""Rows that are handed on without their CREATE TABLE, as `.sql` files mostly are."""

from pathlib import Path
from typing import Any

import pytest

from tests.legacy_import.packed import HEAD, TABLES, open_source, refusal, write

PEOPLE = "INSERT INTO user VALUES(1,'ann','a@x','hash');\nINSERT INTO user VALUES(2,'007','b@x','hash');\n"
MESSAGES = "INSERT INTO message VALUES(5,1,'hello, (world)',1600000000,0);\n"
FOLLOWS = "INSERT INTO follower VALUES(1,2);\n"


def read(text: str, tmp_path: Path, required: Any = TABLES) -> tuple[dict[str, list[Any]], list[str]]:
    with open_source(write(tmp_path / "rows.sql", text), tmp_path, required=required) as source:
        rows = {table: [row.values for row in source.rows(table)] for table in source.tables}
        return rows, source.description.warnings


def test_rows_alone_are_taken_for_the_tables_of_a_minitwit_and_staff_are_told(tmp_path: Path) -> None:
    rows, warnings = read(PEOPLE + MESSAGES + FOLLOWS, tmp_path)
    assert rows["user"] == [(1, "ann", "a@x", "hash", None, None), (2, 7, "b@x", "hash", None, None)]
    assert rows["message"] == [(5, 1, "hello, (world)", 1_600_000_000, 0)]
    assert rows["follower"] == [(1, 2)]
    assert [warning.split(":")[0] for warning in warnings] == [
        f"There is no CREATE TABLE for {table}" for table in ("user", "message", "follower")
    ]
    assert "user_id, username, email, pw_hash" in warnings[0]


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("(5,1,'hi',1600000000)", (5, 1, "hi", 1_600_000_000, None)),
        ("(1,'hi',1600000000)", (1, 1, "hi", 1_600_000_000, None)),
        ("(1,'hi',1600000000,1)", (1, 1, "hi", 1_600_000_000, 1)),
        ("(NULL, 1 , 'it''s (so), -- here' /* , */, -1, 0)", (1, 1, "it's (so), -- here", -1, 0)),
    ],
)
def test_which_columns_the_values_of_a_message_are(tmp_path: Path, row: str, values: tuple[Any, ...]) -> None:
    rows, _ = read(f"{PEOPLE}INSERT INTO message VALUES{row};\n", tmp_path)
    assert rows["message"] == [values]


def test_other_names_in_any_case_and_columns_that_the_rows_name(tmp_path: Path) -> None:
    text = (
        "insert into [Users] values (1, \"ann\", 'a@x', 'hash');\n"
        'Insert Or Ignore Into main.`Tweets` ("id", author, content, created_at) '
        "Values (4, 1, 'hi', '2020-01-01');\n"
        "INSERT INTO likes(a,b) VALUES(1,2);\nINSERT INTO Followers VALUES(1,2),(2,1);\n"
    )
    rows, warnings = read(text, tmp_path)
    assert rows["user"] == [(1, "ann", "a@x", "hash", None, None)]
    assert rows["message"] == [(4, 1, "hi", "2020-01-01", None)]
    assert rows["follower"] == [(1, 2), (2, 1)]
    assert "its rows name (id, author, content, created_at)" in warnings[1]


@pytest.mark.parametrize(
    "row",
    [
        "message VALUES(1,2)",
        "message VALUES('a title','a text',1600000000)",
        "messages VALUES(1,'title','body','2020-01-01')",
        "user VALUES(1,'ann','hash')",
        "user VALUES('x','ann','a@x','hash')",
        "user VALUES(1,'ann','a@x','hash',NULL)",
        "follower VALUES(1,1,2)",
        "\"table\" VALUES(1,'ann','a@x','hash')",
    ],
)
def test_rows_that_may_be_anything_are_refused_with_what_is_missing(tmp_path: Path, row: str) -> None:
    error = refusal(write(tmp_path / "rows.sql", f"-- rows\nINSERT INTO {row};\n"), tmp_path)
    assert error.code == "missing_schema"
    assert "line 2: there is no CREATE TABLE for" in error.message
    assert "schema.sql: pack both into one ZIP" in error.message


def test_rows_of_other_tables_are_left_out_and_named(tmp_path: Path) -> None:
    text = PEOPLE + 3 * "INSERT INTO likes VALUES(1,2);\n" + "INSERT INTO user VALUES(3,'cy','','');\n"
    rows, warnings = read(text, tmp_path, ("user",))
    assert len(rows["user"]) == 3
    assert warnings[1:] == ["Rows of tables that no CREATE TABLE makes were left out: likes."]


@pytest.mark.parametrize("end", ["COMMIT", "COMMIT -- done", "COMMIT;\nINSERT INTO user VALUES(2,'bo','','')"])
def test_a_last_statement_without_its_semicolon_is_no_damage(tmp_path: Path, end: str) -> None:
    text = HEAD + "INSERT INTO user VALUES(1,'ann','a@b.cc','x');\n" + end
    assert len(read(text, tmp_path, ("user",))[0]["user"]) == 1 + end.count("INSERT")


@pytest.mark.parametrize(
    "end", ["INSERT INTO user VALUES(2,'bo','',", "INSERT INTO user VALUES(2,'b", "INSERT INTO", "/*"]
)
def test_a_last_statement_that_is_not_whole_is(tmp_path: Path, end: str) -> None:
    error = refusal(write(tmp_path / "rows.sql", PEOPLE + end), tmp_path)
    assert error.code == "cut_short"
    assert "line 3: it ends in the middle" in error.message


def test_the_tables_of_sqlite_itself_are_made_by_itself(tmp_path: Path) -> None:
    """As `.schema` prints them."""
    schema = (
        "CREATE TABLE user (user_id integer primary key autoincrement, username, email, pw_hash);\n"
        "CREATE TABLE sqlite_sequence(name,seq);\nCREATE TABLE IF NOT EXISTS 'sqlite_stat1'(tbl,idx,stat);\n"
    )
    path = write(tmp_path / "rows.sql", schema + PEOPLE)
    with open_source(path, tmp_path, required=("user",)) as source:
        assert source.tables["user"].rows == 2
        assert source.description.warnings == []
