"""Limit the time of statements."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction

from MiniTwit.database.failures import FailureKind, failure_kind
from MiniTwit.database.queries import value_of
from MiniTwit.database.session_settings import set_for_transaction

SAME_CLOCK = 0.98  # the server's clock and this process's do not go exactly alike


class TimeLimitError(OperationalError):
    """A statement took longer than the `time_limit` around it; a cancel request raises OperationalError itself."""


@contextmanager
def time_limit(seconds: float) -> Iterator[Any]:
    """A cursor with a limit on the time of its statements. Afterwards the settings are as before.

    Raises:
        TimeLimitError: a statement took longer.
    """
    # Of a transaction of its own nothing is left then but COMMIT, and that must not be cancelled.
    before = value_of("SELECT current_setting('statement_timeout')") if connection.in_atomic_block else "0"
    with transaction.atomic(), connection.cursor() as cursor, connection.execute_wrapper(told_by_the_clock(seconds)):
        set_for_transaction(cursor, "statement_timeout", str(round(seconds * 1000)))
        yield cursor
        set_for_transaction(cursor, "statement_timeout", before)


def told_by_the_clock(seconds: float) -> Callable[..., Any]:
    """Tell an exceeded limit from a cancel request: PostgreSQL has one code for both.

    The timer of a statement that ends in the very moment sometimes cancels the next one.
    """
    before = 0.0  # how long the statement before took

    def execute(next_execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal before
        began = time.monotonic()
        try:
            return next_execute(*arguments)
        except OperationalError as error:
            longer = max(before, time.monotonic() - began)
            if failure_kind(error) is FailureKind.QUERY_CANCELED and longer >= seconds * SAME_CLOCK:
                raise TimeLimitError(f"The statement took longer than {seconds:g} seconds.") from error
            raise
        finally:
            before = time.monotonic() - began

    return execute
