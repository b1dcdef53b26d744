"""What the verbs do to messages: a handful of statements, however many messages there are.

Rows are locked first, in the order of their ids, so that two moderators never wait for each other. The change and
its events are one statement: neither is ever without the other.

A statement that joins tables names the rows of each and runs `without_nested_loops`, so that its work grows with the
decision alone, however large the tables are and whatever the planner expects in them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection
from psycopg2 import sql

from MiniTwit.database.clock import database_time
from MiniTwit.database.queries import rows_of
from MiniTwit.database.session_settings import set_for_transaction
from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import (
    Message,
    ModerationBatch,
    ModerationEvent,
    PurgedMessage,
    ReviewClaim,
    Subject,
    User,
    Verb,
    WatchHit,
)
from MiniTwit.moderation.batches import Cause, Tally
from MiniTwit.moderation.history import newer_than_the_event, who_did_what

OWN = "You cannot moderate your own message."
AUTHOR_GONE = "Its former author was erased or deleted."

# What becomes of `flagged`; None leaves it as it is.
FLAGGED = {Verb.FLAG: True, Verb.UNFLAG: False, Verb.KEEP: None}

# The end of every statement that changes messages: `changed` holds id, author_id, before, after.
LOG = """
INSERT INTO {event}
    (batch_id, verb, message_id, user_id, before, after, reason, note, actor_id, actor_name, created_at)
SELECT %(batch)s, %(verb)s, id, author_id, before, after,
    %(reason)s, %(note)s, %(actor)s::bigint, %(actor_name)s, %(now)s
FROM changed ORDER BY id
"""

NAMES: dict[str, sql.Composable] = {
    "message": sql.Identifier(Message._meta.db_table),
    "user": sql.Identifier(User._meta.db_table),
    "event": sql.Identifier(ModerationEvent._meta.db_table),
    "hit": sql.Identifier(WatchHit._meta.db_table),
    "claim": sql.Identifier(ReviewClaim._meta.db_table),
    "purged": sql.Identifier(PurgedMessage._meta.db_table),
}
NAMES["log"] = sql.SQL(LOG).format(**NAMES)

LOCK = "SELECT id, author_id FROM {message} WHERE id = ANY(%(ids)s) ORDER BY id FOR {strength}"

DECIDE = """
WITH changed AS (
    UPDATE {message} AS message
    SET flagged = coalesce(%(flagged)s, former.flagged), decision = %(verb)s, decided_at = %(now)s
    FROM {message} AS former
    WHERE former.id = message.id AND message.id = ANY(%(ids)s) AND former.id = ANY(%(ids)s)
        AND ((former.flagged, former.decision) <> (coalesce(%(flagged)s, former.flagged), %(verb)s)
            OR message.id IN (SELECT message_id FROM {hit} WHERE message_id = ANY(%(ids)s) AND waiting))
    RETURNING message.id, message.author_id,
        jsonb_build_object('flagged', former.flagged, 'decision', former.decision, 'decided_at', former.decided_at)
            AS before,
        jsonb_build_object('flagged', message.flagged, 'decision', message.decision, 'decided_at', message.decided_at)
            AS after
)
{log}
"""

# A hit waits until a moderator decides about its message.
SETTLE_HITS = """
UPDATE {hit} AS hit SET waiting = NOT hit.waiting FROM {message} AS message
WHERE message.id = hit.message_id AND message.id = ANY(%(ids)s) AND hit.message_id = ANY(%(ids)s)
    AND hit.waiting <> (message.decided_at IS NULL OR hit.created_at > message.decided_at)
"""

REMEMBER_PURGED = """
INSERT INTO {purged} (legacy_id, purged_at)
SELECT legacy_id, %(now)s FROM {message} WHERE id = ANY(%(ids)s) AND legacy_id IS NOT NULL
ON CONFLICT DO NOTHING
"""
PURGE = """
WITH hits AS (DELETE FROM {hit} WHERE message_id = ANY(%(ids)s)),
claims AS (DELETE FROM {claim} WHERE message_id = ANY(%(ids)s)),
changed AS (
    DELETE FROM {message} WHERE id = ANY(%(ids)s)
    RETURNING id, author_id,
        jsonb_build_object('flagged', flagged, 'decision', decision, 'decided_at', decided_at, 'length', length(text),
            'pub_date', pub_date, 'legacy_id', legacy_id, 'import_run', import_run) AS before,
        NULL::jsonb AS after
)
{log}
"""

# The texts that events of edits hold; the trigger that keeps the log allows this and no other change of them.
STRIKE_OUT = """
UPDATE {event} SET before = jsonb_set(before, '{{text}}', to_jsonb(%(erased)s::text), false),
    after = jsonb_set(after, '{{text}}', to_jsonb(%(erased)s::text), false)
WHERE {which} AND verb IN ('edit', 'undo') AND (before ? 'text' OR after ? 'text')
"""


# The messages that events are about.
SUBJECTS = "SELECT id, message_id FROM {event} WHERE id = ANY(%(events)s) AND message_id IS NOT NULL AND {kind}"
ABOUT_DECISIONS, ABOUT_EDITS = sql.SQL("before ? 'decided_at'"), sql.SQL("NOT before ? 'decided_at'")
# How a message compares with an event that is to be undone: is it as the event left it, or as it was before, and who
# was its author then, if that was changed.
COMPARISON = """
SELECT event.id, message.id, event.message_id,
    message.flagged = (event.after->>'flagged')::boolean AND message.decision = event.after->>'decision'
        AND message.decided_at IS NOT DISTINCT FROM (event.after->>'decided_at')::timestamptz,
    message.flagged = (event.before->>'flagged')::boolean AND message.decision = event.before->>'decision'
        AND message.decided_at IS NOT DISTINCT FROM (event.before->>'decided_at')::timestamptz,
    NULL
FROM {event} AS event LEFT JOIN {message} AS message ON message.id = event.message_id AND message.id = ANY(%(ids)s)
WHERE event.id = ANY(%(events)s)
"""
RESTORE = """
WITH changed AS (
    UPDATE {message} AS message
    SET flagged = (event.before->>'flagged')::boolean, decision = event.before->>'decision',
        decided_at = (event.before->>'decided_at')::timestamptz
    FROM {event} AS event
    WHERE event.message_id = message.id AND event.id = ANY(%(events)s) AND message.id = ANY(%(ids)s)
    RETURNING message.id, message.author_id, event.after AS before, event.before AS after
)
{log}
"""


def decide(verb: Verb, ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Flag, unflag or keep messages.

    A message that is so already, by a moderator's decision, gets no event unless the watch-list found something in it
    since that decision.
    """
    found, own = lock(ids, cause)
    changed = execute(DECIDE, log_parameters(verb, batch, cause, ids=found, flagged=FLAGGED[verb]))
    execute(SETTLE_HITS, {"ids": found})
    return Tally(changed, len(found) - changed, own | skipped_as_gone(ids, [*found, *own]))


def purge(ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Delete messages permanently. Their old ids are kept, so that no later import brings them back."""
    found, own = lock(ids, cause, "UPDATE")
    parameters = log_parameters(Verb.PURGE, batch, cause, ids=found)
    execute(REMEMBER_PURGED, parameters)
    strike_out_texts_about(found)
    return Tally(execute(PURGE, parameters), 0, own | skipped_as_gone(ids, [*found, *own]))


def flag_all_of(user_ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Flag all messages of some authors."""
    theirs = sql.SQL("SELECT id FROM {message} WHERE author_id = ANY(%(users)s)").format(**NAMES)
    ids = [message_id for (message_id,) in rows_of(theirs, {"users": list(user_ids)})]
    tally = decide(Verb.FLAG, ids, batch, cause)
    # The moderator did not name these messages, so those that were deleted meanwhile are not reported as skipped.
    return Tally(tally.changed, tally.unchanged, messages=tally.changed + tally.unchanged)


def undo(event_ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Undo decisions about messages."""
    return undo_events(event_ids, batch, cause, ABOUT_DECISIONS, COMPARISON, RESTORE, SETTLE_HITS)


def undo_events(
    event_ids: Sequence[int],
    batch: ModerationBatch,
    cause: Cause,
    kind: sql.Composable,
    comparison: str,
    restore: str,
    *afterwards: str,
) -> Tally:
    """Put messages back as they were before events of one kind, where they still are as the events left them.

    Args:
        comparison: gives, for each event, its id, the message's if it still exists, the message's as the event names
            it, whether it is as the event left it, whether it is as it was before, and its former author, if that was
            changed.
        afterwards: statements about the messages, for when they are put back.
    """
    subjects = dict(rows_of(sql.SQL(SUBJECTS).format(**NAMES, kind=kind), {"events": list(event_ids)}))
    if not subjects:
        return Tally()
    found, own = lock(list(subjects.values()), cause)
    rows = {"events": list(subjects), "ids": list(subjects.values()), "erased": ERASED_NOTE}
    with without_nested_loops() as cursor:  # now that nothing changes any more
        cursor.execute(sql.SQL(comparison).format(**NAMES), rows)
        comparisons = cursor.fetchall()
    authors = {author for *_, author in comparisons if author is not None}
    gone_authors = authors - set(User.objects.filter(pk__in=authors, erased_at=None).values_list("pk", flat=True))
    tally, restorable, others = Tally(), [], {}
    gone = {event for event, found_id, *_ in comparisons if found_id is None}
    for event, _, message, as_left, as_before, author in comparisons:
        if message in own:
            tally.skipped[event] = own[message]
        elif as_left and author in gone_authors:
            tally.skipped[event] = AUTHOR_GONE
        elif as_left:
            restorable.append(event)
        elif as_before:
            tally.unchanged += 1
        else:
            others[event] = message
    restored = [subjects[event] for event in restorable]
    tally.changed = execute(restore, log_parameters(Verb.UNDO, batch, cause, events=restorable, ids=restored))
    for statement in afterwards:
        execute(statement, {"ids": found})
    tally.skipped |= who_did_what(Subject.MESSAGE, others, gone, newer_than_the_event)
    return tally


def lock(ids: Sequence[int], cause: Cause, strength: str = "NO KEY UPDATE") -> tuple[list[int], dict[int, str]]:
    """Lock the messages that still exist, in the order of their ids.

    Returns:
        The ids of the messages that the actor may decide about, and why the others are skipped.
    """
    authors = dict(rows_of(sql.SQL(LOCK).format(**NAMES, strength=sql.SQL(strength)), {"ids": list(ids)}))
    actor = cause.actor.pk if cause.actor else None
    own = {message_id: OWN for message_id, author in authors.items() if author == actor}
    return [message_id for message_id in authors if message_id not in own], own


def skipped_as_gone(ids: Sequence[int], found: Sequence[int]) -> dict[int, str]:
    missing = set(ids) - set(found)
    return who_did_what(Subject.MESSAGE, {message_id: message_id for message_id in missing}, missing)


def log_parameters(verb: Verb, batch: ModerationBatch, cause: Cause, **others: Any) -> dict[str, Any]:
    return {
        "batch": batch.pk,
        "verb": verb.value,
        "reason": cause.reason,
        "note": cause.note,
        "actor": cause.actor.pk if cause.actor else None,
        "actor_name": cause.actor_name,
        "now": database_time(),
        **others,
    }


@contextmanager
def without_nested_loops() -> Iterator[Any]:
    """A cursor for statements that join tables and name the rows of each: no nested loop joins them.

    In a table that was filled since its last ANALYZE the planner may expect a single row. A nested loop would then
    compare each row of one table with each of the other: 25,000,000 pairs for 5,000 messages.
    """
    with connection.cursor() as cursor:
        set_for_transaction(cursor, "enable_nestloop", "off")
        yield cursor
        set_for_transaction(cursor, "enable_nestloop", "on")


def execute(statement: str, parameters: dict[str, Any]) -> int:
    """Run a statement and return how many rows it wrote."""
    with without_nested_loops() as cursor:
        cursor.execute(sql.SQL(statement).format(**NAMES), parameters)
        return int(cursor.rowcount)


def strike_out_texts_of(user_id: int) -> None:
    """Remove what an account wrote from the log: old and new texts of its messages that were edited."""
    theirs = "user_id = %(user)s OR message_id IN (SELECT id FROM {message} WHERE author_id = %(user)s)"
    strike_out(sql.SQL(f"({theirs})").format(**NAMES), user=user_id)


def strike_out_texts_about(message_ids: Sequence[int]) -> None:
    """Remove the old and new texts of messages from the log."""
    strike_out(sql.SQL("message_id = ANY(%(messages)s)"), messages=list(message_ids))


def strike_out(which: sql.Composable, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(STRIKE_OUT).format(**NAMES, which=which), parameters | {"erased": ERASED_NOTE})
