"""Who may open which address of the site: everybody at every address, held against a committed table."""

import tomllib
from typing import Any

import pytest
from django.db import transaction
from django.template.backends.django import Template
from django.test import Client

from tests.backoffice.site_walk import FOLDER, UPDATE, Site, addresses, build_site

pytestmark = [pytest.mark.story, pytest.mark.django_db]

TABLE = FOLDER / "access.toml"
HEAD = """\
# Who gets in at each address of the site, by reading (GET) and by sending a form (POST). Everybody else is refused:
# with 403, or, not signed in, by being sent to the sign-in page; "nobody" where there is nothing for that method.
# tests/backoffice/site_walk.py says how to write this file anew.

"""
Access = dict[str, dict[str, str]]


@pytest.fixture
def site(caplog: pytest.LogCaptureFixture) -> Site:
    caplog.set_level("CRITICAL", "django.request")  # hundreds of refusals, each with its traceback
    return build_site()


def gets_in(client: Client, method: str, address: str) -> bool:
    """Whether somebody is let in. What that does is taken back."""
    with transaction.atomic():
        response: Any = client.generic(method, address)
        if response.streaming:
            list(response)  # or its file stays open
        transaction.set_rollback(True)
    assert response.status_code < 500, (method, address)
    is_sent_away = response.status_code == 302 and (
        response["Location"].startswith("/admin/login/") or (response["Location"] == "/admin/" and address != "/")
    )
    is_led_to_the_form = method == "GET" and hasattr(response.resolver_match.func, "form_page")
    return response.status_code < 400 and not is_sent_away and not is_led_to_the_form


def walk(site: Site) -> Access:
    """Send everybody everywhere."""
    let_in: dict[str, dict[str, list[str]]] = {name: {"GET": [], "POST": []} for name, _ in addresses()}
    for role in ("anybody", *site.people):
        client = site.client(role)
        cookies = client.cookies.copy()
        for name, route in addresses():
            for method, who in let_in[name].items():
                client.cookies = cookies.copy()
                if gets_in(client, method, site.address(name, route, role)):
                    who.append(role)
    return {name: {method: named(who, site) for method, who in by.items()} for name, by in let_in.items()}


def named(who: list[str], site: Site) -> str:
    staff = list(site.people)
    return {(): "nobody", tuple(staff): "all staff", ("anybody", *staff): "everybody"}.get(tuple(who), ", ".join(who))


def write(access: Access) -> None:
    lines = [f'"{name}" = {{ GET = "{by["GET"]}", POST = "{by["POST"]}" }}' for name, by in sorted(access.items())]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n")


@pytest.fixture(params=["statuses", pytest.param("pages", marks=pytest.mark.slow)])
def _pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is known before a page is rendered, which takes most of the time: the slow test renders."""
    if request.param == "statuses":
        monkeypatch.setattr(Template, "render", lambda *_args, **_kwargs: "")


@pytest.mark.usefixtures("_pages")
def test_everybody_gets_in_where_the_table_says_and_nowhere_else(site: Site) -> None:
    access = walk(site)
    if UPDATE:
        write(access)
    expected = tomllib.loads(TABLE.read_text())
    unlisted = [name for name, _ in addresses() if name not in expected]
    assert not unlisted, "Say in access.toml who may open these new addresses."
    assert access == expected


def test_the_table_itself_keeps_to_the_rules() -> None:
    """What holds whatever screens are added."""
    table = tomllib.loads(TABLE.read_text())
    to_the_world = {name for name, by in table.items() if {"everybody", "anybody"} & set(by.values())}
    assert to_the_world == {"home", "login"}
    readers = {"all staff", "staff without a role", "Importers", "Auditors"}
    writing = ("_add", "_delete", "_decide", "_note", "_case", "_erase", "_import", "_confirm", "_undo", "_cancel")
    for name, by in table.items():
        if name.startswith("MiniTwit_") and name.endswith(writing):
            assert not set(by["POST"].split(", ")) & readers, name
    for name in ("user_erase", "user_case", "user_delete", "message_delete", "message_import", "user_import"):
        assert table[f"MiniTwit_{name}"]["POST"] == "superuser"
    for name in ("moderationevent", "moderationbatch"):
        for page in ("add", "delete"):
            assert set(table[f"MiniTwit_{name}_{page}"].values()) == {"nobody"}
