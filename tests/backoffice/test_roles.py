"""The three roles staff can be given, and the reasons they choose from."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from MiniTwit.models import ModerationReason, User

pytestmark = pytest.mark.django_db

VIEWS_OF_THE_DOMAIN = {"MiniTwit.view_user", "MiniTwit.view_message", "MiniTwit.view_follow"}
VIEWS_OF_THE_IMPORT = {
    "legacy_import.view_importrun",
    "legacy_import.view_rejectedrow",
    "legacy_import.view_mergeduser",
    "legacy_import.view_replacedrow",
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


def test_moderators_decide_and_undo_but_neither_delete_for_good_nor_import() -> None:
    permissions = permissions_of("Moderators")
    assert permissions >= VIEWS_OF_THE_DOMAIN | {
        "MiniTwit.change_message",
        "MiniTwit.delete_follow",
        "MiniTwit.moderate_message",
        "MiniTwit.moderate_user",
        "MiniTwit.undo_moderationbatch",
        "MiniTwit.view_moderationevent",
        "MiniTwit.export_moderationevent",
        "MiniTwit.add_staffnote",
        "MiniTwit.change_watchterm",
        "MiniTwit.share_savedfilter",
    }
    assert not permissions & {"MiniTwit.purge_message", "MiniTwit.erase_user", "MiniTwit.export_case"}
    assert not {permission for permission in permissions if permission.startswith("legacy_import.")}
    assert not {permission for permission in permissions if permission.endswith(("_moderationevent", "_strike"))} - {
        "MiniTwit.view_moderationevent",
        "MiniTwit.export_moderationevent",
        "MiniTwit.view_strike",
    }


def test_auditors_see_and_export_everything_and_change_nothing() -> None:
    permissions = permissions_of("Auditors")
    assert permissions >= VIEWS_OF_THE_DOMAIN | VIEWS_OF_THE_IMPORT | {"admin.view_logentry", "auth.view_group"}
    others = {permission for permission in permissions if ".view_" not in permission}
    assert others == {f"MiniTwit.export_{what}" for what in ("user", "message", "follow", "moderationevent")}


def test_the_reasons_can_be_loaded_again() -> None:
    call_command("loaddata", "moderation_reasons", verbosity=0)
    names = list(ModerationReason.objects.values_list("name", flat=True))
    assert names[0] == "Spam"
    call_command("loaddata", "moderation_reasons", verbosity=0)
    assert list(ModerationReason.objects.values_list("name", flat=True)) == names


def test_loading_the_roles_again_keeps_their_members() -> None:
    account = User.objects.create_user("colleague", is_staff=True)
    account.groups.add(Group.objects.get(name="Auditors"))
    call_command("loaddata", "roles", verbosity=0)
    assert Group.objects.count() == 3
    assert list(account.groups.values_list("name", flat=True)) == ["Auditors"]
