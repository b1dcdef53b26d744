"""One clock for everything that processes tell each other: the database's.

Web servers and workers run on several machines, whose clocks differ. A moment that one of them writes and another
compares comes from this function, or from `Now()` in a statement.
"""

from datetime import datetime

from MiniTwit.database.queries import value_of


def database_time() -> datetime:
    """The database's clock, now, also within a transaction.

    Call it after locking rows: then the times of the decisions about a row are in order.
    """
    now: datetime = value_of("SELECT clock_timestamp()")
    return now
