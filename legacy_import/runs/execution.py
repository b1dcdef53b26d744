"""How one step of a run is executed: one at a time, watched, and with an end that says what happened."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.utils import IntegrityError
from psycopg2 import sql

from legacy_import import locks
from legacy_import.errors import RunError, code_of_failure
from legacy_import.models import ImportRun
from legacy_import.runs.leftovers import discard_leftovers
from legacy_import.source import SourceError
from legacy_import.steps.progress import Cancelled, Progress
from legacy_import.tables import Models, table_of
from MiniTwit.background.task_lookup import without_a_task
from MiniTwit.database.clock import database_time
from MiniTwit.database.failures import DESCRIPTIONS, ERRORS, FailureKind, failure_kind, is_unavailable, server_words
from MiniTwit.database.session_check import SharedSessionError
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room

logger = logging.getLogger(__name__)

AT_WORK = ("staging", "applying")
TASKS = "legacy_import.tasks."  # how the paths of the tasks begin that execute steps


@contextmanager
def work_on(run_id: int, state: str, step: str, models: Models) -> Iterator[tuple[ImportRun, Progress]]:
    """Execute one step of a run: hold the lock, show progress, and turn what goes wrong into the run's end."""
    try:
        with locks.executing(run_id):
            run = take_up(run_id, state, models)
            began = time.monotonic()
            try:
                with Progress(run_id, models) as progress:
                    yield run, progress
            except BaseException as error:
                raise fail(run, step, error, models) from error
            models.run.objects.filter(pk=run_id).update(
                durations=run.durations | {step: round(time.monotonic() - began, 2)}
            )
            run.refresh_from_db()
    except locks.LockNotAcquired:
        raise another_at_work() from None
    except SharedSessionError as error:
        run = models.run.objects.get(pk=run_id)
        raise fail(run, step, RunError("pooled_connection", str(error)), models) from error


def another_at_work() -> RunError:
    return RunError(
        "already_running",
        "Another import is at work. Wait for it to end, or cancel it on its page or with `import_legacy --cancel`.",
    )


def take_up(run_id: int, state: str, models: Models) -> ImportRun:
    """Write on the run that a process is now at work on it."""
    taken = models.run.objects.filter(pk=run_id, state=state, picked_up_at__isnull=True)
    if state == "applied":
        taken = taken.filter(undo_requested_at__isnull=False)  # the request may have been withdrawn
    if not taken.update(picked_up_at=database_time()):
        run = models.run.objects.get(pk=run_id)
        raise RunError("run_is_over", f"Import {run_id} is {state_label(run.state)}; there is nothing to do.")
    return models.run.objects.get(pk=run_id)


def finish(run: ImportRun, **changes: Any) -> None:
    """Write down the end of a step together with what it found.

    Raises:
        Cancelled: a request to cancel came after the last look for one. It counts until the end is written.
    """
    with transaction.atomic():
        if type(run).objects.select_for_update().get(pk=run.pk).cancel_requested:
            raise Cancelled
        for name, value in changes.items():
            setattr(run, name, value)
        run.progress = {}
        run.save()


def fail(run: ImportRun, step: str, error: BaseException, models: Models) -> RunError:
    """Record why a step ended, clean up after it, and return the error to raise."""
    if not connection.is_usable():
        connection.close()  # the next statement makes a new connection
    try:
        return record_failure(run, step, error, models)
    except ERRORS as lost:
        if not is_unavailable(lost):
            raise
        # The server is away, and so is the lock: `reconcile` ends the run as soon as the server answers.
        logger.error("The end of import %s could not be recorded: %s", run.pk, server_words(lost))
        return explain(run, lost)


def record_failure(run: ImportRun, step: str, error: BaseException, models: Models) -> RunError:
    runs = models.run.objects.filter(pk=run.pk)
    if isinstance(error, Exception):
        failure = explain(run, error, cancel_requested=runs.filter(cancel_requested=True).exists())
    else:
        failure = RunError("interrupted", f"Import {run.pk} was interrupted. Nothing was written; start it again.")
    if step == "undoing":
        if failure.code == "cancelled":
            failure = RunError("cancelled", f"Undoing import {run.pk} was cancelled. Nothing was taken out.")
        runs.update(undo_requested_at=None, cancel_requested=False, error_message=failure.message)
        return failure
    # A run that has been applied stays so, whatever goes wrong after it.
    ended = runs.filter(state__in=AT_WORK).update(
        state="cancelled" if failure.code == "cancelled" else "failed",
        finished_at=database_time(),
        error_code=failure.code,
        error_message=failure.message,
        source=run.source,  # what was learnt of it stays to be seen
        cancel_requested=False,
    )
    state, code, message = runs.values_list("state", "error_code", "error_message").get()
    if state == "applied":
        return RunError(
            "not_verified",
            f"Import {run.pk} is done, but its verification was interrupted. Run verify_legacy to compare old and "
            "new.",
        )
    if state != "previewed":
        discard_leftovers(models)
    # Another process ended it if this one had lost its lock with its connection; then the other's reason stays.
    return failure if ended or not code else RunError(code, message)


def explain(run: ImportRun, error: Exception, *, cancel_requested: bool = False) -> RunError:
    """Turn any error into a sentence for staff."""
    if isinstance(error, RunError):
        return error
    if isinstance(error, SourceError):
        return RunError(error.code, error.message)
    if lacks_room(error):
        return RunError("not_stored", f"Import {run.pk} ended. {NO_ROOM} Nothing was written.")
    kind = failure_kind(error)
    if isinstance(error, Cancelled) or (kind is FailureKind.QUERY_CANCELED and cancel_requested):
        return RunError("cancelled", f"Import {run.pk} was cancelled. Nothing was written.")
    # The rules let no value through that the database cannot take: that would be a fault of the program.
    if kind and kind is not FailureKind.DATA_ERROR:
        logger.error("Import %s was ended by the database: %s", run.pk, server_words(error))
        description = DESCRIPTIONS[kind]
        return RunError(
            code_of_failure(kind),
            f"Import {run.pk} was ended by the database. {description.happened} Nothing was written. "
            f"{description.advice}",
        )
    if isinstance(error, IntegrityError):  # the target is locked, but not what its rows refer to
        return RunError(
            "preview_outdated",
            f"While import {run.pk} was written something was changed that it refers to. Nothing was imported. "
            "Make a new preview.",
        )
    logger.exception("Import %s failed", run.pk, exc_info=error)
    return RunError(
        "unexpected_error",
        f"Import {run.pk} ended with an unexpected error ({type(error).__name__}). Nothing was written; the log "
        "has the details.",
    )


# A run that a process took up is alive as long as that process holds its lock. One that was not taken up yet waits
# for a task, or for the command that opened it, which holds the lock from the start.
WITHOUT_LOCK = """
SELECT id, picked_up_at IS NOT NULL FROM {run} AS run
WHERE (state IN ('staging', 'applying') OR state = 'applied' AND undo_requested_at IS NOT NULL) AND NOT {run_is_held}
"""
IS_DEAD = "id = ANY(%s) AND NOT {run_is_held}"
END_DEAD_RUNS = f"""
UPDATE {{run}} AS run SET state = 'failed', finished_at = now(), error_code = 'worker_died', progress = '{{{{}}}}',
    error_message = CASE WHEN picked_up_at IS NULL
        THEN 'The process that was to do this import died before it began. Nothing was written; start it again.'
        ELSE 'The process that was at work on this import died. Nothing was written; start it again.' END
WHERE state IN ('staging', 'applying') AND {IS_DEAD}
"""  # noqa: S608
END_DEAD_UNDOS = f"""
UPDATE {{run}} AS run SET undo_requested_at = NULL, progress = '{{{{}}}}', cancel_requested = false,
    error_message = 'The process that was undoing this import died. Nothing was taken out; undo it again.'
WHERE state = 'applied' AND undo_requested_at IS NOT NULL AND {IS_DEAD}
"""  # noqa: S608


def reconcile(models: Models | None = None) -> None:
    """End the runs that no process is at work on and that no task is queued for, so that nothing waits for them.

    PostgreSQL looks at the lock and at the run once more before it changes the run; so one that is taken up or ends
    at this very moment is left alone.
    """
    models = models or Models.of()
    names = {"run": table_of(models.run), "run_is_held": sql.SQL(locks.RUN_IS_HELD)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(WITHOUT_LOCK).format(**names))
        found = cursor.fetchall()
        if not found:
            return
        dead = [run_id for run_id, was_picked_up in found if was_picked_up]
        dead += without_a_task((run_id for run_id, was_picked_up in found if not was_picked_up), TASKS)
        cursor.execute(sql.SQL(END_DEAD_RUNS).format(**names), [dead])
        ended = cursor.rowcount
        cursor.execute(sql.SQL(END_DEAD_UNDOS).format(**names), [dead])
    if ended:
        discard_leftovers(models)


def state_label(state: str) -> str:
    return str(ImportRun.State(state).label)
