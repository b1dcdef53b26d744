"""What the stories of the admin's pages share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from psycopg2 import sql

from MiniTwit.admin.lists import pagination
from MiniTwit.models import ModerationReason, User
from MiniTwit.storage.database_folders import database_folder
from tests.legacy_import.conftest import database_url
from tests.MiniTwit.factories import make_roles, make_staff, make_user
from tests.MiniTwit.selecting import RIGHTS


@pytest.fixture(autouse=True)
def patient_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to count a few rows than a list waits for."""
    monkeypatch.setattr(pagination, "COUNT_SECONDS", 10)


@pytest.fixture
def kept_uploads(settings: Any, tmp_path: Path, db: None) -> Path:
    """Where files are kept between their preview and its confirmation."""
    settings.VAR_DIR = tmp_path
    return database_folder(tmp_path / "file_import")


@pytest.fixture
def quick_hashing(settings: Any) -> None:
    """Two methods that take no time. Hashes of the second one are replaced at sign-in."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "MiniTwit.hashers.legacy.WerkzeugSHA1PasswordHasher",
    ]


@pytest.fixture
def watcher(client: Client) -> Client:
    """Staff who may work on the watch-list."""
    client.force_login(
        make_staff("view_watchterm", "add_watchterm", "change_watchterm", "view_watchhit", "view_message")
    )
    return client


@pytest.fixture
def amy(client: Client) -> User:
    """A moderator, who is signed in."""
    ModerationReason.objects.create(name="Spam")
    moderator = make_staff(*RIGHTS, "undo_moderationbatch", username="amy")
    client.force_login(moderator)
    return moderator


@pytest.fixture
def bob() -> User:
    """A colleague of hers."""
    return make_staff(username="bob")


@pytest.fixture
def moderator(client: Client) -> Client:
    """The browser of one who has the role of moderators, and a reason to choose."""
    make_roles()
    ModerationReason.objects.create(name="Spam")
    staff = make_user("mod", is_staff=True)
    staff.groups.add(Group.objects.get(name="Moderators"))
    client.force_login(staff)
    return client


def run_as_administrator(*statements: sql.Composable, database: str = "postgres") -> None:
    session = psycopg2.connect(database_url(database))
    session.autocommit = True
    try:
        with session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        session.close()


MakeDatabase = Callable[[str], str]


@pytest.fixture
def make_database() -> Iterator[MakeDatabase]:
    """Make a database with some options; it goes with the test. Returns its name."""
    name = f"{connection.settings_dict['NAME']}_odd"
    identifier = sql.Identifier(name)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier)

    def make(options: str) -> str:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 " + options).format(identifier)
        try:
            run_as_administrator(drop, create)
        except psycopg2.errors.FeatureNotSupported as refusal:
            pytest.skip(f"This PostgreSQL cannot make such a database: {refusal}")
        return name

    yield make
    run_as_administrator(drop)


def in_locale_c(encoding: str = "UTF8") -> str:
    """Options for `make_database`. From PostgreSQL 15 on, the template's provider may be another than libc."""
    provider = "LOCALE_PROVIDER libc" if connection.pg_version >= 150_000 else ""
    return f"ENCODING '{encoding}' {provider} LC_COLLATE 'C' LC_CTYPE 'C'"
