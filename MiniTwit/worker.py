"""What the pages say while work waits for the background worker."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from MiniTwit.database_clock import database_time

WORKER_COMMAND = "python manage.py db_worker"
PATIENCE = 3  # seconds after which a task that nobody has taken is worth a word


def is_overdue(enqueued_at: datetime) -> bool:
    """Has a task waited for longer than a running worker needs to take it?"""
    return (database_time() - enqueued_at).total_seconds() >= PATIENCE


def why_nobody_began(own_tasks: str) -> str:
    """A sentence that WORKER_COMMAND may follow.

    Args:
        own_tasks: how the paths of the tasks begin that are not what keeps the worker busy.
    """
    if busy := DBTaskResult.objects.running().exclude(task_path__startswith=own_tasks).first():
        since = date_format(timezone.localtime(busy.started_at), "j M Y, H:i") if busy.started_at else "a while ago"
        return (
            f"The background worker has been busy with another task since {since}. If it is no longer running, start "
            "one:"
        )
    return "No background worker has taken this up yet. If none is running, start one:"


def tasks_in_sight() -> QuerySet[DBTaskResult]:
    """The tasks that wait for a worker, and those that a worker is at."""
    return DBTaskResult.objects.filter(status__in=[TaskResultStatus.READY, TaskResultStatus.RUNNING])
