"""Limits that an administrator put on the role or the database do not end the back office's own work."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import Client
from psycopg2 import sql

from MiniTwit import moderation, watchlist
from MiniTwit.models import BatchState, Message, User, Verb, WatchTerm
from MiniTwit.moderation import batch_worker, selections
from MiniTwit.moderation.batches import Cause
from tests.legacy_import.conftest import import_dir, other_session, wait_for
from tests.legacy_import.importing import import_of
from tests.legacy_import.old_database import ANN, BOB, MORNING, old_file
from tests.MiniTwit.factories import make_superuser, make_user

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["import_dir"]  # a fixture

LIMITS = {
    "statement_timeout": "100ms",
    "lock_timeout": "10ms",
    "idle_in_transaction_session_timeout": "50ms",
    "idle_session_timeout": "100ms",
    "default_transaction_isolation": "repeatable read",
    "IntervalStyle": "iso_8601",
}
LONGER = 0.2  # seconds, than every limit


@pytest.fixture
def limits() -> Iterator[None]:
    """A database whose administrator allows nothing to take long."""
    database = sql.Identifier(connection.settings_dict["NAME"])
    others = {"transaction_timeout": "150ms"} if connection.pg_version >= 170_000 else {}
    with connection.cursor() as cursor:
        for name, value in (LIMITS | others).items():
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
            cursor.execute(statement.format(database, sql.Identifier(name), sql.Literal(value)))
    connection.close()  # the next session is under the limits
    yield
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))
    connection.close()


@contextmanager
def table_of_users_locked_for_a_while() -> Iterator[None]:
    """Another session holds the users until the block has waited for longer than every limit."""

    def hold() -> None:
        with other_session() as cursor:
            cursor.execute(f'LOCK TABLE "{User._meta.db_table}"')
            locked.set()
            wait_for(lambda: is_waited_for(cursor))
            time.sleep(LONGER)

    locked = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        yield
    finally:
        holder.join()


def is_waited_for(cursor: CursorWrapper) -> bool:
    """Whether any session waits for a table or a row. (A thread has to ask by a connection that it closes.)"""
    cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype <> 'advisory')")
    return bool(cursor.fetchone()[0])


def test_both_imports_their_verification_and_the_indexes(limits: None, import_dir: Path, tmp_path: Path) -> None:
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 1, "hello", MORNING, 0)], follower=[(1, 2)])
    with table_of_users_locked_for_a_while():
        assert import_of("users", path).verification["ok"]
    assert import_of("messages", path).verification["ok"]
    call_command("build_search_indexes")
    call_command("check_schema")


def test_a_batch_and_a_scan(limits: None) -> None:
    author, boss = make_user(), make_superuser("boss")
    WatchTerm.objects.create(kind=WatchTerm.Kind.WORD, pattern="casino")
    Message.objects.bulk_create(Message(author=author, text=f"casino {n}") for n in range(1_100))
    assert watchlist.scan().finished
    frozen = selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=boss)
    batch = selections.confirm(batch=frozen, cause=Cause.of(actor=boss, reason="Spam"))
    batch_worker.run_batch.call(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.changed) == (BatchState.DONE, 1_100)


def test_a_transaction_may_be_idle_and_a_session_too(limits: None) -> None:
    with transaction.atomic():
        assert not User.objects.exists()
        time.sleep(LONGER)
        assert not User.objects.exists()
    time.sleep(LONGER)
    assert not User.objects.exists()


def test_a_decision_waits_for_a_lock_and_sees_what_was_committed_meanwhile(limits: None) -> None:
    user, boss = make_user(), make_superuser("boss")

    def change_and_commit_later() -> None:
        with other_session() as cursor:
            cursor.execute('UPDATE "MiniTwit_user" SET email = %s WHERE id = %s', ["new@example.com", user.pk])
            changed.set()
            wait_for(lambda: is_waited_for(cursor))
            time.sleep(LONGER)
            cursor.execute("COMMIT")

    changed = threading.Event()
    other = threading.Thread(target=change_and_commit_later)
    with transaction.atomic():
        assert User.objects.count() == 2  # a transaction that repeats its reads takes its snapshot now
        other.start()
        changed.wait()
        moderation.suspend(users=[user.pk], actor=boss, reason="Spam")
    other.join()
    user.refresh_from_db()
    assert (user.is_suspended, user.email) == (True, "new@example.com")


def test_a_page_is_shown(limits: None, client: Client) -> None:
    client.force_login(make_superuser())
    assert client.get("/admin/MiniTwit/message/").status_code == 200
