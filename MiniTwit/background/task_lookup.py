"""Find out whether the queue has a task for an object that waits."""

from collections.abc import Iterable

from django.db import connection
from django_tasks_db.models import DBTaskResult

from MiniTwit.background.worker import tasks_in_sight


def without_a_task(object_ids: Iterable[int], path: str) -> list[int]:
    """The objects for which none of these tasks is queued or running.

    Args:
        path: how the paths of the tasks begin. Their first argument is the object's id.
    """
    wanted = set(object_ids)
    if not wanted:
        return []
    if has_queue():
        arguments = tasks_in_sight().filter(task_path__startswith=path).values_list("args_kwargs__args", flat=True)
        wanted -= {args[0] for args in arguments if args}
    return sorted(wanted)


def has_queue() -> bool:
    """Whether the queue's table exists: the data migrations may run before it does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{DBTaskResult._meta.db_table}"'])
        return bool(cursor.fetchone()[0])
