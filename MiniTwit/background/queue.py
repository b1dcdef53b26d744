"""The queue of tasks, and the workers that take them: does one run, what does it do, and has it died?

The worker itself is `backoffice/worker_process.py`. Each of its connections holds a shared advisory lock on the
worker's id. PostgreSQL drops the lock with the last connection, however the process ends. So a task that is recorded
as running while its worker holds no lock has lost its worker.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from MiniTwit.database import locks
from MiniTwit.database.clock import database_time
from MiniTwit.database.queries import value_of
from MiniTwit.instants import shown_time

WORKER_COMMAND = "python manage.py db_worker"
TASK_START_SECONDS = 3  # a running worker takes a task within that time
WORKER = 0x4D56  # class of the locks; the object is a hash of the worker's id
ATTEMPTS = 2  # a task that outlives so many workers may be what kills them

HASH_OF_WORKER = f'(hashtext("{DBTaskResult._meta.db_table}".worker_ids ->> -1)::bigint & 4294967295)'
SOME_WORKER_RUNS = f"""
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {WORKER} AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""  # noqa: S608

logger = logging.getLogger(__name__)


class WorkerDied(Exception):  # noqa: N818 -- it is the worker that has ended
    """The process that worked on a task ended before the task did."""


def hold_lock_of_worker(worker_id: str) -> None:
    """Make every later connection of this process hold the lock of a worker."""

    def hold(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock_shared(%s, hashtext(%s))", [WORKER, worker_id])

    connection_created.connect(hold, weak=False, dispatch_uid="MiniTwit.background.queue")
    connections.close_all()


def is_worker_running() -> bool:
    """Whether any worker is connected to this database."""
    return bool(value_of(SOME_WORKER_RUNS))


def with_worker_state() -> QuerySet[DBTaskResult]:
    """All tasks; `has_worker` tells whether the worker that took a task last is running."""
    return DBTaskResult.objects.annotate(has_worker=RawSQL(locks.is_held_sql(WORKER, HASH_OF_WORKER), []))  # noqa: S611


def tasks_in_sight() -> QuerySet[DBTaskResult]:
    """The tasks that wait for a worker, and those that a living worker executes."""
    return with_worker_state().filter(
        Q(status=TaskResultStatus.READY) | Q(status=TaskResultStatus.RUNNING, has_worker=True)
    )


def give_back_lost_tasks(own_id: str = "") -> int:
    """Put the tasks of dead workers back into the queue; a task that has lost several workers fails.

    So a task may be executed twice. Each task first checks whether its import, batch or term still waits for it.

    Args:
        own_id: the worker that calls this, which executes no task now.

    Returns:
        How many tasks were lost.
    """
    lost = Q(has_worker=False) | Q(**{"worker_ids__-1": own_id})
    with transaction.atomic():
        tasks = with_worker_state().filter(lost, status=TaskResultStatus.RUNNING)
        found = list(tasks.select_for_update(skip_locked=True))
        for task in found:
            logger.warning("The worker of task %s (%s) has ended before the task did.", task.pk, task.task_path)
            if len(task.worker_ids) >= ATTEMPTS:
                task.set_failed(WorkerDied("The process that worked on this task ended."))
            else:
                task.status = TaskResultStatus.READY
                task.started_at = None
                task.save(update_fields=["status", "started_at"])
    return len(found)


def without_a_task(object_ids: Iterable[int], path: str) -> list[int]:
    """The objects for which none of these tasks is queued or running.

    Args:
        path: how the paths of the tasks begin. Their first argument is the object's id.
    """
    wanted = set(object_ids)
    if wanted and has_queue():
        arguments = tasks_in_sight().filter(task_path__startswith=path).values_list("args_kwargs__args", flat=True)
        wanted -= {args[0] for args in arguments if args}
    return sorted(wanted)


def has_queue() -> bool:
    """Whether the queue's table exists: the data migrations may run before it does."""
    return bool(value_of("SELECT to_regclass(%s) IS NOT NULL", [f'"{DBTaskResult._meta.db_table}"']))


def why_waiting(own_tasks: str, enqueued_at: datetime | None) -> tuple[str, str]:
    """Say why no worker has taken a task yet, and which command staff may run about it.

    Args:
        own_tasks: how the paths of the tasks begin that do not count as other work.
        enqueued_at: since when it waits. Nothing is said while a running worker may still be about to take it.
    """
    if enqueued_at is None or (database_time() - enqueued_at).total_seconds() < TASK_START_SECONDS:
        return "", ""
    if not is_worker_running():
        return "No background worker is running. Start one:", WORKER_COMMAND
    at_work = with_worker_state().filter(Q(status=TaskResultStatus.RUNNING, has_worker=True))
    if busy := at_work.exclude(task_path__startswith=own_tasks).order_by("started_at").first():
        since = shown_time(busy.started_at) or "a while ago"
        return f"The background worker has been busy with another task since {since}. This waits for it to end.", ""
    return "The background worker takes this up as soon as it can.", ""
