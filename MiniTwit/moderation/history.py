"""Who changed an object in the meantime: the sentence that says why a decision skipped it."""

from collections.abc import Callable, Container, Mapping

from MiniTwit.instants import TO_THE_SECOND, shown_time
from MiniTwit.models import ModerationEvent, Subject, Verb

GONE = "It does not exist any more: it was deleted."
EDITED = "It was edited in the meantime."


def newer_than_the_event(event_id: int, event: ModerationEvent) -> bool:
    """For an undo, whose keys are the events that it undoes."""
    return event.pk > event_id


def who_did_what(
    subject: Subject,
    objects: Mapping[int, int],
    gone: Container[int] = (),
    is_newer: Callable[[int, ModerationEvent], bool] | None = None,
) -> dict[int, str]:
    """Tell for each object who decided about it last.

    Args:
        objects: the object's id, by the key under which the answer is wanted.
        gone: the keys of the objects that do not exist any more.
        is_newer: whether an event came in the meantime; older ones are ignored. By default all count.
    """
    if not objects:
        return {}
    newest = {
        getattr(event, f"{subject}_id"): event
        for event in ModerationEvent.objects.filter(**{f"{subject}__in": set(objects.values())}, **about(subject))
        .order_by(f"{subject}_id", "-id")
        .distinct(f"{subject}_id")
    }
    told = {}
    for key, object_id in objects.items():
        event = newest.get(object_id)
        if key in gone:
            told[key] = sentence_of(event) if event and Verb(event.verb).rules.is_final else GONE
        else:
            told[key] = sentence_of(event) if event and (is_newer is None or is_newer(key, event)) else EDITED
    return told


def about(subject: Subject) -> dict[str, bool]:
    """An event about a message names its author as the user, too."""
    return {"message__isnull": True} if subject is Subject.ACCOUNT else {}


def sentence_of(event: ModerationEvent) -> str:
    moment = shown_time(event.created_at, TO_THE_SECOND)
    return f"It was {Verb(event.verb).rules.past_tense} by {event.actor_name} on {moment}."
