"""Prepare some messages at a time with their skeletons, which are made once for all terms."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg2 import sql

from MiniTwit.database import locks
from MiniTwit.database.queries import rows_of
from MiniTwit.database.time_limits import time_limit
from MiniTwit.models import Message
from MiniTwit.skeletons import Skeleton

PIECE_BYTES = 4_000_000  # of text; ten thousand usual messages have a quarter of that
LOCK_SECONDS = 2.0  # an import may keep the messages for itself for a while

MESSAGE = sql.Identifier(Message._meta.db_table)
# A table of this session. It lasts till the scan ends, over several transactions.
TABLE = sql.Identifier("pg_temp", "minitwit_piece")


@dataclass(frozen=True)
class Piece:
    """The next messages to look through; after them, all messages up to `end` have been looked through."""

    ids: list[int]
    end: int


NEXT = """
SELECT id FROM (
    SELECT id, size, sum(size) OVER (ORDER BY id) - size AS before
    FROM (SELECT id, octet_length(text) AS size FROM {message} WHERE {condition} ORDER BY id LIMIT %(number)s) AS next
) AS measured WHERE before = 0 OR before + size <= %(bytes)s ORDER BY id
"""


def next_piece(begin: int, last: int, number: int) -> Piece:
    """At most `number` messages after `begin` and up to `last`, with a limited amount of text, but at least one."""
    condition = "id > %(begin)s AND id <= %(last)s"
    ids = read_ids(condition, {"begin": begin, "last": last, "number": number})
    # Ids have gaps: an empty piece, or a short one, reaches the end.
    return Piece(ids, ids[-1] if ids and next_id(ids[-1], last) else last)


def next_id(begin: int, last: int) -> int | None:
    return Message.objects.filter(pk__gt=begin, pk__lte=last).order_by("pk").values_list("pk", flat=True).first()


def existing(ids: list[int]) -> list[int]:
    """The messages that still exist, with no more text at a time than a piece may have."""
    return read_ids("id = ANY(%(ids)s)", {"ids": ids, "number": len(ids)})


def read_ids(condition: str, values: dict[str, Any]) -> list[int]:
    statement = sql.SQL(NEXT).format(message=MESSAGE, condition=sql.SQL(condition))
    return [message_id for (message_id,) in rows_of(statement, values | {"bytes": PIECE_BYTES})]


CREATE = """
CREATE TEMPORARY TABLE IF NOT EXISTS minitwit_piece (id bigint, text text, skeleton text);
ALTER TABLE {table} ALTER text SET STORAGE EXTERNAL, ALTER skeleton SET STORAGE EXTERNAL
"""
FILL = "INSERT INTO {table} SELECT id, text, {skeleton}(text) FROM {message} WHERE id = ANY(%(ids)s)"


def prepare() -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(CREATE).format(table=TABLE))


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(TABLE))


def lay_out(ids: list[int], seconds: float) -> None:
    """Fill the table with these messages.

    Raises:
        TimeLimitError: it takes too long.
        OperationalError: an import keeps the messages for itself, or another cause.
    """
    statement = sql.SQL(FILL).format(table=TABLE, message=MESSAGE, skeleton=sql.Identifier(Skeleton.function))
    with time_limit(seconds) as cursor:
        # Waiting must not count as time that the messages take.
        cursor.execute(locks.lock_statements({locks.MESSAGES: "ACCESS SHARE"}, min(LOCK_SECONDS, seconds / 2)))
        cursor.execute(sql.SQL("TRUNCATE {}").format(TABLE))
        cursor.execute(statement, {"ids": ids})
