"""Who changed what in between: the sentence that goes with an object that a decision left alone."""

from collections.abc import Callable, Container, Mapping
from typing import Literal

from django.utils import timezone
from django.utils.formats import date_format

from MiniTwit.models import ModerationEvent, Verb

Kind = Literal["message", "user"]
DONE = {
    Verb.FLAG: "flagged",
    Verb.UNFLAG: "unflagged",
    Verb.KEEP: "kept",
    Verb.EDIT: "edited",
    Verb.PURGE: "deleted for good",
    Verb.SUSPEND: "suspended",
    Verb.REINSTATE: "reinstated",
    Verb.WARN: "warned",
    Verb.ERASE: "erased",
    Verb.UNDO: "put back by an undo",
}
GONE = "It is no longer here: somebody deleted it."
EDITED = "It was edited here in between."


def any_event(_key: int, _event: ModerationEvent) -> bool:
    return True


def newer_than_the_event(event_id: int, event: ModerationEvent) -> bool:
    """For an undo, whose keys are the events that it undoes."""
    return event.pk > event_id


def who_did_what(
    kind: Kind,
    objects: Mapping[int, int],
    gone: Container[int] = (),
    is_newer: Callable[[int, ModerationEvent], bool] = any_event,
) -> dict[int, str]:
    """Tell for each object who decided about it last.

    Args:
        objects: the object's id, by the key under which the answer is wanted.
        gone: the keys of those that are no longer here.
        is_newer: whether an event is what came in between, and not a matter of before.
    """
    if not objects:
        return {}
    newest = {
        getattr(event, f"{kind}_id"): event
        for event in ModerationEvent.objects.filter(**{f"{kind}__in": set(objects.values())}, **about(kind))
        .order_by(f"{kind}_id", "-id")
        .distinct(f"{kind}_id")
    }
    told = {}
    for key, object_id in objects.items():
        event = newest.get(object_id)
        if key in gone:
            told[key] = sentence_of(event) if event and event.verb in (Verb.PURGE, Verb.ERASE) else GONE
        else:
            told[key] = sentence_of(event) if event and is_newer(key, event) else EDITED
    return told


def about(kind: str) -> dict[str, bool]:
    """An event about a message names its author as the user, too."""
    return {"message__isnull": True} if kind == "user" else {}


def sentence_of(event: ModerationEvent) -> str:
    moment = date_format(timezone.localtime(event.created_at), "j M Y, H:i:s")
    return f"It was {DONE[Verb(event.verb)]} by {event.actor_name} on {moment}."
