"""The lists and the pages behind them, in a browser: find, turn pages, save the view, decide, note."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from MiniTwit.models import Message, ModerationReason
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_follow, make_user

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=60_000)


@pytest.fixture
def messages() -> None:
    roger, mellie = make_user("Roger Histand"), make_user("Mellie Yost")
    make_follow(roger, mellie)
    ModerationReason.objects.create(name="Spam")
    now = timezone.now()
    Message.objects.bulk_create(
        Message(author=author, text=f"{author.username} sells shoes, number {n}", pub_date=now - timedelta(hours=n))
        for author in (roger, mellie)
        for n in range(120)
    )


@pytest.mark.usefixtures("messages")
def test_from_the_list_to_a_decision(visitor: Visitor) -> None:
    page = visitor.arrive("/admin/MiniTwit/message/")
    expect(page.locator(".grp-results").first).to_have_text("240 results")
    # What is high above its line, such as marks on a letter, does not paint over the row above.
    assert page.locator("tbody td").first.evaluate("cell => getComputedStyle(cell).overflow") == "clip"
    page.locator(".list-filters .select2-selection").click()
    page.keyboard.type("ger his")
    page.locator(".select2-results__option", has_text="Roger Histand").click()
    expect(page.locator(".grp-results").first).to_have_text("120 results")
    visitor.look("30_messages_of_one")
    page.get_by_role("link", name="Last", exact=True).first.click()
    expect(page.locator("tbody tr").last).to_contain_text("number 119")
    page.get_by_role("link", name="Previous", exact=True).first.click()
    expect(page.locator("tbody tr").last).to_contain_text("number 69")

    page.locator(".list-save summary").click()
    page.fill("#save_filter_name", "Roger's")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".list-views li.open")).to_have_text("Roger's")

    page.locator("tbody tr a").first.click()
    page.locator(".decide-flag summary").click()
    page.select_option("#flag_reason", "Spam")
    visitor.look("31_message")
    page.locator(".decide-flag button").click()
    expect(page.locator(".state-banner")).to_have_text("Flagged: hidden from timelines.")
    expect(page.locator("#history")).to_contain_text("no → yes")
    visitor.look("32_message_flagged")
    assert Message.objects.get(flagged=True).text == "Roger Histand sells shoes, number 0"
    assert visitor.complaints == []


@pytest.mark.usefixtures("messages")
def test_an_account_is_warned_and_noted_and_a_follow_removed(visitor: Visitor) -> None:
    page = visitor.arrive("/admin/MiniTwit/user/?q=hist")
    visitor.look("33_users")
    page.get_by_role("link", name="Roger Histand").click()
    page.locator(".decide-warn summary").click()
    page.fill("#warn_text", "Stop selling shoes.")
    page.select_option("#warn_reason", "Spam")
    page.locator(".decide-warn button").click()
    expect(page.locator("#strikes")).to_contain_text("Stop selling shoes.")
    page.fill("#note_text", "Answered by mail.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator("#notes")).to_contain_text("Answered by mail.")
    visitor.look("34_user")

    page.locator(".figures a", has_text="following").click()
    page.locator("#action-toggle").check()
    page.select_option("select[name=action]", "remove_follows")
    with page.expect_navigation():
        page.evaluate("document.querySelector('#grp-changelist-form').submit()")
    visitor.look("35_remove_follow")
    page.get_by_role("button", name="Remove 1 follow").click()
    expect(page.locator("body")).to_contain_text("1 follow was removed.")
    visitor.look("36_follows")
    assert visitor.complaints == []
