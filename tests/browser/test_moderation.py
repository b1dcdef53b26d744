"""A decision about many, in a browser: from the list to the batch's page, and its undo."""

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from MiniTwit.models import Message, ModerationReason
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_user

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
    page = visitor.page
    visitor.sign_in()
    page.goto(f"{visitor.address}/admin/MiniTwit/message/")
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
    expect(page.locator(".moderation-waiting")).to_contain_text("python manage.py db_worker")
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
