"""The pages of the watch-list: terms are added, tried, changed and deleted by those who may."""

import pytest
from django.test import Client
from django_tasks_db.models import DBTaskResult

from MiniTwit import watchlist
from MiniTwit.models import EditedMessage, ModerationReason, WatchHit, WatchTerm
from MiniTwit.watchlist import scanning, tasks
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.forms import save_on_page
from tests.MiniTwit.watching import LIST, LONG, SLOW, edit, make_term

pytestmark = pytest.mark.django_db


def test_a_term_that_is_switched_on_again_misses_no_edit_made_meanwhile(watcher: Client) -> None:
    term, message = make_term("casino"), make_message(text="casino before")
    other = make_message()
    watchlist.scan()
    WatchTerm.objects.update(active=False)
    edit(other, "casino meanwhile")
    assert not EditedMessage.objects.exists()
    save_on_page(watcher, term, active="on")
    watchlist.scan()
    assert set(WatchHit.objects.values_list("message", flat=True)) == {message.pk, other.pk}


def test_an_edit_on_the_page_asks_for_a_scan(client: Client) -> None:
    make_term("casino")
    message = make_message()
    watchlist.scan()
    client.force_login(make_superuser())
    ModerationReason.objects.create(name="Typo")
    assert save_on_page(client, message, text="casino", reason="Typo").status_code == 302
    assert tasks.is_requested()
    watchlist.scan()
    hit = WatchHit.objects.get()
    # The queue's order follows the message's date.
    save_on_page(client, message, pub_date="2021-05-01T10:00:00", reason="Typo")
    hit.refresh_from_db()
    assert hit.pub_date.year == 2021


FORM = {"kind": "word", "pattern": "casino", "note": "", "active": "on"}


def test_a_term_is_added_and_looked_for_in_the_background(watcher: Client) -> None:
    make_message(text="a casino")
    assert watcher.post(f"{LIST}add/", FORM).status_code == 302
    term = WatchTerm.objects.get()
    assert DBTaskResult.objects.get().task_path.endswith("scan_new_messages")
    assert "0 % of the messages" in watcher.get(LIST).content.decode()
    tasks.scan_new_messages.call()
    page = watcher.get(LIST).content.decode()
    assert "Every message has been looked through." in page
    hits = watcher.get(f"/admin/MiniTwit/watchhit/?term__id__exact={term.pk}").content.decode()
    assert 'a <mark title="casino">casino</mark>' in hits
    assert DBTaskResult.objects.count() == 1


def test_a_bad_expression_is_refused_on_the_form(watcher: Client) -> None:
    page = watcher.post(f"{LIST}add/", FORM | {"kind": "regex", "pattern": "(oops"}).content.decode()
    assert "PostgreSQL cannot read this: parentheses () not balanced." in page
    assert not WatchTerm.objects.exists()


def test_another_pattern_begins_anew_and_another_note_does_not(watcher: Client) -> None:
    make_message(text="casino lottery")
    term = make_term("casino")
    watchlist.scan()
    save_on_page(watcher, term, note="why")
    assert term.hits.count() == 1
    save_on_page(watcher, term, pattern="lottery")
    assert term.hits.count() == 0
    watchlist.scan()
    assert term.hits.get().found == ["lottery"]


def test_a_term_is_tried_before_it_is_saved(watcher: Client) -> None:
    make_message(text="a casino")
    make_message(text="something else")
    answer = watcher.post(f"{LIST}test/", FORM).json()
    assert answer == {"ok": True, "sentence": "Matches 1 of the newest 2 messages."}
    answer = watcher.post(f"{LIST}test/", FORM | {"kind": "regex", "pattern": "["}).json()
    assert not answer["ok"]
    assert not WatchTerm.objects.exists()


def test_trying_a_slow_expression_ends_in_time(watcher: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("MiniTwit.watchlist.expressions.PREVIEW_SECONDS", 0.2)
    make_message(text=LONG)
    answer = watcher.post(f"{LIST}test/", FORM | {"kind": "regex", "pattern": SLOW}).json()
    assert "takes longer than" in answer["sentence"]


def test_deleting_a_term_asks_and_takes_its_hits(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(make_superuser())
    author = make_user()
    for _ in range(3):
        make_message(author, "casino")
    term = make_term("casino")
    watchlist.scan()
    assert "Delete it with its hits" in client.get(f"{LIST}{term.pk}/delete/").content.decode()
    monkeypatch.setattr(tasks, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(scanning, "DELETED_AT_ONCE", 2)
    client.post(f"{LIST}{term.pk}/delete/")
    term.refresh_from_db()
    assert not term.active  # too many for one request
    tasks.delete_term_with_hits.call(term.pk)
    assert not WatchTerm.objects.exists()
    assert not WatchHit.objects.exists()
    small = make_term("lottery")
    client.post(f"{LIST}{small.pk}/delete/")
    assert not WatchTerm.objects.exists()


@pytest.mark.parametrize("address", ["", "test/", "scan/", "add/", "standing/"])
def test_staff_without_the_permission_see_nothing_of_it(client: Client, address: str) -> None:
    client.force_login(make_staff("view_message"))
    method = client.post if address in ("test/", "scan/") else client.get
    assert method(f"{LIST}{address}").status_code == 403


def test_scan_now_asks_once(watcher: Client) -> None:
    make_message(text="casino")
    make_term("casino")
    for _ in range(3):
        watcher.post(f"{LIST}scan/")
    assert DBTaskResult.objects.count() == 1
