"""Check that this process has a session of the database to itself.

A connection pooler such as PgBouncer may give each transaction another session (`pool_mode = transaction`). A session
lock then stays with a session that other clients use: it is never released, and tells nothing about a process. So the
session is checked before a process takes such a lock.
"""

from weakref import WeakSet

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from MiniTwit.database.queries import value_of

ROUNDS = 3

# Connections of the driver that were checked. They are forgotten when they are closed.
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
    """Make sure that only this process uses the session.

    Raises:
        SharedSessionError: another client may use it.
    """
    connection.ensure_connection()
    driver = connection.connection
    if driver in _own_sessions:
        return
    if driver.info.backend_pid != backend_pid() and not connection.in_atomic_block and is_shared():
        raise SharedSessionError
    _own_sessions.add(driver)


def backend_pid() -> int:
    """The number of the server's process. (A pooler gives its clients another number when they connect.)"""
    return int(value_of("SELECT pg_backend_pid()"))


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
