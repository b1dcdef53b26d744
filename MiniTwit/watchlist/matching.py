"""Find one term in the prepared messages, within a time limit, and record the hits."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from django.db import DataError, InternalError, OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg2 import sql
from psycopg2.extras import Json

from MiniTwit.database import locks
from MiniTwit.database.failures import FailureKind, failure_kind
from MiniTwit.database.time_limits import TimeLimitError, time_limit
from MiniTwit.models import SkippedMessage, WatchHit, WatchTerm
from MiniTwit.skeletons import align
from MiniTwit.watchlist import pieces
from MiniTwit.watchlist.expressions import Expression, can_be_read, expression_of, reason_of
from MiniTwit.watchlist.pieces import MESSAGE

CHUNK_SECONDS = 5.0  # a hundred times what a sensible expression needs for ten thousand messages
FEW = 1_000  # messages that get a fifth of that
ATTEMPTS = 5  # at a statement that an administrator cancels
PAUSE = 0.2  # seconds
PARTS = 10  # found parts that are kept of one message
PART_LENGTH = 200  # characters of one part

HIT = sql.Identifier(WatchHit._meta.db_table)

Found = list[tuple[int, list[str]]]  # messages, each with the parts that match, as they were written
R = TypeVar("R")


class UnreadableError(Exception):
    """These messages cannot be looked through, or not in time. Fewer of them may succeed."""


class BrokenTermError(Exception):
    """PostgreSQL cannot read the term's expression."""


@dataclass
class ScanResult:
    """The result of a scan.

    Attributes:
        finished: nothing is left to look through; else time was up, or transactions were still writing messages.
        hits: new hits, by the terms' ids.
        skipped: messages that could not be looked through, by the terms' ids.
        switched_off: terms that PostgreSQL cannot read.
    """

    finished: bool = True
    hits: dict[int, int] = field(default_factory=dict)
    skipped: dict[int, int] = field(default_factory=dict)
    switched_off: list[WatchTerm] = field(default_factory=list)

    def count(self, term: WatchTerm, new_hits: int) -> None:
        self.hits[term.pk] = self.hits.get(term.pk, 0) + new_hits

    def skip(self, term: WatchTerm, message_id: int) -> None:
        """Record that a message could not be looked through. The term goes on: no message can stop it."""
        SkippedMessage.objects.get_or_create(term=term, message_id=message_id)
        self.skipped[term.pk] = self.skipped.get(term.pk, 0) + 1


def seconds_for(ids: list[int]) -> float:
    return CHUNK_SECONDS if len(ids) > FEW else CHUNK_SECONDS / 5


def retry_if_cancelled(statement: Callable[[], R]) -> R:
    """Repeat a statement that an administrator cancels: neither a term nor a message is to blame."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return statement()
        except TimeLimitError:
            raise
        except OperationalError as error:
            if failure_kind(error) is not FailureKind.QUERY_CANCELED or attempt == ATTEMPTS:
                raise
        time.sleep(PAUSE)
    raise AssertionError  # not reached


def lay_out(ids: list[int]) -> None:
    """Prepare these messages for `find`.

    Raises:
        UnreadableError: it takes too long, or one of them is too much for PostgreSQL.
    """
    try:
        retry_if_cancelled(lambda: pieces.lay_out(ids, seconds_for(ids)))
    except (TimeLimitError, DataError, InternalError) as error:
        raise UnreadableError from error


# The fences (OFFSET 0) keep PostgreSQL from matching more often than once.
FIND_LITERAL = """
SELECT id, text FROM {piece} WHERE id > %(after)s AND {condition} ORDER BY id
"""
FIND_EXPRESSION = """
SELECT id, CASE WHEN in_text THEN NULL ELSE text END, ARRAY(
    SELECT left(match[1], {part_length}) FROM regexp_matches(
        CASE WHEN in_text THEN text ELSE skeleton END COLLATE {collation},
        CASE WHEN in_text THEN %(capturing)s ELSE %(capturing_in_skeleton)s END, 'gi'
    ) AS match WHERE match[1] <> '' LIMIT {parts}
)
FROM (
    SELECT id, text, skeleton, {in_text} AS in_text FROM {piece} WHERE id > %(after)s AND {condition} OFFSET 0
) AS found
ORDER BY id
"""


def find(term: WatchTerm, ids: list[int], after: int = 0) -> Found:
    """Return the prepared messages, which have these ids, that match and are `after` one, with their parts.

    A message may match as a whole, as with `(?=.*this)(?=.*that)`; then there are no parts.

    Raises:
        UnreadableError: it takes too long, or one of them is too much for PostgreSQL.
        BrokenTermError: the term itself is invalid.
    """
    expression = expression_of(term.kind, term.pattern)
    try:
        return retry_if_cancelled(lambda: find_once(expression, seconds_for(ids), after))
    except TimeLimitError as error:
        raise UnreadableError from error
    except (DataError, InternalError) as error:
        if can_be_read(expression):
            raise UnreadableError from error
        raise BrokenTermError(reason_of(error)) from error


def find_once(expression: Expression, seconds: float, after: int) -> Found:
    statement = sql.SQL(FIND_LITERAL if expression.literal else FIND_EXPRESSION).format(
        piece=pieces.TABLE,
        condition=expression.condition,
        in_text=expression.in_text,
        collation=sql.Identifier(expression.collation),
        parts=sql.Literal(PARTS),
        part_length=sql.Literal(PART_LENGTH),
    )
    with time_limit(seconds) as cursor:
        cursor.execute(statement, expression.values | {"after": after})
        rows = cursor.fetchall()
    if expression.literal:
        return [(message_id, literal_parts(text, expression.literal)) for message_id, text in rows]
    return [(message_id, parts if text is None else written_parts(text, parts)) for message_id, text, parts in rows]


def literal_parts(text: str, literal: str) -> list[str]:
    """The parts of the text where its skeleton matches."""
    aligned = align(text)
    places = (aligned.written(*match.span()) for match in re.finditer(literal, aligned.skeleton))
    return [text[begin:end][:PART_LENGTH] for begin, end in islice(places, PARTS)]


def written_parts(text: str, parts: list[str]) -> list[str]:
    """The parts of the text for these parts of its skeleton, which are in order."""
    aligned, position, written = align(text), 0, []
    for part in parts:
        place = aligned.skeleton.find(part, position)
        if place >= 0:
            position = place + len(part)
            begin, end = aligned.written(place, position)
            written.append(text[begin:end][:PART_LENGTH])
    return written


@contextmanager
def still_the_same(term: WatchTerm) -> Iterator[bool]:
    """Lock the term in a transaction, and yield whether it is unchanged. A user may have changed or deleted it
    meanwhile; then the hits are of no use."""
    with transaction.atomic():
        locks.lock_tables(WatchHit._meta.db_table, referring_to=[locks.MESSAGES], lock_timeout=locks.RETRY_TIMEOUT)
        current = WatchTerm.objects.select_for_update().filter(
            pk=term.pk, kind=term.kind, pattern=term.pattern, active=True, scanned_through=term.scanned_through
        )
        yield current.exists()


# Locked, so that a message that is being deleted is waited for, and left out when it is gone.
KEEP = """
INSERT INTO {hit} (term_id, message_id, found, pub_date)
SELECT %(term)s, message.id, found.parts, message.pub_date
FROM jsonb_to_recordset(%(found)s) AS found (id bigint, parts text[])
JOIN {message} AS message ON message.id = found.id
ORDER BY message.id FOR KEY SHARE OF message
ON CONFLICT (term_id, message_id) DO NOTHING
"""


def keep_hits(term: WatchTerm, found: Found) -> int:
    """Store hits; return how many are new."""
    if not found:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(KEEP).format(hit=HIT, message=MESSAGE), {"term": term.pk, "found": as_json(found)})
        return int(cursor.rowcount)


def as_json(found: Found) -> Json:
    return Json([{"id": message_id, "parts": parts} for message_id, parts in found])


def switch_off(term: WatchTerm, reason: str) -> None:
    """Stop watching for a term that PostgreSQL cannot read, and say why on it."""
    term.error = f"Switched off: PostgreSQL cannot read this: {reason}."[:300]
    unchanged = WatchTerm.objects.filter(pk=term.pk, kind=term.kind, pattern=term.pattern)
    unchanged.update(active=False, error=term.error, scanned_at=Now())
