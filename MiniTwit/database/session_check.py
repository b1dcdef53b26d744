"""Whether this process has a session of the database to itself.

A connection pooler such as PgBouncer may give each transaction another session (`pool_mode = transaction`). A lock
that is taken for longer then stays with a session that others use: it is never released, and tells of no process
whether it lives. So before such a lock is taken, the session is looked at.
"""

from weakref import WeakSet

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

ROUNDS = 3

# Connections of the driver that were looked at. They are forgotten when they are closed.
_own_sessions: "WeakSet[object]" = WeakSet()


class SharedSessionError(ImproperlyConfigured):
    """The connection leads through a pooler that gives each transaction another session."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the database leads through a pooler that shares sessions, such as PgBouncer in "
            "transaction mode. No lock would hold there, so nothing was done. Give the worker and the commands a "
            "DATABASE_URL that leads to the server itself, or to a pool with pool_mode=session."
        )


def require_own_session() -> None:
    """Make sure that the session is this process's own.

    Raises:
        SharedSessionError: it is not.
    """
    connection.ensure_connection()
    driver = connection.connection
    if driver in _own_sessions:
        return
    if driver.info.backend_pid != backend_pid() and not connection.in_atomic_block and is_shared():
        raise SharedSessionError
    _own_sessions.add(driver)


def backend_pid() -> int:
    """The server's process that answers. (A pooler tells its clients a number of its own when they connect.)"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def is_shared() -> bool:
    """Whether another client gets the session of this one, or this one gets another, while both are connected.

    The other client keeps its session in a transaction. If that is the one that this client used last, it is shared;
    if this client then gets another one, likewise.
    """
    other = connection.copy()
    other.set_autocommit(False)
    try:
        for _ in range(ROUNDS):
            before = backend_pid()
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (others,) = cursor.fetchone()
            if others == before or backend_pid() != before:
                return True
            other.rollback()
        return False
    finally:
        other.close()
