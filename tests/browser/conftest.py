"""A real browser on a real server, with a real worker beside it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from MiniTwit.models import User
from tests.backoffice.web_server import session_cookie
from tests.legacy_import.conftest import configured, import_dir, sample, worker
from tests.MiniTwit.factories import make_superuser

__all__ = ["configured", "import_dir", "sample", "worker"]

PASSWORD = "a password for the browser"
SCREENSHOTS = os.environ.get("SCREENSHOTS") == "1"  # each takes as long as the page itself
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 480, "height": 900}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Pytest asks this of the tests of this folder alone."""
    item.add_marker(pytest.mark.story)


@pytest.fixture(scope="package")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """Debian's Chromium, without windows if that is installed: it takes half the time. All tests share it.

    The database is made before, outside the event loop, as it is destroyed: a connection belongs to one side of it.
    """
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("NO BROWSER: the pages were not tried in one. Install Debian's chromium-headless-shell.")
    # Playwright keeps an event loop in this thread, in which Django would refuse the tests' own look at the database.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()
        connections.close_all()  # inside the loop these are others than outside, and nobody else would close them


@pytest.fixture
def context(chromium: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """A browser that knows nothing of the tests before. It ends before the database of the test does."""
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def context_without_javascript(chromium: Browser, live_server: Any) -> Iterator[BrowserContext]:
    context = chromium.new_context(java_script_enabled=False)
    yield context
    context.close()


class Visitor:
    """A staff member at the browser, and what the console said meanwhile."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.on("console", lambda message: self.hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.hear("error", f"{request.url}: {request.failure}"))

    def hear(self, kind: str, text: str) -> None:
        # A page that is left while it asks for its progress has not failed.
        if kind in ("error", "warning") and "ERR_ABORTED" not in text:
            self.complaints.append(text)

    def arrive(self, path: str = "/admin/") -> Page:
        """Open a page of the site as a colleague who signed in a while ago."""
        name, value = session_cookie(make_user_who_may_import()).split("=")
        self.page.context.add_cookies([{"name": name, "value": value, "url": self.address}])
        self.page.goto(f"{self.address}{path}")
        return self.page

    def sign_in(self) -> None:
        """Fill in the form of the sign-in page."""
        self.page.fill("#id_username", "importer")
        self.page.fill("#id_password", PASSWORD)
        self.page.click("input[type=submit]")

    def look(self, name: str) -> None:
        """Nothing may stand out at the side, wide or narrow. With SCREENSHOTS=1, keep a picture of each."""
        folder: Path = settings.VAR_DIR / "screenshots"
        for label, size in (("wide", WIDE), ("narrow", NARROW)):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            if SCREENSHOTS:
                self.page.screenshot(path=folder / f"{name}_{label}.png")
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} {label}"
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def make_user_who_may_import() -> User:
    return make_superuser("importer", password=make_password(PASSWORD))


@pytest.fixture
def visitor(context: BrowserContext, live_server: Any) -> Visitor:
    return Visitor(context.new_page(), live_server.url)


@pytest.fixture
def visitor_without_javascript(context_without_javascript: BrowserContext, live_server: Any) -> Visitor:
    return Visitor(context_without_javascript.new_page(), live_server.url)
