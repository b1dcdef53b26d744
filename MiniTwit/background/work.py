"""The life that import runs, batches of decisions and imports of files have in common.

Each kind of work has a table of its own, and each row is one piece of work. A request writes on the row what is
wanted, and puts a task into the queue. The worker that takes the task takes up the row, holds the row's advisory lock
while it works, and writes on the row how the work ends.

PostgreSQL drops the lock the moment the process dies, however it dies. So the lock, never a state or a date, tells
that work is alive: a row that was taken up and that no process holds has lost its worker, and so has a row that waits
for a task that is not in the queue. `reconcile` ends both, so that no page waits for them.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from django.db import connection, models
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from MiniTwit.background.queue import without_a_task
from MiniTwit.database import locks
from MiniTwit.database.failures import (
    ERRORS,
    FailureKind,
    failure_kind,
    is_unavailable,
    server_words,
)
from MiniTwit.database.session_check import SharedSessionError
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=models.Model)


class Cancelled(Exception):  # noqa: N818 -- not an error
    """Staff asked for the work to stop."""


class NotTakenUp(locks.LockNotAcquired):
    """The work does not wait for a process: it is over, or a process took it up."""


class WorkError(Exception):
    """Work ended before its time, and its row says so.

    Attributes:
        code: stable, e.g. `worker_died`. sentence: for staff.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class BackgroundWork(Generic[Row]):
    """One kind of work.

    Attributes:
        title: what sentences call a piece of work, before its number. this: what they call it on its own page.
        so_far: a sentence: what is done of work that ends before its time. again: one about how it goes on.
        lock_class: of the advisory locks; the object is the row's id.
        tasks: how the paths of the tasks begin; their first argument is the row's id.
        going_on: the rows that a process works on, or that wait for one. waits: those of them that wait.
        taken_up: the columns, with their values, that tell that a process took up a row.
    """

    title: ClassVar[str]
    this: ClassVar[str]
    so_far: ClassVar[str]
    again: ClassVar[str] = ""
    lock_class: ClassVar[int]
    tasks: ClassVar[str]
    going_on: Q
    waits: ClassVar[Q] = Q(picked_up_at=None)
    taken_up: ClassVar[dict[str, Any]] = {"picked_up_at": Now()}

    def __init__(self, model: type[Row]) -> None:
        self.model = model

    def rows(self) -> QuerySet[Row]:
        return self.model._default_manager.all()

    def end(self, rows: QuerySet[Row], failure: WorkError) -> int:
        """Write on rows that their work ended before its time; return how many there were."""
        raise NotImplementedError

    # A process at work

    @contextmanager
    def work_on(self, row_id: int) -> Iterator[Row]:
        """Take up a row and hold its lock; what ends the block before its time is written on the row.

        Raises:
            LockNotAcquired: another process works on it.
            NotTakenUp: it does not wait for a process.
            WorkError: the work ended before its time.
        """
        try:
            with self.hold(row_id):
                row = self.take_up(row_id)
                with self.recording(row):
                    yield row
        except SharedSessionError as error:
            raise self.fail(self.rows().get(pk=row_id), error) from error

    def hold(self, row_id: int) -> AbstractContextManager[None]:
        return locks.hold((self.lock_class, row_id))

    def take_up(self, row_id: int) -> Row:
        if not self.rows().filter(self.going_on, self.waits, pk=row_id).update(**self.taken_up):
            raise NotTakenUp
        return self.rows().get(pk=row_id)

    @contextmanager
    def recording(self, row: Row) -> Iterator[None]:
        """Write on a row what ends the block before its time, and raise it as `WorkError`."""
        try:
            yield
        except BaseException as error:
            raise self.fail(row, error) from error

    def fail(self, row: Row, error: BaseException) -> WorkError:
        """Write on a row what ended its work, be it the end of the process, and return what to raise."""
        if not connection.is_usable():
            connection.close()  # the next statement makes a new connection
        try:
            return self.record_failure(row, error)
        except ERRORS as lost:
            if not is_unavailable(lost):
                raise
            # The server is away, and so is the lock: `reconcile` ends the work as soon as the server answers.
            logger.error("The end of %s could not be recorded: %s", self.name(row), server_words(lost))
            return self.explain(row, lost)

    def record_failure(self, row: Row, error: BaseException) -> WorkError:
        failure = self.explain(row, error)
        self.end(self.rows().filter(self.going_on, pk=row.pk), failure)
        return failure

    def explain(self, row: Row, error: BaseException) -> WorkError:
        """Turn any error into a code, and a sentence for staff."""
        name = self.name(row)
        if not isinstance(error, Exception):
            return WorkError("interrupted", f"{name} was interrupted. {self.so_far} {self.again}".strip())
        if isinstance(error, Cancelled):
            return WorkError("cancelled", f"{name} was cancelled. {self.so_far}")
        if isinstance(error, SharedSessionError):
            return WorkError("pooled_connection", str(error))
        if lacks_room(error):
            return WorkError("not_stored", f"{name} ended. {NO_ROOM} {self.so_far}")
        kind = failure_kind(error)
        if kind and kind is not FailureKind.DATA_ERROR:  # what is written was checked, so that is the program's fault
            logger.error("%s was ended by the database: %s", name, server_words(error))
            sentence = f"{name} was ended by the database. {kind.happened} {self.so_far} {kind.advice}"
            return WorkError(kind.error_code, sentence)
        logger.exception("%s failed", name, exc_info=error)
        what = f"{name} ended with an unexpected error ({type(error).__name__})."
        return WorkError("unexpected_error", f"{what} {self.so_far} The log has the details.")

    def name(self, row: Row) -> str:
        return f"{self.title} {row.pk}"

    # Other processes

    def cancel(self, row: Row) -> bool:
        """End work that waits, or ask the process that does it to stop; return False if it is over."""
        going_on = self.rows().filter(self.going_on, pk=row.pk)
        ended = self.end(going_on.filter(self.waits), self.explain(row, Cancelled()))
        return bool(ended or going_on.update(cancel_requested=True))

    def reconcile(self) -> None:
        """End the work that no process does and no task is queued for.

        PostgreSQL looks at row and lock once more before it changes the row: one that is taken up, or ends, at this
        very moment is left alone.
        """
        waits = ExpressionWrapper(self.waits, output_field=BooleanField())
        found = list(self.without_process().values_list("pk", waits))
        begun = [row_id for row_id, is_waiting in found if not is_waiting]
        never_begun = without_a_task((row_id for row_id, is_waiting in found if is_waiting), self.tasks)
        self.end_dead(~self.waits, begun, f"The process that worked on {self.this} died.")
        self.end_dead(self.waits, never_begun, f"The process that was to work on {self.this} died before it began.")

    def without_process(self) -> QuerySet[Row]:
        """The rows that should be worked on, and whose lock no process holds."""
        is_held = locks.is_held_sql(self.lock_class, f'"{self.model._meta.db_table}".id')
        return self.rows().filter(self.going_on).exclude(RawSQL(is_held, [], output_field=BooleanField()))  # noqa: S611

    def end_dead(self, state: Q, row_ids: list[int], sentence: str) -> None:
        if row_ids:
            dead = self.without_process().filter(state, pk__in=row_ids)
            self.end(dead, WorkError("worker_died", f"{sentence} {self.so_far} {self.again}".strip()))


def stop_if_cancelled(row: models.Model) -> None:
    """Raise Cancelled for a request that came after the last look for one: it counts until the end is written."""
    if type(row)._default_manager.select_for_update().get(pk=row.pk).cancel_requested:  # type: ignore[attr-defined]
        raise Cancelled
