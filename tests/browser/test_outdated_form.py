"""Two people at one account, in a browser: both versions are shown, and nothing that was typed is lost."""

import re

import pytest
from playwright.sync_api import expect

from MiniTwit import moderation
from MiniTwit.models import ModerationReason, User
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=60_000)


def test_an_outdated_form_shows_both_versions_and_a_panel_keeps_what_was_typed(visitor: Visitor) -> None:
    page = visitor.page
    ModerationReason.objects.create(name="Spam")
    amy = make_user("amy", email="old@example.org")
    visitor.arrive(f"/admin/MiniTwit/user/{amy.pk}/change/")
    page.fill("#id_email", "mine@example.org")
    User.objects.filter(pk=amy.pk).update(email="theirs@example.org")
    moderation.warn(users=[amy], actor=None, text="Stop.")
    page.locator("input[name=_continue]").click()
    expect(page.locator(".errorlist", has_text="Stored now: “theirs@example.org”")).to_be_visible()
    expect(page.locator("#id_email")).to_have_value("mine@example.org")
    visitor.look("60_outdated_form")
    page.locator("input[name=_continue]").click()
    expect(page.locator(".grp-messagelist")).to_contain_text("changed successfully")
    amy.refresh_from_db()
    assert amy.email == "mine@example.org"

    page.locator(".decide-suspend summary").click()
    until = page.locator("#suspend_until")
    expect(until).to_have_attribute("type", "datetime-local")  # grappelli would make a text field of it
    page.select_option("#suspend_reason", "Spam")
    page.fill("#suspend_note", "Wrote to support.")
    until.evaluate("field => field.removeAttribute('min')")
    until.fill("2020-01-01T00:00")
    page.locator(".decide-suspend form [type=submit]").click()
    expect(page.locator(".decide-suspend .errorlist")).to_contain_text("has to end in the future")
    expect(until).to_have_value("2020-01-01T00:00")
    expect(page.locator("#suspend_note")).to_have_value("Wrote to support.")
    visitor.look("61_panel_again")
    until.fill("2999-05-31T18:30")
    page.locator(".decide-suspend form [type=submit]").click()
    expect(page.locator(".state-banner")).to_have_text(re.compile("until 31 May 2999, 18:30"))
    assert visitor.complaints == []


def test_a_long_message_in_the_breadcrumbs_does_not_widen_a_phone(visitor: Visitor) -> None:
    message = make_message(text="Small victory: my grandmother's plum cake did not make it, again. " * 3)
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.arrive(f"/admin/MiniTwit/message/{message.pk}/change/")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.complaints == []
