"""The steps of a file's import. Each ends with a sentence that says what happened.

The web server works on small files while the browser waits, the background worker on large ones. The worker holds an
advisory lock meanwhile. So an import that is recorded as running while no process holds its lock has lost its worker.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from MiniTwit import watchlist
from MiniTwit.admin.files import checking
from MiniTwit.admin.files.report import Report
from MiniTwit.admin.files.rows import UnreadableFileError
from MiniTwit.admin.files.uploads import discard_forgotten, discard_upload, upload_path
from MiniTwit.background.task_lookup import without_a_task
from MiniTwit.database import locks
from MiniTwit.database.clock import database_time
from MiniTwit.database.failures import ERRORS, explain
from MiniTwit.models import FileImport
from MiniTwit.moderation import ModerationError

logger = logging.getLogger(__name__)

State = FileImport.State
KEPT = timedelta(days=1)

TASK = "MiniTwit.admin.files.tasks.run_file_import"

# An import that a web server works on has neither lock nor task, and ends within its request.
WITHOUT_LOCK = f"""
SELECT import.id, import.picked_up_at IS NOT NULL FROM "{FileImport._meta.db_table}" AS import
WHERE state IN ('checking', 'importing')
    AND coalesce(picked_up_at, requested_at + interval '5 minutes') < clock_timestamp()
    AND NOT {locks.is_held(locks.FILE_IMPORT, "import.id")}
"""  # noqa: S608
END_DEAD = f"""
UPDATE "{FileImport._meta.db_table}" AS import SET state = 'failed', finished_at = now(),
    error = 'The process that worked on this file died. Nothing was imported: choose the file again.'
WHERE id = ANY(%s) AND state IN ('checking', 'importing') AND NOT {locks.is_held(locks.FILE_IMPORT, "import.id")}
"""  # noqa: S608


class CancelledError(Exception):
    """Staff asked for the work to stop."""


def run(import_id: int) -> None:
    """Do the present step of an import, unless another process does. The import records how it ends."""
    with suppress(locks.LockNotAcquired), locks.hold((locks.FILE_IMPORT, import_id)):
        at_work = FileImport.objects.filter(pk=import_id, state__in=(State.CHECKING, State.IMPORTING))
        if not at_work.update(picked_up_at=database_time()):
            return
        with progress_of(import_id) as on_progress:
            execute(FileImport.objects.select_related("owner").get(pk=import_id), on_progress)


def execute(file_import: FileImport, on_progress: Callable[[int], None] = lambda done: None) -> Report | None:
    """Do the present step of an import.

    Returns:
        What the rows do; None if the step failed.
    """
    report = None
    try:
        if file_import.state == State.IMPORTING:
            report = apply(file_import, on_progress)
        if file_import.state == State.CHECKING:  # from the start, or because something was changed meanwhile
            report = check(file_import, on_progress)
    except Exception as error:
        finish(
            file_import, State.CANCELLED if isinstance(error, CancelledError) else State.FAILED, sentence_of(error)
        )
    if file_import.state != State.PREVIEWED:
        discard_file(file_import)
    return report


def check(file_import: FileImport, on_progress: Callable[[int], None]) -> Report:
    report = checking.check(file_import, upload_path(file_import.stored_as), on_progress)
    file_import.done = report.rows
    file_import.report = report.as_json()
    file_import.options |= report.chosen
    if report.has_failed:
        finish(file_import, State.FAILED, "")
    else:
        with transaction.atomic():
            stop_if_cancelled(file_import)
            file_import.state, file_import.total = State.PREVIEWED, report.rows
            file_import.save()
    return report


def apply(file_import: FileImport, on_progress: Callable[[int], None]) -> Report:
    """Write all previewed rows or none. If rows are outdated, the check repeats."""
    report = write(file_import, on_progress)
    if report.has_failed:
        said = "Nothing was imported: the database has changed since the preview, and refuses the rows below."
        finish(file_import, State.FAILED, said)
    elif report.outdated:
        rows = ", ".join(map(str, report.outdated[:10])) + (", …" if len(report.outdated) > 10 else "")
        file_import.state, file_import.done = State.CHECKING, 0
        file_import.error = (
            f"Nothing was imported: rows were changed elsewhere since the preview (in the file: {rows}). This is the "
            "preview as of now; check and confirm it."
        )
    elif checking.wrote_messages(file_import, report):
        watchlist.request_scan_if_behind()
    return report


@locks.retry_if_busy
def write(file_import: FileImport, on_progress: Callable[[int], None]) -> Report:
    with transaction.atomic():
        locks.lock_tables(locks.USERS, locks.MESSAGES, locks.FOLLOWS)
        report = checking.apply(file_import, upload_path(file_import.stored_as), on_progress)
        file_import.report, file_import.done = report.as_json(), report.rows
        if report.has_failed or report.outdated:
            transaction.set_rollback(True)
        else:
            stop_if_cancelled(file_import)
            finish(file_import, State.DONE, "")
    return report


def stop_if_cancelled(file_import: FileImport) -> None:
    """Raise CancelledError for a request that came after the last check for one: it counts until the commit."""
    if FileImport.objects.select_for_update().get(pk=file_import.pk).cancel_requested:
        raise CancelledError


def finish(file_import: FileImport, state: str, error: str) -> None:
    """Record how an import ended, and remove its file."""
    file_import.state, file_import.error, file_import.finished_at = state, error, database_time()
    file_import.cancel_requested = False
    file_import.save()


def discard_file(file_import: FileImport) -> None:
    """Remove the file. If that fails, pruning removes it with the uploads that are too old."""
    with suppress(OSError):
        discard_upload(file_import.stored_as)


def sentence_of(error: Exception) -> str:
    match error:
        case UnreadableFileError():
            return str(error)
        case CancelledError():
            return "Cancelled. Nothing was imported."
        case ModerationError():
            return f"Nothing was imported: {error.sentence}"
        case FileNotFoundError():
            return "Nothing was imported: the file is no longer on the server. Choose it again."
        case OSError():
            logger.exception("A file of an import could not be read or written", exc_info=error)
            return f"Nothing was imported: the server could not read or write the file ({error.strerror})."
        case _ if isinstance(error, ERRORS) and (known := explain(error)):
            return f"Nothing was imported. {known}"
    logger.exception("The import of a file failed", exc_info=error)
    return f"Nothing was imported: an unexpected error ({type(error).__name__}). The log has the details."


def cancel(file_import: FileImport) -> None:
    """Cancel an import that waits, or ask the worker to stop."""
    with transaction.atomic():
        found = FileImport.objects.select_for_update().get(pk=file_import.pk)
        if found.state == State.PREVIEWED or (found.is_at_work and found.picked_up_at is None):
            finish(found, State.CANCELLED, "Cancelled. Nothing was imported.")
        elif found.is_at_work:
            found.cancel_requested = True
            found.save(update_fields=["cancel_requested"])
    if not found.is_at_work:
        discard_file(found)


def reconcile() -> None:
    """End the imports that no process works on and no task is queued for."""
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_LOCK)
        found = dict(cursor.fetchall())
        if found:
            waiting = [import_id for import_id, was_picked_up in found.items() if not was_picked_up]
            dead = (found.keys() - set(waiting)) | set(without_a_task(waiting, TASK))
            cursor.execute(END_DEAD, [list(dead)])


def discard_old() -> None:
    """Delete the imports of more than a day ago, and their files."""
    discard_forgotten()
    FileImport.objects.filter(created_at__lt=database_time() - KEPT).exclude(
        state__in=(State.CHECKING, State.IMPORTING), picked_up_at__isnull=False
    ).delete()


@contextmanager
def progress_of(import_id: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that records how many rows are done, and raises CancelledError when staff asked to stop.

    It has a connection of its own: other sessions do not see what the working transaction writes before its end.
    """
    own: Any = connections.create_connection(DEFAULT_DB_ALIAS)

    def on_progress(done: int) -> None:
        with own.cursor() as cursor:
            cursor.execute(
                f'UPDATE "{FileImport._meta.db_table}" SET done = %s WHERE id = %s RETURNING cancel_requested',  # noqa: S608
                [done, import_id],
            )
            row = cursor.fetchone()
        if row and row[0]:
            raise CancelledError

    try:
        yield on_progress
    finally:
        own.close()
