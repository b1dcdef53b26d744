"""From a list to a decision and back: the list's filters come along; and no link leads where one may not look."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import clear_script_prefix, set_script_prefix

from MiniTwit import moderation
from MiniTwit.admin.lists.way_back import with_filters
from MiniTwit.models import Follow, Message, ModerationReason, User
from tests.backoffice.site_walk import ROLES, Site, addresses, build_site
from tests.MiniTwit.factories import make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
FILTERS = "flagged__exact=0&q=shoes"
KEPT = "_changelist_filters=flagged__exact%3D0%26q%3Dshoes"


@pytest.fixture
def reason(db: None) -> str:
    return ModerationReason.objects.create(name="Spam").name


def links(answer: Any) -> list[str]:
    return re.findall(r'(?:href|action)="([^"]*)"', answer.content.decode().replace("&amp;", "&"))


def test_a_decision_about_a_selection_leads_back_to_the_filtered_list(admin: Client, reason: str) -> None:
    message = make_message(text="Buy shoes")
    action = {"action": "flag_selected", "_selected_action": [message.pk]}
    asked = admin.post(f"{MESSAGES}?{FILTERS}", action, follow=True)
    assert f"{MESSAGES}?{FILTERS}" in links(asked)
    (discard,) = (link for link in links(asked) if "/discard/" in link)
    assert admin.post(discard)["Location"] == f"{MESSAGES}?{FILTERS}"
    asked = admin.post(f"{MESSAGES}?{FILTERS}", action, follow=True)
    done = admin.post(asked.redirect_chain[-1][0], {"reason": reason}, follow=True)
    message.refresh_from_db()
    assert message.flagged
    assert f"{MESSAGES}?{FILTERS}" in links(done)


def test_a_decision_on_a_page_keeps_the_way_back(admin: Client, reason: str) -> None:
    message = make_message(text="Buy shoes")
    page = f"{MESSAGES}{message.pk}/change/?{KEPT}"
    shown = admin.get(page)
    (decide,) = (link for link in links(shown) if "/decide/flag/" in link)
    assert admin.post(decide, {"reason": reason, "seen": ""})["Location"] == page
    (purge,) = (link for link in links(admin.get(page)) if "/decide/purge/" in link)
    message.refresh_from_db()
    seen = message.changed_at.isoformat() if message.changed_at else ""
    gone = admin.post(purge, {"reason": reason, "seen": seen, "understood": "on"})
    assert gone["Location"] == f"{MESSAGES}?{FILTERS}"


def test_an_account_s_pages_keep_the_way_back(admin: Client) -> None:
    account, kept = make_user("Ada"), "_changelist_filters=suspended%3Dno"
    for page in ("erase", "delete"):
        shown = links(admin.get(f"/admin/MiniTwit/user/{account.pk}/{page}/?{kept}"))
        assert f"/admin/MiniTwit/user/{account.pk}/change/?{kept}" in shown
    (note,) = (
        link for link in links(admin.get(f"/admin/MiniTwit/user/{account.pk}/change/?{kept}")) if "/note/" in link
    )
    assert admin.post(note, {"text": "Phoned."})["Location"] == f"/admin/MiniTwit/user/{account.pk}/change/?{kept}"


def test_a_way_back_leads_nowhere_but_to_the_list(admin: Client, reason: str) -> None:
    message = make_message()
    evil = "_changelist_filters=%2F%2Fevil.example%3Fx"
    answer = admin.post(
        f"{MESSAGES}{message.pk}/decide/purge/?{evil}", {"reason": reason, "seen": "", "understood": "on"}
    )
    assert answer["Location"] == f"{MESSAGES}?//evil.example?x"


def test_the_way_back_is_found_under_a_path_too() -> None:
    set_script_prefix("/desk/")
    try:
        assert with_filters(f"/desk{MESSAGES}", FILTERS) == f"/desk{MESSAGES}?{FILTERS}"
        assert with_filters(f"/desk{MESSAGES}1/change/", FILTERS) == f"/desk{MESSAGES}1/change/?{KEPT}"
    finally:
        clear_script_prefix()


def test_the_history_of_a_decided_message_tells_the_decision(admin: Client) -> None:
    message = make_message()
    moderation.flag(messages=[message], actor=make_superuser("mo"), reason="Spam")
    page = admin.get(f"{MESSAGES}{message.pk}/history/").content.decode()
    assert re.search(r"flagged.*mo.*Spam", page, re.DOTALL)
    assert "change history" not in page.partition("<article")[2].replace("Change history:", "")
    moderation.suspend(users=[message.author], actor=User.objects.get(username="mo"), reason="Rude")
    page = admin.get(f"/admin/MiniTwit/user/{message.author_id}/history/").content.decode()
    assert re.search(r"suspended.*mo.*Rude", page, re.DOTALL)


def refused_links(site: Site, role: str, names: set[str]) -> set[str]:
    """The links on a role's own pages that lead to a refusal."""
    client = site.client(role)
    found: set[str] = set()
    for name, route in addresses():
        address = site.address(name, route, role)
        if not names or name in names:
            answer: Any = client.get(address)
            if answer.status_code == 200 and not answer.streaming:
                found |= {link for link in links(answer) if link.startswith("/admin/") and "/jsi18n/" not in link}
    looked_at = {link.partition("#")[0] for link in found if "/logout/" not in link}
    return {link for link in looked_at if client.get(link).status_code == 403}


@pytest.fixture
def site(caplog: pytest.LogCaptureFixture) -> Site:
    caplog.set_level("CRITICAL", "django.request")
    site = build_site()
    for model in (Message, User, Follow):
        model.objects.update(import_run=site.objects["legacy_import/importrun"])
    return site


@pytest.mark.story
def test_no_link_leads_a_moderator_to_a_refusal(site: Site) -> None:
    pages = {f"MiniTwit_{name}_{page}" for name in ("user", "message", "follow") for page in ("changelist", "change")}
    assert refused_links(site, "Moderators", pages) == set()
    assert f"/admin/legacy_import/importrun/{site.objects['legacy_import/importrun']}/change/" in links(
        site.client("Importers").get("/admin/MiniTwit/user/")
    )


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_no_link_leads_to_a_refusal(site: Site, role: str) -> None:
    assert refused_links(site, role, set()) == set()
