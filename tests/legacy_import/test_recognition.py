"""Old databases whose tables and columns have other names import as canonical ones do."""

import io
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from legacy_import.models import TextId
from legacy_import.source import SQLiteSource, source_at
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.commands import import_legacy, refusal, verification
from tests.legacy_import.old_database import make_old_database
from tests.legacy_import.old_schemas import FLASK, HASH, SCHEMAS, write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

FIRST = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    """Where the configured old database is."""
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def what_is_here() -> tuple[Any, ...]:
    return (
        list(User.objects.order_by("legacy_id").values_list("legacy_id", "username", "email", "password")),
        list(
            Message.objects.order_by("legacy_id").values_list(
                "legacy_id", "author__username", "text", "pub_date", "flagged"
            )
        ),
        sorted(Follow.objects.values_list("who__username", "whom__username")),
    )


@pytest.mark.parametrize("name", ["canonical", *SCHEMAS])
def test_each_family_of_schemas_brings_the_same_people_messages_and_follows(old: Path, name: str) -> None:
    write_script(old, SCHEMAS.get(name, FLASK))

    users = import_legacy("users")
    messages = import_legacy("messages")

    password = User.objects.get(legacy_id=1).password
    assert password.startswith("pbkdf2_sha256$50000$salt$")
    assert what_is_here() == (
        [(number, name, f"{name}@example.com", password) for number, name in ((1, "ann"), (2, "bob"), (5, "eve"))],
        [(1, "ann", "hello", FIRST, False), (2, "bob", "spam", FIRST + timedelta(minutes=1), True)],
        [("ann", "bob"), ("bob", "ann")],
    )
    # Whatever the old tables are called, scripts see the canonical names.
    assert list(users["tables"]) == ["user"]
    assert list(messages["tables"]) == ["message", "follower"]
    assert users["rejected"] == {"user": {}}
    assert messages["rejected"] == {"message": {}, "follower": {}}
    verified = verification()
    assert verified["ok"]
    assert [table["arrived"] for table in verified["tables"].values()] == [3, 2, 2]
    # And a second import finds every row again.
    assert import_legacy("users")["tables"]["user"]["unchanged"] == 3


def test_what_may_be_missing_reads_as_nothing(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ann'), ('bob');"
        "CREATE TABLE tweets (user TEXT, body TEXT, date INTEGER);"
        "INSERT INTO tweets VALUES ('ann', 'hello', 1600000000)",
    )
    users = import_legacy("users")
    assert (users["tables"]["user"]["new"], users["notes"]) == (
        2,
        {"user": {"empty_email": 2, "unusable_password": 2}},
    )
    output, errors = io.StringIO(), io.StringIO()
    call_command("import_legacy", "messages", stdout=output, stderr=errors)
    assert "message is read from tweets: author_id from user, text from body, pub_date from date" in output.getvalue()
    assert "note flagged_unknown: 1" in output.getvalue()
    assert "follower: 0 read" in output.getvalue()
    assert "no table of follows" in errors.getvalue()
    assert list(Message.objects.values_list("author__username", "text", "legacy_id")) == [("ann", "hello", 1)]
    assert verification()["ok"]


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (
            "CREATE TABLE users (id integer primary key, email, password)",
            "missing_column",
            ["no column username", "the name of a user", "id, email, password"],
        ),
        (
            "CREATE TABLE films (id integer primary key, title, director); CREATE TABLE cities (id, area)",
            "missing_table",
            ["no table user", "cities, films"],
        ),
        (
            "CREATE TABLE users (id integer primary key, username, name AS (upper(username)), password)",
            "computed_columns",
            ["computed columns (name)"],
        ),
        (
            "CREATE VIEW user AS SELECT 1 AS user_id, 'x' AS username, '' AS email, '' AS pw_hash",
            "missing_table",
            ["none at all"],
        ),
    ],
)
def test_what_cannot_be_imported_is_refused_with_what_was_found(
    old: Path, script: str, code: str, words: list[str]
) -> None:
    write_script(old, script)
    answer = refusal("users")
    assert answer["code"] == code
    for word in words:
        assert word in answer["message"]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("CREATE TABLE post (id integer primary key, author_id, date)", "missing_column", ["the text of a message"]),
        ("CREATE TABLE post (id integer primary key, text, date)", "missing_column", ["the author of a message"]),
    ],
)
def test_messages_without_text_or_author_are_refused(old: Path, script: str, code: str, words: list[str]) -> None:
    make_old_database(
        old, user=[(1, "ann", "", "")], schema={"user": "user_id integer primary key, username, email, pw_hash"}
    )
    write_more(old, script)
    import_legacy("users")
    answer = refusal("messages")
    assert answer["code"] == code
    for word in words:
        assert word in answer["message"]


def write_more(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def test_of_a_set_with_guids_and_one_with_integers_the_latter_is_read(old: Path) -> None:
    write_script(old, SCHEMAS["entity framework"])
    write_more(
        old,
        "CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, UserName TEXT, Email TEXT, PasswordHash TEXT);"
        "INSERT INTO AspNetUsers VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 'ann', '', '')",
    )
    errors = io.StringIO()
    call_command("import_legacy", "users", stdout=io.StringIO(), stderr=errors)
    assert User.objects.count() == 3
    assert "AspNetUsers looks like users, too, but the messages are not theirs" in errors.getvalue()


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, UserName TEXT, Email TEXT, PasswordHash TEXT);"
        "INSERT INTO AspNetUsers VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 'ann', '', '')",
        "CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, UserName TEXT, Email TEXT, PasswordHash TEXT);"
        "INSERT INTO AspNetUsers VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 'ann', '', '');"
        "CREATE TABLE Authors (AuthorId INTEGER PRIMARY KEY, Name TEXT, Email TEXT)",
        "CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT); INSERT INTO users VALUES ('u1', 'ann')",
        "CREATE TABLE users (uuid BLOB PRIMARY KEY, username TEXT);"
        "INSERT INTO users VALUES (x'0f8fad5bd9cb469fa16570867728950e', 'ann')",
    ],
)
def test_ids_that_are_texts_are_read(old: Path, script: str) -> None:
    write_script(old, script)
    assert import_legacy("users")["tables"]["user"]["new"] == 1
    assert TextId.objects.count() == 1


def test_messages_whose_ids_and_authors_are_texts_are_read(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (id TEXT PRIMARY KEY, username); CREATE TABLE post (id TEXT, author_id, text, date);"
        "INSERT INTO users VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 'ann');"
        "INSERT INTO post VALUES ('0f8fad5bd9cb469fa16570867728950e', '0f8fad5b-d9cb-469f-a165-70867728950e', 'hi',"
        " 1600000000)",
    )
    import_legacy("users")
    assert import_legacy("messages")["tables"]["message"]["new"] == 1
    assert Message.objects.get().author.username == "ann"
    assert verification()["ok"]


def test_a_canonical_table_wins_over_an_empty_or_a_vaguely_named_one(old: Path) -> None:
    write_script(old, FLASK)
    write_more(
        old,
        "CREATE TABLE users (id integer primary key, username, email, password);"
        "CREATE TABLE auth_user (id integer primary key, username, email, password);"
        "INSERT INTO auth_user VALUES (1, 'admin', '', '')",
    )
    assert import_legacy("users")["tables"]["user"]["new"] == 3
    assert not User.objects.filter(username="admin").exists()


def test_an_empty_canonical_table_beside_a_filled_one_is_a_question(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE user (user_id integer primary key, username, email, pw_hash);"
        "CREATE TABLE app_users (id integer primary key, username);"
        "INSERT INTO app_users VALUES (1, 'ann');",
    )
    assert "(user with 0 rows, app_users with 1 row)" in refusal("users")["message"]
    assert import_legacy("users", "--map", "user=app_users")["tables"]["user"]["new"] == 1


def test_what_stands_in_a_column_counts_for_more_than_its_name(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (user_id TEXT, id INTEGER PRIMARY KEY, username TEXT, pw_hash TEXT, password TEXT);"
        f"INSERT INTO users VALUES ('0f8fad5b-d9cb-469f-a165-70867728950e', 7, 'ann', NULL, '{HASH}')",
    )
    assert import_legacy("users")["notes"] == {"user": {"empty_email": 1}}
    assert User.objects.get(username="ann").legacy_id == 7


def test_an_author_that_was_never_set_is_looked_for_in_another_column(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username); INSERT INTO users VALUES (1, 'ann'), (2, 'bob');"
        "CREATE TABLE messages (id integer primary key, author_id integer, user_id integer, text, pub_date);"
        "INSERT INTO messages VALUES (1, 0, 2, 'hi', 1600000000), (2, 0, 1, 'hello', 1600000001)",
    )
    import_legacy("users")
    assert import_legacy("messages")["tables"]["message"]["new"] == 2
    assert list(Message.objects.order_by("legacy_id").values_list("author__username", flat=True)) == ["bob", "ann"]


def test_ids_of_a_table_without_a_key_may_stand_twice_and_be_stored_as_text(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (name TEXT, id TEXT, rowid TEXT);"
        "INSERT INTO users VALUES ('ten', '10', 'x'), ('nine', '9', 'x'), ('again', '10', 'x'),"
        " ('none', '', 'x');",
    )
    answer = import_legacy("users")
    assert answer["rejected"] == {"user": {"duplicate_id": 1, "bad_id": 1}}
    assert list(User.objects.order_by("legacy_id").values_list("legacy_id", "username")) == [(9, "nine"), (10, "ten")]
    verified = verification()
    assert verified["tables"]["user"] == {"legacy": 4, "arrived": 2, "rejected": 2, "missing": 0, "altered": 0}


@pytest.mark.parametrize(
    ("table", "columns", "ann_follows_bob"),
    [
        ("follower", "who_id, whom_id", (1, 2)),
        ("followers", "who_id, wohom_id", (1, 2)),
        ("follows", "user_being_followed_id, user_following_id", (2, 1)),
        ("Follow", "idAuthor, idFollower", (2, 1)),
        ("user_followers", "user_id, follower_id", (2, 1)),
        ("followers", "user_id, follows_id", (1, 2)),
        ("following", "user_id, following_user_id", (1, 2)),
        ("relationship", "from_user_id, to_user_id", (1, 2)),
        ("follows", "user_from_id, user_to_id", (1, 2)),
        ("AuthorAuthor", "FollowersAuthorId, FollowingAuthorId", (1, 2)),
        ("user_entity_following", "user_entity_id, following_id", (1, 2)),
        ("minitwit_follower", "who_id_id, whom_id_id", (1, 2)),
        ("follows", "follower_username, followed_username", ("ann", "bob")),
        ("flw", "flw_who, flw_whom", (1, 2)),
        ("UserUser", "FollowersId, FollowingId", (1, 2)),
        ("subscriptions", "subscriber_id, subscribed_to_id", (1, 2)),
        ("Follows", "followingId, followedById", (2, 1)),
        ("follows", "user_id, followed_by", (2, 1)),
        ("follows", "following_id, followed_id", (1, 2)),
        ("AuthorAuthor", "AuthorId, UsersFollowedId", (1, 2)),
        ("followers", "id integer primary key, user_id, follower_user_id", (7, 2, 1)),
        ("follows", "follow_id integer primary key, user_id, follower_id", (7, 2, 1)),
        ("follows", "id integer primary key, user_id, follow_id", (7, 1, 2)),
    ],
)
def test_who_follows_whom_is_told_by_the_names_of_the_columns(
    old: Path, table: str, columns: str, ann_follows_bob: tuple[Any, ...]
) -> None:
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username, email, password);"
        "INSERT INTO users VALUES (1, 'ann', '', ''), (2, 'bob', '', '');"
        "CREATE TABLE messages (id integer primary key, author_id, text, pub_date);"
        f"CREATE TABLE {table} ({columns}); INSERT INTO {table} VALUES {ann_follows_bob!r};",
    )
    snapshot = old.with_suffix(".snapshot")
    with SQLiteSource.open(source_at(str(old)), snapshot, required=("user", "message", "follower")) as source:
        (follow,) = source.rows("follower")
    assert follow.values in ((1, 2), ("ann", "bob"))


def test_numbers_of_followers_beside_a_user_are_no_follows(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username, followers integer, following integer);"
        "INSERT INTO users VALUES (1, 'ann', 1, 2), (2, 'bob', 2, 1);"
        "CREATE TABLE messages (id integer primary key, author_id, text, pub_date);",
    )
    import_legacy("users")
    assert import_legacy("messages")["tables"]["follower"]["read"] == 0
    assert not Follow.objects.exists()


def test_a_table_for_which_only_its_key_can_be_the_id_is_read_so_from_the_first_row_on(old: Path) -> None:
    script = "CREATE TABLE users (user_id integer, id integer primary key, username); INSERT INTO users VALUES"
    write_script(old, f"{script} (0, 7, 'ann')")
    import_legacy("users")
    write_script(old, f"{script} (0, 7, 'ann'), (0, 8, 'bob')")
    again = import_legacy("users")["tables"]["user"]
    assert (again["unchanged"], again["new"]) == (1, 1)


def test_ids_that_repeat_are_not_taken_while_there_are_others(old: Path) -> None:
    """As in a copy of a server's table, which has no keys."""
    write_script(
        old, "CREATE TABLE users (user_id, id, username); INSERT INTO users VALUES (0, 7, 'ann'), (0, 8, 'bob')"
    )
    assert import_legacy("users")["tables"]["user"]["new"] == 2


def test_rows_that_the_old_application_had_marked_as_deleted_are_imported_and_counted_for_staff(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username, deletedAt datetime);"
        "INSERT INTO users VALUES (1, 'ann', NULL), (2, 'bob', '2024-01-01'), (3, 'eve', '0001-01-01 00:00:00');"
        "CREATE TABLE messages (id integer primary key, author_id, text, pub_date, is_deleted bool, deleted_at);"
        "INSERT INTO messages VALUES (1, 1, 'hi', 1600000000, 0, NULL), (2, 1, 'oh', 1600000001, 1, NULL),"
        " (3, 1, 'no', 1600000002, 'true', NULL);",
    )
    errors = io.StringIO()
    call_command("import_legacy", "users", stdout=io.StringIO(), stderr=errors)
    assert "By the column deletedAt of the table users, 1 row was deleted in the old application" in errors.getvalue()
    errors = io.StringIO()
    call_command("import_legacy", "messages", stdout=io.StringIO(), stderr=errors)
    assert "By the column is_deleted of the table messages, 2 rows were deleted" in errors.getvalue()
    assert "deleted_at" not in errors.getvalue()
    assert (User.objects.count(), Message.objects.count()) == (3, 3)


def test_a_note_is_counted_once_for_a_row_however_many_of_its_values_give_rise_to_it(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username, email, password);"
        "INSERT INTO users VALUES (1, 7, 8, ''), (2, 'bob', 'b@example.com', '');"
        "CREATE TABLE messages (id integer primary key, author_id, text, pub_date);"
        "CREATE TABLE follows (follower TEXT, followed TEXT); INSERT INTO follows VALUES ('bob', '７');",
    )
    assert import_legacy("users")["notes"]["user"]["number_as_text"] == 1
    # Usernames of digits are taken for ids, but not those that NFKC alone makes so.
    assert import_legacy("messages")["notes"]["follower"] == {"author_by_name": 1}
