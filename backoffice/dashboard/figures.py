"""What the first page counts. Each function asks once, and the log is read from its daily counts."""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet

from MiniTwit import review
from MiniTwit.background.queue import is_worker_running
from MiniTwit.database.queries import rows_of, value_of
from MiniTwit.models import DailyDecisions, Message, ModerationBatch, User, Verb

DAYS = 30
WEEK = 7
COUNTED = 10_000  # suspended accounts; more are "10,000+"
REMEMBERED_SECONDS = 60  # messages by day: a minute makes no difference to a chart

MESSAGES_BY_DAY = """
SELECT (pub_date AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE flagged) FROM "MiniTwit_message"
WHERE pub_date >= %(first)s AND pub_date < %(after)s GROUP BY 1
"""
STEPS_TAKEN = """
SELECT EXISTS (SELECT FROM "MiniTwit_user" WHERE legacy_id IS NOT NULL),
    EXISTS (SELECT FROM "MiniTwit_message" WHERE legacy_id IS NOT NULL),
    EXISTS (SELECT FROM "MiniTwit_moderationreason" WHERE active),
    EXISTS (SELECT FROM "MiniTwit_watchterm" WHERE active),
    (SELECT count(*) > 1 FROM (SELECT FROM "MiniTwit_user" WHERE is_staff LIMIT 2) AS staff),
    EXISTS (SELECT FROM "MiniTwit_moderationbatch" WHERE state = 'done')
"""


def today() -> date:
    return datetime.now(UTC).date()


def last_days(last: date) -> list[date]:
    """The days of a chart, in their order."""
    return [last - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]


def decisions() -> list[DailyDecisions]:
    """The counts of the last 30 days, undoing left out: it is no decision of its own."""
    return list(DailyDecisions.objects.filter(day__gt=today() - timedelta(days=DAYS)).exclude(verb=Verb.UNDO))


def since(counts: Iterable[DailyDecisions], days: int, verb: Verb | None = None) -> int:
    """How many decisions were made in the last days, today included; of one verb, or of all."""
    first = today() - timedelta(days=days - 1)
    return sum(count.number for count in counts if count.day >= first and verb in (None, count.verb))


def by_moderator(counts: Iterable[DailyDecisions]) -> list[tuple[str, int]]:
    """The moderators who decided most in the last seven days."""
    first = today() - timedelta(days=WEEK - 1)
    numbers: Counter[str] = Counter()
    for count in counts:
        if count.day >= first:
            numbers[count.actor_name] += count.number
    return numbers.most_common(8)


def oldest_waiting(user: User) -> Message | None:
    """The message that the queue would show the user next."""
    found = review.waiting(moderator=user, limit=1)
    return Message.objects.only("pub_date").filter(pk__in=found).first()


def suspended() -> str:
    """How many accounts are suspended now, as a word."""
    now = datetime.now(UTC)
    found = User.objects.filter(suspended_at__isnull=False).exclude(suspended_until__lte=now)
    number = found.values("pk")[:COUNTED].count()
    return f"{number:,}" if number < COUNTED else f"{COUNTED:,}+"


def newest_message() -> date | None:
    """The day of the newest message that is not dated into the future."""
    newest = Message.objects.filter(pub_date__lte=datetime.now(UTC)).order_by("-pub_date", "-id")[:1]
    return next((moment.astimezone(UTC).date() for moment in newest.values_list("pub_date", flat=True)), None)


def messages_by_day(last: date) -> dict[date, tuple[int, int]]:
    """How many messages each of the 30 days has, and how many of them are flagged."""
    key = f"dashboard.messages.{last}"
    found: dict[date, tuple[int, int]] | None = cache.get(key)
    if found is None:
        first = datetime.combine(last - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
        values = {"first": first, "after": first + timedelta(days=DAYS)}
        found = {day: (number, flagged) for day, number, flagged in rows_of(MESSAGES_BY_DAY, values)}
        cache.set(key, found, REMEMBERED_SECONDS)
    return found


def newest_batches(number: int = 8) -> QuerySet[ModerationBatch]:
    """What the team decided last, with the undos of it and those of these."""
    confirmed = ModerationBatch.objects.filter(confirmed_at__isnull=False)
    return confirmed.prefetch_related("undone_by__undone_by").order_by("-id")[:number]


@dataclass(frozen=True)
class Health:
    """Whether the site works. Sizes are in bytes."""

    worker_runs: bool
    database_size: int
    disk_free: int


def health() -> Health:
    return Health(
        worker_runs=is_worker_running(),
        database_size=value_of("SELECT pg_database_size(current_database())"),
        disk_free=shutil.disk_usage(settings.VAR_DIR).free,
    )


def steps_taken() -> tuple[bool, ...]:
    """Which steps of the first day are done, in the order of the checklist."""
    [row] = rows_of(STEPS_TAKEN, {})
    return tuple(row)
