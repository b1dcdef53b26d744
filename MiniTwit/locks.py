"""Advisory locks of PostgreSQL, by name.

A process at work holds a lock on its own connection. PostgreSQL drops it the moment the process dies, however it
dies; so work that claims to go on while nobody holds its lock has lost its worker.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DataError, connection

# (class, object): arbitrary numbers that nothing else in this database uses. A batch's object is its own number.
BATCH = 0x4D55
Key = tuple[int, int]


class Busy(Exception):  # noqa: N818 -- not an error
    """Somebody else holds the lock."""


@contextmanager
def hold(key: Key) -> Iterator[None]:
    """Hold a lock for as long as the block lasts, or raise Busy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        if not cursor.fetchone()[0]:
            raise Busy
    end_with_the_process()
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def end_with_the_process() -> None:
    """Let the server end this connection's statements when the process was killed; by itself it would finish them."""
    with connection.cursor() as cursor, suppress(DataError):  # a server that cannot look: on Windows
        cursor.execute("SET client_connection_check_interval = '1s'")


def is_held(lock_class: int, object_expression: str) -> str:
    """SQL that is true where some process holds a lock; for use in a WHERE. The arguments are the program's own."""
    return f"""
EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {lock_class}
    AND objid::bigint = {object_expression} AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""  # noqa: S608
