"""What waits for a decision, oldest first. No table is kept in step with anything: indexes give the next ones.

Three things make a message wait: the watch-list found something in it; the old application had flagged it and no
moderator has reviewed it since; or its author is suspended and no moderator has reviewed it.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql

from MiniTwit.database.queries import rows_of, value_of
from MiniTwit.models import Message, ReviewClaim, User, WatchHit

COUNTED = 1_000  # what waits is counted so far
CROWD = 1_000  # suspended accounts; asking each of so many for its next message takes too long
NEAR = 10_000  # messages that are looked at one after the other instead

TABLES = {
    "message": sql.Identifier(Message._meta.db_table),
    "user": sql.Identifier(User._meta.db_table),
    "hit": sql.Identifier(WatchHit._meta.db_table),
    "claim": sql.Identifier(ReviewClaim._meta.db_table),
}
FLAGGED = "flagged AND decided_at IS NULL AND legacy_id IS NOT NULL"
SUSPENDED = "suspended_at IS NOT NULL AND (suspended_until IS NULL OR suspended_until > statement_timestamp())"

# Each branch reads the next few of its kind from an index. A message that is among the next few of all is among the
# next few of each branch that it belongs to.
#
# The next messages of each suspended author are looked up. Where there is a crowd of such authors, some of their
# messages are almost sure to be `near`, among the next messages of all; only if not, each of the crowd is looked up.
NEXT = """
WITH near AS MATERIALIZED (
    SELECT message.pub_date, message.id FROM (
        SELECT pub_date, id, author_id, decided_at FROM {message} WHERE {beyond} AND %(crowd)s = (
            SELECT count(*) FROM (SELECT FROM {user} WHERE {suspended} LIMIT %(crowd)s) AS suspended
        ) ORDER BY pub_date {order}, id {order} LIMIT %(near)s
    ) AS message JOIN {user} AS author ON author.id = message.author_id
    WHERE decided_at IS NULL AND author.id <> %(moderator)s AND {suspended}
    ORDER BY message.pub_date {order}, message.id {order} LIMIT %(limit)s
),
waiting AS (
    (SELECT DISTINCT pub_date, message_id AS id FROM {hit} AS hit WHERE waiting AND {beyond_hit}
        AND NOT EXISTS (SELECT FROM {message} WHERE id = hit.message_id AND author_id = %(moderator)s)
     ORDER BY pub_date {order}, message_id {order} LIMIT %(limit)s)
    UNION ALL
    (SELECT pub_date, id FROM {message} WHERE {flagged} AND author_id <> %(moderator)s AND {beyond}
     ORDER BY pub_date {order}, id {order} LIMIT %(limit)s)
    UNION ALL
    (SELECT pub_date, id FROM near)
    UNION ALL
    (SELECT by_suspended.pub_date, by_suspended.id FROM {user} AS author CROSS JOIN LATERAL (
        SELECT pub_date, id FROM {message} WHERE author_id = author.id AND decided_at IS NULL AND {beyond}
        ORDER BY pub_date {order}, id {order} LIMIT %(limit)s
     ) AS by_suspended WHERE author.id <> %(moderator)s AND {suspended} AND (SELECT count(*) FROM near) < %(limit)s
     ORDER BY by_suspended.pub_date {order}, by_suspended.id {order} LIMIT %(limit)s)
)
SELECT id FROM (SELECT DISTINCT pub_date, id FROM waiting) AS item
WHERE NOT EXISTS (
    SELECT FROM {claim} AS claim
    WHERE claim.message_id = item.id AND claim.moderator_id <> %(moderator)s AND claim.until > statement_timestamp()
)
ORDER BY pub_date {order}, id {order} LIMIT %(limit)s
"""

COUNT = """
SELECT count(*) FROM (
    (SELECT DISTINCT message_id AS id FROM {hit} WHERE waiting LIMIT %(limit)s)
    UNION
    (SELECT id FROM {message} WHERE {flagged} LIMIT %(limit)s)
    UNION
    (SELECT message.id FROM {user} AS author CROSS JOIN LATERAL (
        SELECT id FROM {message} WHERE author_id = author.id AND decided_at IS NULL LIMIT %(limit)s
     ) AS message WHERE {suspended} LIMIT %(limit)s)
    LIMIT %(limit)s
) AS waiting
"""


@dataclass(frozen=True)
class Position:
    """A place in the queue: that of a message that is, or was, in it."""

    pub_date: datetime
    message_id: int


@dataclass(frozen=True)
class WaitReason:
    """Why a message waits: `code` is hit, flagged or suspended."""

    code: str
    sentence: str


@dataclass(frozen=True)
class WaitingCount:
    """How many messages wait; COUNTED and more are not told apart."""

    number: int

    @property
    def label(self) -> str:
        return f"{self.number:,}" if self.number < COUNTED else f"{COUNTED:,}+"


def waiting(
    *, moderator: User, after: Position | None = None, before: Position | None = None, limit: int = 10
) -> list[int]:
    """The ids of the next messages that wait, that no other moderator has claimed and the moderator did not write.

    Args:
        after, before: begin there, and go on to newer or back to older ones. Without them: the oldest.
    """
    place = before or after
    beyond = sql.SQL("true")
    beyond_hit = beyond
    if place:
        comparison = "({}) < (%(pub_date)s, %(message)s)" if before else "({}) > (%(pub_date)s, %(message)s)"
        beyond = sql.SQL(comparison.format("pub_date, id"))
        beyond_hit = sql.SQL(comparison.format("pub_date, message_id"))
    statement = sql.SQL(NEXT).format(
        **TABLES,
        flagged=sql.SQL(FLAGGED),
        suspended=sql.SQL(SUSPENDED),
        beyond=beyond,
        beyond_hit=beyond_hit,
        order=sql.SQL("DESC" if before else "ASC"),
    )
    values: dict[str, int | datetime] = {"limit": limit, "moderator": moderator.pk, "crowd": CROWD, "near": NEAR}
    if place:
        values |= {"pub_date": place.pub_date, "message": place.message_id}
    return [message_id for (message_id,) in rows_of(statement, values)]


def count_waiting() -> WaitingCount:
    """How many messages wait, claimed ones included."""
    statement = sql.SQL(COUNT).format(**TABLES, flagged=sql.SQL(FLAGGED), suspended=sql.SQL(SUSPENDED))
    return WaitingCount(value_of(statement, {"limit": COUNTED}))


def position_of(message: Message) -> Position:
    return Position(message.pub_date, message.pk)


def wait_reasons_of(message: Message) -> list[WaitReason]:
    """Why the message waits; empty when it does not. Its author, its hits and their terms are looked at."""
    found = []
    terms = list(dict.fromkeys(f"“{hit.term}”" for hit in message.watch_hits.all() if hit.waiting))
    if terms:
        found.append(WaitReason("hit", f"Watch-list: {', '.join(terms)}"))
    if message.decided_at is None:
        if message.flagged and message.legacy_id is not None:
            found.append(WaitReason("flagged", "Flagged in the old database, never reviewed"))
        if message.author.is_suspended:
            found.append(WaitReason("suspended", "Its author is suspended"))
    return found
