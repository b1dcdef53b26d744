"""Whether a task is queued for an object that waits to be worked on."""

from collections.abc import Iterable

from django.db import connection
from django_tasks_db.models import DBTaskResult

from MiniTwit.background.worker import tasks_in_sight


def without_a_task(object_ids: Iterable[int], path: str) -> list[int]:
    """Those of the objects for which none of the tasks waits for a worker or is being done by one.

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
    """Whether the queue has its table: the data migrations may come before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{DBTaskResult._meta.db_table}"'])
        return bool(cursor.fetchone()[0])
