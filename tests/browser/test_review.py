"""A moderator at the review queue, with the keyboard alone."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from legacy_import.rules.options import ImportOptions
from legacy_import.runs.foreground import import_at_once
from legacy_import.source import source_at
from MiniTwit import review
from MiniTwit.models import Message, ModerationEvent, ModerationReason, ReviewClaim, Strike, User, WatchTerm
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60_000  # milliseconds; only a broken program waits so long
expect.set_options(timeout=PATIENCE)

State = tuple[bool, str]


@pytest.fixture
def imported(sample: Path, import_dir: Path) -> None:
    """The sample as `make demo` has it after both imports and the scan that follows them."""
    call_command("loaddata", "watch_list", verbosity=0)
    for kind in ("users", "messages"):
        import_at_once(kind=kind, reference=source_at(str(sample)), options=ImportOptions(), origin="test")
    call_command("scan_messages", verbosity=0)
    for name in ("Spam", "Nothing wrong"):
        ModerationReason.objects.get_or_create(name=name)


def state_of(message_id: int) -> State:
    message = Message.objects.get(pk=message_id)
    return message.flagged, message.decision


class Keyboard:
    """Presses keys and waits for what they bring."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page
        self.at_hand = self.page.locator("[data-message]")

    def message(self) -> int:
        return int(self.at_hand.get_attribute("data-message") or 0)

    def press(self, key: str) -> int:
        """Press a key that brings another message, and return that message's id."""
        before = self.message()
        self.page.keyboard.press(key)
        expect(self.at_hand).not_to_have_attribute("data-message", str(before))
        return self.message()


@pytest.mark.parametrize("items", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_many_messages_without_the_mouse(visitor: Visitor, imported: None, items: int) -> None:
    assert review.count_waiting().number >= items
    page = visitor.arrive()
    visitor.look("20_dashboard_waiting")
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Review queue").focus()
    page.keyboard.press("Enter")
    keyboard = Keyboard(visitor)
    expect(keyboard.at_hand).to_be_visible()
    visitor.look("21_review")
    page.keyboard.press("?")
    expect(page.locator("#review-help")).to_be_visible()
    visitor.look("22_review_help")

    decided: list[tuple[int, str]] = []
    for number in range(items):
        message = keyboard.message()
        flagged, _ = state_of(message)
        key, verb = (("u", "unflag") if number % 3 else ("f", "flag")) if flagged else ("o", "keep")
        if not flagged and number % 2:
            key, verb = "f", "flag"
        keyboard.press(key)
        decided.append((message, verb))
    # Each key came with the reason that stands on its button.
    reasons = {"flag": "Spam", "unflag": "Nothing wrong", "keep": "Nothing wrong"}
    events = ModerationEvent.objects.order_by("id").values_list("message", "verb", "reason", "actor_name")
    assert list(events) == [(message, verb, reasons[verb], "importer") for message, verb in decided]
    assert {verb for _, verb in decided} == {"flag", "unflag", "keep"}
    assert max(Counter(message for message, _ in decided).values()) == 1
    visitor.look("23_review_after_many")

    # The last decision is taken back, and the message is before the moderator again, as it was.
    message, verb = decided[-1]
    assert keyboard.press("z") == message
    expect(page.locator(".review-notice")).to_contain_text("is as it was")
    assert state_of(message)[1] == ""
    assert ModerationEvent.objects.latest("id").verb == "undo"
    assert visitor.complaints == []


@pytest.fixture
def waiting() -> list[Message]:
    """A few messages of one author that the old application had flagged."""
    ModerationReason.objects.get_or_create(name="Spam")
    author = make_user()
    return [
        make_message(author, f"Message of day {day}, best online CASINO", flagged=True, legacy_id=day, pub_date=when)
        for day in range(1, 6)
        for when in [datetime(2020, 5, day, tzinfo=UTC)]
    ]


def test_moving_writing_and_warning_by_keys(visitor: Visitor, waiting: list[Message]) -> None:
    page, keyboard = visitor.arrive("/admin/MiniTwit/reviewclaim/"), Keyboard(visitor)
    first = keyboard.message()
    second = keyboard.press("j")
    assert keyboard.press("k") == first
    # In a field, keys are letters; with Control they are the browser's.
    note = page.locator("input[name=note]")
    note.focus()
    page.keyboard.type("foujkz")
    expect(note).to_have_value("foujkz")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+u")
    page.keyboard.press("w")
    warning = page.locator("textarea[name=text]")
    expect(warning).to_be_focused()
    page.keyboard.type("No adverts here, please.")
    visitor.look("24_review_warning")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".review-notice")).to_contain_text("The author was warned")
    assert Strike.objects.get().user.messages.filter(pk=first).exists()
    assert keyboard.message() == first
    # Without an answer nothing is lost: what was written is still there, and the next press goes through.
    page.locator("input[name=note]").fill("found in the old flags")
    page.locator("input[name=note]").press("Escape")
    expect(page.locator("[aria-busy]")).to_have_count(0)  # until then keys do nothing
    page.context.set_offline(True)
    page.keyboard.press("f")
    expect(page.locator(".review-trouble")).to_contain_text("The server does not answer")
    expect(page.locator("input[name=note]")).to_have_value("found in the old flags")
    visitor.look("25_review_no_answer")
    page.context.set_offline(False)
    assert keyboard.press("f") == second
    assert ModerationEvent.objects.latest("id").note == "found in the old flags"
    expect(page.locator(".review-trouble")).to_be_hidden()
    # Signed out meanwhile, in another tab.
    page.context.clear_cookies()
    page.keyboard.press("f")
    expect(page.locator(".review-trouble")).to_contain_text("session")
    assert keyboard.message() == second
    assert not ModerationEvent.objects.filter(message=second).exists()


def test_what_one_moderator_has_the_other_does_not_get(visitor: Visitor, waiting: list[Message]) -> None:
    colleague = User.objects.create(username="colleague", is_staff=True, is_superuser=True)
    oldest = review.claim_next(moderator=colleague)
    assert oldest is not None
    visitor.arrive("/admin/MiniTwit/reviewclaim/")
    mine = Keyboard(visitor).message()
    assert mine != oldest.pk
    assert ReviewClaim.objects.get(message=mine).moderator.username == "importer"
    # Leaving the page frees it.
    visitor.page.goto(f"{visitor.address}/admin/")
    expect(visitor.page.get_by_role("link", name="Watch-list", exact=True)).to_be_visible()
    visitor.page.wait_for_timeout(300)
    assert not ReviewClaim.objects.filter(message=mine).exists()
    assert visitor.complaints == []


def test_the_watch_list_in_the_browser(visitor: Visitor, waiting: list[Message]) -> None:
    call_command("loaddata", "watch_list", verbosity=0)
    call_command("scan_messages", verbosity=0)
    page = visitor.arrive()
    page.get_by_role("link", name="Watch-list", exact=True).click()
    expect(page.locator(".watch-standing")).to_contain_text("Every message has been looked through")
    visitor.look("26_watch_list")
    page.goto(f"{visitor.address}/admin/MiniTwit/watchterm/add/")
    page.fill("#id_pattern", "day")
    page.get_by_role("button", name="Test this term").click()
    expect(page.locator(".watch-test")).to_contain_text("Matches 5 of the newest 5 messages")
    visitor.look("27_watch_term")
    page.fill("#id_pattern", "day (")
    page.select_option("#id_kind", "regex")
    page.get_by_role("button", name="Test this term").click()
    expect(page.locator(".watch-test .watch-error")).to_contain_text("not balanced")
    term = WatchTerm.objects.get(pattern="casino")
    page.goto(f"{visitor.address}/admin/MiniTwit/watchhit/?term__id__exact={term.pk}")
    expect(page.locator("mark").first).to_have_text("CASINO")
    visitor.look("28_hits")
    page.goto(f"{visitor.address}/admin/MiniTwit/watchterm/{term.pk}/delete/")
    visitor.look("29_delete_term")
    assert visitor.complaints == []
