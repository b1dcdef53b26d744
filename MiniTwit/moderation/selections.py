"""Decisions about many: a selection is frozen first, confirmed once, and then worked off.

What is frozen is which rows, and how each of them was (`changed_at`). So whatever begins to match later is not
touched, and what is changed in between is skipped. Small selections are done at once, within the confirmation;
large ones by the background worker, which also freezes all that a long list finds.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from psycopg2 import sql

from MiniTwit.database.clock import database_time
from MiniTwit.database.time_limits import TimeLimitError, time_limit
from MiniTwit.models import BatchState, Message, ModerationBatch, SelectedRow, User, Verb
from MiniTwit.moderation import ModerationError, batch_worker, erasure
from MiniTwit.moderation.batches import Cause, lock_tables_of, one_decision
from MiniTwit.moderation.verbs import lock_undoable, undo_batch, undos_in_force

SMALL = 1_000  # rows that are done while the moderator waits
LONG = 10_000  # rows; more are not frozen or dropped while the moderator waits
COUNT_SECONDS = 1.0
KEPT_UNCONFIRMED = timedelta(days=1)

FREEZE = """
INSERT INTO {rows} (batch_id, object_id, changed_at)
SELECT %s, id, changed_at FROM ({selection}) AS selection (id, changed_at) ORDER BY id
"""
ROWS = sql.Identifier(SelectedRow._meta.db_table)


def freeze(
    *, verb: Verb, queryset: QuerySet[Any], actor: User | None, options: dict[str, Any] | None = None
) -> ModerationBatch:
    """Freeze the rows that a decision is about, and their present versions.

    Args:
        queryset: the rows, each of them once.

    Returns:
        The batch, which waits for its confirmation.

    Raises:
        ModerationError: there are no such rows.
    """
    discard_abandoned()
    with transaction.atomic():
        batch = ModerationBatch.objects.create(
            verb=verb, state=BatchState.SELECTED, options=options or {}, **Cause.of(actor=actor).as_columns()
        )
        batch.selected = insert_selection(batch, queryset)
        batch.save(update_fields=["selected"])
    return batch


def is_long(queryset: QuerySet[Any]) -> bool:
    """Whether a selection has too many rows, or takes too long to find, to be frozen while the moderator waits."""
    try:
        with time_limit(COUNT_SECONDS):
            return queryset.order_by().values("pk")[: LONG + 1].count() > LONG
    except TimeLimitError:
        return True


def request_freezing(*, verb: Verb, query: str, actor: User | None) -> ModerationBatch:
    """Prepare a selection of all that a list finds. The caller queues the task that freezes it.

    Args:
        query: that of the list's address.
    """
    discard_abandoned()
    return ModerationBatch.objects.create(
        verb=verb, state=BatchState.REQUESTED, query=query, **Cause.of(actor=actor).as_columns()
    )


def freeze_requested(batch: ModerationBatch, queryset: QuerySet[Any]) -> None:
    """Freeze the rows of a selection that was requested; then it waits for its confirmation.

    Raises:
        ModerationError: there are no such rows, or the selection was given up meanwhile.
    """
    with transaction.atomic():
        frozen_at = database_time()
        selected = insert_selection(batch, queryset)
        freezing = ModerationBatch.objects.filter(pk=batch.pk, state=BatchState.FREEZING)
        if not freezing.update(state=BatchState.SELECTED, selected=selected, created_at=frozen_at):
            raise selection_gone()


def insert_selection(batch: ModerationBatch, queryset: QuerySet[Any]) -> int:
    """Write down the rows of a batch, with their versions, and return how many there are."""
    verb = Verb(batch.verb)
    if not issubclass(queryset.model, verb.rules.subject.model):
        raise TypeError(f"{verb} is not about {queryset.model.__name__} objects.")
    selection, parameters = queryset.order_by().values("pk", "changed_at").query.sql_with_params()
    statement = sql.SQL(FREEZE).format(rows=ROWS, selection=sql.SQL(selection))
    with connection.cursor() as cursor:
        cursor.execute(statement, [batch.pk, *parameters])
        selected = int(cursor.rowcount)
    if not selected:
        raise ModerationError("nothing_selected", "Nothing is selected.")
    return selected


def unconfirmed() -> QuerySet[ModerationBatch]:
    return ModerationBatch.objects.filter(confirmed_at=None)


def discard(batch: ModerationBatch) -> None:
    """Drop a selection that was not confirmed. The rows of a large one go later, in `remove_discarded`."""
    with transaction.atomic():
        found = unconfirmed().select_for_update().filter(pk=batch.pk).first()
        if found is not None and found.selected > LONG:
            unconfirmed().filter(pk=found.pk).update(state=BatchState.CANCELLED, finished_at=database_time())
        elif found is not None:
            found.delete()


def discard_abandoned() -> None:
    """Drop the selections that were not confirmed in time."""
    limit = database_time() - KEPT_UNCONFIRMED
    for batch in unconfirmed().filter(created_at__lt=limit).exclude(state=BatchState.CANCELLED):
        discard(batch)


def remove_discarded() -> None:
    """Remove what `discard` left. It takes seconds for millions of rows, so no request does it."""
    discard_abandoned()
    unconfirmed().filter(state=BatchState.CANCELLED).delete()


def selection_gone() -> ModerationError:
    return ModerationError("selection_gone", "This selection was given up. Select again.")


@one_decision
def confirm(*, batch: ModerationBatch, cause: Cause, options: dict[str, Any] | None = None) -> ModerationBatch:
    """Decide about a frozen selection. Only the first confirmation counts; later ones find what it did.

    Raises:
        ModerationError: it makes no sense, or the selection is gone; nothing was changed.
    """
    with transaction.atomic():
        lock_tables_of(batch.verb)
        found = ModerationBatch.objects.select_for_update().filter(pk=batch.pk).first()
        if found is not None and found.is_confirmed:
            return found
        if found is None or found.is_over:
            raise selection_gone()
        if found.state != BatchState.SELECTED:
            raise ModerationError("not_frozen", "This selection is still being frozen. Wait for its number of rows.")
        if found.actor != cause.actor:
            raise ModerationError("not_yours", f"{found.actor_name} made this selection; only they can confirm it.")
        if Verb(found.verb).rules.needs_reason:
            cause.require_reason()
        found.reason, found.note = cause.reason, cause.note
        found.options |= options or {}
        if found.verb == Verb.ERASE:
            erasure.expect_messages(found, SelectedRow.objects.filter(batch=found).values("object_id"))
        begin(found, at_once=is_small(found))
    return found


@one_decision
def decide(*, verb: Verb, queryset: QuerySet[Any], cause: Cause, options: dict[str, Any]) -> ModerationBatch:
    """Freeze a selection and decide about it, without a question in between.

    Raises:
        ModerationError: it makes no sense; nothing was changed.
    """
    with transaction.atomic():
        lock_tables_of(verb)
        batch = freeze(verb=verb, queryset=queryset, actor=cause.actor)
        return confirm(batch=batch, cause=cause, options=options)


def is_small(batch: ModerationBatch) -> bool:
    """Whether the moderator can wait for it."""
    if batch.verb == Verb.ERASE:
        accounts = SelectedRow.objects.filter(batch=batch).values_list("object_id", flat=True)[: SMALL + 1]
        return len(accounts) <= SMALL and all(erasure.is_small(user_id, SMALL) for user_id in accounts)
    if batch.selected > SMALL or not batch.options.get("flag_messages"):
        return batch.selected <= SMALL
    authors = SelectedRow.objects.filter(batch=batch).values("object_id")
    return Message.objects.filter(author__in=authors).values("pk")[: SMALL + 1].count() <= SMALL


def begin(batch: ModerationBatch, *, at_once: bool) -> None:
    """Do a batch now, in the caller's transaction, or hand it to the worker."""
    batch.state = BatchState.RUNNING if at_once else BatchState.WAITING
    batch.confirmed_at = database_time()
    batch.finished_at = None
    batch.cancel_requested = False
    batch.error = ""
    batch.save()
    if at_once:
        batch_worker.do_now(batch)
    else:
        batch_worker.run_batch.enqueue(batch.pk)


@one_decision
def erase(*, user: User, cause: Cause, messages: str, delete: bool = False) -> ModerationBatch:
    """Erase an account: at once if there is little about it, else in the background. See `moderation.erase`.

    Raises:
        ModerationError: it cannot be erased; nothing was changed.
    """
    options = erasure.options_of(messages, delete)
    find_obstacle = erasure.obstacle_to_deleting if delete else erasure.obstacle_to_erasing
    if obstacle := find_obstacle(user, cause.actor):
        raise ModerationError("not_allowed", obstacle)
    with transaction.atomic():
        lock_tables_of(Verb.ERASE)
        one = User.objects.filter(pk=user.pk)
        batch = freeze(verb=Verb.ERASE, queryset=one, actor=cause.actor, options=options)
        return confirm(batch=batch, cause=cause)


@one_decision
def undo(*, batch: ModerationBatch, cause: Cause) -> ModerationBatch:
    """Undo a batch: at once if it is small, else in the background.

    Raises:
        ModerationError: it cannot be undone; nothing was changed.
    """
    if batch.changed <= SMALL:
        return undo_batch(batch, cause)
    cause.require_reason()
    with transaction.atomic():
        lock_undoable(batch)
        undoing = ModerationBatch.objects.create(
            verb=Verb.UNDO,
            state=BatchState.WAITING,
            undoes=batch,
            selected=batch.changed,  # each change is an event
            **cause.as_columns(),
        )
        begin(undoing, at_once=False)
    return undoing


def cancel(*, batch: ModerationBatch) -> None:
    """Stop a batch: before it began, or after the chunk at hand. What is done stays done.

    Raises:
        ModerationError: it is over.
    """
    if not batch_worker.BATCH_WORK.cancel(batch):
        batch.refresh_from_db()
        raise ModerationError("is_over", f"Batch {batch.pk} is {batch.get_state_display()}.")


def resume(*, batch: ModerationBatch) -> None:
    """Resume a batch that failed or was cancelled.

    Raises:
        ModerationError: nothing is left to do, or the batch was undone.
    """
    with transaction.atomic():
        found = ModerationBatch.objects.select_for_update().get(pk=batch.pk)
        if not can_resume(found):
            raise ModerationError("nothing_left", f"There is nothing to go on with in batch {batch.pk}.")
        begin(found, at_once=False)


def can_resume(batch: ModerationBatch) -> bool:
    return (
        batch.is_confirmed
        and batch.state in (BatchState.FAILED, BatchState.CANCELLED)
        and (batch_worker.rows_left(batch).exists() or batch_worker.is_unbegun_undo(batch))
        and not undos_in_force(batch)
    )
