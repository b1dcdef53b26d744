"""Editing messages: a decision like the others, with the old and the new values in the log.

An event of an edit holds only what was changed: author (a number), text, pub_date. It is the one kind of event that
holds what a user wrote. When the author is erased, or the message is deleted permanently, the texts are struck out of
the log; the trigger that keeps the log allows exactly that (see `MiniTwit/database/triggers.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from psycopg2 import sql

from MiniTwit.database.queries import rows_of
from MiniTwit.models import Message, ModerationBatch, Verb
from MiniTwit.moderation.batches import Cause, Tally
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.messages import (
    ABOUT_EDITS,
    NAMES,
    execute,
    lock,
    log_parameters,
    skipped_as_gone,
    undo_events,
)

# Authors first, then messages: in this order an erasure locks them, too.
LOCK_AUTHORS = "SELECT id FROM {user} WHERE id = ANY(%(ids)s) AND erased_at IS NULL ORDER BY id FOR KEY SHARE"

EDIT = """
WITH edit AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(authors)s::bigint[], %(texts)s::text[], %(dates)s::timestamptz[])
        AS edit (id, author_id, text, pub_date)
),
changed AS (
    UPDATE {message} AS message
    SET author_id = coalesce(edit.author_id, former.author_id), text = coalesce(edit.text, former.text),
        pub_date = coalesce(edit.pub_date, former.pub_date)
    FROM edit JOIN {message} AS former ON former.id = edit.id
    WHERE message.id = former.id AND message.id = ANY(%(ids)s) AND former.id = ANY(%(ids)s)
        AND (former.author_id, former.text, former.pub_date) IS DISTINCT FROM (
            coalesce(edit.author_id, former.author_id), coalesce(edit.text, former.text),
            coalesce(edit.pub_date, former.pub_date))
    RETURNING message.id, former.author_id,
        jsonb_strip_nulls(jsonb_build_object(
            'author', CASE WHEN message.author_id <> former.author_id THEN former.author_id END,
            'text', CASE WHEN message.text <> former.text THEN former.text END,
            'pub_date', CASE WHEN message.pub_date <> former.pub_date THEN former.pub_date END)) AS before,
        jsonb_strip_nulls(jsonb_build_object(
            'author', CASE WHEN message.author_id <> former.author_id THEN message.author_id END,
            'text', CASE WHEN message.text <> former.text THEN message.text END,
            'pub_date', CASE WHEN message.pub_date <> former.pub_date THEN message.pub_date END)) AS after
)
{log}
"""

# Whether a message is as an edit left it and the former text can come back; whether it is as it was before.
IS_AS_IN = """
    message.author_id = coalesce((event.{state}->>'author')::bigint, message.author_id)
        AND message.text = coalesce(event.{state}->>'text', message.text)
        AND message.pub_date = coalesce((event.{state}->>'pub_date')::timestamptz, message.pub_date)
"""
COMPARISON = f"""
SELECT event.id, message.id, event.message_id,
    {IS_AS_IN.format(state="after")} AND coalesce(event.before->>'text' <> %(erased)s, true),
    {IS_AS_IN.format(state="before")},
    (event.before->>'author')::bigint
FROM {{event}} AS event
    LEFT JOIN {{message}} AS message ON message.id = event.message_id AND message.id = ANY(%(ids)s)
WHERE event.id = ANY(%(events)s)
"""  # noqa: S608
RESTORE = """
WITH changed AS (
    UPDATE {message} AS message
    SET author_id = coalesce((event.before->>'author')::bigint, message.author_id),
        text = coalesce(event.before->>'text', message.text),
        pub_date = coalesce((event.before->>'pub_date')::timestamptz, message.pub_date)
    FROM {event} AS event
    WHERE event.message_id = message.id AND event.id = ANY(%(events)s) AND message.id = ANY(%(ids)s)
    RETURNING message.id, message.author_id, event.after AS before, event.before AS after
)
{log}
"""


@dataclass(frozen=True)
class MessageEdit:
    """What becomes of a message; None leaves a part of it as it is."""

    message_id: int
    author_id: int | None = None
    text: str | None = None
    pub_date: datetime | None = None


def edit(edits: Sequence[MessageEdit], batch: ModerationBatch, cause: Cause) -> Tally:
    """Edit messages, in the caller's transaction.

    Raises:
        ModerationError: a message without a text, or an author that is not (or no longer) an account.
    """
    if any(each.text == "" for each in edits):
        raise ModerationError("text_missing", "A message needs a text.")
    lock_authors({each.author_id for each in edits if each.author_id is not None})
    ids = [each.message_id for each in edits]
    found, own = lock(ids, cause)
    allowed = [each for each in edits if each.message_id in set(found)]
    columns = {
        "ids": [each.message_id for each in allowed],
        "authors": [each.author_id for each in allowed],
        "texts": [each.text for each in allowed],
        "dates": [each.pub_date for each in allowed],
    }
    changed = execute(EDIT, log_parameters(Verb.EDIT, batch, cause, **columns))
    return Tally(changed, len(found) - changed, own | skipped_as_gone(ids, [*found, *own]))


def lock_authors(ids: set[int]) -> None:
    """Keep accounts that messages are attributed to from being erased meanwhile."""
    locked = rows_of(sql.SQL(LOCK_AUTHORS).format(**NAMES), {"ids": list(ids)})
    if missing := ids - {user_id for (user_id,) in locked}:
        named = ", ".join(str(user_id) for user_id in sorted(missing))
        raise ModerationError("no_such_author", f"The account {named} was erased or deleted; choose another author.")


def undo(event_ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Undo edits of messages."""
    return undo_events(event_ids, batch, cause, ABOUT_EDITS, COMPARISON, RESTORE)


def about_account(user_id: int) -> Q:
    """The events that are about an account: decisions about it and its messages, and edits of what is its own now."""
    return Q(user=user_id) | Q(verb=Verb.EDIT, message__in=Message.objects.filter(author=user_id))
