"""The import's work in the background: what `manage.py db_worker` executes.

A run records itself how it ended, well or badly; so the tasks have nothing to return or to raise.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django_tasks import task
from django_tasks.base import Task
from django_tasks_db.models import DBTaskResult

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.steps.hardening import harden_for
from MiniTwit import watchlist

RETRY_SECONDS = 1.0
HARDENING_SECONDS = 2.0  # for which other work may wait
LOWEST_PRIORITY = -100


@task()
def stage_run(run_id: int) -> None:
    execute(lifecycle.stage, run_id, stage_run)


@task()
def apply_run(run_id: int) -> None:
    execute(lifecycle.apply, run_id, apply_run)
    watchlist.request_scan_if_behind()
    request_hardening(run_id)


@task()
def undo_run(run_id: int) -> None:
    execute(lifecycle.undo, run_id, undo_run)


@task(priority=LOWEST_PRIORITY)
def harden_passwords(after: int = 0) -> None:
    """Harden weak passwords for a moment, then queue the rest: what staff wait for comes first."""
    go_on_after = harden_for(HARDENING_SECONDS, after=after)
    if go_on_after is not None:
        harden_passwords.enqueue(go_on_after)


def request_hardening(run_id: int) -> None:
    """Let the worker harden the weak passwords that an import of users brought, unless that is queued already."""
    if not settings.HARDEN_AFTER_IMPORT:
        return
    is_queued = DBTaskResult.objects.ready().filter(task_path=harden_passwords.module_path).exists()
    brought = ImportRun.objects.filter(pk=run_id, kind=ImportRun.Kind.USERS, state=ImportRun.State.APPLIED)
    if not is_queued and brought.exists():
        harden_passwords.enqueue()


def execute(step: Callable[[int], object], run_id: int, this_task: Task) -> None:
    """Do one step of a run; while another process is at work on an import, come back a little later.

    The pause is taken in this process: the worker that takes the next task may have another clock than the one that
    would write "not before" on it.
    """
    try:
        step(run_id)
    except RunError as error:
        if error.code == "already_running":
            time.sleep(RETRY_SECONDS)
            this_task.enqueue(run_id)
