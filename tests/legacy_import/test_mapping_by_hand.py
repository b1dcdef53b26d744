"""Staff say by hand which old tables and columns are imported."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from MiniTwit.models import Follow, User
from tests.legacy_import.commands import import_legacy, refusal, verification
from tests.legacy_import.old_schemas import FLASK, HASH, write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    """Where the configured old database is."""
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


TWO_SETS = f"""
CREATE TABLE people (nr integer primary key, called, mail, secret_word);
INSERT INTO people VALUES (3, 'cleo', 'cleo@example.com', '{HASH}');
CREATE TABLE users (id integer primary key, username, email, password);
INSERT INTO users VALUES (1, 'ann', '', '{HASH}'), (2, 'bob', '', '{HASH}');
CREATE TABLE accounts (id integer primary key, username, email, password);
INSERT INTO accounts VALUES (2, 'zoe', '', '{HASH}');
CREATE TABLE message (message_id integer primary key, author_id, text, pub_date, flagged);
INSERT INTO message VALUES (1, 2, 'hello', 1600000000, 0);
"""


def test_of_two_sets_of_tables_nobody_is_imported_before_somebody_said_which(old: Path) -> None:
    write_script(old, TWO_SETS)
    answer = refusal("users")
    assert answer["code"] == "undecided_mapping"
    for word in ("users", "accounts", "--map user=users or --map user=accounts"):
        assert word in answer["message"]
    assert not User.objects.exists()

    assert import_legacy("users", "--map", "user=ACCOUNTS")["tables"]["user"]["new"] == 1
    assert User.objects.get().legacy_id == 2
    # The choice holds for what comes after, and for the verification.
    assert import_legacy("users")["tables"]["user"]["unchanged"] == 1
    assert import_legacy("messages")["tables"]["message"]["new"] == 1
    assert verification()["ok"]
    # Until somebody takes it back.
    assert "several tables" in refusal("users", "--map-anew")["message"]


def test_any_table_can_be_mapped_by_hand(old: Path) -> None:
    write_script(old, TWO_SETS)
    words = ["--map", "user.username=people.called", "--map", "user.user_id=nr", "--map", "user.pw_hash=secret_word"]
    assert import_legacy("users", *words)["notes"] == {"user": {}}
    assert list(User.objects.values_list("legacy_id", "username", "email")) == [(3, "cleo", "cleo@example.com")]
    # Without the e-mail address, which is there but not wanted.
    again = import_legacy("users", "--map", "user=people", *words, "--map", "user.email=", "--existing", "update")
    assert (again["tables"]["user"]["changed"], again["notes"]) == (1, {"user": {"empty_email": 1}})
    assert verification()["tables"]["user"]["altered"] == 0


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("user", "cannot be understood"),
        ("users=people", "cannot be understood"),
        ("user.nick=people.called", "cannot be understood"),
        ("user.username=called", "Say the table, too"),
        ("user=person", "no table person. Its tables: accounts, message, people, users"),
        ("user.username=people.name", "no column name. Its columns: nr, called, mail, secret_word"),
        ("user.username=users.password", "looks like passwords"),
        ("user=", "There has to be a table of users"),
        ("user=people", "no column username"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(old: Path, word: str, complaint: str) -> None:
    write_script(old, TWO_SETS)
    assert complaint in refusal("users", "--map", word)["message"]


def test_the_follows_can_be_left_out(old: Path) -> None:
    write_script(old, FLASK)
    import_legacy("users")
    assert import_legacy("messages", "--map", "follower=")["tables"]["follower"]["read"] == 0
    assert not Follow.objects.exists()
    assert verification()["ok"]


def test_a_remembered_table_that_is_gone_is_said_and_recognised_again(old: Path) -> None:
    write_script(old, TWO_SETS)
    import_legacy("users", "--map", "user=accounts")
    write_script(old, FLASK)
    errors = io.StringIO()
    call_command("import_legacy", "users", stdout=io.StringIO(), stderr=errors)
    assert "recognised again" in errors.getvalue()
    assert User.objects.filter(username="eve").exists()
