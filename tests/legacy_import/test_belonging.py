"""Messages and follows are read with the users whose they are, and what does not fit is said before the import."""

import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from MiniTwit.models import Message, User
from tests.legacy_import.commands import import_legacy, refusal
from tests.legacy_import.old_schemas import write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

OURS = """
CREATE TABLE user (user_id integer primary key, username, email, pw_hash);
CREATE TABLE message (message_id integer primary key, author_id integer {to_user}, text, pub_date, flagged);
INSERT INTO user VALUES (1, 'ann', '', ''), (2, 'bob', '', '');
INSERT INTO message VALUES (1, 1, 'from ann', 1600000000, 0), (2, 2, 'from bob', 1600000000, 0);
"""
THEIRS = """
CREATE TABLE users (id integer primary key, username, email, pw_hash);
CREATE TABLE messages (id integer primary key, user_id integer {to_users}, text, pub_date, flagged);
INSERT INTO users VALUES ({first}, 'zoe', '', ''), ({first} + 1, 'yan', '', ''), ({first} + 2, 'xia', '', '');
INSERT INTO messages VALUES (1, {first}, 'from zoe', 1600000000, 0), (2, {first} + 1, 'from yan', 1600000000, 0);
"""


def two_sets(path: Path, *, declared: bool, first: int = 1) -> None:
    to_user, to_users = ("REFERENCES user (user_id)", "REFERENCES users") if declared else ("", "")
    write_script(path, OURS.format(to_user=to_user) + THEIRS.format(to_users=to_users, first=first))


def warned(kind: str, *arguments: str) -> str:
    """What the command writes on standard error."""
    errors = io.StringIO()
    call_command("import_legacy", kind, *arguments, stdout=io.StringIO(), stderr=errors)
    return errors.getvalue()


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def test_of_two_sets_of_tables_the_users_are_asked_for_with_their_rows(old: Path) -> None:
    two_sets(old, declared=True)
    assert "the users (user with 2 rows, users with 3 rows)" in refusal("users")["message"]


@pytest.mark.parametrize(("users", "author"), [("user", "ann"), ("users", "zoe")])
def test_messages_follow_the_users_that_they_were_declared_to_refer_to(old: Path, users: str, author: str) -> None:
    two_sets(old, declared=True)
    import_legacy("users", "--map", f"user={users}")
    import_legacy("messages")
    assert Message.objects.get(legacy_id=1).text == f"from {author}"
    assert Message.objects.get(legacy_id=1).author.username == author


@pytest.mark.parametrize(("users", "author"), [("user", "ann"), ("users", "zoe")])
def test_where_nothing_is_declared_the_ids_tell(old: Path, users: str, author: str) -> None:
    two_sets(old, declared=False, first=101)
    import_legacy("users", "--map", f"user={users}")
    import_legacy("messages")
    assert set(Message.objects.filter(legacy_id=1).values_list("text", "author__username")) == {
        (f"from {author}", author)
    }


def test_where_nothing_is_declared_the_ids_tell_the_users_as_well(old: Path) -> None:
    two_sets(old, declared=False, first=101)
    write_more = "DROP TABLE message; DROP TABLE messages; CREATE TABLE tweets (id, user_id, text, date);"
    with sqlite3.connect(old) as database:
        database.executescript(f"{write_more} INSERT INTO tweets VALUES (1, 101, 'hi', 1600000000)")
    database.close()
    assert "The table user looks like users, too, but the messages are not theirs" in warned("users")
    assert User.objects.get(legacy_id=101).username == "zoe"


def test_where_the_ids_tell_nothing_either_the_messages_are_asked_for(old: Path) -> None:
    two_sets(old, declared=False)
    import_legacy("users", "--map", "user=users")
    assert "(message with 2 rows, messages with 2 rows)" in refusal("messages")["message"]


def test_a_mixture_of_two_sets_is_warned_of(old: Path) -> None:
    two_sets(old, declared=True)
    import_legacy("users", "--map", "user=user")
    errors = warned("messages", "--dry-run", "--map", "message=messages")
    assert "are of the users of the table users, but the users are read from the table user" in errors
    assert "--map user=users" in errors


def test_of_two_tables_of_users_the_one_is_read_that_the_messages_were_declared_to_mean(old: Path) -> None:
    write_script(
        old,
        """
        CREATE TABLE auth_user (id integer primary key, username, email, password);
        CREATE TABLE shop_customuser (id integer primary key, username, email, password);
        CREATE TABLE shop_tweet (id integer primary key, user_id REFERENCES shop_customuser (id), text, created_at);
        INSERT INTO auth_user VALUES (1, 'admin', '', '');
        INSERT INTO shop_customuser VALUES (1, 'ann', '', '');
        INSERT INTO shop_tweet VALUES (1, 1, 'hi', 1600000000);
        """,
    )
    import_legacy("users")
    assert set(User.objects.exclude(legacy_id=None).values_list("username", flat=True)) == {"ann"}


def test_the_id_and_the_author_are_those_that_were_declared(old: Path) -> None:
    write_script(
        old,
        """
        CREATE TABLE AspNetUsers (AuthorId integer, Key integer UNIQUE, UserName, Email, PasswordHash);
        CREATE TABLE Cheeps (CheepId integer primary key, AuthorId integer,
            AuthorId1 integer REFERENCES AspNetUsers (Key), Text, TimeStamp);
        INSERT INTO AspNetUsers VALUES (1, 71, 'ann', '', ''), (2, 72, 'bob', '', '');
        INSERT INTO Cheeps VALUES (1, 2, 71, 'from ann', 1600000000), (2, 1, 72, 'from bob', 1600000000);
        """,
    )
    import_legacy("users")
    assert set(User.objects.exclude(legacy_id=None).values_list("legacy_id", "username")) == {
        (71, "ann"),
        (72, "bob"),
    }
    import_legacy("messages")
    assert Message.objects.get(legacy_id=1).author.username == "ann"


def test_an_author_of_an_unknown_name_is_told_by_what_it_was_declared_to_be(old: Path) -> None:
    write_script(
        old,
        """
        CREATE TABLE users (id integer primary key, username);
        CREATE TABLE posts (id integer primary key, von integer REFERENCES users, text, date);
        INSERT INTO users VALUES (1, 'ann'); INSERT INTO posts VALUES (1, 1, 'hi', 1600000000);
        """,
    )
    import_legacy("users")
    assert import_legacy("messages")["tables"]["message"]["new"] == 1


def numbered(old: Path, *, ids: str) -> None:
    """Twenty users, whose numbers are called otherwise, and a message of each."""
    write_script(old, f"CREATE TABLE users (username, {ids}); CREATE TABLE posts (author_id, text, date);")
    with sqlite3.connect(old) as database:
        for number in range(20):
            database.execute("INSERT INTO users VALUES (?, ?)", [f"user {number}", 500 + number])
            database.execute("INSERT INTO posts VALUES (?, 'hi', 1600000000)", [500 + number])
    database.close()


def test_users_numbered_by_their_place_beside_a_column_of_numbers_are_warned_of(old: Path) -> None:
    numbered(old, ids="member_number integer")
    errors = warned("users", "--dry-run")
    assert "The ids of the users are their places in the table users, but its column member_number holds" in errors
    assert "--map user.user_id=users.member_number" in errors
    assert "their places" not in warned("users", "--dry-run", "--map", "user.user_id=users.member_number")


def test_authors_that_are_hardly_among_the_users_are_warned_of_before_the_users_come(old: Path) -> None:
    numbered(old, ids="member_number integer")
    sentence = "Of the first 20 messages in the table posts only 0 have an author of the table users"
    errors = warned("users")
    assert sentence in errors
    assert "With --map user.user_id=users.member_number it is 20 of them." in errors
    assert sentence in warned("messages", "--insist")
    assert sentence not in warned("users", "--dry-run", "--map", "user.user_id=users.member_number")


def test_another_column_of_authors_and_another_table_of_users_are_named(old: Path) -> None:
    script = """
        CREATE TABLE users (id integer primary key, username); INSERT INTO users VALUES (1, 'ann');
        CREATE TABLE {more} (id integer primary key, username); INSERT INTO {more} VALUES (8, 'bob'), (9, 'eve');
        CREATE TABLE posts (id integer primary key, author_id, poster, text, date);
        INSERT INTO posts VALUES (1, {author}, {poster}, 'hi', 1600000000), (2, {author}, {poster}, 'oh', 1600000000);
    """
    write_script(old, script.format(more="films", author=7, poster=1))
    assert "With --map message.author_id=posts.poster it is 2 of them." in warned("users", "--dry-run")
    write_script(old, script.format(more="shop_person", author=8, poster="NULL"))
    assert "With --map user=shop_person it is 2 of them." in warned("users", "--dry-run", "--map", "user=users")
