"""A large selection waits for the worker, is worked off in chunks, cancelled, lost and taken up again."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from MiniTwit import moderation
from MiniTwit.background.queue import WORKER_COMMAND
from MiniTwit.database.locks import BATCH, hold
from MiniTwit.models import (
    BatchState,
    Message,
    ModerationBatch,
    ModerationEvent,
    SelectedRow,
    User,
    Verb,
)
from MiniTwit.moderation import batch_worker, selections
from MiniTwit.moderation.batches import Cause
from tests.MiniTwit.factories import make_user
from tests.MiniTwit.selecting import BATCHES, MESSAGES, confirm, counts, many_messages, page_of, select

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are a large selection, worked off in chunks of two."""
    monkeypatch.setattr(selections, "SMALL", 2)
    monkeypatch.setattr(batch_worker, "CHUNK", 2)


@pytest.fixture
def waiting(client: Client, amy: User, small_of_two: None) -> ModerationBatch:
    """A confirmed batch of five messages that no worker has taken up yet."""
    messages = many_messages(5)
    return confirm(client, select(client, MESSAGES, "flag", [message.pk for message in messages]))


def status(client: Client, batch: ModerationBatch) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"{BATCHES}{batch.pk}/status/").json()
    return answer


def test_a_script_that_asks_about_a_batch_that_is_gone_is_told_so(client: Client, waiting: ModerationBatch) -> None:
    address = f"{BATCHES}{waiting.pk}/status/"
    waiting.delete()
    answer = client.get(address)
    assert (answer.status_code, answer.json()) == (404, {})


def test_a_large_selection_waits_for_the_worker_and_its_page_says_so(
    client: Client, waiting: ModerationBatch
) -> None:
    assert (waiting.state, counts(waiting)) == (BatchState.WAITING, (5, 0, 0, 0))
    assert status(client, waiting)["waiting"] == ""
    ModerationBatch.objects.update(confirmed_at=timezone.now() - timedelta(seconds=10))
    answer = status(client, waiting)
    assert "No background worker is running" in answer["waiting"]
    assert answer["command"] == WORKER_COMMAND
    page = page_of(client, waiting)
    assert WORKER_COMMAND in page
    assert 'http-equiv="refresh"' in page
    (task,) = DBTaskResult.objects.all()
    assert (task.task_path, task.args_kwargs["args"]) == ("MiniTwit.moderation.batch_worker.run_batch", [waiting.pk])


def test_a_large_undo_goes_the_same_way(client: Client, waiting: ModerationBatch) -> None:
    batch_worker.run_batch.call(waiting.pk)
    assert (counts(waiting), waiting.state) == ((5, 5, 0, 0), BatchState.DONE)
    assert not SelectedRow.objects.exists()
    undone = confirm(client, f"{BATCHES}{waiting.pk}/undo/")
    assert (undone.state, undone.selected) == (BatchState.WAITING, 5)
    again = client.post(f"{BATCHES}{waiting.pk}/undo/", {"reason": "Spam"})
    assert "undid it already" in str(again.context["form"].errors)
    batch_worker.run_batch.call(undone.pk)
    assert counts(undone) == (5, 5, 0, 0)
    assert not Message.objects.filter(flagged=True).exists()


def test_an_undo_that_the_worker_has_not_begun_is_cancelled_and_goes_on_later(
    client: Client, waiting: ModerationBatch
) -> None:
    batch_worker.run_batch.call(waiting.pk)
    undone = confirm(client, f"{BATCHES}{waiting.pk}/undo/")
    assert not SelectedRow.objects.exists()  # the request copies no rows
    client.post(f"{BATCHES}{undone.pk}/cancel/")
    assert "<strong>5</strong> not done" in page_of(client, undone)
    client.post(f"{BATCHES}{undone.pk}/resume/")
    batch_worker.run_batch.call(undone.pk)
    assert (counts(undone), undone.state) == ((5, 5, 0, 0), BatchState.DONE)


def test_an_undo_whose_worker_died_goes_on_with_the_rest(client: Client, waiting: ModerationBatch) -> None:
    batch_worker.run_batch.call(waiting.pk)
    undone = confirm(client, f"{BATCHES}{waiting.pk}/undo/")
    batch_worker.freeze_events(undone)
    ModerationBatch.objects.filter(pk=undone.pk).update(state=BatchState.RUNNING)
    batch_worker.do_next_chunk(undone.pk, 0)
    assert "Resume" in page_of(client, undone)  # no process holds the batch's lock
    client.post(f"{BATCHES}{undone.pk}/resume/")
    batch_worker.run_batch.call(undone.pk)
    assert (counts(undone), undone.state) == ((5, 5, 0, 0), BatchState.DONE)
    assert ModerationEvent.objects.filter(batch=undone).count() == 5


def test_what_changes_between_two_chunks_is_skipped(client: Client, waiting: ModerationBatch, bob: User) -> None:
    ModerationBatch.objects.update(state=BatchState.RUNNING)
    reached = batch_worker.do_next_chunk(waiting.pk, 0)
    assert reached is not None
    last = Message.objects.order_by("pk").last()
    assert last is not None
    moderation.keep(messages=[last], actor=bob, reason="Fine")
    ModerationBatch.objects.update(state=BatchState.WAITING)
    batch_worker.run_batch.call(waiting.pk)
    assert counts(waiting) == (5, 4, 0, 1)


def test_a_batch_is_cancelled_between_two_chunks_and_goes_on_later(client: Client, waiting: ModerationBatch) -> None:
    ModerationBatch.objects.filter(pk=waiting.pk).update(state=BatchState.RUNNING)
    with hold((BATCH, waiting.pk)):
        reached = batch_worker.do_next_chunk(waiting.pk, 0)
        assert status(client, waiting)["done"] == 2
        client.post(f"{BATCHES}{waiting.pk}/cancel/")
        assert status(client, waiting)["phase"] == "Stopping"
        assert batch_worker.do_next_chunk(waiting.pk, reached or 0) is None
    assert (counts(waiting), waiting.state) == ((5, 2, 0, 0), BatchState.CANCELLED)
    assert "<strong>3</strong> not done" in page_of(client, waiting)
    client.post(f"{BATCHES}{waiting.pk}/resume/")
    batch_worker.run_batch.call(waiting.pk)
    assert (counts(waiting), waiting.state) == ((5, 5, 0, 0), BatchState.DONE)
    assert ModerationEvent.objects.count() == 5


def test_a_batch_whose_worker_died_is_noticed_and_goes_on_without_doing_anything_twice(
    client: Client, waiting: ModerationBatch
) -> None:
    ModerationBatch.objects.update(state=BatchState.RUNNING)
    batch_worker.do_next_chunk(waiting.pk, 0)
    page = page_of(client, waiting)  # nobody holds the batch's lock
    assert "The process that worked on this batch died" in page
    assert "Resume" in page
    client.post(f"{BATCHES}{waiting.pk}/resume/")
    batch_worker.run_batch.call(waiting.pk)
    assert (counts(waiting), waiting.state) == ((5, 5, 0, 0), BatchState.DONE)
    assert ModerationEvent.objects.values("message").distinct().count() == ModerationEvent.objects.count() == 5


def test_a_batch_whose_task_is_gone_is_noticed_and_goes_on(client: Client, waiting: ModerationBatch) -> None:
    """The process that had taken the task died before it began."""
    assert "Waiting for the worker" in page_of(client, waiting)
    DBTaskResult.objects.all().delete()
    page = page_of(client, waiting)
    assert "died before it began" in page
    assert "Resume" in page
    client.post(f"{BATCHES}{waiting.pk}/resume/")
    assert DBTaskResult.objects.count() == 1
    batch_worker.run_batch.call(waiting.pk)
    assert (counts(waiting), waiting.state) == ((5, 5, 0, 0), BatchState.DONE)


def test_the_page_of_a_batch_at_work_says_its_state_once(client: Client, waiting: ModerationBatch) -> None:
    """The script keeps one place up to date; a second one would go on saying what was true when the page came."""
    assert page_of(client, waiting).lower().count("waiting for the worker") == 1


def test_a_suspension_that_is_over_before_it_begins_fails_with_a_sentence(amy: User, small_of_two: None) -> None:
    for _ in range(3):
        make_user()
    batch = selections.freeze(verb=Verb.SUSPEND, queryset=User.objects.exclude(pk=amy.pk), actor=amy)
    until = timezone.now() - timedelta(seconds=1)
    batch = selections.confirm(
        batch=batch, cause=Cause.of(actor=amy, reason="Spam"), options={"until": until.isoformat()}
    )
    batch_worker.run_batch.call(batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.FAILED
    assert batch.error.startswith("A suspension has to end in the future.")
    assert not User.objects.filter(suspended_at__isnull=False).exists()
