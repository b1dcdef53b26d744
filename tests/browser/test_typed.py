"""What was typed is not lost with the session, nor with a form that is out of date."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from MiniTwit.models import StaffNote
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = "Phoned about the shoes; calls again on Monday."


def test_a_note_that_came_after_the_session_is_in_its_form_again(visitor: Visitor) -> None:
    account = make_user("Ada")
    address = f"/admin/MiniTwit/user/{account.pk}/change/"
    page = visitor.arrive(address)
    page.fill("#note_text", NOTE)
    Session.objects.all().delete()
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("Your session had ended, so what you sent was not done.")).to_be_visible()
    visitor.sign_in()
    expect(page).to_have_url(f"{visitor.address}{address}")
    expect(page.locator("#note_text")).to_have_value(NOTE)
    expect(page.get_by_text("It was not sent yet.")).to_be_visible()
    assert not StaffNote.objects.exists()

    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("The note is kept.")).to_be_visible()
    expect(page.locator("#note_text")).to_have_value("")
    assert StaffNote.objects.get().text == NOTE
    assert visitor.complaints == []


def test_a_form_that_is_out_of_date_keeps_what_was_typed(visitor: Visitor) -> None:
    account = make_user("Ada")
    page = visitor.arrive(f"/admin/MiniTwit/user/{account.pk}/change/")
    page.fill("#note_text", NOTE)
    page.context.add_cookies([{"name": "csrftoken", "value": "b" * 32, "url": visitor.address}])
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_role("heading", name="The form is out of date")).to_be_visible()
    page.get_by_role("link", name="Back to the form").click()
    expect(page.locator("#note_text")).to_have_value(NOTE)
    assert [said for said in visitor.complaints if "403" not in said] == []
