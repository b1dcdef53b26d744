"""The verbs of moderation as a test tells them: `flag(messages=[message], actor=ann, reason="Spam")`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from MiniTwit import moderation
from MiniTwit.models import ModerationBatch, User, Verb
from MiniTwit.moderation import Cause, MessageEdit
from MiniTwit.moderation.batches import Objects, ids_of
from MiniTwit.moderation.erasure import Messages, options_of


def flag(*, messages: Objects, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.FLAG, messages, Cause.of(**cause))


def unflag(*, messages: Objects, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.UNFLAG, messages, Cause.of(**cause))


def keep(*, messages: Objects, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.KEEP, messages, Cause.of(**cause))


def purge(*, messages: Objects, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.PURGE, messages, Cause.of(**cause))


def edit(
    *,
    messages: Objects,
    text: str | None = None,
    author: User | int | None = None,
    pub_date: datetime | None = None,
    **cause: Any,
) -> ModerationBatch:
    """Change messages alike; None leaves a part as it is."""
    author_id = author.pk if isinstance(author, User) else author
    edits = [MessageEdit(message_id, author_id, text, pub_date) for message_id in ids_of(messages)]
    return edit_each(edits=edits, **cause)


def edit_each(*, edits: Sequence[MessageEdit], batch: ModerationBatch | None = None, **cause: Any) -> ModerationBatch:
    return moderation.edit(edits, Cause.of(**cause), batch)


def suspend(
    *, users: Objects, until: datetime | None = None, flag_messages: bool = False, **cause: Any
) -> ModerationBatch:
    options = {"until": until.isoformat() if until else None, "flag_messages": flag_messages}
    return moderation.decide(Verb.SUSPEND, users, Cause.of(**cause), options)


def reinstate(*, users: Objects, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.REINSTATE, users, Cause.of(**cause))


def warn(*, users: Objects, text: str, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.WARN, users, Cause.of(**cause), {"text": text})


def erase(*, users: Objects, messages: str = Messages.KEEP, delete: bool = False, **cause: Any) -> ModerationBatch:
    return moderation.decide(Verb.ERASE, users, Cause.of(**cause), options_of(messages, delete))


def undo(*, batch: ModerationBatch, **cause: Any) -> ModerationBatch:
    return moderation.undo(batch, Cause.of(**cause))
