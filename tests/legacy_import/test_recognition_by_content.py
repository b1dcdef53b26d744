"""Of several columns whose names would do, the one is read that carries what is wanted."""

from pathlib import Path

import pytest

from legacy_import.source import SQLiteSource, source_at
from legacy_import.source.recognition.mapping import TableMapping
from tests.legacy_import.old_schemas import HASH, write_script

USERS = "CREATE TABLE users (id integer primary key, username); INSERT INTO users VALUES (1, 'ann'), (2, 'bob');"


def recognised(folder: Path, script: str, *required: str) -> dict[str, TableMapping]:
    """What the tables and columns of an old database are recognised as."""
    old = write_script(folder / "old.db", script)
    with SQLiteSource.open(source_at(str(old)), folder / "snapshot.db", required=required or ("user",)) as source:
        return dict(source.description.mapping)


@pytest.mark.parametrize(
    ("columns", "rows", "chosen"),
    [
        ("UserName, Name", [(None, "ann"), (None, "bob"), ("eve", "eve")], {"username": "Name"}),
        ("UserName, Name", [("ann", None), ("bob", "Bob"), ("eve", None)], {"username": "UserName"}),
        ("name, handle", [("Jones", "ann"), ("Jones", "bob"), ("Jones", "eve")], {"username": "handle"}),
        ("username, name", [("ann", "Ann"), ("ann", "Ann II"), ("bob", "Bob")], {"username": "username"}),
        ("username, email, mail", [("ann", "", "a@b.cc"), ("bob", None, "b@b.cc")], {"email": "mail"}),
        ("username, email, mail", [("ann", "?", "a@b.cc"), ("bob", "?", "b@b.cc")], {"email": "mail"}),
        ("username, email, mail", [("ann", "a@b.cc", ""), ("bob", "", "")], {"email": "email"}),
        ("username, pw_hash, password", [("ann", "", HASH), ("bob", None, HASH)], {"pw_hash": "password"}),
        (
            "username, created_at, joined",
            [("ann", "", "2020-02-19"), ("bob", "-", "Feb 12, 2025 at 9:01PM")],
            {"date_joined": "joined"},
        ),
    ],
)
def test_a_column_of_users_is_told_by_what_it_holds(
    tmp_path: Path, columns: str, rows: list[tuple[str | None, ...]], chosen: dict[str, str]
) -> None:
    values = ", ".join("(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row) + ")" for row in rows)
    script = f"CREATE TABLE AspNetUsers ({columns}); INSERT INTO AspNetUsers VALUES {values};"
    assert chosen.items() <= recognised(tmp_path, script)["user"].columns.items()


@pytest.mark.parametrize(
    ("columns", "rows", "chosen"),
    [
        ("pub_date, created_at", "('', '2020-02-19 08:27'), (NULL, '2020-02-19 08:28')", {"pub_date": "created_at"}),
        ("pub_date, created_at", "('?', 1582100838), ('?', 1582100839)", {"pub_date": "created_at"}),
        ("date, timestamp", "('02/19/2020', 3), ('02/20/2020', 4)", {"pub_date": "date"}),
        ("date, timestamp", "(3, '8:27:18 AM, 2/19/2020'), (4, 1582100838000)", {"pub_date": "timestamp"}),
        (
            "pub_date, flagged, is_flagged",
            "(1, NULL, 1), (2, NULL, 0)",
            {"pub_date": "pub_date", "flagged": "is_flagged"},
        ),
    ],
)
def test_a_column_of_messages_is_told_by_what_it_holds(
    tmp_path: Path, columns: str, rows: str, chosen: dict[str, str]
) -> None:
    first, second = rows.split("), (")
    script = (
        f"{USERS} CREATE TABLE messages (id integer primary key, author_id, text, {columns});"
        f"INSERT INTO messages VALUES (1, 1, 'hi', {first[1:]}), (2, 2, 'oh', {second};"
    )
    assert chosen.items() <= recognised(tmp_path, script, "message")["message"].columns.items()


def test_the_text_of_a_message_is_no_number(tmp_path: Path) -> None:
    script = f"{USERS} CREATE TABLE posts (id integer primary key, user_id, message, status, date);"
    script += "INSERT INTO posts VALUES (1, 1, 7, 'hi', 1600000000), (2, 1, 7, 'oh', 1600000001)"
    assert recognised(tmp_path, script, "message")["message"].columns["text"] == "status"


def test_a_key_of_whole_numbers_is_the_id_whatever_it_is_called(tmp_path: Path) -> None:
    found = recognised(
        tmp_path,
        "CREATE TABLE users (no INT PRIMARY KEY, username); INSERT INTO users VALUES (7, 'ann');"
        "CREATE TABLE posts (slug TEXT PRIMARY KEY, user_id, text, date); INSERT INTO posts VALUES ('x', 7, '', 1);",
        "user",
        "message",
    )
    assert found["user"].columns["user_id"] == "no"
    assert "message_id" not in found["message"].columns


@pytest.mark.parametrize("app", ["MiniTwit", "minitwit", "app"])
def test_a_key_of_django_that_is_called_an_id_has_two_of_them(tmp_path: Path, app: str) -> None:
    found = recognised(
        tmp_path,
        f"""
        CREATE TABLE {app}_user (id integer primary key, password, username, email, is_staff bool);
        CREATE TABLE {app}_user_groups (id integer primary key, user_id, group_id);
        CREATE TABLE {app}_message (message_id integer primary key, text, pub_date, flagged, author_id_id bigint);
        CREATE TABLE {app}_follower (id integer primary key, who_id_id bigint, whom_id_id bigint);
        INSERT INTO {app}_user VALUES (1, '', 'ann', '', 0);
        INSERT INTO {app}_message VALUES (1, 'hi', 1600000000, 0, 1);
        INSERT INTO {app}_follower VALUES (7, 1, 1);
        """,
        "user",
        "message",
        "follower",
    )
    assert [mapping.table for mapping in found.values()] == [f"{app}_user", f"{app}_message", f"{app}_follower"]
    assert found["message"].columns["author_id"] == "author_id_id"
    assert found["follower"].columns == {"who_id": "who_id_id", "whom_id": "whom_id_id"}
