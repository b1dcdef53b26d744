"""How a frozen selection is worked off: in chunks, each one transaction, through the same verbs as a single decision.

A row leaves the selection in the transaction that deals with it. So whatever dies in between, nothing is done twice,
and what is left to do is what is left in the selection.
"""

from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_tasks import task
from psycopg2 import sql

from MiniTwit.background.work import BackgroundWork, WorkError
from MiniTwit.database import locks
from MiniTwit.database.queries import rows_of
from MiniTwit.models import BatchState, ModerationBatch, ModerationEvent, SelectedRow, Strike, Subject, Verb
from MiniTwit.moderation import ModerationError, erasure
from MiniTwit.moderation.batches import Tally, close_batch, lock_tables_of, record
from MiniTwit.moderation.history import who_did_what
from MiniTwit.moderation.verbs import execute

CHUNK = 5_000
CHUNK_WITH_MESSAGES = 50  # accounts of which all messages are flagged, too

Rows = dict[int, datetime | None]  # changed_at, by id

FREEZE_EVENTS = "INSERT INTO {rows} (batch_id, object_id) SELECT %s, id FROM {events} WHERE batch_id = %s ORDER BY id"
LOCK = "SELECT id, changed_at FROM {table} WHERE id = ANY(%s) ORDER BY id FOR {strength}"


class BatchWork(BackgroundWork[ModerationBatch]):
    title, this = "Batch", "this batch"
    so_far = "What is counted is done; the rest is not."
    lock_class = locks.BATCH
    tasks = "MiniTwit.moderation.batch_worker.run_batch"
    going_on = Q(state__in=(BatchState.WAITING, BatchState.RUNNING))
    waits = Q(state=BatchState.WAITING)
    taken_up: ClassVar = {"state": BatchState.RUNNING}

    def end(self, rows: QuerySet[ModerationBatch], failure: WorkError) -> int:
        if failure.code == "cancelled":  # the counts say what is done
            return rows.update(state=BatchState.CANCELLED, finished_at=Now())
        return rows.update(state=BatchState.FAILED, finished_at=Now(), error=failure.sentence)

    def explain(self, row: ModerationBatch, error: BaseException) -> WorkError:
        if isinstance(error, ModerationError):
            return WorkError(error.code, f"{error.sentence} {self.so_far}")
        return super().explain(row, error)


BATCH_WORK = BatchWork(ModerationBatch)


@task()
def run_batch(batch_id: int) -> None:
    """Work off a confirmed batch. It records how it ends."""
    with suppress(locks.LockNotAcquired, WorkError), BATCH_WORK.work_on(batch_id) as batch:
        if is_unbegun_undo(batch):
            freeze_events(batch)
        done_through: int | None = 0
        while done_through is not None:
            done_through = do_next_chunk(batch_id, done_through)


def is_unbegun_undo(batch: ModerationBatch) -> bool:
    """Whether a batch is an undo whose events are not written down yet: no request does that for millions of them."""
    done = batch.changed + batch.unchanged + batch.skipped
    return batch.verb == Verb.UNDO and not done and not rows_left(batch).exists()


def freeze_events(undoing: ModerationBatch) -> None:
    """Write down the events that an undo is about. They never change, so it is the same whenever it is done."""
    statement = sql.SQL(FREEZE_EVENTS).format(
        rows=sql.Identifier(SelectedRow._meta.db_table), events=sql.Identifier(ModerationEvent._meta.db_table)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [undoing.pk, undoing.undoes_id])


@locks.retry_if_busy
def do_next_chunk(batch_id: int, after: int) -> int | None:
    """Do some rows, or end the batch. A chunk that other work was in the way of is done again.

    Returns:
        The last row that was dealt with, or nothing at the end.
    """
    verb = ModerationBatch.objects.values_list("verb", flat=True).get(pk=batch_id)
    with transaction.atomic():
        lock_tables_of(verb)
        batch = ModerationBatch.objects.select_related("actor").get(pk=batch_id)
        if batch.cancel_requested:
            close_batch(batch, BatchState.CANCELLED)
            return None
        rows = next_rows(batch, after)
        if not rows:
            close_batch(batch, BatchState.DONE)
            return None
        if batch.verb == Verb.ERASE and (purged := erasure.purge_some(batch, list(rows))).changed:
            record(batch, purged)
            return after  # the account itself comes when its messages are gone
        do_rows(batch, rows)
    return max(rows)


def do_now(batch: ModerationBatch) -> None:
    """Work off a small batch in the caller's transaction: all of it, or nothing."""
    while rows := next_rows(batch):
        do_rows(batch, rows)
    close_batch(batch, BatchState.DONE)


def rows_left(batch: ModerationBatch) -> QuerySet[SelectedRow]:
    return SelectedRow.objects.filter(batch=batch, outcome=SelectedRow.Outcome.WAITING)


def next_rows(batch: ModerationBatch, after: int = 0) -> Rows:
    size = CHUNK_WITH_MESSAGES if batch.options.get("flag_messages") else CHUNK
    rows = rows_left(batch).filter(object_id__gt=after).order_by("object_id")
    return dict(rows.values_list("object_id", "changed_at")[:size])


def do_rows(batch: ModerationBatch, rows: Rows) -> None:
    """Do what the batch says to these rows, except those that were changed since they were selected."""
    skipped = {} if batch.verb == Verb.UNDO else changed_in_between(batch, rows)
    ids = [row_id for row_id in rows if row_id not in skipped]
    rows_left(batch).filter(object_id__range=(min(rows), max(rows))).delete()
    tally = execute(ids, batch) if ids else Tally()
    tally.skipped |= skipped
    record(batch, tally)


def changed_in_between(batch: ModerationBatch, rows: Rows) -> dict[int, str]:
    """Lock the rows, and tell who changed which of them since they were selected."""
    subject = Verb(batch.verb).rules.subject
    is_about_messages = subject is Subject.MESSAGE
    statement = sql.SQL(LOCK).format(
        table=sql.Identifier(subject.model._meta.db_table),
        strength=sql.SQL("UPDATE" if batch.verb == Verb.PURGE else "NO KEY UPDATE"),
    )
    present = dict(rows_of(statement, [list(rows)]))
    changed = {row_id for row_id, seen in rows.items() if row_id in present and present[row_id] != seen}
    if not is_about_messages:
        changed |= warned_since(batch, rows)

    def is_newer(row_id: int, event: ModerationEvent) -> bool:
        # A message without a stamp had never been changed. A warning leaves no stamp on the account.
        seen = rows[row_id] if is_about_messages else batch.created_at
        return seen is None or event.created_at > seen

    return who_did_what(subject, {row_id: row_id for row_id in changed}, is_newer=is_newer)


def warned_since(batch: ModerationBatch, rows: Rows) -> set[int]:
    """The accounts whose strikes changed since they were selected."""
    since = Q(created_at__gt=batch.created_at) | Q(revoked_at__gt=batch.created_at)
    return set(Strike.objects.filter(since, user__in=rows).values_list("user_id", flat=True))
