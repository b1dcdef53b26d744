"""Locks of PostgreSQL: advisory ones by name, and those of tables in one order.

**Advisory locks.** A process at work holds a lock on its own connection. PostgreSQL drops it the moment the process
dies, however it dies. Work that is recorded as running while no process holds its lock has lost its worker.

**Tables.** An import that rebuilds indexes locks all others out of its tables. If a decision locked a row first and
then waited to change it, while the import waited for that row's transaction, each would wait for the other. So:

- Every transaction that changes accounts, messages or follows begins with `lock_tables`: it waits while it holds
  nothing. All tables that it changes are named at once; they are locked in TABLE_ORDER.
- An import takes the strongest lock that it needs first, and never a stronger one later. It takes all locks or none
  (`lock_all_or_none`): pages read tables in any order, and hold the locks of what they read until they end. So the
  import releases its locks before PostgreSQL looks for a deadlock (after a second), and tries again. It waits for
  longer only after several attempts have failed.
- `retry_if_busy` repeats a transaction that PostgreSQL ends because of a deadlock or a lock timeout.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from itertools import count
from typing import ParamSpec, TypeVar

from django.db import DataError, OperationalError, connection, transaction
from psycopg2 import sql

from MiniTwit.database.failures import is_busy
from MiniTwit.database.queries import value_of
from MiniTwit.database.session_check import require_own_session

# (class, object): arbitrary numbers that nothing else in this database uses. A batch's object is its own number.
BATCH = 0x4D55
FILE_IMPORT = 0x4D58
Key = tuple[int, int]

USERS, MESSAGES, FOLLOWS = "MiniTwit_user", "MiniTwit_message", "MiniTwit_follow"
TABLE_ORDER = (USERS, MESSAGES, FOLLOWS)  # then all others, by name
REFER_TO_ROWS, CHANGE_ROWS = "ROW SHARE", "ROW EXCLUSIVE"
KEEP_WRITERS_OUT, KEEP_ALL_OUT = "SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"

LOCK_TIMEOUT = 5.0  # seconds that one attempt of a decision waits for its tables
RETRY_TIMEOUT = 45.0  # seconds after which a decision is not retried any more
# Seconds. It is less than PostgreSQL's deadlock_timeout, so PostgreSQL ends no page in favour of an import.
SHORT_LOCK_TIMEOUT = 0.9
SHORT_ATTEMPTS = 5  # then an import waits for longer: transactions of more than a second are running
LONGEST_LOCK_TIMEOUT = 15.0  # seconds
RETRY_PAUSE = 0.3  # seconds between two attempts, at most

P = ParamSpec("P")
R = TypeVar("R")


class LockNotAcquired(Exception):  # noqa: N818 -- not an error
    """Another process holds the lock."""


@contextmanager
def hold(key: Key) -> Iterator[None]:
    """Hold a lock for as long as the block lasts.

    Raises:
        LockNotAcquired: another process holds it.
        SharedSessionError: the session is shared, so the lock would not hold.
    """
    require_own_session()
    if not value_of("SELECT pg_try_advisory_lock(%s, %s)", key):
        raise LockNotAcquired
    end_with_the_process()
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def end_with_the_process() -> None:
    """Let the server end this connection's statements when the process is killed; by default it would finish them."""
    with connection.cursor() as cursor, suppress(DataError):  # a server on Windows cannot check the connection
        cursor.execute("SET client_connection_check_interval = '1s'")


def is_held(key: Key) -> bool:
    """Whether a process holds a lock."""
    lock_class, lock_object = key
    return bool(value_of(f"SELECT {is_held_sql(lock_class, '%s')}", [lock_object]))


def is_held_sql(lock_class: int, object_expression: str) -> str:
    """SQL that is true where some process holds a lock; for use in a WHERE. The arguments are the program's own."""
    return f"""
EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {lock_class}
    AND objid::bigint = {object_expression} AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""  # noqa: S608


def in_order(tables: Iterable[str]) -> list[str]:
    """Names of tables in the order in which every transaction locks them."""

    def place(table: str) -> tuple[int, str]:
        return (TABLE_ORDER.index(table) if table in TABLE_ORDER else len(TABLE_ORDER), table)

    return sorted(tables, key=place)


def lock_tables(*tables: str, referring_to: Iterable[str] = (), lock_timeout: float | None = None) -> None:
    """Begin a transaction that changes rows of these tables.

    Args:
        referring_to: other tables, to whose rows the changed ones refer.
        lock_timeout: seconds for each table, in place of LOCK_TIMEOUT.

    Raises:
        OperationalError: other work locks a table for longer; `retry_if_busy` decides whether to try again.
    """
    modes = dict.fromkeys(referring_to, REFER_TO_ROWS) | dict.fromkeys(tables, CHANGE_ROWS)
    with connection.cursor() as cursor:
        cursor.execute(lock_statements(modes, LOCK_TIMEOUT if lock_timeout is None else lock_timeout))


def lock_all_or_none(modes: Mapping[str, str], *, lock_timeout: float, check: Callable[[], None]) -> None:
    """Lock tables in the caller's transaction, which must not hold any of them yet.

    Args:
        modes: the lock of each table.
        lock_timeout: seconds for all attempts together.
        check: called between two attempts; may raise to give up.

    Raises:
        OperationalError: other work kept a table locked for longer.
    """
    deadline = time.monotonic() + lock_timeout
    attempt_timeout = SHORT_LOCK_TIMEOUT
    for attempt in count(1):
        check()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(lock_statements(modes, attempt_timeout))
        except OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        else:
            return
        if attempt >= SHORT_ATTEMPTS:
            attempt_timeout = min(2 * attempt_timeout, LONGEST_LOCK_TIMEOUT)
        time.sleep(random.uniform(RETRY_PAUSE / 3, RETRY_PAUSE))  # noqa: S311


def lock_statements(modes: Mapping[str, str], lock_timeout: float) -> sql.Composed:
    """Return statements that lock tables, each within `lock_timeout` seconds, and restore the former lock timeout."""
    remember = "SELECT set_config('minitwit.lock_timeout', current_setting('lock_timeout'), true)"
    limit = sql.SQL("SELECT set_config('lock_timeout', {}, true)").format(
        sql.Literal(str(round(lock_timeout * 1000)))
    )
    restore = "SELECT set_config('lock_timeout', current_setting('minitwit.lock_timeout'), true)"
    locks = [
        sql.SQL("LOCK TABLE {} IN {} MODE").format(sql.Identifier(table), sql.SQL(modes[table]))
        for table in in_order(modes)
    ]
    return sql.SQL("; ").join([sql.SQL(remember), limit, *locks, sql.SQL(restore)])


def retry_if_busy(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that is one transaction: it is repeated where a lock of other work ended it.

    Within a transaction of the caller it is not repeated: only the outermost transaction can begin again.
    """

    @wraps(function)
    def attempts(*args: P.args, **kwargs: P.kwargs) -> R:
        deadline = time.monotonic() + RETRY_TIMEOUT
        while True:
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0, RETRY_PAUSE))  # noqa: S311

    return attempts
