"""A whole import in one process, for the command and the migrations, which hand nothing to a worker."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import transaction
from django.db.models import Q

from legacy_import import locks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.runs.execution import AT_WORK, another_at_work
from legacy_import.source import Reference
from legacy_import.source.recognition.mapping import TableMappings
from legacy_import.steps.audit import check_audit
from legacy_import.tables import CURRENT, Models
from MiniTwit.database.session_check import SharedSessionError

POLL_SECONDS = 0.2
END_SECONDS = 60.0  # within which a run that is asked to stop should have ended


def import_at_once(
    *,
    kind: str,
    reference: Reference,
    options: ImportOptions,
    origin: str,
    models: Models = CURRENT,
    dry_run: bool = False,
    insist: bool = False,
    mapping: TableMappings | None = None,
) -> ImportRun:
    """Preview an old database and, unless that is all, import it.

    Args:
        insist: import it even if it does not look like the database imported before, or nothing of it arrives.

    Returns:
        The run, in state applied, or previewed for a dry run.

    Raises:
        RunError, SourceError: nothing was written.
    """
    with executing_from_the_start(models) as stack:
        with transaction.atomic():
            run = lifecycle.start(
                kind=kind, reference=reference, options=options, origin=origin, models=models, mapping=mapping
            )
            # This run has no task, so its lock says that it is alive, before any other process can see the run.
            stack.enter_context(locks.executing(run.pk))
        try:
            run = lifecycle.stage(run.pk, models, reference)
            if dry_run:
                check_audit(run)
                return run
            lifecycle.confirm(run.pk, insist=insist, models=models)
            return lifecycle.apply(run.pk, models)
        except BaseException:
            # No other process takes up what could not be taken up now, and it would keep every other import waiting.
            if models.run.objects.filter(pk=run.pk, state__in=AT_WORK, picked_up_at=None).exists():
                lifecycle.cancel(run.pk, models=models)
            raise


def undo_at_once(run_id: int, models: Models) -> ImportRun:
    """Take out what an applied run brought. The request has no task, so the run's lock says that it is alive.

    Raises:
        RunError: nothing was taken out.
    """
    with executing_from_the_start(models) as stack:
        stack.enter_context(locks.executing(run_id))
        lifecycle.request_undo(run_id, models=models)
        return lifecycle.undo(run_id, models)


@contextmanager
def executing_from_the_start(models: Models) -> Iterator[ExitStack]:
    """Hold the right to execute an import; yields a stack for the lock of its run.

    Raises:
        RunError: another import is at work.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.executing())
        except locks.LockNotAcquired:
            lifecycle.refuse_while_at_work(models)  # names the run
            raise another_at_work() from None
        except SharedSessionError as error:
            raise RunError("pooled_connection", str(error)) from error
        yield stack


def cancel_at_work(kind: str | None = None) -> ImportRun:
    """Cancel the import that is at work or waits to begin, or its undoing, and wait for its end; where there is none,
    the newest preview that waits for a confirmation.

    Args:
        kind: cancel only users, or only messages.

    Returns:
        The run, which is over.

    Raises:
        RunError: there is nothing to cancel, it had ended before, or it does not end.
    """
    lifecycle.reconcile()
    found = ImportRun.objects.filter(kind=kind) if kind else ImportRun.objects.all()
    at_work = Q(state__in=AT_WORK) | Q(state=ImportRun.State.APPLIED, undo_requested_at__isnull=False)
    run = found.filter(at_work).first() or found.filter(state=ImportRun.State.PREVIEWED).first()
    if run is None:
        raise RunError("nothing_to_cancel", f"No import{f' of {kind}' if kind else ''} is at work or waits.")
    was_undo = run.undo_requested_at is not None
    lifecycle.cancel(run.pk)
    for _ in range(round(END_SECONDS / POLL_SECONDS)):
        lifecycle.reconcile()
        run.refresh_from_db()
        if run.state not in AT_WORK and run.undo_requested_at is None:
            break
        time.sleep(POLL_SECONDS)
    else:
        raise RunError("still_at_work", f"Import {run.pk} was asked to stop and is still at work. Look again later.")
    if run.state != (ImportRun.State.APPLIED if was_undo else ImportRun.State.CANCELLED):
        raise RunError(
            "run_is_over", f"Import {run.pk} ended before it could be cancelled: it is {run.get_state_display()}."
        )
    return run
