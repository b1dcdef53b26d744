"""The decisions about a message or an account, as its page shows them."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from psycopg2 import sql

from MiniTwit.database.queries import rows_of
from MiniTwit.excerpts import excerpt
from MiniTwit.ids import LARGEST_ID, id_in
from MiniTwit.instants import WITH_ZONE, shown_time
from MiniTwit.models import Message, ModerationEvent, User, Verb

SHOWN_EVENTS = 25
SHOWN_CHARACTERS = 1_000  # of a text that was edited
COUNTED = 1_000  # events of a batch

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
        number: how many events of the same batch the line sums up; of a suspension, with all messages flagged.
        url: their list.
    """

    event: ModerationEvent
    done: str
    changes: list[tuple[str, str, str]]
    batch_url: str
    number: int = 1
    url: str = ""

    def without_details(self) -> "Line":
        """What was changed of the first of several messages is not told: it is not that of the others."""
        is_of_one = self.number == 1 or self.event.message_id is None
        return self if is_of_one else replace(self, changes=[])

    @property
    def messages(self) -> str:
        """How many messages it was about."""
        number = self.number - (self.event.message_id is None)
        told = f"{number:,}" if self.number <= COUNTED else f"more than {COUNTED:,}"
        return f"{told} message{'' if number == 1 else 's'}"


def lines_about(row: Message | User, before: str = "") -> tuple[list[Line], int | None]:
    """What was decided about a message; or about an account and its messages, a line for each batch.

    Args:
        before: where the page begins, as the page before said it.

    Returns:
        The newest lines, and where older ones begin.
    """
    return batches_about(row, before) if isinstance(row, User) else lines_of(row.events.all(), before)


def lines_of(events: QuerySet[ModerationEvent], before: str = "") -> tuple[list[Line], int | None]:
    """The newest events, or those before one of them, and the id from which on there are older ones."""
    if edge := id_in(before):
        events = events.filter(pk__lt=edge)
    found = list(events.order_by("-id")[: SHOWN_EVENTS + 1])
    older = found[SHOWN_EVENTS - 1].pk if len(found) > SHOWN_EVENTS else None
    return [line_of(event) for event in found[:SHOWN_EVENTS]], older


# The batches that have events of an account, newest first. Each step looks at one entry of the index, however many
# events the batch before has.
BATCHES_OF = """
WITH RECURSIVE line AS (
    (SELECT batch_id FROM {event} WHERE user_id = %(user)s AND batch_id < %(before)s ORDER BY batch_id DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT batch_id FROM {event} WHERE user_id = %(user)s AND batch_id < line.batch_id
            ORDER BY batch_id DESC LIMIT 1)
    FROM line WHERE line.batch_id IS NOT NULL
)
SELECT line.batch_id, first.id,
    (SELECT count(*) FROM (SELECT FROM {event} WHERE user_id = %(user)s AND batch_id = line.batch_id
                           LIMIT %(counted)s) AS counted)
FROM line CROSS JOIN LATERAL (
    SELECT id FROM {event} WHERE user_id = %(user)s AND batch_id = line.batch_id ORDER BY id LIMIT 1
) AS first
WHERE line.batch_id IS NOT NULL
LIMIT %(limit)s
"""


def batches_about(user: User, before: str = "") -> tuple[list[Line], int | None]:
    """The newest batches of decisions about an account; a batch begins with the decision about the account itself."""
    statement = sql.SQL(BATCHES_OF).format(event=sql.Identifier(ModerationEvent._meta.db_table))
    values = {"user": user.pk, "before": id_in(before) or LARGEST_ID, "counted": COUNTED + 1}
    found = rows_of(statement, values | {"limit": SHOWN_EVENTS + 1})
    older = found[SHOWN_EVENTS - 1][0] if len(found) > SHOWN_EVENTS else None
    events = ModerationEvent.objects.in_bulk([first for _, first, _ in found[:SHOWN_EVENTS]])
    of_account = f"{reverse('admin:MiniTwit_moderationevent_changelist')}?user__id__exact={user.pk}"
    lines = [
        replace(line_of(events[first]), number=number, url=f"{of_account}&batch={batch}")
        for batch, first, number in found[:SHOWN_EVENTS]
    ]
    return [line.without_details() for line in lines], older


def line_of(event: ModerationEvent) -> Line:
    batch_url = reverse("admin:MiniTwit_moderationbatch_change", args=[event.batch_id])
    return Line(event, Verb(event.verb).rules.past_tense, changes_of(event), batch_url)


def changes_of(event: ModerationEvent, length: int = SHOWN_CHARACTERS) -> list[tuple[str, str, str]]:
    """What an event changed: the name of each part of the state, before and after.

    Args:
        length: how much of a text is shown.
    """
    if event.after is None:
        return [("", "existed", "deleted permanently")]
    names = [name for name in {**event.before, **event.after} if event.before.get(name) != event.after.get(name)]
    if len(names) > 1 and event.after.get("decided_at"):
        names.remove("decided_at")  # that is when the event was
    return [
        (
            TITLES.get(name, name.replace("_", " ")),
            in_words(event.before.get(name), name, length),
            in_words(event.after.get(name), name, length),
        )
        for name in names
    ]


def in_words(value: Any, name: str = "", length: int = SHOWN_CHARACTERS) -> str:
    """A part of a state, to be read. A text is shown as it is, whatever it looks like."""
    if name == "text":
        return excerpt(str(value), length)
    if name == "author":
        return f"account {value}"
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
            return shown_time(moment, WITH_ZONE)
    return str(value)
