"""Statements that may not take long, whatever they are asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def time_limit(seconds: float) -> Iterator[Any]:
    """A cursor whose statements end after so long; raises OperationalError then. Afterwards all is as before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(round(seconds * 1000))])
        yield cursor
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
