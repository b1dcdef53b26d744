"""How a frozen selection is worked off: in chunks, each one transaction, through the same verbs as a single decision.

A row leaves the selection in the transaction that deals with it. So whatever dies in between, nothing is done twice,
and what is left to do is what is left in the selection.
"""

import logging
from contextlib import suppress
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from MiniTwit.background.task_lookup import without_a_task
from MiniTwit.database import locks
from MiniTwit.database.failures import ERRORS, explain, failure_kind, is_unavailable, server_words
from MiniTwit.database.session_check import SharedSessionError
from MiniTwit.models import BatchState, ModerationBatch, ModerationEvent, SelectedRow, Strike, Subject, Verb
from MiniTwit.moderation import ModerationError, account_erasure
from MiniTwit.moderation.batches import Tally, close_batch, lock_tables_of, record
from MiniTwit.moderation.history import who_did_what
from MiniTwit.moderation.verbs import execute

TASK = "MiniTwit.moderation.tasks.run_batch"
CHUNK = 1_000
CHUNK_WITH_MESSAGES = 50  # accounts of which all messages are flagged, too

logger = logging.getLogger(__name__)

ALL_THAT_IS_DONE = "What is counted is done; the rest is not."
Rows = dict[int, datetime | None]  # changed_at, by id

BATCH_IS_HELD = locks.is_held(locks.BATCH, "batch.id")
WITHOUT_LOCK = f"""
SELECT id, state FROM "{ModerationBatch._meta.db_table}" AS batch
WHERE state IN ('waiting', 'running') AND NOT {BATCH_IS_HELD}
"""  # noqa: S608
END_DEAD_BATCHES = f"""
UPDATE "{ModerationBatch._meta.db_table}" AS batch SET state = 'failed', finished_at = now(), error = CASE state
    WHEN 'running' THEN 'The process that worked on this batch died. {ALL_THAT_IS_DONE}'
    ELSE 'The process that was to work on this batch died before it began. {ALL_THAT_IS_DONE}' END
WHERE id = ANY(%s) AND state IN ('waiting', 'running') AND NOT {BATCH_IS_HELD}
"""  # noqa: S608


def run(batch_id: int) -> None:
    """Work off a confirmed batch, unless another process works on it. The batch records how it ended."""
    try:
        with suppress(locks.LockNotAcquired), locks.hold((locks.BATCH, batch_id)):
            run_alone(batch_id)
    except SharedSessionError as error:
        fail(batch_id, error)


def run_alone(batch_id: int) -> None:
    """Work off a batch; the caller holds its lock."""
    waiting = ModerationBatch.objects.filter(pk=batch_id, state=BatchState.WAITING)
    if not waiting.update(state=BatchState.RUNNING):
        return
    done_through: int | None = 0
    try:
        while done_through is not None:
            done_through = do_next_chunk(batch_id, done_through)
    except BaseException as error:
        fail(batch_id, error)
        if not isinstance(error, Exception):
            raise


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
        if batch.verb == Verb.ERASE and (purged := account_erasure.purge_some(batch, list(rows))).changed:
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
    rows_left(batch).filter(object_id__in=rows).delete()
    tally = execute(ids, batch) if ids else Tally()
    tally.skipped |= skipped
    record(batch, tally)


def changed_in_between(batch: ModerationBatch, rows: Rows) -> dict[int, str]:
    """Lock the rows, and tell who changed which of them since they were selected."""
    subject = Verb(batch.verb).rules.subject
    is_about_messages = subject is Subject.MESSAGE
    selected = subject.model._default_manager.filter(pk__in=rows)
    locked = selected.order_by("pk").select_for_update(no_key=batch.verb != Verb.PURGE)
    present = dict(locked.values_list("pk", "changed_at"))
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


def fail(batch_id: int, error: BaseException) -> None:
    """Write down why a batch ended before its time."""
    if not connection.is_usable():
        connection.close()  # the next statement makes a new connection
    try:
        batch = ModerationBatch.objects.get(pk=batch_id)
        close_batch(batch, BatchState.FAILED, f"{reason_of(batch_id, error)} {ALL_THAT_IS_DONE}")
    except ERRORS as lost:
        if not is_unavailable(lost):
            raise
        # The server is away, and so is the lock: `reconcile` ends the batch as soon as the server answers.
        logger.error("The end of batch %s could not be recorded: %s", batch_id, server_words(lost))


def reason_of(batch_id: int, error: BaseException) -> str:
    """Turn what ended a batch into a sentence for staff."""
    if isinstance(error, ModerationError):
        why = error.sentence
    elif isinstance(error, SharedSessionError):
        why = str(error)
    elif failure_kind(error):
        logger.error("Batch %s was ended by the database: %s", batch_id, server_words(error))
        why = explain(error) or ""
    elif isinstance(error, Exception):
        logger.exception("Batch %s failed", batch_id, exc_info=error)
        why = f"It ended with an unexpected error ({type(error).__name__}); the log has the details."
    else:
        why = "The process that worked on this batch was ended."
    return why


def reconcile() -> None:
    """End the batches that no process works on and no task is queued for, so that no page waits for them."""
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_LOCK)
        found = dict(cursor.fetchall())
        if found:
            waiting = [batch_id for batch_id, state in found.items() if state == BatchState.WAITING]
            dead = (found.keys() - set(waiting)) | set(without_a_task(waiting, TASK))
            cursor.execute(END_DEAD_BATCHES, [list(dead)])
