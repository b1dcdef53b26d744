"""The decisions about a message or an account, as its page shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from MiniTwit.admin.ids import id_in
from MiniTwit.instants import showable
from MiniTwit.models import ModerationEvent, Verb

SHOWN_EVENTS = 25

# What was done, in the words of a list.
DONE = {
    Verb.FLAG: "flagged",
    Verb.UNFLAG: "unflagged",
    Verb.KEEP: "kept",
    Verb.EDIT: "edited",
    Verb.PURGE: "purged",
    Verb.SUSPEND: "suspended",
    Verb.REINSTATE: "reinstated",
    Verb.WARN: "warned",
    Verb.ERASE: "erased",
    Verb.UNDO: "undone",
}
# The parts of a state, as `before` and `after` of an event name them.
TITLES = {
    "author": "author",
    "text": "text",
    "pub_date": "published",
    "flagged": "flagged",
    "decision": "decision",
    "decided_at": "reviewed",
    "suspended_at": "suspended",
    "suspended_until": "until",
    "strikes": "strikes",
}


@dataclass(frozen=True)
class Line:
    """One event, ready to be shown.

    Attributes:
        changes: what, before, after.
    """

    event: ModerationEvent
    done: str
    changes: list[tuple[str, str, str]]
    batch_url: str


def lines_of(events: QuerySet[ModerationEvent], before: str = "") -> tuple[list[Line], int | None]:
    """The newest events, or those before one of them, and the id from which on there are older ones."""
    if edge := id_in(before):
        events = events.filter(pk__lt=edge)
    found = list(events.order_by("-id")[: SHOWN_EVENTS + 1])
    older = found[SHOWN_EVENTS - 1].pk if len(found) > SHOWN_EVENTS else None
    lines = [
        Line(event, DONE.get(Verb(event.verb), event.verb), changes_of(event), batch_url(event.batch_id))
        for event in found[:SHOWN_EVENTS]
    ]
    return lines, older


def batch_url(batch_id: int) -> str:
    try:
        return reverse("admin:MiniTwit_moderationbatch_change", args=[batch_id])
    except NoReverseMatch:  # the batches have no page
        return ""


def changes_of(event: ModerationEvent) -> list[tuple[str, str, str]]:
    """What an event changed: the name of each part of the state, before and after."""
    if event.after is None:
        return [("", "here", "deleted for good")]
    names = [name for name in {**event.before, **event.after} if event.before.get(name) != event.after.get(name)]
    if len(names) > 1 and event.after.get("decided_at"):
        names.remove("decided_at")  # that is when the event was
    return [
        (TITLES.get(name, name.replace("_", " ")), in_words(event.before.get(name)), in_words(event.after.get(name)))
        for name in names
    ]


def in_words(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and "T" in value:
        try:
            moment: datetime | None = parse_datetime(value)
        except ValueError:
            moment = None
        if moment is not None and timezone.is_aware(moment):
            return date_format(timezone.localtime(showable(moment)), "DATETIME_FORMAT")
    return str(value)
