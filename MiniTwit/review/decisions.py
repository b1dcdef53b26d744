"""Decisions made at the queue: the verbs of moderation, for a message as the moderator saw it."""

from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince

from MiniTwit import moderation
from MiniTwit.database import locks
from MiniTwit.models import Decision, Message, ModerationBatch, ModerationEvent, ReviewClaim, User, Verb
from MiniTwit.models.saving import version_of
from MiniTwit.moderation.batches import Cause, one_decision
from MiniTwit.review.claims import claimed_by, release


class Refusal(Exception):  # noqa: N818 -- not an error
    """A decision that was not made; the message says why."""


def decide(
    *, moderator: User, message_id: int, verb: str, version: str, reason: str, note: str = ""
) -> ModerationBatch:
    """Flag, unflag or keep a message as it was seen, and let go of it.

    Raises:
        Refusal: the message was changed, another moderator has it, the verb does not fit, or an import keeps the
            tables. Nothing was done.
    """
    try:
        cause = Cause.of(actor=moderator, reason=reason, note=note)
        return decide_as_seen(moderator, message_id, verb, version, cause)
    except moderation.ModerationError as error:
        raise Refusal(error.sentence) from error


@one_decision
@transaction.atomic
def decide_as_seen(moderator: User, message_id: int, verb: str, version: str, cause: Cause) -> ModerationBatch:
    """The same in one transaction; raises ModerationError where the decision makes no sense, or tables are busy."""
    locks.lock_tables(locks.MESSAGES, ReviewClaim._meta.db_table, referring_to=[locks.USERS])
    message = Message.objects.select_for_update().filter(pk=message_id).first()
    if message is None:
        raise Refusal(f"Message {message_id} was deleted meanwhile. No change made.")
    if version_of(message) != version:
        raise Refusal(f"{what_happened_to(message, version)} No second change was made.")
    holder = claimed_by(message_id)
    if holder is not None and holder != moderator:
        raise Refusal(f"Your time with message {message_id} ran out, and {holder} has it now. No change made.")
    check_fits(message, verb)
    batch = moderation.decide(Verb(verb), [message_id], cause)
    release(moderator=moderator, message_id=message_id)
    return batch


def check_fits(message: Message, verb: str) -> None:
    """What is flagged is left so or unflagged; what is not, is kept or flagged."""
    if verb not in Decision.values:
        raise Refusal("In the review queue a message can be flagged, unflagged or kept.")
    if message.flagged and verb == Verb.KEEP:
        raise Refusal("This message is flagged: leave it flagged with f, or unflag it with u.")
    if not message.flagged and verb == Verb.UNFLAG:
        raise Refusal("This message is not flagged: keep it with o, or flag it with f.")


def what_happened_to(message: Message, version: str) -> str:
    """Tell who changed a message since that version, e.g. `Message 7 was flagged by ann 2 minutes ago.`"""
    event = ModerationEvent.objects.filter(message=message.pk).order_by("-id").first()
    seen = parse_datetime(version) if version else None
    if event is None or (seen and event.created_at <= seen):
        return f"Message {message.pk} was edited since you saw it."
    moments = timesince(event.created_at, depth=1)
    ago = "a moment ago" if moments.startswith("0") else f"{moments} ago"
    return f"Message {message.pk} was {Verb(event.verb).rules.past_tense} by {event.actor_name} {ago}."


def warn_author(*, moderator: User, message_id: int, text: str, reason: str) -> ModerationBatch:
    """Give the author of a message a strike.

    Raises:
        Refusal: there is no text, or the message is gone.
    """
    author = User.objects.filter(messages=message_id).first()
    if author is None:
        raise Refusal(f"Message {message_id} was deleted meanwhile. No warning was given.")
    if not text.strip():
        raise Refusal("Write what the author is warned of. No warning was given.")
    note = f"About message {message_id}."
    try:
        return moderation.warn(users=[author], actor=moderator, text=text.strip(), reason=reason, note=note)
    except moderation.ModerationError as error:
        raise Refusal(error.sentence) from error


def undo_decision(*, moderator: User, batch_id: int) -> ModerationBatch:
    """Undo a decision of the moderator's own.

    Raises:
        Refusal: another moderator made it, it was undone already, or something changed since.
    """
    batch = ModerationBatch.objects.filter(pk=batch_id, actor=moderator).first()
    if batch is None:
        raise Refusal("There is no decision of yours to undo.")
    try:
        undone = moderation.undo(
            batch=batch, actor=moderator, reason=batch.reason, note="Undone in the review queue."
        )
    except moderation.ModerationError as error:
        raise Refusal(error.sentence) from error
    return undone
