"""The scan in the background: what `manage.py db_worker` executes, and how far it is."""

import time
from dataclasses import dataclass

from django.db import OperationalError
from django_tasks import TaskResultStatus, task
from django_tasks_db.models import DBTaskResult
from psycopg2 import sql

from MiniTwit.background.queue import WORKER_COMMAND
from MiniTwit.database.failures import FailureKind, failure_kind, is_busy
from MiniTwit.database.locks import LockNotAcquired, is_held_sql
from MiniTwit.database.queries import rows_of
from MiniTwit.models import EditedMessage, Message, WatchTerm
from MiniTwit.watchlist.scanning import (
    DELETED_AT_ONCE,
    LOCK,
    delete_some_hits,
    forget_hits,
    scan,
)

SHIFT_SECONDS = 20.0  # after that, other work of the same worker has its turn
RETRY_SECONDS = 2.0


@task()
def scan_new_messages() -> None:
    """Look through new messages; a later task does the rest."""
    try:
        finished = scan(seconds=SHIFT_SECONDS).finished
        pause = 0.0
    except LockNotAcquired:
        finished, pause = False, RETRY_SECONDS
    except OperationalError as error:
        if not is_busy(error) and failure_kind(error) is not FailureKind.QUERY_CANCELED:
            raise
        # an import locks the messages, or an administrator cancelled the statement
        finished, pause = False, RETRY_SECONDS
    time.sleep(pause)  # a "not before" on the task would be read with the clock of the next worker's machine
    if not finished and not is_requested():
        scan_new_messages.enqueue()


@task()
def delete_term_with_hits(term_id: int) -> None:
    """Delete a term that has more hits than one request can delete."""
    term = WatchTerm.objects.filter(pk=term_id, active=False).first()
    if term is not None:
        forget_hits(term)
        term.delete()


def request_scan() -> None:
    """Ask the worker to look through the messages that are new to the watch-list."""
    if WatchTerm.objects.filter(active=True).exists() and not is_requested():
        scan_new_messages.enqueue()


def request_scan_if_behind() -> None:
    """Request a scan if messages wait for one. The pages call this, so a scan that died is resumed, and code that
    adds messages need not request one."""
    now = standing()
    if now.is_behind and not (now.at_work or now.requested):
        scan_new_messages.enqueue()


def is_requested() -> bool:
    """Whether a scan waits for the worker."""
    waiting = DBTaskResult.objects.filter(task_path=scan_new_messages.module_path, status=TaskResultStatus.READY)
    return waiting.exists()


def delete_term(term: WatchTerm) -> bool:
    """Delete a term and its hits; return False where there are so many that the worker does it."""
    if delete_some_hits(term.pk) < DELETED_AT_ONCE:
        term.delete()
        return True
    WatchTerm.objects.filter(pk=term.pk).update(active=False, error="Being deleted.")
    delete_term_with_hits.enqueue(term.pk)
    return False


@dataclass(frozen=True)
class Standing:
    """How far the scan of all active terms is, in ids of messages, and whether some were edited since.

    Attributes:
        at_work: a process is scanning.
        requested: a scan waits for the worker.
    """

    reached: int
    last: int
    at_work: bool
    requested: bool
    has_edited: bool

    @property
    def is_behind(self) -> bool:
        return self.reached < self.last or self.has_edited

    @property
    def percent(self) -> int:
        return 100 if not self.is_behind else min(99, 100 * self.reached // self.last)

    @property
    def sentence(self) -> str:
        if not self.is_behind:
            return "Every message has been looked through."
        if self.reached >= self.last:
            return "Every message has been looked through; some that were edited since are about to be, again."
        if self.at_work:
            return f"Scanning: {self.percent} % of the messages have been looked through for every term."
        return (
            f"{self.percent} % of the messages have been looked through for every term; the rest waits for the "
            f"background worker ({WORKER_COMMAND})."
        )


STANDING = """
SELECT (SELECT min(scanned_through) FROM {term} WHERE active), (SELECT max(id) FROM {message}),
    EXISTS (SELECT FROM {edited}), {is_scanning},
    EXISTS (SELECT FROM {task} WHERE task_path = %(task_path)s AND status = %(ready)s)
"""


def standing() -> Standing:
    """How far the scan is; both ends come from an index."""
    lock_class, lock_object = LOCK
    statement = sql.SQL(STANDING).format(
        term=sql.Identifier(WatchTerm._meta.db_table),
        message=sql.Identifier(Message._meta.db_table),
        edited=sql.Identifier(EditedMessage._meta.db_table),
        is_scanning=sql.SQL(is_held_sql(lock_class, str(lock_object))),
        task=sql.Identifier(DBTaskResult._meta.db_table),
    )
    values = {"task_path": scan_new_messages.module_path, "ready": TaskResultStatus.READY}
    ((reached, newest, has_edited, at_work, requested),) = rows_of(statement, values)
    last = newest or 0
    return Standing(
        reached=last if reached is None else min(reached, last),
        last=last,
        at_work=at_work,
        requested=requested,
        has_edited=reached is not None and has_edited,
    )
