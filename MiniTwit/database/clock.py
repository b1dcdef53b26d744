"""One clock for everything that processes tell each other: the database's.

Web servers and workers run on several machines, whose clocks differ. A moment that one of them writes and another
compares comes from here, or from `Now()` in a statement.
"""

from datetime import datetime

from django.db import connection


def database_time() -> datetime:
    """The database's clock, now, also within a transaction.

    Asked for once rows are locked, it puts decisions about a row in order.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
