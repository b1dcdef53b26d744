"""Every page in a browser: the content security policy refuses nothing, nothing is cut off or closed to anyone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Page

from MiniTwit.models import User
from tests.backoffice.site_walk import Site, addresses, build_site
from tests.backoffice.web_server import session_cookie
from tests.browser.conftest import Visitor

WINDOWS = ((1400, "light"), (768, "dark"), (390, "light"))
GRAVE = ("serious", "critical")
SEEN_ONLY = {"runOnly": ["color-contrast", "target-size"]}  # what a window's size or colours change


@pytest.fixture
def site(live_server: Any) -> Site:
    return build_site()


def pages(site: Site) -> list[str]:
    """The addresses that answer a superuser with a page."""
    client = Client()
    client.force_login(site.people["superuser"])
    found = []
    for name, route in addresses():
        address = site.address(name, route, "superuser")
        answer = client.get(address)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            found.append(address)
    return [*dict.fromkeys(found), "/admin/no/such/page/", "/admin/MiniTwit/message/?nonsense=1"]


def faults_of(page: Page, options: dict[str, Any]) -> list[str]:
    """What is wrong with an open page, each fault in a line."""
    faults = []
    room = page.evaluate("document.documentElement.clientWidth")
    if (needed := page.evaluate("document.documentElement.scrollWidth")) > room:
        faults.append(f"is {needed} pixels wide, in a window of {room}")
    violations = Axe().run(page, options={"resultTypes": ["violations"]} | options).response["violations"]
    return faults + [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:300]} ({len(violation['nodes'])})"
        for violation in violations
        if violation["impact"] in GRAVE
    ]


def test_every_page_is_whole_and_open_to_all_in_every_window(site: Site, visitor: Visitor, live_server: Any) -> None:
    found = {}
    page = visitor.page
    name, value = session_cookie(User.objects.get(pk=site.people["superuser"].pk)).split("=")
    page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    all_pages = pages(site)
    assert len(all_pages) > 40
    for address in all_pages:
        visitor.complaints.clear()
        page.goto(f"{live_server.url}{address}")
        # The page of an error has the status of one, which the console notes.
        faults = [line for line in visitor.complaints if "the server responded with a status of 4" not in line]
        if (headings := page.locator("h1").count()) != 1:
            faults.append(f"has {headings} headings of the first order")
        for width, scheme in WINDOWS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            seen = faults_of(page, {} if (width, scheme) == WINDOWS[0] else SEEN_ONLY)
            faults += [f"{width} {scheme}: {fault}" for fault in seen]
        if faults:
            found[address] = faults
    assert found == {}, "\n".join(f"{where}\n    " + "\n    ".join(faults) for where, faults in found.items())


def test_a_script_within_a_page_does_not_run(visitor: Visitor) -> None:
    page = visitor.arrive()
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in visitor.complaints)
