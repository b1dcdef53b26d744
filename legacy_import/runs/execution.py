"""How one step of a run is executed: one at a time, watched, and with an end that says what happened."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.db.utils import IntegrityError

from legacy_import import locks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs.leftovers import discard_leftovers
from legacy_import.source import SourceError
from legacy_import.steps.progress import Progress
from legacy_import.tables import CURRENT, Models
from MiniTwit.background.work import BackgroundWork, Cancelled, NotTakenUp, WorkError, stop_if_cancelled
from MiniTwit.database.failures import FailureKind, failure_kind

AT_WORK = ("staging", "applying")


class StepWork(BackgroundWork[ImportRun]):
    """What the steps of a run have in common."""

    this = "this import"
    lock_class = locks.RUN
    tasks = "legacy_import.tasks."

    def __init__(self, models: Models) -> None:
        super().__init__(models.run)
        self.models = models

    def hold(self, row_id: int) -> AbstractContextManager[None]:
        return locks.executing(row_id)

    def explain(self, row: ImportRun, error: BaseException) -> WorkError:
        if isinstance(error, RunError | SourceError):
            return WorkError(error.code, error.message)
        is_ended = failure_kind(error) is FailureKind.QUERY_CANCELED
        if is_ended and self.rows().filter(pk=row.pk, cancel_requested=True).exists():
            return super().explain(row, Cancelled())
        if isinstance(error, IntegrityError):  # the target is locked, but not what its rows refer to
            return WorkError(
                "preview_outdated",
                f"While import {row.pk} was written something was changed that it refers to. Nothing was imported. "
                "Make a new preview.",
            )
        return super().explain(row, error)


class ImportWork(StepWork):
    """Reading an old database, and writing what was previewed."""

    title = "Import"
    so_far, again = "Nothing was written.", "Start it again."

    def __init__(self, models: Models, *steps: str) -> None:
        super().__init__(models)
        self.going_on = Q(state__in=steps or AT_WORK)

    def end(self, rows: QuerySet[ImportRun], failure: WorkError, **found: Any) -> int:
        ended = rows.update(
            state="cancelled" if failure.code == "cancelled" else "failed",
            finished_at=Now(),
            error_code=failure.code,
            error_message=failure.sentence,
            progress={},
            cancel_requested=False,
            **found,
        )
        if ended:
            discard_leftovers(self.models)
        return ended

    def record_failure(self, row: ImportRun, error: BaseException) -> WorkError:
        failure = self.explain(row, error)
        # What was learnt of the source stays to be seen.
        self.end(self.rows().filter(self.going_on, pk=row.pk), failure, source=row.source)
        state, code, message = self.rows().values_list("state", "error_code", "error_message").get(pk=row.pk)
        if state == "applied":  # it stays so, whatever goes wrong after it
            return WorkError(
                "not_verified",
                f"Import {row.pk} is done, but its verification was interrupted. Run verify_legacy to compare old "
                "and new.",
            )
        if state != "previewed":
            discard_leftovers(self.models)
        # Another process ended it if this one had lost its lock with its connection; then the other's reason stays.
        return WorkError(code, message) if code else failure


class UndoWork(StepWork):
    """Taking out what a run brought. The run stays applied until that is done."""

    title = "Undoing import"
    so_far, again = "Nothing was taken out.", "Undo it again."
    going_on = Q(state="applied", undo_requested_at__isnull=False)

    def end(self, rows: QuerySet[ImportRun], failure: WorkError) -> int:
        return rows.update(
            undo_requested_at=None, progress={}, cancel_requested=False, error_message=failure.sentence
        )


@contextmanager
def work_on(run_id: int, step: str, models: Models) -> Iterator[tuple[ImportRun, Progress]]:
    """Execute one step of a run: staging, applying or undoing. Show its progress and how long it took.

    Raises:
        RunError: the step cannot be executed now, or it ended before its time.
    """
    work = UndoWork(models) if step == "undoing" else ImportWork(models, step)
    try:
        with work.work_on(run_id) as run:
            began = time.monotonic()
            with Progress(run_id, models) as progress:
                yield run, progress
            models.run.objects.filter(pk=run_id).update(
                durations=run.durations | {step: round(time.monotonic() - began, 2)}
            )
            run.refresh_from_db()
    except NotTakenUp:
        state = state_label(models.run.objects.get(pk=run_id).state)
        raise RunError("run_is_over", f"Import {run_id} is {state}; there is nothing to do.") from None
    except locks.LockNotAcquired:
        raise another_at_work() from None
    except WorkError as failure:
        raise RunError(failure.code, failure.sentence) from failure


def another_at_work() -> RunError:
    return RunError(
        "already_running",
        "Another import is running. Wait for it to end, or cancel it on its page or with `import_legacy --cancel`.",
    )


def finish(run: ImportRun, **changes: object) -> None:
    """Write down the end of a step together with what it found.

    Raises:
        Cancelled: staff asked for the step to stop.
    """
    with transaction.atomic():
        stop_if_cancelled(run)
        for name, value in changes.items():
            setattr(run, name, value)
        run.progress = {}
        run.save()


def reconcile(models: Models = CURRENT) -> None:
    """End the steps of dead workers, so that nothing waits for them."""
    ImportWork(models).reconcile()
    UndoWork(models).reconcile()


def state_label(state: str) -> str:
    return str(ImportRun.State(state).label)
