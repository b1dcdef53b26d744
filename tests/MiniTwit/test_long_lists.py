"""All that a long list finds: the worker freezes it, and only then is it confirmed."""

from datetime import timedelta

import pytest
from django.db.models.expressions import RawSQL
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from backoffice.pruning import prune
from MiniTwit.admin.deciding.freezing import freeze_list
from MiniTwit.background.queue import WORKER_COMMAND
from MiniTwit.models import BatchState, Message, ModerationBatch, ModerationEvent, SelectedRow, User
from MiniTwit.moderation import ModerationError, batch_worker, selections
from tests.MiniTwit.factories import make_message, make_staff, make_user
from tests.MiniTwit.selecting import BATCHES, MESSAGES, USERS, confirm, counts, many_messages, select

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def long_is_more_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "LONG", 2)


def select_all(client: Client, address: str, action: str) -> tuple[str, ModerationBatch]:
    """Choose an action for the whole list; return the address of the page that follows, and the batch."""
    page = select(client, address, action, [1], select_across=1)
    return page, ModerationBatch.objects.latest("pk")


def text_of(client: Client, page: str) -> str:
    response = client.get(page)
    assert response.status_code == 200
    return str(response.content.decode())


def test_a_long_list_is_frozen_by_the_worker_and_then_confirmed(client: Client, amy: User) -> None:
    found = many_messages(3, flagged=True)
    other = make_message()
    page, batch = select_all(client, f"{MESSAGES}?flagged__exact=1&o=3&p=last", "unflag")
    assert "the background worker freezes the selection" in text_of(client, page)
    assert 'name="reason"' not in text_of(client, page)
    assert not SelectedRow.objects.exists()
    (task,) = DBTaskResult.objects.all()
    assert (task.task_path, task.args_kwargs["args"]) == (freeze_list.module_path, [batch.pk])

    freeze_list.call(batch.pk)
    late = make_message(flagged=True)
    assert client.get(f"{BATCHES}{batch.pk}/status/").json()["stage"] == BatchState.SELECTED
    assert "<strong>3 messages</strong> selected" in text_of(client, page)
    batch_worker.run_batch.call(confirm(client, page).pk)
    assert counts(batch) == (3, 3, 0, 0)
    assert set(ModerationEvent.objects.values_list("message", flat=True)) == {message.pk for message in found}
    assert not {other.pk, late.pk} & set(Message.objects.filter(decision="unflag").values_list("pk", flat=True))


def test_a_search_selects_what_it_finds(client: Client, amy: User) -> None:
    author = make_user("Ada & co")
    for number in range(3):
        make_message(author, text=f"buy+sell 100% = {number}")
    make_message(author, text="buy")
    make_message(text="buy+sell 100% = 0")
    for query in ("q=%40%22Ada+%26+co%22+buy%2Bsell+100%25", f"author__id__exact={author.pk}&q=sell"):
        page, batch = select_all(client, f"{MESSAGES}?{query}", "flag")
        freeze_list.call(batch.pk)
        assert "<strong>3 messages</strong> selected" in text_of(client, page)


def test_accounts_are_selected_in_the_same_way(client: Client, amy: User) -> None:
    for name in ("spam1", "spam2", "spam3"):
        make_user(name)
    page, batch = select_all(client, f"{USERS}?q=spam", "suspend")
    freeze_list.call(batch.pk)
    confirm(client, page, until="")
    batch_worker.run_batch.call(batch.pk)
    assert User.objects.filter(suspended_at__isnull=False).count() == 3


def test_without_a_worker_the_page_says_so(client: Client, amy: User) -> None:
    many_messages(3)
    page, batch = select_all(client, MESSAGES, "flag")
    ModerationBatch.objects.update(created_at=timezone.now() - timedelta(seconds=10))
    for shown in (text_of(client, page), client.get(f"{BATCHES}{batch.pk}/status/").content.decode()):
        assert "No background worker is running" in shown
        assert WORKER_COMMAND in shown


def test_nothing_is_confirmed_before_it_is_frozen(client: Client, amy: User) -> None:
    many_messages(3)
    page, batch = select_all(client, MESSAGES, "flag")
    assert client.post(page, {"reason": "Spam"}).status_code == 200
    with pytest.raises(ModerationError, match="still being frozen"):
        selections.confirm(batch=batch, cause=selections.Cause.of(actor=amy, reason="Spam"))
    batch.refresh_from_db()
    assert (batch.state, batch.confirmed_at) == (BatchState.REQUESTED, None)


def test_what_is_changed_after_the_worker_froze_it_is_skipped(client: Client, amy: User) -> None:
    many_messages(3)
    page, batch = select_all(client, MESSAGES, "flag")
    Message.objects.update(text="corrected before")
    freeze_list.call(batch.pk)
    Message.objects.filter(pk=Message.objects.latest("pk").pk).update(text="corrected after")
    confirm(client, page)
    batch_worker.run_batch.call(batch.pk)
    assert counts(batch) == (3, 2, 0, 1)


@pytest.mark.parametrize("lost", ["moderate_message", "view_message"])
def test_a_right_that_was_taken_away_meanwhile_is_gone(client: Client, amy: User, lost: str) -> None:
    many_messages(3)
    _page, batch = select_all(client, MESSAGES, "flag")
    amy.user_permissions.filter(codename=lost).first().delete()
    freeze_list.call(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.error) == (BatchState.FAILED, "amy may not do this any more.")
    assert not SelectedRow.objects.exists()


def test_a_list_that_finds_nothing_any_more_selects_nothing(client: Client, amy: User) -> None:
    many_messages(3, flagged=True)
    page, batch = select_all(client, f"{MESSAGES}?flagged__exact=1", "unflag")
    Message.objects.update(flagged=False)
    freeze_list.call(batch.pk)
    shown = text_of(client, page)
    assert "Nothing is selected." in shown
    assert f'href="{MESSAGES}?flagged__exact=1"' in shown
    assert 'name="reason"' not in shown


def test_a_worker_that_dies_while_it_freezes_is_noticed(client: Client, amy: User) -> None:
    many_messages(3)
    page, _batch = select_all(client, MESSAGES, "flag")
    ModerationBatch.objects.update(state=BatchState.FREEZING)  # and no process holds its lock
    assert "The process that worked on this selection died. Nothing was selected. Select again." in text_of(
        client, page
    )


def test_a_selection_is_given_up_before_the_worker_froze_it(client: Client, amy: User) -> None:
    many_messages(3)
    page, batch = select_all(client, f"{MESSAGES}?q=message", "flag")
    discard = page.replace("confirm", "discard")
    assert client.post(discard)["Location"] == f"{MESSAGES}?q=message"
    freeze_list.call(batch.pk)
    assert not ModerationBatch.objects.exists()
    assert not SelectedRow.objects.exists()


def test_a_selection_is_given_up_while_the_worker_freezes_it(client: Client, amy: User) -> None:
    many_messages(3)
    _page, batch = select_all(client, MESSAGES, "flag")
    ModerationBatch.objects.update(state=BatchState.FREEZING)
    selections.discard(batch)
    with pytest.raises(ModerationError, match="given up"):
        selections.freeze_requested(batch, Message.objects.all())
    assert not SelectedRow.objects.exists()


def test_the_rows_of_a_large_selection_that_is_given_up_are_removed_later(client: Client, amy: User) -> None:
    many_messages(3)
    page, batch = select_all(client, MESSAGES, "flag")
    freeze_list.call(batch.pk)
    client.post(page.replace("confirm", "discard"))
    assert SelectedRow.objects.count() == 3
    assert "given up" in text_of(client, page)
    with pytest.raises(ModerationError, match="given up"):
        selections.confirm(batch=batch, cause=selections.Cause.of(actor=amy, reason="Spam"))
    client.post(f"{BATCHES}{batch.pk}/resume/")
    batch_worker.run_batch.call(batch.pk)
    assert not ModerationEvent.objects.exists()
    prune()
    assert not ModerationBatch.objects.exists()
    assert not SelectedRow.objects.exists()


def test_a_large_selection_that_nobody_came_back_to_is_removed(client: Client, amy: User) -> None:
    many_messages(3)
    _page, batch = select_all(client, MESSAGES, "flag")
    freeze_list.call(batch.pk)
    prune()
    assert SelectedRow.objects.count() == 3
    ModerationBatch.objects.update(created_at=timezone.now() - timedelta(days=2))
    prune()
    assert not SelectedRow.objects.exists()
    assert not ModerationBatch.objects.exists()


def test_a_selection_that_is_not_confirmed_is_no_entry_of_the_batches(client: Client, amy: User) -> None:
    many_messages(3)
    select_all(client, MESSAGES, "flag")
    client.force_login(make_staff("view_moderationbatch"))
    assert not list(client.get(BATCHES).context["cl"].result_list)


def test_what_takes_long_to_find_is_left_to_the_worker_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "COUNT_SECONDS", 0.1)
    make_message()
    assert not selections.is_long(Message.objects.all())
    slow = Message.objects.annotate(pause=RawSQL("pg_sleep(20)::text", [])).exclude(pause=None)
    assert selections.is_long(slow)
    assert not selections.is_long(Message.objects.all())


def test_rows_that_are_ticked_are_frozen_at_once_however_many(client: Client, amy: User) -> None:
    messages = many_messages(4)
    page = select(client, MESSAGES, "flag", [message.pk for message in messages[:3]])
    assert "<strong>3 messages</strong> selected" in text_of(client, page)
