"""What the pages of a batch show."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from MiniTwit.admin.deciding.freezing import FREEZING_WORK
from MiniTwit.admin.deciding.permissions import may
from MiniTwit.background.progress import WorkProgress, seconds_since
from MiniTwit.background.queue import why_waiting
from MiniTwit.excerpts import excerpt
from MiniTwit.instants import showable
from MiniTwit.models import BatchState, Message, ModerationBatch, ModerationEvent, SelectedRow, Subject, User, Verb
from MiniTwit.moderation import selections
from MiniTwit.moderation.batch_worker import BATCH_WORK
from MiniTwit.moderation.verbs import obstacle_to_undoing

SAMPLE = 10
EXCERPT_LENGTH = 140  # characters
SKIPPED_PER_PAGE = 50


@dataclass(frozen=True)
class ShownObject:
    """A message or an account as a line of a table."""

    name: str
    url: str
    author: str = ""
    moment: datetime | None = None
    state: str = ""
    why: str = ""


def sample_of(batch: ModerationBatch) -> list[ShownObject]:
    """The first rows of a frozen selection, as they are now."""
    ids = list(
        SelectedRow.objects.filter(batch=batch).order_by("object_id").values_list("object_id", flat=True)[:SAMPLE]
    )
    if Verb(batch.verb).rules.subject is Subject.MESSAGE:
        messages = Message.objects.filter(pk__in=ids).select_related("author").order_by("pk")
        return [shown_message(message) for message in messages]
    return [shown_user(user) for user in User.objects.filter(pk__in=ids).order_by("pk")]


def shown_message(message: Message) -> ShownObject:
    states = ["flagged"] if message.flagged else []
    states += [f"last decision: {message.get_decision_display()}"] if message.decision else []
    return ShownObject(
        name=excerpt(message.text, EXCERPT_LENGTH),
        url=reverse("admin:MiniTwit_message_change", args=[message.pk]),
        author=str(message.author),
        moment=message.pub_date,
        state=", ".join(states),
    )


def shown_user(user: User) -> ShownObject:
    states = ["suspended"] if user.is_suspended else []
    states += ["staff"] if user.is_staff else []
    return ShownObject(
        name=user.username,
        url=reverse("admin:MiniTwit_user_change", args=[user.pk]),
        moment=user.date_joined,
        state=", ".join(states),
    )


def context_of(batch: ModerationBatch, user: Any, after: int = 0) -> dict[str, Any]:
    """The template's context for the page of a batch.

    Args:
        after: where the page of skipped rows begins.
    """
    skipped = list(
        SelectedRow.objects.filter(batch=batch, outcome=SelectedRow.Outcome.SKIPPED, object_id__gt=after)
        .order_by("object_id")
        .values_list("object_id", "why")[: SKIPPED_PER_PAGE + 1]
    )
    shown = skipped[:SKIPPED_PER_PAGE]
    return {
        "progress": progress_of(batch),
        "skipped": skipped_objects(batch, shown),
        "skipped_before": bool(after),
        "skipped_next": shown[-1][0] if len(skipped) > SKIPPED_PER_PAGE else 0,
        "until": until_of(batch),
        "warning": batch.options.get("text", ""),
        "undone_by": batch.undone_by.order_by("pk"),
        "left": max(0, batch.selected - batch.changed - batch.unchanged - batch.skipped),
        "may_undo": may(user, Verb.UNDO) and not obstacle_to_undoing(batch),
        "may_cancel": not batch.is_over and not batch.cancel_requested and may(user, batch.verb),
        "may_resume": selections.can_resume(batch) and may(user, batch.verb),
    }


def until_of(batch: ModerationBatch) -> datetime | None:
    """When the suspension of a batch ends, if it does."""
    until = parse_datetime(batch.options.get("until") or "")
    return showable(until) if until else None


def skipped_objects(batch: ModerationBatch, rows: list[tuple[int, str]]) -> list[ShownObject]:
    """The skipped rows as what they are about; those of an undo are events."""
    subject = Verb(batch.verb).rules.subject
    if subject is not Subject.DECISION:
        return [skipped_object(subject, object_id, why) for object_id, why in rows]
    events = ModerationEvent.objects.in_bulk([event_id for event_id, _ in rows])
    return [skipped_object(*object_of(events[event_id]), why) for event_id, why in rows]


def object_of(event: ModerationEvent) -> tuple[Subject, int]:
    return (Subject.MESSAGE, event.message_id) if event.message_id else (Subject.ACCOUNT, event.user_id or 0)


def skipped_object(subject: Subject, object_id: int, why: str) -> ShownObject:
    return ShownObject(
        name=f"{subject.label.capitalize()} {object_id}",
        url=reverse(f"admin:MiniTwit_{subject}_change", args=[object_id]),
        why=why,
    )


def progress_of(batch: ModerationBatch) -> WorkProgress:
    work = BATCH_WORK if batch.is_confirmed else FREEZING_WORK
    began_at = batch.confirmed_at or batch.created_at
    is_waiting = batch.state in (BatchState.WAITING, BatchState.REQUESTED)
    waiting, command = why_waiting(work.tasks, began_at if is_waiting else None)
    is_going_on = is_waiting or batch.state in (BatchState.RUNNING, BatchState.FREEZING)
    return WorkProgress(
        stage="going on" if is_going_on else batch.state,
        activity="Progress" if is_going_on else "",
        phase="Stopping" if batch.cancel_requested else batch.get_state_display().capitalize(),
        done=batch.changed + batch.unchanged + batch.skipped,
        total=batch.selected,
        elapsed=seconds_since(began_at),
        waiting=waiting,
        command=command,
    )
