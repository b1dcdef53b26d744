"""The sample old database that `make demo` imports: the same each time, and odd in every known way."""

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures import sample_hashes, sample_quirks

SCRIPT = Path(__file__).resolve().parents[2] / "fixtures" / "sample_legacy_database.py"


@pytest.fixture
def database(sample: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(sample)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    yield connection
    connection.close()


def one(database: sqlite3.Connection, query: str, *values: Any) -> Any:
    return database.execute(query, values).fetchone()[0]


@pytest.mark.story
def test_the_script_makes_the_same_database_each_time(sample: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    subprocess.run([sys.executable, SCRIPT, again], check=True, capture_output=True)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(sample.read_bytes()).digest()


@pytest.mark.story
def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious.db"
    path.write_text("precious")
    done = subprocess.run([sys.executable, SCRIPT, path], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert path.read_text() == "precious"


def test_it_is_a_town_and_not_a_handful(database: sqlite3.Connection) -> None:
    assert one(database, "SELECT count(*) FROM user") > 250
    assert one(database, "SELECT count(*) FROM message") > 4_000
    assert one(database, "SELECT count(*) FROM follower") > 1_500


def test_the_documented_password_opens_most_accounts(database: sqlite3.Connection) -> None:
    genuine = 0
    for user_id, pw_hash in database.execute(
        "SELECT user_id, pw_hash FROM user WHERE pw_hash LIKE 'pbkdf2:sha256:1000$%'"
    ):
        _, salt, digest = pw_hash.split("$")
        password = sample_hashes.password_of(user_id).encode()
        genuine += hashlib.pbkdf2_hmac("sha256", password, salt.encode(), 1_000).hex() == digest
    assert genuine > 0.85 * one(database, "SELECT count(*) FROM user")


def test_every_odd_row_is_there(database: sqlite3.Connection) -> None:
    users = {user.user_id for user in sample_quirks.users()}
    messages = {message.message_id for message in sample_quirks.MESSAGES}
    assert users <= {user_id for (user_id,) in database.execute("SELECT user_id FROM user")}
    assert messages <= {message_id for (message_id,) in database.execute("SELECT message_id FROM message")}
    for follow in sample_quirks.FOLLOWS:
        count = one(
            database,
            "SELECT count(*) FROM follower WHERE who_id IS ? AND whom_id IS ?",
            follow.who_id,
            follow.whom_id,
        )
        assert count == follow.times, follow.shows


@pytest.mark.parametrize(
    ("query", "storage"),
    [
        ("SELECT typeof(username) FROM user WHERE user_id = 301", "integer"),
        ("SELECT typeof(username) FROM user WHERE user_id = 302", "real"),
        ("SELECT typeof(username) FROM user WHERE user_id = 322", "text"),
        ("SELECT typeof(username) FROM user WHERE user_id = 324", "blob"),
        ("SELECT typeof(pw_hash) FROM user WHERE user_id = 421", "blob"),
        ("SELECT typeof(pw_hash) FROM user WHERE user_id = 423", "integer"),
        ("SELECT typeof(author_id) FROM message WHERE message_id = 5004", "text"),
        ("SELECT typeof(text) FROM message WHERE message_id = 5018", "text"),
        ("SELECT typeof(text) FROM message WHERE message_id = 5022", "real"),
        ("SELECT typeof(pub_date) FROM message WHERE message_id = 5044", "real"),
        ("SELECT typeof(pub_date) FROM message WHERE message_id = 5045", "text"),
        ("SELECT typeof(flagged) FROM message WHERE message_id = 5071", "null"),
    ],
)
def test_values_stand_in_the_storage_class_that_they_are_to_show(
    database: sqlite3.Connection, query: str, storage: str
) -> None:
    assert one(database, query) == storage


def test_some_texts_are_not_utf8_and_some_hold_a_nul(database: sqlite3.Connection) -> None:
    database.text_factory = bytes
    assert b"\0" in one(database, "SELECT text FROM message WHERE message_id = 5018")
    with pytest.raises(UnicodeDecodeError):
        one(database, "SELECT text FROM message WHERE message_id = 5020").decode()


def test_the_counters_are_beyond_the_last_rows(database: sqlite3.Connection) -> None:
    for table, key in (("user", "user_id"), ("message", "message_id")):
        last = one(database, f"SELECT max({key}) FROM {table}")
        assert one(database, "SELECT seq FROM sqlite_sequence WHERE name = ?", table) > last
