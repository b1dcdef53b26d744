"""Which moderator has which message. Two moderators never get the same one at once.

A claim ends with the decision, on leaving, or by itself when it is not renewed.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Prefetch
from django.db.models.functions import Now
from psycopg2 import sql

from MiniTwit.database import locks
from MiniTwit.models import Message, ReviewClaim, User, WatchHit
from MiniTwit.review.queue import TABLES, Position, position_of, wait_reasons_of, waiting

CLAIM_TIME = timedelta(minutes=5)
CANDIDATES = 20

# A second moderator waits for the first one's row and then sees that it is taken. A message that is being decided
# about at this very moment is skipped.
CLAIM = """
INSERT INTO {claim} AS claim (message_id, moderator_id, until)
SELECT id, %(moderator)s, statement_timestamp() + %(time)s FROM {message}
WHERE id = %(message)s AND author_id <> %(moderator)s
FOR KEY SHARE SKIP LOCKED
ON CONFLICT (message_id) DO UPDATE SET moderator_id = excluded.moderator_id, until = excluded.until
WHERE claim.moderator_id = excluded.moderator_id OR claim.until <= statement_timestamp()
RETURNING message_id
"""


@locks.retry_if_busy
def claim(*, moderator: User, message_id: int) -> bool:
    """Take a message, or take it for longer; False when it is another moderator's, being decided
    about, gone, or a message of the moderator's own."""
    with transaction.atomic(), connection.cursor() as cursor:
        locks.lock_tables(ReviewClaim._meta.db_table, referring_to=[locks.USERS, locks.MESSAGES])
        values: dict[str, Any] = {"moderator": moderator.pk, "message": message_id, "time": CLAIM_TIME}
        cursor.execute(sql.SQL(CLAIM).format(**TABLES), values)
        return cursor.fetchone() is not None


def claim_next(*, moderator: User, after: Position | None = None, before: Position | None = None) -> Message | None:
    """Claim the next message that waits and no other moderator has, and let go of what the moderator had before.

    Returns:
        The message, or None when there is none in that direction; then nothing is let go of.
    """
    while candidates := waiting(moderator=moderator, after=after, before=before, limit=CANDIDATES):
        for message_id in candidates:
            if claim(moderator=moderator, message_id=message_id):
                message = waiting_message(message_id)
                if message is not None:
                    release(moderator=moderator, all_but=message_id)
                    return message
                release(moderator=moderator, message_id=message_id)  # another moderator has just decided about it
        # All of them went to others in this very moment: look further on.
        last = Message.objects.filter(pk=candidates[-1]).first()
        if last is None:
            return None
        if before:
            before = position_of(last)
        else:
            after = position_of(last)
    return None


def waiting_message(message_id: int) -> Message | None:
    """The message with its author and all its hits, if it still waits."""
    hits = Prefetch("watch_hits", WatchHit.objects.select_related("term").order_by("pk"))
    message = Message.objects.select_related("author").prefetch_related(hits).filter(pk=message_id).first()
    return message if message and wait_reasons_of(message) else None


def claimed_by(message_id: int) -> User | None:
    """The moderator who has claimed the message."""
    held = ReviewClaim.objects.select_related("moderator").filter(message=message_id, until__gt=Now()).first()
    return held.moderator if held else None


def held_by(moderator: User) -> Message | None:
    """The message that the moderator has claimed, if it still waits."""
    held = ReviewClaim.objects.filter(moderator=moderator, until__gt=Now()).order_by("-until").first()
    return waiting_message(held.message_id) if held else None


def release(*, moderator: User, message_id: int | None = None, all_but: int | None = None) -> None:
    """Let go of a message, or of all, or of all but one."""
    claims = ReviewClaim.objects.filter(moderator=moderator)
    if message_id is not None:
        claims = claims.filter(message=message_id)
    if all_but is not None:
        claims = claims.exclude(message=all_but)
    claims._raw_delete(claims.db)  # nothing refers to a claim, so one statement needs no transaction around it
