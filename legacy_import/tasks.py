"""The import's work in the background: what `manage.py db_worker` executes.

How a run ended, well or badly, stands on the run itself; so the tasks have nothing to return or to raise.
"""

import time
from collections.abc import Callable
from typing import Any

from django_tasks import task
from django_tasks.base import Task

from legacy_import import runs
from legacy_import.errors import RunError
from MiniTwit import watchlist

RETRY_SECONDS = 1.0


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
