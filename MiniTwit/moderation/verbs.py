"""The verbs: what a moderator can do. Every change of a message's or an account's state goes through one of them.

Each is one transaction and one batch, takes any number of objects, and leaves one event for every object that it
changed. None of them checks permissions: that is the caller's task.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from MiniTwit.models import ModerationBatch, ModerationEvent, Verb
from MiniTwit.moderation import accounts, erasure, message_edits, messages
from MiniTwit.moderation.batches import (
    Cause,
    Objects,
    Tally,
    ids_of,
    one_decision,
    open_batch,
    record,
)
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.message_edits import MessageEdit

REFUSALS = frozenset({accounts.YOURSELF, accounts.STAFF, messages.OWN})


@one_decision
def edit(edits: Sequence[MessageEdit], cause: Cause, batch: ModerationBatch | None = None) -> ModerationBatch:
    """Change messages, each in a way of its own; no message is named twice. The log keeps what they were.

    Args:
        batch: one that is open already, for more edits of the same decision.
    """
    cause.require_reason()
    if not edits:
        raise ModerationError("nothing_selected", "Nothing is selected.")
    with open_batch(Verb.EDIT, cause, batch) as opened:
        tally = message_edits.edit(edits, opened, cause)
        if batch is None:
            refuse_if_nothing_is_allowed(tally, len(edits), REFUSALS)
        record(opened, tally, selected=len(edits))
    return opened


@one_decision
def undo(batch: ModerationBatch, cause: Cause) -> ModerationBatch:
    """Put back what a batch changed, except what was changed again since.

    Returns:
        A batch of its own. What it left alone is in its `selected_rows`, by event, with who did what.
    """
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
            raise ValueError("An edit is not told by ids alone: use edit.")
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
