"""An import of which hardly a row arrives asks before it reads like a success."""

import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client

from legacy_import.data_migration import import_configured
from MiniTwit.models import Message, User
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import confirm, page_of, preview, text_of
from tests.legacy_import.old_database import HASH, MORNING
from tests.legacy_import.old_schemas import write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

IDENTITY = f"""
CREATE TABLE AspNetUsers (Id integer primary key, UserName TEXT, Name TEXT, Email TEXT, PasswordHash TEXT);
INSERT INTO AspNetUsers VALUES (1, NULL, 'ann', 'a@b.cc', '{HASH}'), (2, NULL, 'bob', 'b@b.cc', '{HASH}'),
    (3, 'eve', 'eve', 'e@b.cc', '{HASH}');
CREATE TABLE Cheeps (CheepId integer primary key, AuthorId integer, Text TEXT, TimeStamp TEXT);
INSERT INTO Cheeps VALUES (1, 1, 'hi', '2020-02-19 08:27:18'), (2, 2, 'oh', '2020-02-19 08:27:19');
"""
NAMELESS = """
CREATE TABLE users (id integer primary key, username, called, email);
INSERT INTO users VALUES (1, NULL, 'ann', ''), (2, '', 'bob', ''), (3, NULL, 'eve', '');
"""


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def test_the_column_that_most_rows_fill_is_taken(old: Path) -> None:
    write_script(old, IDENTITY)
    assert import_legacy("users")["tables"]["user"]["new"] == 3
    assert import_legacy("messages")["tables"]["message"]["new"] == 2
    assert set(User.objects.values_list("username", flat=True)) == {"ann", "bob", "eve"}


def test_a_run_that_rejects_everything_asks_first(admin: Client, old: Path) -> None:
    write_script(old, NAMELESS)
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    assert "Hardly anything would be imported" in page
    assert "All 3 users are rejected, most of them because: The username is empty or missing." in page
    assert "--map user.username=users.called" in page
    assert 'name="insist"' in page
    response = admin.post(f"{page_of(run)}confirm/", follow=True)
    assert "Nothing was imported. If that is right, insist" in response.content.decode()
    run.refresh_from_db()
    assert run.state == "previewed"
    admin.post(f"{page_of(run)}confirm/", {"insist": "on"})
    run.refresh_from_db()
    assert (run.state, run.audit["insisted_by"]) == ("applying", "admin")


def test_the_command_line_ends_with_an_error_unless_it_insists(old: Path) -> None:
    write_script(old, NAMELESS)
    with pytest.raises(CommandError, match=r"All 3 users are rejected.* --map user\.username=users\.called"):
        call_command("import_legacy", "users", stdout=io.StringIO(), stderr=io.StringIO())
    answer = import_legacy("users", "--dry-run")
    assert [doubt["code"] for doubt in answer["doubts"]] == ["nothing_arrives"]
    assert import_legacy("users", "--insist")["state"] == "applied"
    # The mapping that it names opens the way.
    assert import_legacy("users", "--map", "user.username=users.called")["tables"]["user"]["new"] == 3


def test_messages_of_which_none_has_an_author_ask_first(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE user (user_id integer primary key, username, email, pw_hash);"
        "INSERT INTO user VALUES (1, 'ann', '', ''), (2, 'bob', '', '');"
        "CREATE TABLE message (message_id integer primary key, author_id, text, pub_date, flagged, poster);"
        f"INSERT INTO message VALUES (1, 71, 'hi', {MORNING}, 0, 1), (2, 72, 'oh', {MORNING}, 0, 2);"
        "CREATE TABLE follower (who_id, whom_id); INSERT INTO follower VALUES (1, 2);",
    )
    import_legacy("users")
    with pytest.raises(CommandError, match=r"All 2 messages are rejected.* --map message\.author_id=message\.poster"):
        call_command("import_legacy", "messages", stdout=io.StringIO(), stderr=io.StringIO())
    assert import_legacy("messages", "--map", "message.author_id=message.poster")["tables"]["message"]["new"] == 2
    assert Message.objects.get(legacy_id=2).author.username == "bob"


@pytest.mark.parametrize(("named", "asks"), [(1, True), (3, False)])
def test_nearly_nothing_is_nothing(old: Path, named: int, asks: bool) -> None:
    with sqlite3.connect(old) as database:
        database.execute("CREATE TABLE users (id integer primary key, username)")
        for number in range(20):
            database.execute("INSERT INTO users (username) VALUES (?)", ["" if number >= named else f"u{number}"])
    database.close()
    assert ("doubts" in import_legacy("users", "--dry-run")) is asks


def test_a_few_follows_of_accounts_that_are_gone_are_nothing_to_ask_about(old: Path) -> None:
    write_script(
        old,
        "CREATE TABLE user (user_id integer primary key, username, email, pw_hash);"
        "INSERT INTO user VALUES (1, 'ann', '', '');"
        "CREATE TABLE message (message_id integer primary key, author_id, text, pub_date, flagged);"
        f"INSERT INTO message VALUES (1, 1, 'hi', {MORNING}, 0);"
        "CREATE TABLE follower (who_id, whom_id); INSERT INTO follower VALUES (1, 1), (1, 7);",
    )
    import_legacy("users")
    assert import_legacy("messages")["tables"]["follower"]["rejected"] == 2


def test_a_migration_refuses_and_says_how_to_go_on(old: Path) -> None:
    write_script(old, NAMELESS)
    with pytest.raises(CommandError, match="To migrate without importing anything, unset LEGACY_DATABASE_URL"):
        import_configured(apps, "users")


def test_an_empty_database_and_one_that_is_here_already_ask_nothing(admin: Client, old: Path) -> None:
    write_script(old, "CREATE TABLE users (id integer primary key, username);")
    assert confirm(admin, preview(admin, "users")).state == "applied"
    write_script(old, "CREATE TABLE users (id integer primary key, username); INSERT INTO users VALUES (1, 'ann');")
    import_legacy("users")
    assert "doubts" not in import_legacy("users")
