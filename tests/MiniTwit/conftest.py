"""What the stories of the admin's pages share."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from MiniTwit.models import ModerationReason, User
from MiniTwit.storage.database_folders import database_folder
from tests.MiniTwit.factories import make_staff, make_user
from tests.MiniTwit.selecting import RIGHTS


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
    call_command("loaddata", "roles", verbosity=0)
    ModerationReason.objects.create(name="Spam")
    staff = make_user("mod", is_staff=True)
    staff.groups.add(Group.objects.get(name="Moderators"))
    client.force_login(staff)
    return client
