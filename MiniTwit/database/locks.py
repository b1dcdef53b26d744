"""Locks of PostgreSQL: advisory ones by name, and those of tables in one order.

**Advisory locks.** A process at work holds a lock on its own connection. PostgreSQL drops it the moment the process
dies, however it dies; so work that claims to go on while no process holds its lock has lost its worker.

**Tables.** An import that rebuilds indexes keeps everything else from its tables. If a decision locked a row first
and then waited to change it, while the import waited for that row's transaction, each would wait for the other. So:

- Every transaction that changes accounts, messages or follows begins with `lock_tables`: it waits while it holds
  nothing. All tables that it changes are named at once; they are locked in TABLE_ORDER.
- An import takes the strongest lock that it will need first, and never a stronger one later. It takes all of them or
  none (`lock_all_or_none`): pages only read, in whatever order, and hold what they have read until they end. So the
  import gives back what it has before PostgreSQL begins to look for a deadlock (after a second), and tries again. It
  waits for longer only where that fails again and again.
- What PostgreSQL ends all the same, for a deadlock or a lock that was not to be had in time, is tried again from the
  beginning of its transaction (`tried_again`).
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
from MiniTwit.database.session_check import require_own_session

# (class, object): arbitrary numbers that nothing else in this database uses. A batch's object is its own number.
BATCH = 0x4D55
FILE_IMPORT = 0x4D58
Key = tuple[int, int]

USERS, MESSAGES, FOLLOWS = "MiniTwit_user", "MiniTwit_message", "MiniTwit_follow"
TABLE_ORDER = (USERS, MESSAGES, FOLLOWS)  # then all others, by name
REFER_TO_ROWS, CHANGE_ROWS = "ROW SHARE", "ROW EXCLUSIVE"
KEEP_WRITERS_OUT, KEEP_ALL_OUT = "SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"

WAIT = 5.0  # seconds that a decision waits for its tables at a time
PATIENCE = 45.0  # seconds after which it is given up
SHORT_WAIT = 0.9  # seconds: less than PostgreSQL's deadlock_timeout, so that no page is ended to let an import go on
POLITE_ATTEMPTS = 5  # after so many an import waits for longer: transactions of more than a second are at work
LONGEST_WAIT = 15.0  # seconds
PAUSE = 0.3  # seconds between two attempts, at most

P = ParamSpec("P")
R = TypeVar("R")


class Busy(Exception):  # noqa: N818 -- not an error
    """Somebody else holds the lock."""


@contextmanager
def hold(key: Key) -> Iterator[None]:
    """Hold a lock for as long as the block lasts.

    Raises:
        Busy: another process holds it.
        SharedSessionError: it would not hold.
    """
    require_own_session()
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


def in_order(tables: Iterable[str]) -> list[str]:
    """Names of tables in the order in which every transaction locks them."""

    def place(table: str) -> tuple[int, str]:
        return (TABLE_ORDER.index(table) if table in TABLE_ORDER else len(TABLE_ORDER), table)

    return sorted(tables, key=place)


def lock_tables(*tables: str, referring_to: Iterable[str] = (), wait: float | None = None) -> None:
    """Begin a transaction that changes rows of these tables.

    Args:
        referring_to: other tables, to whose rows the changed ones refer.
        wait: seconds for each of them, in place of WAIT.

    Raises:
        OperationalError: other work keeps them for longer; `tried_again` decides whether to wait on.
    """
    modes = dict.fromkeys(referring_to, REFER_TO_ROWS) | dict.fromkeys(tables, CHANGE_ROWS)
    with connection.cursor() as cursor:
        cursor.execute(lock_statements(modes, WAIT if wait is None else wait))


def lock_all_or_none(modes: Mapping[str, str], *, patience: float, check: Callable[[], None]) -> None:
    """Lock tables in the caller's transaction, which must not hold any of them yet.

    Args:
        modes: the lock of each table.
        patience: seconds.
        check: called between two attempts; may raise to give up.

    Raises:
        OperationalError: they were not to be had.
    """
    deadline = time.monotonic() + patience
    wait = SHORT_WAIT
    for attempt in count(1):
        check()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(lock_statements(modes, wait))
        except OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        else:
            return
        if attempt >= POLITE_ATTEMPTS:
            wait = min(2 * wait, LONGEST_WAIT)
        time.sleep(random.uniform(PAUSE / 3, PAUSE))  # noqa: S311


def lock_statements(modes: Mapping[str, str], wait: float) -> sql.Composed:
    """Lock tables, each within so many seconds, in one message; for other locks the limit stays as it was."""
    remember = "SELECT set_config('minitwit.lock_timeout', current_setting('lock_timeout'), true)"
    limit = sql.SQL("SELECT set_config('lock_timeout', {}, true)").format(sql.Literal(str(round(wait * 1000))))
    restore = "SELECT set_config('lock_timeout', current_setting('minitwit.lock_timeout'), true)"
    locks = [
        sql.SQL("LOCK TABLE {} IN {} MODE").format(sql.Identifier(table), sql.SQL(modes[table]))
        for table in in_order(modes)
    ]
    return sql.SQL("; ").join([sql.SQL(remember), limit, *locks, sql.SQL(restore)])


def tried_again(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that is one transaction: where other work was in its way, it is done from its beginning.

    Within a transaction of the caller nothing is tried again: only the outermost one can be begun again.
    """

    @wraps(function)
    def attempts(*args: P.args, **kwargs: P.kwargs) -> R:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not is_busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0, PAUSE))  # noqa: S311

    return attempts
