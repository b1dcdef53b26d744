"""What `make screenshots` runs: it takes the pictures of the README and the guides from a demo of its own.

    python docs/screenshots.py

The demo has its own folder, which is thrown away. Both imports are made by clicking, then some messages are decided
about, so that the pages show something. Chromium has to be installed.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
WINDOW = {"width": 1280, "height": 800}
PAGES = {"review-queue": "MiniTwit/reviewclaim/", "first-page": ""}
DECISIONS = 12
TIMEOUT_MILLISECONDS = 120_000  # for what the worker does


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Run a demo; give its address and the password of its account."""
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory() as folder:
        surroundings = os.environ | {"VAR_DIR": folder, "DEMO_PASSWORD": password}
        surroundings.pop("DATABASE_URL", None)
        command = [sys.executable, "manage.py", "demo"]
        with subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield address_in(process), password
            finally:
                process.send_signal(signal.SIGINT)
                process.wait()


def address_in(process: "subprocess.Popen[str]") -> str:
    """Wait until the demo says where it is."""
    for line in process.stdout or ():
        if found := re.search(r"Sign in at (\S+)/admin/", line):
            return found[1]
    raise RuntimeError("The demo ended before it said where it is.")


def import_by_clicking(page: Page, address: str, kind: str) -> None:
    page.goto(f"{address}/admin/legacy_import/importrun/{kind}/")
    page.get_by_role("button", name="Preview").click()
    confirm = page.get_by_role("button", name=re.compile("^Confirm"))
    expect(confirm).to_be_visible()
    confirm.click()
    expect(page.get_by_role("link", name="Undo this import")).to_be_visible()


def decide(page: Page, address: str) -> None:
    """Work through a part of the review queue with its keys."""
    page.goto(f"{address}/admin/MiniTwit/reviewclaim/")
    expect(page.locator(".palette-button")).to_be_visible()  # the scripts have run
    item = page.locator("[data-message]").first
    for number in range(DECISIONS):
        before = item.get_attribute("data-message") or ""
        keeps = (
            "o" if page.locator("#review-desk [data-key=o]").count() else "u"
        )  # of a message that is not, or is, flagged
        page.keyboard.press("f" if number % 3 == 0 else keeps)
        expect(item).not_to_have_attribute("data-message", before)


def take(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def main() -> None:
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        sys.exit("Chromium is not installed, so there is nothing to take pictures with.")
    PICTURES.mkdir(exist_ok=True)
    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    with demo() as (address, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.goto(f"{address}/admin/")
        page.fill("#id_username", "admin")
        page.fill("#id_password", password)
        page.keyboard.press("Enter")
        expect(page.locator(".rail")).to_be_visible()
        import_by_clicking(page, address, "users")
        import_by_clicking(page, address, "messages")
        decide(page, address)
        for name, path in PAGES.items():
            page.goto(f"{address}/admin/{path}")
            take(page, name)
        browser.close()


if __name__ == "__main__":
    main()
