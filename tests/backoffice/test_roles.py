"""The three roles staff can be given."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from MiniTwit.models import User

pytestmark = pytest.mark.django_db

VIEWS_OF_THE_DOMAIN = {"MiniTwit.view_user", "MiniTwit.view_message", "MiniTwit.view_follow"}
VIEWS_OF_THE_IMPORT = {
    "legacy_import.view_importrun",
    "legacy_import.view_rejectedrow",
    "legacy_import.view_mergeduser",
    "legacy_import.view_replacedrow",
    "legacy_import.view_sourcemapping",
}


@pytest.fixture(autouse=True)
def _roles() -> None:
    call_command("loaddata", "roles", verbosity=0)


def permissions_of(role: str) -> set[str]:
    """What a staff account with nothing but this role may do."""
    account = User.objects.create_user("colleague", is_staff=True)
    account.groups.add(Group.objects.get(name=role))
    return account.get_all_permissions()


def test_importers_run_and_undo_imports_and_change_nothing_by_hand() -> None:
    assert permissions_of("Importers") == VIEWS_OF_THE_DOMAIN | VIEWS_OF_THE_IMPORT | {
        "legacy_import.run_legacy_import",
        "legacy_import.undo_legacy_import",
    }


def test_moderators_change_messages_and_remove_follows_and_cannot_import() -> None:
    assert permissions_of("Moderators") == VIEWS_OF_THE_DOMAIN | {"MiniTwit.change_message", "MiniTwit.delete_follow"}


def test_auditors_see_everything_and_change_nothing() -> None:
    permissions = permissions_of("Auditors")
    assert permissions >= VIEWS_OF_THE_DOMAIN | VIEWS_OF_THE_IMPORT | {"admin.view_logentry", "auth.view_group"}
    assert {permission for permission in permissions if ".view_" not in permission} == set()


def test_loading_the_roles_again_keeps_their_members() -> None:
    account = User.objects.create_user("colleague", is_staff=True)
    account.groups.add(Group.objects.get(name="Auditors"))
    call_command("loaddata", "roles", verbosity=0)
    assert Group.objects.count() == 3
    assert list(account.groups.values_list("name", flat=True)) == ["Auditors"]
