"""Instants that every time zone can show.

Python's calendar has the years 1 to 9999, PostgreSQL's more. Near its ends an instant has a date in one time zone and
none in another, and a page that shows it fails. So forms and files refuse such an instant. A stored one is read as
the nearest instant that every zone can show.
"""

from datetime import UTC, datetime
from typing import Any

import psycopg2.extensions
from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.dates import MONTHS_3
from django.utils.timezone import localtime

# A day away from the ends of the calendar, as the import has it: no zone is farther from UTC than 14 hours.
FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)
TO_THE_MINUTE = "%H:%M"
TO_THE_SECOND = "%H:%M:%S"
WITH_ZONE = "%H:%M %Z"
TIMESTAMPTZ = 1184  # PostgreSQL's number of the type


def validate_instant(instant: datetime) -> None:
    """Refuse what some time zone cannot show. A validator of form fields."""
    if not FIRST <= instant <= LAST:
        raise ValidationError("Give a date between 2 January 1 and 30 December 9999.", code="out_of_calendar")


def read_instant(text: str | None, cursor: Any) -> datetime | None:
    """Read PostgreSQL's form of an instant; one beyond the calendar becomes the nearer end of it."""
    if text is None:
        return None
    try:
        instant: datetime = psycopg2.extensions.PYDATETIMETZ(text, cursor)
    except (ValueError, OverflowError):
        is_early = text.startswith("-") or text.endswith("BC")  # -infinity, or years before the first
        return FIRST if is_early else LAST
    return showable(instant)


def showable(instant: datetime) -> datetime:
    """An instant; one beyond the calendar becomes the nearer end of it."""
    return min(max(instant, FIRST), LAST)


def shown_time(instant: datetime | None, clock: str = TO_THE_MINUTE) -> str:
    """An instant as staff read it, in the site's time zone; nothing for None.

    In the form of `backoffice/formats`. A page shows a hundred, and Django's `date_format` takes four times as long.
    """
    if instant is None:
        return ""
    local = localtime(showable(instant))
    return f"{local.day} {MONTHS_3[local.month].title()} {local.year:04}, {local:{clock}}"


READER = psycopg2.extensions.new_type((TIMESTAMPTZ,), "SHOWABLE_INSTANT", read_instant)


def read_showable_instants(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Make a new connection read instants with these functions; receives Django's `connection_created`."""
    if connection.vendor == "postgresql":
        psycopg2.extensions.register_type(READER, connection.connection)
