"""The advisory locks of the import: a process that executes one holds EXECUTING, and the lock of that run.

The second says which run is alive. The state of the run alone does not, nor do dates, which two machines may have
written. See `MiniTwit/database/locks.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.db import connection

from MiniTwit.database.locks import LockNotAcquired, end_with_the_process, hold, is_held, is_held_sql

__all__ = ["LockNotAcquired", "end_with_the_process"]

# (class, object): two arbitrary numbers that nothing else in this database uses.
EXECUTING = (0x4D54, 1)
STARTING = (0x4D54, 2)

RUN = 0x4D57  # the class of the lock of one run; the object is the run's number

# True where some process executes this run, or is about to. The table of runs is called `run`.
RUN_IS_HELD = is_held_sql(RUN, "run.id")


@contextmanager
def executing(run_id: int | None = None) -> Iterator[None]:
    """Hold the right to execute an import, and the lock of a run; or raise LockNotAcquired.

    PostgreSQL counts: a process that holds a lock already may take it again.
    """
    with hold(EXECUTING), nullcontext() if run_id is None else hold((RUN, run_id)):
        yield


def is_executed(run_id: int) -> bool:
    """Whether some process executes this run, or is about to."""
    return is_held((RUN, run_id))


def is_any_executed() -> bool:
    return is_held(EXECUTING)


def serialise_starts() -> None:
    """Let one transaction at a time decide whether a run may start."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", STARTING)
