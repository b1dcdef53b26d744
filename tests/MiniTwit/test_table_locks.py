"""Decisions and the locks of other work: they wait while they hold nothing, and what is ended is tried again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from MiniTwit import moderation
from MiniTwit.database import locks
from MiniTwit.models import BatchState, Message, ModerationBatch, ModerationEvent, User, Verb
from MiniTwit.moderation import ModerationError, batch_worker, selections
from tests.legacy_import.conftest import other_session, wait_for, waits_for_a_lock
from tests.MiniTwit.factories import make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
    """Work with a connection whose statement PostgreSQL ends where two wait for each other."""

    def run() -> Any:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET deadlock_timeout = '1500ms'")
            return work()
        finally:
            connections.close_all()

    return pool.submit(run)


@pytest.mark.parametrize("by", ["page", "worker"])
def test_a_decision_that_ends_in_a_deadlock_is_made_all_the_same(by: str) -> None:
    """The other one has the message and wants the account; the suspension has the account and wants the message."""
    author, boss = make_user(), make_superuser("boss")
    message = make_message(author)

    def decide() -> None:
        if by == "page":
            moderation.suspend(users=[author], actor=boss, reason="Spam", flag_messages=True)
        else:
            batch_worker.run_batch.call(batch.pk)

    options = {"flag_messages": True}
    batch = selections.freeze(
        verb=Verb.SUSPEND, queryset=User.objects.filter(pk=author.pk), actor=boss, options=options
    )
    ModerationBatch.objects.filter(pk=batch.pk).update(state=BatchState.WAITING, reason="Spam")
    with ThreadPoolExecutor(1) as pool, other_session() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '1min'")
        cursor.execute(f'SELECT FROM "{Message._meta.db_table}" WHERE id = %s FOR UPDATE', [message.pk])
        deciding = in_thread(pool, decide)
        wait_for(waits_for_a_lock)
        cursor.execute(f'SELECT FROM "{User._meta.db_table}" WHERE id = %s FOR UPDATE', [author.pk])
        cursor.connection.rollback()
        deciding.result()
    message.refresh_from_db()
    assert message.flagged
    assert User.objects.get(pk=author.pk).is_suspended
    assert ModerationBatch.objects.filter(state=BatchState.DONE).count() == 1
    assert ModerationEvent.objects.count() == 2


def test_a_decision_waits_while_it_holds_nothing_and_is_refused_at_last(monkeypatch: Any) -> None:
    monkeypatch.setattr(locks, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(locks, "RETRY_TIMEOUT", 0.1)
    message = make_message()
    with other_session() as cursor, connection.cursor() as own:
        cursor.execute(f'LOCK TABLE "{Message._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')
        own.execute("SET statement_timeout = '10s'")  # a decision that waited for ever would keep the test
        with pytest.raises(ModerationError, match="Try again in a moment") as error:
            moderation.flag(messages=[message], actor=None, reason="Spam")
        own.execute("RESET statement_timeout")
    assert error.value.code == "database_busy"
    assert not ModerationBatch.objects.exists()
