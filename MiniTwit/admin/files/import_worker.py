"""The steps of a file's import. Each ends with a sentence that says what happened.

The web server works on small files while the browser waits, the background worker on large ones. The worker holds an
advisory lock meanwhile. So an import that is recorded as running while no process holds its lock has lost its worker.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_tasks import task

from MiniTwit import watchlist
from MiniTwit.admin.files import checking
from MiniTwit.admin.files.report import Report
from MiniTwit.admin.files.rows import UnreadableFileError
from MiniTwit.admin.files.uploads import discard_forgotten, discard_upload, upload_path
from MiniTwit.background.work import BackgroundWork, Cancelled, WorkError, stop_if_cancelled
from MiniTwit.database import locks
from MiniTwit.database.clock import database_time
from MiniTwit.models import FileImport
from MiniTwit.moderation import ModerationError
from MiniTwit.storage.full_disks import lacks_room

logger = logging.getLogger(__name__)

State = FileImport.State
KEPT = timedelta(days=1)
LONGEST_REQUEST = timedelta(minutes=5)
AT_WORK = (State.CHECKING, State.IMPORTING)


class FileWork(BackgroundWork[FileImport]):
    title, this = "File import", "this file"
    so_far, again = "Nothing was imported.", "Choose the file again."
    lock_class = locks.FILE_IMPORT
    tasks = "MiniTwit.admin.files.import_worker.run_file_import"
    going_on = Q(state__in=AT_WORK)

    def without_process(self) -> QuerySet[FileImport]:
        """An import that a web server works on has neither lock nor task, and ends within its request."""
        may_be_in_a_request = Q(picked_up_at=None, requested_at__gt=Now() - LONGEST_REQUEST)
        return super().without_process().exclude(may_be_in_a_request)

    def end(self, rows: QuerySet[FileImport], failure: WorkError) -> int:
        ended = {"state": state_after(failure), "error": failure.sentence, "finished_at": Now()}
        return rows.update(**ended, cancel_requested=False)

    def explain(self, row: FileImport, error: BaseException) -> WorkError:
        match error:
            case UnreadableFileError():
                return WorkError("not_a_table", str(error))
            case ModerationError():
                return WorkError(error.code, f"{error.sentence} {self.so_far}")
            case OSError() if not lacks_room(error):
                logger.exception("A file of an import could not be read or written", exc_info=error)
                why = f"The server could not read or write the file ({error.strerror})."
                return WorkError("file_not_read", f"{why} {self.so_far} {self.again}")
        return super().explain(row, error)


FILE_WORK = FileWork(FileImport)


def state_after(failure: WorkError) -> State:
    return State.CANCELLED if failure.code == "cancelled" else State.FAILED


@task()
def run_file_import(import_id: int) -> None:
    """Do the present step of an import. The import records how it ends."""
    with (
        suppress(locks.LockNotAcquired, WorkError),
        FILE_WORK.work_on(import_id) as file_import,
        progress_of(import_id) as on_progress,
    ):
        execute(file_import, on_progress)


def execute(file_import: FileImport, on_progress: Callable[[int], None] = lambda done: None) -> Report | None:
    """Do the present step of an import.

    Returns:
        What the rows do; None if the step failed.
    """
    report = None
    try:
        with FILE_WORK.recording(file_import):
            if file_import.state == State.IMPORTING:
                report = apply(file_import, on_progress)
            if file_import.state == State.CHECKING:  # from the start, or because something was changed meanwhile
                report = check(file_import, on_progress)
    except WorkError as failure:
        file_import.state, file_import.error = state_after(failure), failure.sentence
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


def finish(file_import: FileImport, state: str, error: str) -> None:
    """Record how an import ended, and remove its file."""
    file_import.state, file_import.error, file_import.finished_at = state, error, database_time()
    file_import.cancel_requested = False
    file_import.save()


def discard_file(file_import: FileImport) -> None:
    """Remove the file. If that fails, pruning removes it with the uploads that are too old."""
    with suppress(OSError):
        discard_upload(file_import.stored_as)


def go_on(file_import: FileImport, step: State, **changes: Any) -> bool:
    """Ask for the next step of an import that was previewed; return False if that was asked for before."""
    previewed = FileImport.objects.filter(pk=file_import.pk, state=State.PREVIEWED)
    if not previewed.update(state=step, requested_at=Now(), picked_up_at=None, done=0, **changes):
        return False
    file_import.refresh_from_db()
    return True


def cancel(file_import: FileImport) -> None:
    """Cancel an import that waits, or ask the worker to stop."""
    previewed = FileImport.objects.filter(pk=file_import.pk, state=State.PREVIEWED)
    if not FILE_WORK.end(previewed, FILE_WORK.explain(file_import, Cancelled())):
        FILE_WORK.cancel(file_import)
    file_import.refresh_from_db()
    if not file_import.is_at_work:
        discard_file(file_import)


def discard_old() -> None:
    """Delete the imports of more than a day ago, and their files."""
    discard_forgotten()
    FileImport.objects.filter(created_at__lt=database_time() - KEPT).exclude(
        state__in=AT_WORK, picked_up_at__isnull=False
    ).delete()


@contextmanager
def progress_of(import_id: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that records how many rows are done, and raises Cancelled when staff asked to stop.

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
            raise Cancelled

    try:
        yield on_progress
    finally:
        own.close()
