"""Staff decide while an import writes: the import arrives, and no decision is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import Model
from django.test import Client

from legacy_import import locks
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.steps import bulk_load
from MiniTwit import moderation
from MiniTwit.database.clock import database_time
from MiniTwit.models import BatchState, Message, ModerationBatch, ModerationEvent, User
from MiniTwit.moderation import ModerationError
from tests.legacy_import.conftest import other_session, wait_for
from tests.legacy_import.importing import import_of, preview_of, undo
from tests.legacy_import.old_database import ANN, HASH, MORNING, old_file
from tests.MiniTwit.factories import make_user
from tests.MiniTwit.test_table_locks import waits_for_a_lock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

Decide = Callable[[int], None]  # the number of the decision


def flag_and_unflag(messages: list[int]) -> Decide:
    def decide(number: int) -> None:
        verb = moderation.unflag if number // len(messages) % 2 else moderation.flag
        verb(messages=[messages[number % len(messages)]], actor=None, reason="Spam")

    return decide


def suspend_and_reinstate(users: list[int]) -> Decide:
    def decide(number: int) -> None:
        verb = moderation.reinstate if number // len(users) % 2 else moderation.suspend
        verb(users=[users[number % len(users)]], actor=None, reason="Spam")

    return decide


@contextmanager
def staff_deciding(decisions: list[Decide], pause: float = 0) -> Iterator[list[int]]:
    """One moderator per entry decides until the block ends; a refusal for busy tables is repeated.

    Args:
        pause: seconds between two decisions of one moderator.

    Yields:
        How many decisions each of them has made.
    """
    made = [0] * len(decisions)
    stop = threading.Event()

    def work(place: int) -> None:
        try:
            while not stop.is_set():
                try:
                    decisions[place](made[place])
                except ModerationError as error:
                    if error.code != "database_busy":
                        raise
                else:
                    made[place] += 1
                    stop.wait(pause)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(decisions)) as pool:
        working = [pool.submit(work, place) for place in range(len(decisions))]
        try:
            yield made
        finally:
            stop.set()
        for one in working:
            one.result()


def native_rows(moderators: int) -> tuple[list[list[int]], list[list[int]]]:
    """Messages and accounts made in this application, some for each moderator."""
    author = make_user("native")
    users = [[make_user(f"native {place} {number}").pk for number in range(5)] for place in range(moderators)]
    made = Message.objects.bulk_create(Message(author=author, text=f"native {n}") for n in range(5 * moderators))
    messages = [message.pk for message in made]
    return [messages[place::moderators] for place in range(moderators)], users


def check_decisions(made: list[int]) -> None:
    assert ModerationBatch.objects.filter(state=BatchState.DONE, changed=1).count() == sum(made)
    assert ModerationEvent.objects.count() == ModerationBatch.objects.count() == sum(made)
    assert all(made), "One of the moderators could not decide at all."


@pytest.mark.parametrize("kind", ["users", "messages"])
def test_a_first_import_and_three_moderators(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The import rebuilds the table while each moderator decides about rows of it, without a pause."""
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 60)
    people = [(number, f"user {number}", "", HASH) for number in range(1, 61)]
    texts = [(number, number % 60 + 1, f"message {number}", MORNING + number, 0) for number in range(1, 101)]
    path = old_file(tmp_path, user=people, message=texts)
    if kind == "messages":
        import_of("users", path)
    messages, users = native_rows(3)
    moderators = [flag_and_unflag(rows) for rows in messages] if kind == "messages" else []
    moderators = moderators or [suspend_and_reinstate(rows) for rows in users]
    run = preview_of(kind, path)
    lifecycle.confirm(run.pk)
    with staff_deciding(moderators) as made:
        while not all(made):
            pass
        run = lifecycle.apply(run.pk)
    assert run.verification["ok"]
    assert (Message if kind == "messages" else User).objects.filter(import_run=run.pk).count() == run.counts[
        "message" if kind == "messages" else "user"
    ]["new"]
    check_decisions(made)


@pytest.mark.parametrize("tables", [(User, Message), (Message, User)])
def test_a_page_that_reads_two_tables_is_not_ended_for_an_import(
    tables: tuple[type[Model], type[Model]], tmp_path: Path, monkeypatch: Any
) -> None:
    """The import waits for one of them, and holds the other no longer than the page waits."""
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "hello", MORNING, 0)])
    import_of("users", path)
    run = preview_of("messages", path)
    lifecycle.confirm(run.pk)

    def work() -> None:
        try:
            lifecycle.apply(run.pk)
        finally:
            connections.close_all()

    first, second = (f'SELECT FROM "{table._meta.db_table}"' for table in tables)
    with ThreadPoolExecutor(1) as pool, other_session() as page:
        page.execute("SET LOCAL deadlock_timeout = '3s'")
        page.execute(first)
        importing = pool.submit(work)
        wait_for(waits_for_a_lock)
        time.sleep(1.2)  # then PostgreSQL has looked whether the import is in a deadlock, and only the page would be
        page.execute(second)
        page.connection.rollback()
        importing.result()
    assert Message.objects.get().text == "hello"


def test_a_page_that_waits_for_an_import_says_so(admin: Client, settings: Any) -> None:
    settings.WEB_STATEMENT_SECONDS = 1
    run = ImportRun.objects.create(kind="messages", state="applying", picked_up_at=database_time())
    with other_session() as cursor:
        cursor.execute(f'LOCK TABLE "{User._meta.db_table}"')
        assert "longer than a page may take" in admin.get("/admin/MiniTwit/message/").content.decode()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [locks.RUN, run.pk])
        answer = admin.get("/admin/MiniTwit/message/")
    assert answer.status_code == 503
    assert "An import is writing users or messages" in answer.content.decode()


@pytest.mark.slow
def test_fifty_staff_and_ten_first_imports(tmp_path: Path) -> None:
    """Each import brings 300,000 messages into a table that holds few, and is undone while staff go on deciding."""
    people = [(number, f"user {number}", "", HASH) for number in range(1, 3_001)]
    texts = ((number, number % 3_000 + 1, f"message {number}", MORNING + number, 0) for number in range(1, 300_001))
    path = old_file(tmp_path, user=people, message=texts)
    import_of("users", path)
    messages, users = native_rows(25)
    moderators = [flag_and_unflag(rows) for rows in messages] + [suspend_and_reinstate(rows) for rows in users]
    with staff_deciding(moderators, pause=0.2) as made:
        for _ in range(10):
            run = import_of("messages", path)
            assert run.verification["ok"]
            assert Message.objects.filter(import_run=run.pk).count() == 300_000
            assert undo(run).undo_result["message"] == {"removed": 300_000, "restored": 0, "kept": 0}
    check_decisions(made)
