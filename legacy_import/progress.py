"""Tell how far a run is, and hear whether it shall stop.

The work happens in one long transaction, whose writes nobody else sees. So a thread with a connection of its own
writes the progress down, looks whether somebody asked to cancel, and if so interrupts the statement at work.
"""

import json
import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from legacy_import.tables import Models, table_of

INTERVAL = 0.4  # seconds between two writes
logger = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 -- not an error
    """Somebody asked for the run to stop."""


class Progress:
    """The progress of one run; a context manager around the work.

    Args:
        run_id: whose progress it is.
        models: where runs are kept.
    """

    def __init__(self, run_id: int, models: Models) -> None:
        self.run_id = run_id
        self.table = table_of(models.run)
        self.phase_name = ""
        self.done = 0
        self.total = 0
        self.cancelled = False
        self.finished = threading.Event()
        self.worker = connections[DEFAULT_DB_ALIAS]  # not the proxy, which means another one in each thread
        self.thread = threading.Thread(target=self._keep_writing, name=f"progress of import {run_id}", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def phase(self, name: str, total: int = 0) -> None:
        """Begin a part of the work, of so many rows (0: unknown)."""
        self.phase_name, self.done, self.total = name, 0, total
        self.check()

    def advance(self, done: int) -> None:
        """Say how many rows of the phase are done."""
        self.done = done
        self.check()

    def check(self) -> None:
        """Raise Cancelled if somebody asked to stop."""
        if self.cancelled:
            raise Cancelled

    def stop(self) -> None:
        """End the thread. From here on nothing can be cancelled."""
        self.finished.set()
        if self.thread.is_alive():
            self.thread.join()

    def _keep_writing(self) -> None:
        own = self.worker.copy()
        try:
            while not self.finished.wait(INTERVAL):
                self._write(own)
        except Exception:
            logger.exception("The progress of import %s can no longer be written; the import goes on.", self.run_id)
        finally:
            own.close()

    def _write(self, own: BaseDatabaseWrapper) -> None:
        state = {"phase": self.phase_name, "done": self.done, "total": self.total}
        with own.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self.table.as_string(cursor.cursor)} SET progress = %s WHERE id = %s"  # noqa: S608
                " RETURNING cancel_requested",
                [json.dumps(state), self.run_id],
            )
            row = cursor.fetchone()
        if row and row[0] and not self.cancelled:
            self.cancelled = True
            self.worker.connection.cancel()
