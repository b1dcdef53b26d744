"""How far work in the background is: what the page of every kind shows, and its script asks for."""

from dataclasses import dataclass
from datetime import datetime

from MiniTwit.database.clock import database_time
from MiniTwit.json_records import JsonRecord


@dataclass(frozen=True)
class WorkProgress(JsonRecord):
    """How far a piece of work is.

    Attributes:
        stage: changes whenever the page has something new to show.
        activity: what goes on; empty when nothing does.
        phase, done, total: the part of the work at hand and its rows; a total of 0 means unknown.
        elapsed: seconds since the work was taken up, or asked for.
        waiting: why nothing happens yet. command: what staff may run about it. See `why_waiting` in `queue.py`.
    """

    stage: str
    activity: str
    phase: str
    done: int
    total: int
    elapsed: int
    waiting: str
    command: str


def seconds_since(moment: datetime | None) -> int:
    """By the database's clock; 0 where there is no moment."""
    return max(0, int((database_time() - moment).total_seconds())) if moment else 0
