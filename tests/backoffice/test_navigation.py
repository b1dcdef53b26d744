"""The rail, and the palette: each leads to what a user may open, and to nothing else."""

import re

import pytest
from django.test import Client

from legacy_import.models import ImportRun
from MiniTwit.models import Message, User, Verb
from MiniTwit.moderation import selections
from MiniTwit.moderation.batches import Cause
from tests.MiniTwit.factories import client_of, make_member, make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db


def sections_of(page: str) -> list[str]:
    rail = page.split('<nav class="rail"')[1].split("</nav>")[0]
    return [name.strip() for name in re.findall(r"<a [^>]*>([^<]+)", rail)]


def found(client: Client, words: str) -> list[str]:
    return [choice["title"] for choice in client.get("/admin/palette/", {"q": words}).json()["found"]]


@pytest.mark.parametrize("role", ["Importers", "Moderators", "Auditors"])
def test_every_section_of_the_rail_opens_for_the_users_who_see_it(role: str) -> None:
    client = client_of(make_member(role))
    page = client.get("/admin/").content.decode()
    rail = page.split('<nav class="rail"')[1].split("</nav>")[0]
    addresses = re.findall(r'href="([^"]+)"', rail)
    assert len(addresses) >= 4
    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 200)


def test_the_rail_says_where_one_is_and_how_much_waits(admin: Client) -> None:
    make_message(flagged=True, legacy_id=1)
    page = admin.get("/admin/MiniTwit/user/?is_staff__exact=1").content.decode()
    assert sections_of(page)[:4] == ["Review queue", "Messages", "Users", "Follows"]
    assert sections_of(page)[-2:] == ["Staff", "Groups"]
    assert re.search(r'aria-current="page"[^>]*>Staff', page)
    assert page.count('aria-current="page"') == 1
    assert re.search(r'Review queue <span class="rail-count">1</span>', page)
    one = admin.get(f"/admin/MiniTwit/user/{User.objects.get(is_superuser=True).pk}/change/").content.decode()
    assert re.search(r'aria-current="page"[^>]*>Users', one)


def test_a_page_is_titled_with_what_it_shows(admin: Client) -> None:
    message = make_message(make_user("Ada"), "Hello")
    for address, title in (
        (f"/admin/MiniTwit/message/{message.pk}/change/", "Message by Ada"),
        (f"/admin/MiniTwit/user/{message.author_id}/change/", "Ada"),
        (f"/admin/MiniTwit/user/{message.author_id}/history/", "History: Ada"),
        ("/admin/MiniTwit/message/", "Messages"),
    ):
        page = admin.get(address).content.decode()
        assert f"<title>{title} | MiniTwit back office</title>" in page
        assert f"<h1>{title}</h1>" in page


def test_the_palette_finds_names_and_numbers(admin: Client) -> None:
    ada, _ = make_user("Ada"), make_user("adam")
    message = make_message(ada)
    run = ImportRun.objects.create(kind="users", state="failed")
    assert found(admin, "ada") == ["Ada", "adam"]
    assert found(admin, "@ADA") == ["Ada", "adam"]
    assert f"Message {message.pk}" in found(admin, str(message.pk))
    assert f"Import {run.pk}" in found(admin, f"#{run.pk}")
    assert found(admin, "") == found(admin, "99999999999999999999999") == found(admin, "nobody at all") == []
    assert admin.post("/admin/palette/").status_code == 405


def test_the_palette_shows_nothing_that_the_user_may_not_open() -> None:
    message = make_message(make_user("Ada"))
    stranger = client_of(make_user("staff without a role", is_staff=True))
    assert found(stranger, "Ada") == found(stranger, str(message.pk)) == []
    assert Client().get("/admin/palette/", {"q": "Ada"}).status_code == 302
    assert found(client_of(make_member("Moderators")), "Ada") == ["Ada"]


def test_the_palette_shows_no_selection_that_was_not_confirmed(admin: Client) -> None:
    make_message()
    batch = selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=make_superuser("mo"))
    assert f"Batch {batch.pk}" not in found(admin, str(batch.pk))
    selections.confirm(batch=batch, cause=Cause.of(actor=batch.actor, reason="Spam"))
    assert f"Batch {batch.pk}" in found(admin, str(batch.pk))
