"""The advisory locks of the import: who executes one holds EXECUTING (see `MiniTwit/locks.py`)."""

from contextlib import AbstractContextManager

from django.db import connection

from MiniTwit.locks import Busy, end_with_the_process, hold, is_held

# (class, object): two arbitrary numbers that nothing else in this database uses.
EXECUTING = (0x4D54, 1)
STARTING = (0x4D54, 2)

# True where some process holds EXECUTING; for use in a WHERE.
SOMEBODY_EXECUTES = is_held(EXECUTING[0], str(EXECUTING[1]))

__all__ = ["EXECUTING", "SOMEBODY_EXECUTES", "Busy", "end_with_the_process", "executing", "serialise_starts"]


def executing() -> AbstractContextManager[None]:
    """Hold the right to execute an import, or raise Busy."""
    return hold(EXECUTING)


def serialise_starts() -> None:
    """Let one transaction at a time decide whether a run may start."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", STARTING)
