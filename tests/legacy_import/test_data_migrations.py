"""The import as two migrations of MiniTwit, forwards and backwards, on real tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from legacy_import.models import ImportRun
from MiniTwit.models import Follow, Message, User
from tests.database_copies import database_copy, working_in
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture(scope="module", autouse=True)
def _in_a_copy(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Between these tests the schema stays an old one: to migrate all the way each time takes longer than they do."""
    with django_db_blocker.unblock(), database_copy() as copy, working_in(copy), django_db_blocker.block():
        yield


@pytest.fixture
def configured_file(tmp_path: Path, settings) -> Path:
    path = make_old_database(
        tmp_path / "old.db",
        user=[(1, "ann", "", ""), (2, "bob", "", "")],
        message=[(1, 1, "hi", 1_600_000_000, 0)],
        follower=[(1, 2)],
    )
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path}"
    return path


def migrate(name: str) -> None:
    call_command("migrate", "MiniTwit", name, verbosity=0)


def models_at(name: str, *models: str) -> list[Any]:
    """Models as they were at a migration: the present ones have columns that did not exist then."""
    apps = MigrationLoader(connection).project_state(("MiniTwit", name)).apps
    return [apps.get_model("MiniTwit", model) for model in models]


def rows() -> tuple[int, int, int]:
    return User.objects.count(), Message.objects.count(), Follow.objects.count()


def test_the_import_by_name_in_two_runs_and_back(configured_file):
    User.objects.create(username="staff")
    migrate("0002")
    migrate("0003_migrateusers.py")
    assert rows() == (3, 0, 0)
    migrate("0004_migratemessages")
    assert rows() == (3, 1, 1)
    assert [run.origin for run in ImportRun.objects.all()] == ["migration", "migration"]
    migrate("0002")
    assert rows() == (1, 0, 0)
    assert set(ImportRun.objects.values_list("state", flat=True)) == {"undone"}


def test_in_one_go(configured_file):
    migrate("0002")
    migrate("0004_migratemessages")
    assert rows() == (2, 1, 1)


def test_going_backwards_leaves_what_came_another_way(configured_file):
    migrate("0002")
    migrate("0003_migrateusers")
    users, messages = models_at("0003_migrateusers", "User", "Message")
    ann = users.objects.get(username="ann")
    messages.objects.create(author=ann, text="written here")
    migrate("0002")
    assert set(users.objects.values_list("username", flat=True)) == {"ann"}
    assert messages.objects.get().author_id == ann.pk


def test_without_an_old_database_they_do_nothing_and_say_so(settings, capsys):
    migrate("0002")
    settings.LEGACY_DATABASE_URL = ""
    migrate("0004_migratemessages")
    said = capsys.readouterr().out
    assert "no old users to import" in said
    assert "no old messages to import" in said
    assert rows() == (0, 0, 0)


def test_a_file_that_cannot_be_imported_stops_the_migration(settings, tmp_path):
    migrate("0002")
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path}/nowhere.db"
    with pytest.raises(CommandError, match="There is no file"):
        migrate("0003_migrateusers")
    settings.LEGACY_DATABASE_URL = ""


def test_messages_cannot_be_migrated_before_users(configured_file, settings):
    settings.LEGACY_DATABASE_URL = ""
    migrate("0002")
    migrate("0003_migrateusers")  # there was no old database then
    settings.LEGACY_DATABASE_URL = f"sqlite:///{configured_file}"
    with pytest.raises(CommandError, match="have not been imported yet"):
        migrate("0004_migratemessages")
