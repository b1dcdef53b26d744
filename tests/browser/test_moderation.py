"""A decision about many, in a browser: from the list to the batch's page, and its undo."""

import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from MiniTwit.admin.forms.moments import one_month_after
from MiniTwit.models import Message, ModerationReason, User
from MiniTwit.moderation import selections
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_message, make_user

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=60_000)
ROWS = 1_500  # more than are done at once
StartWorker = Callable[[], subprocess.Popen]


@pytest.fixture
def messages() -> None:
    author = make_user("Roger Histand")
    ModerationReason.objects.create(name="Spam")
    Message.objects.bulk_create(
        Message(author=author, text=f"Buy {n} now, <b>cheap</b>! " + "and more " * (n % 30)) for n in range(ROWS)
    )


@pytest.mark.usefixtures("messages")
def test_flagging_a_whole_list_and_undoing_it(visitor: Visitor, worker: StartWorker) -> None:
    page = visitor.arrive("/admin/MiniTwit/message/")
    page.locator("#action-toggle").check()
    page.get_by_title("Click here to select the objects across all pages").click()
    page.select_option("select[name=action]", "flag_selected")
    with page.expect_navigation():
        page.evaluate("document.querySelector('#grp-changelist-form').submit()")
    expect(page.locator(".import-lead")).to_contain_text("1,500 messages selected")
    visitor.look("20_confirm_flag")
    page.get_by_role("button", name="Flag 1,500 messages").click()
    expect(page.locator(".errorlist")).to_contain_text("required")
    page.select_option("#id_reason", "Spam")
    page.fill("#id_note", "A wave of it.")
    page.get_by_role("button", name="Flag 1,500 messages").dblclick()
    expect(page.locator(".work-waiting")).to_contain_text("python manage.py db_worker")
    visitor.look("21_batch_waiting")
    worker()
    expect(page.get_by_role("link", name="Undo this batch")).to_be_visible()
    expect(page.locator(".import-totals")).to_contain_text("1,500 changed")
    assert Message.objects.filter(flagged=True).count() == ROWS
    visitor.look("22_batch_done")

    page.get_by_role("link", name="Undo this batch").click()
    page.select_option("#id_reason", "Spam")
    visitor.look("23_undo")
    page.get_by_role("button", name="Undo this batch").click()
    expect(page.locator(".import-totals")).to_contain_text("1,500 changed")
    page.wait_for_selector("text=Undo this batch")
    assert not Message.objects.filter(flagged=True).exists()

    page.goto(f"{visitor.address}/admin/MiniTwit/user/")
    page.locator("tr", has_text="Roger Histand").locator("input.action-select").check()
    page.select_option("select[name=action]", "suspend_selected")
    with page.expect_navigation():
        page.evaluate("document.querySelector('#grp-changelist-form').submit()")
    visitor.look("24_confirm_suspend")
    page.select_option("#id_reason", "Spam")
    page.get_by_role("button", name="Suspend 1 account").click()
    expect(page.locator(".import-totals")).to_contain_text("1 changed")
    visitor.look("25_suspended")
    assert visitor.complaints == []


@pytest.mark.usefixtures("messages")
def test_a_long_list_is_frozen_in_the_background_and_then_asked_about(
    visitor: Visitor, worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "LONG", 1_000)
    page = visitor.arrive("/admin/MiniTwit/message/?q=cheap")
    page.locator("#action-toggle").check()
    page.get_by_title("Click here to select the objects across all pages").click()
    page.select_option("select[name=action]", "flag_selected")
    with page.expect_navigation():
        page.evaluate("document.querySelector('#grp-changelist-form').submit()")
    expect(page.locator(".work-waiting")).to_contain_text("python manage.py db_worker")
    expect(page.locator("#id_reason")).to_have_count(0)
    visitor.look("28_freezing")
    worker()
    expect(page.locator(".import-lead")).to_contain_text("1,500 messages selected")
    visitor.look("29_frozen")
    page.get_by_role("button", name="Cancel").click()
    expect(page).to_have_url(f"{visitor.address}/admin/MiniTwit/message/?q=cheap")
    assert visitor.complaints == []


@pytest.mark.usefixtures("messages")
def test_the_end_of_a_suspension_is_chosen_with_one_click(visitor: Visitor) -> None:
    """On the account's page and for a selection alike."""
    page, account = visitor.page, User.objects.get(username="Roger Histand")
    visitor.arrive(f"/admin/MiniTwit/user/{account.pk}/change/")
    page.locator(".decide-suspend summary").click()
    panel = page.locator(".decide-suspend")
    panel.get_by_role("button", name="1 month").click()
    panel.get_by_role("button", name="1 week").click()
    visitor.look("26_suspend_for_a_week")
    panel.get_by_label("Reason").select_option("Spam")
    panel.get_by_role("button", name="Suspend").click()
    expect(page.locator(".state-banner")).to_contain_text("until")
    account.refresh_from_db()
    assert account.suspended_at
    assert account.suspended_until
    assert timedelta(days=6, hours=22) < account.suspended_until - account.suspended_at < timedelta(days=7, hours=2)

    make_user("Nora")
    page.goto(f"{visitor.address}/admin/MiniTwit/user/")
    page.locator("tr", has_text="Nora").locator("input.action-select").check()
    page.select_option("select[name=action]", "suspend_selected")
    with page.expect_navigation():
        page.evaluate("document.querySelector('#grp-changelist-form').submit()")
    page.get_by_role("button", name="1 day").click()
    expect(page.locator("#id_until")).not_to_have_value("")
    visitor.look("27_confirm_suspend_for_a_day")
    page.select_option("#id_reason", "Spam")
    page.get_by_role("button", name="Suspend 1 account").click()
    expect(page.locator(".import-totals")).to_contain_text("1 changed")
    nora = User.objects.get(username="Nora")
    assert nora.suspended_until
    assert nora.suspended_until > timezone.now() + timedelta(hours=21)
    assert visitor.complaints == []


def test_deleting_for_good_waits_for_the_tick(visitor: Visitor) -> None:
    message = make_message(text="Buy now!")
    visitor.arrive(f"/admin/MiniTwit/message/{message.pk}/change/")
    visitor.page.locator(".decide-purge summary").click()
    panel = visitor.page.locator(".decide-purge")
    expect(panel.get_by_role("button")).to_be_disabled()
    panel.get_by_label("They cannot be brought back").check()
    expect(panel.get_by_role("button")).to_be_enabled()
    assert visitor.complaints == []


@pytest.mark.parametrize(
    ("moment", "later"),
    [
        ("2026-12-05 10:30", "2027-01-05 10:30"),
        ("2026-01-31 10:30", "2026-02-28 10:30"),
        ("2028-01-31 10:30", "2028-02-29 10:30"),
    ],
)
def test_a_month_later_is_a_day_that_there_is(moment: str, later: str) -> None:
    assert one_month_after(datetime.fromisoformat(moment)) == datetime.fromisoformat(later)
