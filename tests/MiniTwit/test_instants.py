"""Dates near the ends of the calendar: no form takes one, and one that is stored breaks no page in any time zone."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from MiniTwit.instants import FIRST, LAST
from MiniTwit.models import Message, ModerationReason, User
from tests.MiniTwit.factories import make_message, make_user
from tests.MiniTwit.forms import save_on_page

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
STORED = ["9999-12-31 23:59:59+00", "12345-01-01 00:00:00+00", "0001-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC",
          "infinity", "-infinity"]  # fmt: skip


@pytest.fixture(params=["America/New_York", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.TIME_ZONE = request.param
    return str(request.param)


def test_a_form_takes_no_date_that_some_zone_cannot_show(admin: Client, zone: str) -> None:
    message, account = make_message(), make_user()
    before = message.pub_date
    for moment in ("9999-12-31T23:59:59", "0001-01-01T00:00:00"):
        shown = save_on_page(admin, message, pub_date=moment).content.decode()
        assert "Give a date between 2 January 1 and 30 December 9999." in shown
    ModerationReason.objects.create(name="Spam")
    decision = {"reason": "Spam", "seen": "", "until": "9999-12-31T23:59"}
    shown = admin.post(f"/admin/MiniTwit/user/{account.pk}/decide/suspend/", decision, follow=True).content.decode()
    assert "Give a date between" in shown
    message.refresh_from_db()
    account.refresh_from_db()
    assert (message.pub_date, account.suspended_until) == (before, None)


def test_a_date_that_is_stored_all_the_same_breaks_no_page(admin: Client, zone: str) -> None:
    messages = [make_message(text=f"At {stored}") for stored in STORED]
    with connection.cursor() as cursor:
        for message, stored in zip(messages, STORED, strict=True):
            cursor.execute(f'UPDATE "{Message._meta.db_table}" SET pub_date = %s WHERE id = %s', [stored, message.pk])
            cursor.execute(f'UPDATE "{User._meta.db_table}" SET date_joined = %s', [stored])
    for address in (MESSAGES, f"{MESSAGES}?o=1", "/admin/MiniTwit/user/", "/admin/MiniTwit/reviewclaim/"):
        assert admin.get(address).status_code == 200, address
    for day in ("9999-12-31", "0001-01-01"):
        for address in (f"{MESSAGES}?from={day}", f"{MESSAGES}?to={day}", f"/admin/MiniTwit/user/?q={day}"):
            assert admin.get(address).status_code == 200, address
    for message in messages:
        assert admin.get(f"{MESSAGES}{message.pk}/change/").status_code == 200
        assert admin.get(f"/admin/MiniTwit/user/{message.author_id}/change/").status_code == 200
        message.refresh_from_db()
        assert message.pub_date in (FIRST, LAST)
