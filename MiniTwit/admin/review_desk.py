"""What the desk of the review queue shows about a message: enough to decide, within one screen."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Q

from MiniTwit import review, watchlist
from MiniTwit.models import Message, ModerationEvent, ModerationReason, User, Verb

NEXT_SHOWN = 8
EVENTS_SHOWN = 8
NEIGHBOURS = 3  # on either side
AUTHOR_MESSAGES = 1_000  # counted at most
NOTHING_WRONG = "Nothing wrong"  # the reason, as the fixture brings it, for leaving a message on show


def desk_of(message: Message | None, moderator: User, last_reasons: Mapping[str, str]) -> dict[str, Any]:
    """The template's context; `message` comes with its author, and `last_reasons` are those given last, by verb."""
    context: dict[str, Any] = {"count": review.count_waiting(), "claim_seconds": review.CLAIM_TIME.seconds}
    if message is None:
        return context | {"item": None}
    hits = list(message.watch_hits.select_related("term").order_by("pk"))
    waiting_hits = [hit for hit in hits if hit.waiting]
    reasons = list(ModerationReason.objects.filter(active=True).values_list("name", flat=True))
    return context | {
        "item": message,
        "version": review.version_of(message),
        "text": watchlist.mark(message.text, hits),
        "wait_reasons": review.wait_reasons_of(message, waiting_hits),
        "author": author_facts(message.author),
        "events": ModerationEvent.objects.filter(message=message.pk).order_by("-id")[:EVENTS_SHOWN],
        "neighbours": neighbours_of(message),
        "next_ones": next_ones(message, moderator),
        "reasons": reasons,
        "usual": usual_reasons(reasons, last_reasons),
    }


def author_facts(author: User) -> dict[str, Any]:
    """Counts of the author's newest messages: the index gives them, however many there are."""
    newest = author.messages.order_by("-pub_date", "-id").values("pk", "flagged")[: AUTHOR_MESSAGES + 1]
    counts = Message.objects.filter(pk__in=newest.values("pk")).aggregate(
        messages=Count("pk"), flagged=Count("pk", filter=Q(flagged=True))
    )
    number = counts["messages"]
    return {
        "messages": f"{number:,}" if number <= AUTHOR_MESSAGES else f"{AUTHOR_MESSAGES:,}+",
        "flagged": f"{counts['flagged']:,}",
        "strikes": author.strikes.filter(revoked_at=None).count(),
    }


def neighbours_of(message: Message) -> list[Message]:
    """The author's messages just before and just after, newest first."""
    others = Message.objects.filter(author=message.author_id)
    moment, number = message.pub_date, message.pk
    # The first condition is the one that the index by author and date can begin at.
    before = others.filter(Q(pub_date__lte=moment), Q(pub_date__lt=moment) | Q(pk__lt=number))
    after = others.filter(Q(pub_date__gte=moment), Q(pub_date__gt=moment) | Q(pk__gt=number))
    older = list(before.order_by("-pub_date", "-id")[:NEIGHBOURS])
    newer = list(after.order_by("pub_date", "id")[:NEIGHBOURS])
    return [*reversed(newer), *older]


def next_ones(message: Message, moderator: User) -> list[Message]:
    """The next messages of the queue."""
    ids = review.waiting(moderator=moderator, after=review.position_of(message), limit=NEXT_SHOWN)
    found = Message.objects.select_related("author").in_bulk(ids)
    return [found[message_id] for message_id in ids if message_id in found]


def usual_reasons(reasons: Sequence[str], last_reasons: Mapping[str, str]) -> dict[str, str]:
    """The reason that goes with each verb when none is chosen: what was given last, or else what suits the verb.

    Args:
        reasons: those that can be chosen. Without any, staff write reasons of their own.
    """
    wrong = [name for name in reasons if name != NOTHING_WRONG]
    right = [name for name in reasons if name == NOTHING_WRONG]
    usual = {}
    for verb, suitable in ((Verb.FLAG, wrong + right), (Verb.UNFLAG, right + wrong), (Verb.KEEP, right + wrong)):
        last = last_reasons.get(verb, "")
        is_offered = last in reasons or not reasons
        usual[verb.value] = last if last and is_offered else next(iter(suitable), "")
    return usual
