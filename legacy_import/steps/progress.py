"""Write the progress of a run, and stop it when a cancellation was requested.

The work happens in one long transaction, whose writes no other connection sees. So a thread with a connection of its
own writes the progress, reads whether a cancellation was requested, and if so interrupts the statement at work.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from legacy_import.locks import end_with_the_process
from legacy_import.tables import Models, table_of
from MiniTwit.background.work import Cancelled
from MiniTwit.database.failures import FailureKind, failure_kind
from MiniTwit.json_records import JsonRecord

INTERVAL = 0.4  # seconds between two writes
logger = logging.getLogger(__name__)


def may_be_cancellation(error: BaseException | None) -> bool:
    """Whether an error may say that the run was to stop; a time limit or an administrator ends a statement alike."""
    return isinstance(error, Cancelled) or failure_kind(error) is FailureKind.QUERY_CANCELED


@dataclass(frozen=True)
class Position(JsonRecord):
    """`ImportRun.progress`: the part of the work in progress and its rows; a total of 0 means unknown."""

    phase: str = ""
    done: int = 0
    total: int = 0


class TaskProgress:
    """The progress of one task of a run. Several tasks may run side by side."""

    def __init__(self, progress: "Progress") -> None:
        self.progress = progress
        self.name = ""
        self.done = 0
        self.total = 0

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a part of the work, of so many rows; where that is not known, the bar stays as it is."""
        self.name = name
        if total is not None:
            self.done, self.total = 0, total
        self.check()

    def advance(self, done: int) -> None:
        """Say how many rows of the phase are done."""
        self.done = done
        self.check()

    def check(self) -> None:
        """Raise Cancelled if a cancellation was requested."""
        if self.progress.cancelled:
            raise Cancelled


class Progress(TaskProgress):
    """The progress of one run, and its first task; a context manager around the work.

    Args:
        run_id: whose progress it is.
        models: where runs are kept.
    """

    def __init__(self, run_id: int, models: Models) -> None:
        super().__init__(self)
        self.run_id = run_id
        self.table = table_of(models.run)
        self.tasks: list[TaskProgress] = [self]
        self.cancelled = False
        self.finished = threading.Event()
        # Whose statements a cancellation interrupts. (Not the proxy, which means another one in each thread.)
        self.at_work = {connections[DEFAULT_DB_ALIAS]}
        self.thread = threading.Thread(target=self._keep_writing, name=f"progress of import {run_id}", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def task(self, name: str, total: int) -> TaskProgress:
        """Begin a task that runs beside others."""
        task = TaskProgress(self)
        self.tasks.append(task)
        task.phase(name, total)
        return task

    @contextmanager
    def worker_connection(self) -> Iterator[None]:
        """Let a cancellation interrupt the connection of this worker thread, too; close it at the end."""
        own = connections[DEFAULT_DB_ALIAS]
        self.at_work.add(own)
        try:
            end_with_the_process()
            yield
        finally:
            self.at_work.discard(own)
            own.close()

    def cancel(self) -> None:
        """Stop all tasks: at once those that wait for PostgreSQL, the others when they next report progress."""
        self.cancelled = True
        for worker in list(self.at_work):
            if worker.connection is not None:
                worker.connection.cancel()

    def stop(self) -> None:
        """End the thread. From now on nothing can be cancelled."""
        self.finished.set()
        if self.thread.is_alive():
            self.thread.join()

    def _keep_writing(self) -> None:
        own = connections.create_connection(DEFAULT_DB_ALIAS)
        try:
            while not self.finished.wait(INTERVAL):
                self._write(own)
        except Exception:
            logger.exception("The progress of import %s can no longer be written; the import goes on.", self.run_id)
        finally:
            own.close()

    def _write(self, own: BaseDatabaseWrapper) -> None:
        with own.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self.table.as_string(cursor.cursor)} SET progress = %s WHERE id = %s"  # noqa: S608
                " RETURNING cancel_requested",
                [json.dumps(self.position().as_json()), self.run_id],
            )
            row = cursor.fetchone()
        if row and row[0] and not self.cancelled:
            self.cancel()

    def position(self) -> Position:
        """All tasks together."""
        return Position(
            phase="; ".join(dict.fromkeys(task.name for task in self.tasks if task.name)),
            done=sum(task.done for task in self.tasks),
            total=sum(task.total for task in self.tasks),
        )
