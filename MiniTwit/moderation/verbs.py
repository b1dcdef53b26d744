"""The verbs: what a moderator can do. Every change of a message's or an account's state goes through one of them.

Each is one transaction and one batch, takes any number of objects, and leaves one event for every object that it
changed. None of them checks permissions: that is the caller's task.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from MiniTwit.models import ModerationBatch, ModerationEvent, User, Verb
from MiniTwit.moderation import accounts, erasure, message_edits, messages
from MiniTwit.moderation.batches import (
    Cause,
    CauseFields,
    Objects,
    Tally,
    ids_of,
    one_decision,
    open_batch,
    record,
)
from MiniTwit.moderation.erasure import Messages
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.message_edits import MessageEdit

REFUSALS = frozenset({accounts.YOURSELF, accounts.STAFF, messages.OWN})


def flag(*, messages: Objects, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Hide messages from timelines."""
    return decide(Verb.FLAG, messages, Cause.of(**cause))


def unflag(*, messages: Objects, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Show messages on timelines again."""
    return decide(Verb.UNFLAG, messages, Cause.of(**cause))


def keep(*, messages: Objects, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Say that messages were reviewed and stay as they are."""
    return decide(Verb.KEEP, messages, Cause.of(**cause))


def edit(
    *,
    messages: Objects,
    text: str | None = None,
    author: User | int | None = None,
    pub_date: datetime | None = None,
    **cause: Unpack[CauseFields],
) -> ModerationBatch:
    """Change the text, author or date of messages; the log keeps what they were. None leaves a part as it is."""
    author_id = author.pk if isinstance(author, User) else author
    edits = [MessageEdit(message_id, author_id, text, pub_date) for message_id in ids_of(messages)]
    return edit_each(edits=edits, **cause)


@one_decision
def edit_each(
    *, edits: Sequence[MessageEdit], batch: ModerationBatch | None = None, **cause: Unpack[CauseFields]
) -> ModerationBatch:
    """Change messages, each in a way of its own; no message is named twice."""
    given = Cause.of(**cause)
    given.require_reason()
    if not edits:
        raise ModerationError("nothing_selected", "Nothing is selected.")
    with open_batch(Verb.EDIT, given, batch) as opened:
        tally = message_edits.edit(edits, opened, given)
        if batch is None:
            refuse_if_nothing_is_allowed(tally, len(edits), REFUSALS)
        record(opened, tally, selected=len(edits))
    return opened


def purge(*, messages: Objects, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Delete messages permanently. The log keeps numbers and dates of them, no text; it cannot be undone."""
    return decide(Verb.PURGE, messages, Cause.of(**cause))


def suspend(
    *, users: Objects, until: datetime | None = None, flag_messages: bool = False, **cause: Unpack[CauseFields]
) -> ModerationBatch:
    """Keep accounts from signing in, until a date or until reinstated, and perhaps flag all that they wrote."""
    options = {"until": until.isoformat() if until else None, "flag_messages": flag_messages}
    return decide(Verb.SUSPEND, users, Cause.of(**cause), options)


def reinstate(*, users: Objects, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """End suspensions."""
    return decide(Verb.REINSTATE, users, Cause.of(**cause))


def warn(*, users: Objects, text: str, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Give accounts a strike, with a text."""
    return decide(Verb.WARN, users, Cause.of(**cause), {"text": text})


def erase(
    *, users: Objects, messages: str = Messages.KEEP, delete: bool = False, **cause: Unpack[CauseFields]
) -> ModerationBatch:
    """Remove an account's data everywhere, on its owner's request.

    Args:
        messages: `keep` or `purge`.
        delete: delete the account itself, too; its messages have to be purged for that.
    """
    options = erasure.options_of(messages, delete)
    return decide(Verb.ERASE, users, Cause.of(**cause), options)


def undo(*, batch: ModerationBatch, **cause: Unpack[CauseFields]) -> ModerationBatch:
    """Put back what a batch changed, except what was changed again since.

    Returns:
        A batch of its own. What it left alone is in its `selected_rows`, by event, with who did what.
    """
    return undo_batch(batch, Cause.of(**cause))


@one_decision
def undo_batch(batch: ModerationBatch, cause: Cause) -> ModerationBatch:
    cause.require_reason()
    with open_batch(Verb.UNDO, cause, undoes=batch) as undoing:
        lock_undoable(batch, undoing)
        events = list(ModerationEvent.objects.filter(batch=batch).order_by("pk").values_list("pk", flat=True))
        record(undoing, execute(events, undoing), selected=len(events))
    return undoing


@one_decision
def decide(verb: Verb, objects: Objects, cause: Cause, options: dict[str, Any] | None = None) -> ModerationBatch:
    """Do what a verb says to objects that are named now.

    Raises:
        ModerationError: it makes no sense; nothing was changed.
    """
    if verb.rules.needs_reason:
        cause.require_reason()
    ids = ids_of(objects)
    if not ids:
        raise ModerationError("nothing_selected", "Nothing is selected.")
    with open_batch(verb, cause, options=options or {}) as opened:
        tally = execute(ids, opened)
        refuse_if_nothing_is_allowed(tally, len(ids), None if verb is Verb.ERASE else REFUSALS)
        record(opened, tally, selected=len(ids))
    return opened


def refuse_if_nothing_is_allowed(tally: Tally, named: int, refusals: frozenset[str] | None) -> None:
    """Raise what the actor may not do, where that is all that came of a decision.

    Args:
        named: how many objects were named.
        refusals: the sentences that count as a refusal, or all of them.
    """
    told = set(tally.skipped.values())
    told &= refusals if refusals is not None else told
    if told and len(tally.skipped) == named:
        raise ModerationError("not_allowed", " ".join(sorted(told)))


def execute(ids: Sequence[int], batch: ModerationBatch) -> Tally:
    """Do what a batch says to objects, in the caller's transaction. The ids of an undo are those of events."""
    cause, options = Cause.of_batch(batch), batch.options
    match Verb(batch.verb):
        case Verb.FLAG | Verb.UNFLAG | Verb.KEEP as decision:
            return messages.decide(decision, ids, batch, cause)
        case Verb.PURGE:
            return messages.purge(ids, batch, cause)
        case Verb.SUSPEND:
            until = datetime.fromisoformat(options["until"]) if options.get("until") else None
            flag_messages = bool(options.get("flag_messages"))
            return accounts.suspend(ids, batch, cause, until=until, flag_messages=flag_messages)
        case Verb.REINSTATE:
            return accounts.reinstate(ids, batch, cause)
        case Verb.WARN:
            return accounts.warn(ids, batch, cause, text=options.get("text", ""))
        case Verb.UNDO:
            of_messages = messages.undo(ids, batch, cause) + message_edits.undo(ids, batch, cause)
            return accounts.undo(ids, batch, cause) + of_messages
        case Verb.EDIT:
            raise ValueError("An edit is not told by ids alone: use edit_each.")
        case Verb.ERASE:
            return erasure.erase(ids, batch, cause)


def lock_undoable(batch: ModerationBatch, undoing: ModerationBatch | None = None) -> None:
    """Make sure that a batch can be undone now, and that no other undo of it begins.

    Raises:
        ModerationError: it cannot.
    """
    ModerationBatch.objects.select_for_update().get(pk=batch.pk)
    batch.refresh_from_db()
    if obstacle := obstacle_to_undoing(batch, undoing):
        raise ModerationError("not_undoable", obstacle)


def obstacle_to_undoing(batch: ModerationBatch, undoing: ModerationBatch | None = None) -> str:
    """Why a batch cannot be undone, or nothing."""
    rules = Verb(batch.verb).rules
    if rules.is_final:
        return f"What was {rules.past_tense} cannot be brought back."
    if not batch.is_over:
        return "This batch is still at work: wait for its end, or cancel it."
    if not batch.changed:
        return "This batch changed nothing."
    for other in undos_in_force(batch):
        if other != undoing:
            return f"{other.actor_name} undid it already (batch {other.pk})."
    return ""


def undos_in_force(batch: ModerationBatch) -> list[ModerationBatch]:
    """The undos of a batch that did something, or still do, and were not undone themselves."""
    return [
        other for other in batch.undone_by.all() if (other.changed or not other.is_over) and not undos_in_force(other)
    ]
