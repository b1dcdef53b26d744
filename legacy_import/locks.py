"""Advisory locks of PostgreSQL, by name.

A process that reads or writes an import holds EXECUTING on its own connection. PostgreSQL drops it the moment the
process dies, however it dies; so a run that claims to be at work while nobody holds the lock has lost its worker.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DataError, connection

# (class, object): two arbitrary numbers that nothing else in this database uses.
EXECUTING = (0x4D54, 1)
STARTING = (0x4D54, 2)


class Busy(Exception):  # noqa: N818 -- not an error
    """Somebody else holds the lock."""


@contextmanager
def executing() -> Iterator[None]:
    """Hold the right to execute an import, or raise Busy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", EXECUTING)
        if not cursor.fetchone()[0]:
            raise Busy
    end_with_the_process()
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", EXECUTING)


def end_with_the_process() -> None:
    """Let the server end this connection's statements when the process was killed; by itself it would finish them."""
    with connection.cursor() as cursor, suppress(DataError):  # a server that cannot look: on Windows
        cursor.execute("SET client_connection_check_interval = '1s'")


def serialise_starts() -> None:
    """Let one transaction at a time decide whether a run may start."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", STARTING)


# True where some process holds EXECUTING; for use in a WHERE.
SOMEBODY_EXECUTES = f"""
EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {EXECUTING[0]} AND objid = {EXECUTING[1]}
    AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""  # noqa: S608
