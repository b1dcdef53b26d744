"""Before any import the users' preview says what the whole old database holds, and what cannot follow the users."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from legacy_import.data_migration import import_configured
from MiniTwit.models import Message, User
from tests.legacy_import.commands import import_legacy, refusal
from tests.legacy_import.conftest import confirm, page_of, preview, text_of
from tests.legacy_import.old_schemas import FLASK, write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

USERS = "CREATE TABLE users (id integer primary key, username); INSERT INTO users VALUES (1, 'ann'), (2, 'bob');"
POSTS = "CREATE TABLE posts (id integer primary key, author_id, {text}, date);"
POST = "INSERT INTO posts VALUES (1, 1, 'hi', 1600000000), (2, 2, 'oh', 1600000001);"
TEXTLESS = USERS + POSTS.format(text="words") + POST


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def said(kind: str, *arguments: str) -> tuple[str, str]:
    """What the command writes on standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command("import_legacy", kind, *arguments, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def outlook_of(page: str) -> str:
    start = page.index("What this database holds")
    return page[start : page.index("</section>", start)]


def test_the_page_of_a_users_import_says_what_the_old_database_holds(admin: Client, old: Path) -> None:
    write_script(old, FLASK)
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    outlook = outlook_of(page)
    for words in (
        "<code>user</code> (user_id, username, email, pw_hash)",
        "<code>message</code> (message_id, author_id, text, pub_date, flagged)",
        "<code>follower</code> (who_id, whom_id)",
    ):
        assert words in outlook
    assert outlook.count("They can be imported after the users.") == 2
    assert "cannot follow these users" not in page
    confirm(admin, run)
    assert "They can be imported after the users." in outlook_of(text_of(admin, page_of(run)))


def test_the_command_says_the_same(old: Path) -> None:
    write_script(old, FLASK)
    output, errors = said("users", "--dry-run")
    assert "messages in message: 2 rows. They can be imported after the users." in output
    assert "follows in follower: 2 rows. They can be imported after the users." in output
    assert not errors
    assert "left_behind" not in import_legacy("users")


def test_messages_that_cannot_be_read_are_told_before_the_users_come(admin: Client, old: Path) -> None:
    write_script(old, TEXTLESS)
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    mapping = "--map message.text=posts.COLUMN"
    assert "The messages cannot follow these users as they are." in page
    assert page.index("cannot follow these users") < page.index("Confirm import")
    assert mapping in outlook_of(page)
    # The users come all the same.
    confirm(admin, run)
    assert User.objects.filter(legacy_id=2).exists()
    assert "cannot follow" not in text_of(admin, page_of(run))
    # And the refusal of the messages names the same mapping, which opens the way.
    assert mapping in refusal("messages")["message"]
    assert import_legacy("messages", "--map", "message.text=posts.words")["tables"]["message"]["new"] == 2
    # What was chosen once is known to the next preview of the users.
    assert "They can be imported after the users." in said("users", "--dry-run")[0]


def test_the_command_warns_of_messages_that_cannot_be_read(old: Path) -> None:
    write_script(old, TEXTLESS)
    assert "Messages: The table posts in" in said("users", "--dry-run")[1]
    [left_behind] = import_legacy("users")["left_behind"]
    assert (left_behind["holds"], left_behind["is_open"]) == ("messages", False)
    assert "--map message.text=posts.COLUMN" in left_behind["sentence"]


def test_a_migration_says_it_as_well(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_script(old, TEXTLESS)
    import_configured(apps, "users")
    assert "The messages cannot follow these users as they are. The table posts in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (USERS, "no table message, nor one that looks like messages under another name. Its tables: users"),
        (USERS + POSTS.format(text="text, words AS (upper(text))"), "has computed columns (words)"),
        (
            USERS + POSTS.format(text="text") + POST + "CREATE TABLE tweets (id, author_id, text, date);"
            "INSERT INTO tweets VALUES (1, 1, 'hi', 1);",
            "could hold the messages (tweets with 1 row, posts with 2 rows). Their import asks which, or takes --map"
            " message=tweets.",
        ),
        (
            USERS + POSTS.format(text="text") + "INSERT INTO posts VALUES (1, 7, 'hi', 1600000000);",
            "Of the first 1 messages in the table posts only 0 have an author of the table users",
        ),
    ],
)
def test_each_way_in_which_messages_can_stay_behind_is_said(old: Path, script: str, sentence: str) -> None:
    write_script(old, script)
    assert sentence in said("users", "--dry-run")[1]
    assert not Message.objects.exists()


def test_follows_are_told_as_well(old: Path) -> None:
    write_script(old, TEXTLESS)
    assert "follows: " in said("users", "--dry-run")[0]
    write_script(
        old, f"{USERS} CREATE TABLE follows (id1, id2); INSERT INTO follows VALUES (1, 2);{POSTS.format(text='text')}"
    )
    errors = said("users", "--dry-run")[1]
    assert "Follows: " in errors
    assert "--map follower.who_id=follows.COLUMN --map follower.whom_id=follows.COLUMN" in errors
    import_legacy("users")
    mapping = ("--map", "follower.who_id=follows.id1", "--map", "follower.whom_id=follows.id2")
    assert import_legacy("messages", *mapping)["tables"]["follower"]["new"] == 1
