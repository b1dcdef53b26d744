"""The import's work in the background: what `manage.py db_worker` executes.

How a run ended, well or badly, stands on the run itself; so the tasks have nothing to return or to raise.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_tasks import task
from django_tasks.base import Task

from legacy_import import runs
from legacy_import.errors import RunError
from MiniTwit import watchlist

RETRY_AFTER = timedelta(seconds=1)


@task()
def stage_run(run_id: int) -> None:
    execute(runs.stage, run_id, stage_run)


@task()
def apply_run(run_id: int) -> None:
    execute(runs.apply, run_id, apply_run)
    watchlist.request_scan_if_behind()


@task()
def undo_run(run_id: int) -> None:
    execute(runs.undo, run_id, undo_run)


def execute(step: Callable[[int], Any], run_id: int, this_task: Task) -> None:
    """Do one step of a run; while another process is at work on an import, come back a little later."""
    try:
        step(run_id)
    except RunError as error:
        if error.code == "already_running":
            this_task.using(run_after=timezone.now() + RETRY_AFTER).enqueue(run_id)
