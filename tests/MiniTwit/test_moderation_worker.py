"""Large selections and a real background worker: one that works, and one that is killed in the middle."""

import subprocess
from collections.abc import Callable

import pytest
from django.test import Client

from MiniTwit import moderation
from MiniTwit.models import (
    BatchState,
    Message,
    ModerationBatch,
    ModerationEvent,
    ModerationReason,
    SelectedRow,
    User,
    Verb,
)
from MiniTwit.moderation import batch_worker, selections
from MiniTwit.moderation.batches import Cause
from tests.legacy_import.conftest import (
    import_dir,
    kill,
    other_session,
    wait_for,
    waits_for_a_lock,
    worker,
)
from tests.MiniTwit.factories import make_superuser, make_user
from tests.MiniTwit.selecting import MESSAGES, confirm, counts, select

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]

__all__ = ["import_dir", "worker"]  # fixtures

ROWS = 2 * batch_worker.CHUNK + 500
StartWorker = Callable[[], subprocess.Popen]


@pytest.fixture
def boss(client: Client) -> User:
    superuser = make_superuser("boss")
    ModerationReason.objects.create(name="Spam")
    client.force_login(superuser)
    return superuser


@pytest.fixture
def batch(boss: User) -> ModerationBatch:
    """A confirmed decision about more messages than are done at once."""
    author = make_user()
    Message.objects.bulk_create(Message(author=author, text=f"message {n}") for n in range(ROWS))
    frozen = selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=boss)
    return selections.confirm(batch=frozen, cause=Cause.of(actor=boss, reason="Spam"))


def state(batch: ModerationBatch) -> str:
    batch.refresh_from_db()
    return batch.state


def test_a_worker_flags_and_unflags_thousands(batch: ModerationBatch, boss: User, worker: StartWorker) -> None:
    worker()
    wait_for(lambda: state(batch) == BatchState.DONE)
    assert (batch.selected, batch.changed) == (ROWS, ROWS)
    undone = selections.undo(batch=batch, cause=Cause.of(actor=boss, reason="Mistake"))
    wait_for(lambda: state(undone) == BatchState.DONE)
    assert (undone.selected, undone.changed) == (ROWS, ROWS)
    assert not Message.objects.exclude(flagged=False, decision="", decided_at=None).exists()


def test_a_killed_worker_is_noticed_and_another_goes_on(
    batch: ModerationBatch, client: Client, worker: StartWorker
) -> None:
    page = f"/admin/MiniTwit/moderationbatch/{batch.pk}"
    last = Message.objects.order_by("pk").last()
    assert last is not None
    first = worker()
    with other_session() as cursor:
        cursor.execute(f'SELECT FROM "{Message._meta.db_table}" WHERE id = %s FOR UPDATE', [last.pk])
        wait_for(lambda: client.get(f"{page}/status/").json()["done"] == 2 * batch_worker.CHUNK)
        assert state(batch) == BatchState.RUNNING
        kill(first)
        wait_for(lambda: client.get(f"{page}/status/").json()["stage"] == BatchState.FAILED)
    assert "died. What is counted is done" in client.get(f"{page}/change/").content.decode()
    worker()
    client.post(f"{page}/resume/")
    wait_for(lambda: state(batch) == BatchState.DONE)
    assert batch.changed == Message.objects.filter(flagged=True).count() == ROWS
    assert ModerationEvent.objects.count() == ROWS


def test_what_was_selected_and_changed_meanwhile_is_skipped_by_the_worker_too(
    batch: ModerationBatch, boss: User, worker: StartWorker
) -> None:
    other = make_superuser("bob")
    some = list(Message.objects.order_by("pk").values_list("pk", flat=True)[:10])
    moderation.keep(messages=some, actor=other, reason="Fine")
    worker()
    wait_for(lambda: state(batch) == BatchState.DONE)
    assert (batch.changed, batch.skipped) == (ROWS - 10, 10)
    assert all("kept by bob" in row.why for row in batch.selected_rows.all())


@pytest.fixture
def long_list(boss: User, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many messages a list has that is too long to be frozen within a request."""
    monkeypatch.setattr(selections, "LONG", 1_500)
    author = make_user()
    Message.objects.bulk_create(Message(author=author, text=f"spam {n}") for n in range(2_000))
    return 2_000


def test_a_worker_freezes_what_a_long_list_finds(client: Client, long_list: int, worker: StartWorker) -> None:
    page = select(client, f"{MESSAGES}?q=spam", "flag", [1], select_across=1)
    worker()
    wait_for(lambda: "2,000 messages</strong> selected" in client.get(page).content.decode())
    batch = confirm(client, page)
    wait_for(lambda: state(batch) == BatchState.DONE)
    assert counts(batch) == (long_list, long_list, 0, 0)


def test_a_worker_that_is_killed_while_it_freezes_is_noticed_and_another_freezes_all(
    client: Client, long_list: int, worker: StartWorker
) -> None:
    page = select(client, MESSAGES, "flag", [1], select_across=1)
    batch = ModerationBatch.objects.get()
    with other_session() as cursor:
        cursor.execute(f'LOCK TABLE "{SelectedRow._meta.db_table}" IN SHARE MODE')
        first = worker()
        wait_for(lambda: state(batch) == BatchState.FREEZING and waits_for_a_lock())
        kill(first)
        wait_for(lambda: "died. Nothing was selected." in client.get(page).content.decode())
    assert not SelectedRow.objects.exists()
    again = select(client, MESSAGES, "flag", [1], select_across=1)
    worker()
    wait_for(lambda: "2,000 messages</strong> selected" in client.get(again).content.decode())
    assert SelectedRow.objects.count() == long_list
