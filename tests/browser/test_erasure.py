"""The log of decisions, and the end of an account, in a browser: export, erase, and delete."""

import zipfile

import pytest
from playwright.sync_api import expect

from MiniTwit import moderation
from MiniTwit.models import ModerationReason, User
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_follow, make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=60_000)


@pytest.fixture
def roger() -> User:
    amy, roger = make_superuser("amy"), make_user("Roger Histand", email="roger@example.com", legacy_id=7)
    ModerationReason.objects.create(name="On request")
    messages = [make_message(roger, f"Roger sells shoes, number {n}") for n in range(12)]
    make_follow(roger)
    make_follow(whom=roger)
    moderation.flag(messages=messages, actor=amy, reason="Spam", note="Shoes, and shoes again, and more shoes.")
    moderation.warn(users=[roger], actor=amy, text="No shoes, please.")
    moderation.suspend(users=[roger], actor=amy, reason="Spam")
    moderation.purge(messages=messages[:2], actor=amy, reason="Illegal")
    return roger


def test_from_the_log_to_an_erased_account(visitor: Visitor, roger: User) -> None:
    page = visitor.arrive("/admin/MiniTwit/moderationevent/")
    expect(page.locator("tbody")).to_contain_text("deleted permanently")
    visitor.look("40_decisions")
    page.select_option("#grp-filters select, .list-filter-grid select >> nth=0", label="Suspend")
    expect(page.locator(".grp-results").first).to_have_text("1 result")
    page.locator("tbody th a, tbody td a").first.click()
    expect(page.get_by_role("link", name="Undo the batch")).to_be_visible()
    visitor.look("41_decision")

    page.goto(f"{visitor.address}/admin/MiniTwit/user/{roger.pk}/change/")
    button = page.get_by_role("button", name="Export the case")
    assert button.evaluate("button => button.scrollWidth <= button.clientWidth"), "its words fit into it"
    page.goto(f"{visitor.address}/admin/MiniTwit/user/{roger.pk}/delete/")
    visitor.look("42_delete")
    page.get_by_role("link", name="Erase …").click()
    visitor.look("43_erase")
    page.get_by_role("button", name="Erase the account").click()
    expect(page.locator(".errorlist").first).to_contain_text("Export the case first")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export the case").click()
    with zipfile.ZipFile(download.value.path()) as case:
        assert "Roger Histand" in case.read("summary.txt").decode()
    page.reload()
    expect(page.locator(".grp-module").first).to_contain_text("Exported on")
    page.get_by_label("Delete them permanently").check()
    page.select_option("#id_reason", "On request")
    page.fill("#id_typed", "Roger Histand")
    visitor.look("44_erase_filled")
    page.get_by_role("button", name="Erase the account").click()
    expect(page.locator(".import-totals")).to_contain_text("11 changed")
    visitor.look("45_erased_batch")
    page.goto(f"{visitor.address}/admin/MiniTwit/user/{roger.pk}/change/")
    expect(page.locator(".state-banner")).to_contain_text("Erased on request")
    visitor.look("46_erased_account")
    assert visitor.complaints == []
