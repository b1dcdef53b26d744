"""The field of a date and a time."""

import json
from calendar import monthrange
from datetime import datetime, timedelta

from django import forms


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of a date and a time, with some that are often wanted beside it."""

    input_type = "datetime-local"
    written = "%Y-%m-%dT%H:%M"

    def __init__(self, *, with_seconds: bool = False) -> None:
        super().__init__(
            attrs={"step": "1"} if with_seconds else {}, format=f"{self.written}:%S" if with_seconds else self.written
        )

    def count_from(self, now: datetime) -> None:
        """Offer what comes after `now`, which is local time."""
        moments = {
            "1 day": now + timedelta(days=1),
            "1 week": now + timedelta(weeks=1),
            "1 month": one_month_after(now),
        }
        written = [(label, moment.strftime(self.written)) for label, moment in moments.items()]
        self.attrs |= {"min": now.strftime(self.written), "data-moments": json.dumps(written)}


def one_month_after(moment: datetime) -> datetime:
    """The same day of the next month, or its last day."""
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
