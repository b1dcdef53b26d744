"""Removing follows: one, some, or all that a list shows."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from MiniTwit.admin import follows
from MiniTwit.models import Follow
from tests.MiniTwit.factories import make_follow, make_staff, make_user

pytestmark = pytest.mark.django_db

FOLLOWS = "/admin/MiniTwit/follow/"


@pytest.fixture
def moderator(client: Client) -> Client:
    client.force_login(make_staff("view_follow", "delete_follow", "view_user"))
    return client


def select(*follows: Follow, across: bool = False) -> dict[str, object]:
    chosen = [follow.pk for follow in follows]
    return {"action": "remove_follows", "index": "0", "select_across": str(int(across)), "_selected_action": chosen}


def confirmation(page: object) -> dict[str, object]:
    """What the page's form sends."""
    context = page.context  # type: ignore[attr-defined]
    names = ("confirmed", "select_across")
    chosen = {"action": "remove_follows", "_selected_action": context["selected"]}
    return chosen | {name: context[name] for name in names}


def test_some_follows_are_removed_after_a_confirmation_and_that_is_logged(moderator: Client) -> None:
    amy = make_user("amy")
    first, second, third = make_follow(amy), make_follow(amy), make_follow(amy)
    page = moderator.post(FOLLOWS, select(first, second))
    assert "These <strong>2</strong> follows are removed permanently" in page.content.decode()
    assert Follow.objects.count() == 3
    result = moderator.post(FOLLOWS, confirmation(page), follow=True).content.decode()
    assert "2 follows were removed." in result
    assert list(Follow.objects.all()) == [third]
    entry = LogEntry.objects.get()
    assert entry.object_repr == "2 follows"
    assert f"amy follows {first.whom}" in entry.change_message


def test_all_that_a_list_shows_are_removed_but_not_what_came_later(
    moderator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "LOGGED", 2)
    amy, other = make_user("amy"), make_follow()
    for _ in range(6):
        follow = make_follow(amy)
    address = f"{FOLLOWS}?who__id__exact={amy.pk}"
    page = moderator.post(address, select(follow, across=True))
    later = make_follow(amy)
    with CaptureQueriesContext(connection) as queries:
        result = moderator.post(address, confirmation(page), follow=True).content.decode()
    assert "6 follows were removed." in result
    assert set(Follow.objects.all()) == {other, later}
    assert len([query for query in queries if query["sql"].startswith("DELETE")]) == 1
    assert "and 4 more" in LogEntry.objects.get().change_message


def test_a_forged_or_foreign_confirmation_removes_nothing(moderator: Client) -> None:
    follow = make_follow()
    page = moderator.post(FOLLOWS, select(follow))
    forged = confirmation(page) | {"confirmed": "x"}
    assert "Nothing was removed" in moderator.post(FOLLOWS, forged, follow=True).content.decode()
    other_list = f"{FOLLOWS}?import_run=here"
    assert "Nothing was removed" in moderator.post(other_list, confirmation(page), follow=True).content.decode()
    assert Follow.objects.exists()


def test_more_than_can_be_removed_at_a_time_is_refused(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follows, "MOST_AT_ONCE", 1)
    follow = make_follow()
    make_follow()
    page = moderator.post(FOLLOWS, select(follow, across=True), follow=True).content.decode()
    assert "more than the 1 follows that can be removed at a time" in page


def test_removing_is_for_those_who_may_delete_follows(client: Client) -> None:
    client.force_login(make_staff("view_follow"))
    follow = make_follow()
    client.post(FOLLOWS, select(follow) | {"confirmed": "x"})
    assert client.post(f"{FOLLOWS}{follow.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Follow.objects.exists()


def test_one_follow_is_removed_on_its_own_page(moderator: Client) -> None:
    follow = make_follow()
    moderator.post(f"{FOLLOWS}{follow.pk}/delete/", {"post": "yes"})
    assert not Follow.objects.exists()
    assert LogEntry.objects.get().is_deletion()
