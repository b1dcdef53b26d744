"""A file of users, in a browser: what has to be ticked comes before the button, with the script and without it."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from MiniTwit.models import User
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=60_000)


@pytest.fixture
def guessed(tmp_path: Path) -> Path:
    """A file whose encoding is a guess, so that staff have to say that it is right; and with a long name."""
    path = tmp_path / f"users{'_of_another_database' * 5}.csv"
    path.write_bytes("username,email\nJörg Müller,joerg@example.com\n".encode("cp1252"))
    return path


def choose(visitor: Visitor, path: Path) -> Page:
    page = visitor.arrive("/admin/MiniTwit/user/import/")
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name="Preview").click()
    return page


def confirmation(page: Page) -> Locator:
    return page.get_by_role("button", name="Confirm import")


def test_the_button_waits_for_the_tick_and_sends_the_form_once(visitor: Visitor, guessed: Path) -> None:
    page = choose(visitor, guessed)
    expect(page.locator(".import-remarks")).to_contain_text("its encoding is a guess")
    expect(confirmation(page)).to_be_disabled()
    visitor.look("60_file_waits_for_tick")
    tick = page.get_by_label("I have read the remarks above")
    tick.check()
    expect(confirmation(page)).to_be_enabled()
    tick.uncheck()
    expect(confirmation(page)).to_be_disabled()
    tick.check()
    confirmation(page).dblclick()
    expect(page.locator(".grp-messagelist")).to_contain_text("Import finished: 1 new")
    assert User.objects.filter(username="Jörg Müller").exists()
    assert visitor.complaints == []


def test_without_the_script_the_browser_asks_for_the_tick(visitor_without_javascript: Visitor, guessed: Path) -> None:
    page = choose(visitor_without_javascript, guessed)
    confirmation(page).click()
    expect(page.locator("#id_consent:invalid")).to_be_visible()
    assert not User.objects.filter(username="Jörg Müller").exists()
    page.locator("#id_consent").check()
    confirmation(page).click()
    expect(page.locator(".grp-messagelist")).to_contain_text("Import finished: 1 new")


def test_the_format_is_as_the_name_ends_or_is_asked_for(visitor: Visitor, tmp_path: Path) -> None:
    sheet, listing = tmp_path / "users.ods", tmp_path / "users.txt"
    sheet.write_bytes(b"PK\x03\x04")
    page = choose(visitor, sheet)
    expect(page.locator(".errorlist")).to_contain_text("“users.ods” is an OpenDocument spreadsheet")
    visitor.look("61_file_of_another_format")
    listing.write_text("username\temail\nann\tann@example.com\n")
    page.set_input_files("input[type=file]", listing)
    page.get_by_role("button", name="Preview").click()
    expect(confirmation(page)).to_be_enabled()
    assert visitor.complaints == []
