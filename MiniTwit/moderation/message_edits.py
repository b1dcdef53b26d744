"""Editing messages: a decision like the others, with the old and the new values in the log.

An event of an edit holds only what was changed: author (a number), text, pub_date. It is the one kind of event that
holds what a user wrote. When the author is erased, or the message is deleted for good, the texts are struck out of
the log; the trigger that keeps the log allows exactly that (see `MiniTwit/database/triggers.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from psycopg2 import sql

from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import Message, ModerationBatch, Subject, User, Verb
from MiniTwit.moderation.batches import Cause, Tally
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.history import newer_than_the_event, who_did_what
from MiniTwit.moderation.message_verbs import (
    ABOUT_EDITS,
    NAMES,
    execute,
    lock,
    log_parameters,
    skipped_as_gone,
    subjects_of,
    without_nested_loops,
)

AUTHOR_GONE = "Its former author was erased or deleted."

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

# How a message compares with an edit that is to be undone: is it as the edit left it, or as it was before; can the
# former text come back; and who was the former author, if that was changed.
COMPARISON = """
SELECT event.id, message.id, event.message_id,
    {as_left}, {as_before},
    coalesce(event.before->>'text' <> %(erased)s, true), (event.before->>'author')::bigint
FROM {event} AS event LEFT JOIN {message} AS message ON message.id = event.message_id AND message.id = ANY(%(ids)s)
WHERE event.id = ANY(%(events)s)
"""
AS_IN = """
    message.author_id = coalesce((event.{state}->>'author')::bigint, message.author_id)
        AND message.text = coalesce(event.{state}->>'text', message.text)
        AND message.pub_date = coalesce((event.{state}->>'pub_date')::timestamptz, message.pub_date)
"""
STATES = {"as_left": "after", "as_before": "before"}
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
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(LOCK_AUTHORS).format(**NAMES), {"ids": list(ids)})
        missing = ids - {user_id for (user_id,) in cursor.fetchall()}
    if missing:
        named = ", ".join(str(user_id) for user_id in sorted(missing))
        raise ModerationError("no_such_author", f"The account {named} was erased or deleted; choose another author.")


def undo(event_ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Bring back what messages were before they were edited, where they still are as the edit left them."""
    subjects = subjects_of(event_ids, ABOUT_EDITS)
    if not subjects:
        return Tally()
    _, own = lock(list(subjects.values()), cause)
    comparisons = comparisons_of(subjects)  # now that nothing changes any more
    present = present_authors({author for *_, author in comparisons if author is not None})
    tally = Tally(skipped={event: own[message] for event, _, message, *_ in comparisons if message in own})
    others, restorable = {}, []
    gone = {event for event, found_id, *_ in comparisons if found_id is None}
    for event, _found_id, message, as_left, as_before, has_text, former_author in comparisons:
        if event in tally.skipped:
            continue
        if as_before and not as_left:
            tally.unchanged += 1
        elif not (as_left and has_text):
            others[event] = message
        elif former_author is not None and former_author not in present:
            tally.skipped[event] = AUTHOR_GONE
        else:
            restorable.append(event)
    restored = [subjects[event] for event in restorable]
    tally.changed = execute(RESTORE, log_parameters(Verb.UNDO, batch, cause, events=restorable, ids=restored))
    tally.skipped |= who_did_what(Subject.MESSAGE, others, gone, newer_than_the_event)
    return tally


def comparisons_of(subjects: Mapping[int, int]) -> list[Any]:
    parts = {name: sql.SQL(AS_IN.format(state=state)) for name, state in STATES.items()}
    with without_nested_loops() as cursor:
        statement = sql.SQL(COMPARISON).format(**NAMES, **parts)
        rows = {"events": list(subjects), "ids": list(subjects.values())}
        cursor.execute(statement, rows | {"erased": ERASED_NOTE})
        return list(cursor.fetchall())


def present_authors(ids: set[int]) -> set[int]:
    """Those of the accounts to which a message can be attributed again."""
    if not ids:
        return set()
    return set(User.objects.filter(pk__in=ids, erased_at=None).values_list("pk", flat=True))


def about_account(user_id: int) -> Q:
    """The events that are about an account: decisions about it and its messages, and edits of what is its own now."""
    return Q(user=user_id) | Q(verb=Verb.EDIT, message__in=Message.objects.filter(author=user_id))
