"""The database stamps each row that is changed in this application, and no other."""

import pytest
from django.utils import timezone

from MiniTwit.models import Message, User
from tests.MiniTwit.factories import make_message, make_user

pytestmark = pytest.mark.django_db


def test_a_change_stamps_the_row() -> None:
    user, message = make_user(), make_message()
    User.objects.filter(pk=user.pk).update(email="new@example.com")
    Message.objects.filter(pk=message.pk).update(flagged=True)
    user.refresh_from_db()
    message.refresh_from_db()
    assert user.changed_at
    assert message.changed_at


def test_what_changes_nothing_stamps_no_row() -> None:
    user, message = make_user(), make_message()
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())  # a sign-in is no change of the account
    User.objects.filter(pk=user.pk).update(email=user.email)
    Message.objects.filter(pk=message.pk).update(text=message.text)
    Message.objects.filter(pk=message.pk).update(changed_at=timezone.now())
    user.refresh_from_db()
    message.refresh_from_db()
    assert (user.changed_at, message.changed_at) == (None, None)


def test_a_later_change_is_stamped_later() -> None:
    message = make_message()
    Message.objects.filter(pk=message.pk).update(flagged=True)
    first = Message.objects.get(pk=message.pk).changed_at
    Message.objects.filter(pk=message.pk).update(text="another")
    last = Message.objects.get(pk=message.pk).changed_at
    assert first
    assert last
    assert first < last
