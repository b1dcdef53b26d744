"""Look through new messages for the terms of the watch-list: some thousand at a time, one term at a time.

A term remembers the id it was looked through to. Ids are given out in order but become visible out of order: a long
transaction may commit an id that lies below others. So a scan takes as its end the highest id given out so far, waits
until nobody who was writing then is still writing, and only then begins.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest, Now

from MiniTwit.locks import Busy, hold
from MiniTwit.models import Message, WatchHit, WatchTerm
from MiniTwit.watchlist.edited import look_again
from MiniTwit.watchlist.matching import (
    MESSAGE,
    ScanResult,
    between,
    find_or_switch_off,
    keep_hits,
    still_the_same,
)

CHUNK = 10_000  # messages looked through in one statement
DELETED_AT_ONCE = 10_000  # hits
WRITERS_SECONDS = 10.0  # how long to wait for transactions that were writing
LOCK = (0x4D54, 40)  # two arbitrary numbers that nothing else in this database uses

Progress = Callable[[int, int], None]  # the id reached, and the last one


class AlreadyScanning(Exception):  # noqa: N818 -- not an error
    """Another process is at it."""


@dataclass(frozen=True)
class Horizon:
    """How far to look, and through which id nothing can appear any more."""

    last: int
    settled: int


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the right to scan, or raise AlreadyScanning; PostgreSQL drops it when the process dies."""
    try:
        with hold(LOCK):
            yield
    except Busy:
        raise AlreadyScanning from None


def is_scanning() -> bool:
    """Whether some process is at it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s"
            " AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            LOCK,
        )
        return bool(cursor.fetchone()[0])


def scan(*, seconds: float | None = None, progress: Progress | None = None) -> ScanResult:
    """Look through every message that is new to a term, and again through those that were edited; stop after
    `seconds`, if given.

    Raises:
        AlreadyScanning: another process is at it.
    """
    deadline = time.monotonic() + seconds if seconds else None
    result = ScanResult()
    with only_one():
        horizon = find_horizon(min(WRITERS_SECONDS, seconds or WRITERS_SECONDS))
        for term in behind(horizon.last).filter(scanned_at=None):  # new, or under a new pattern
            forget_hits(term)
        position = behind(horizon.last).order_by("scanned_through").values_list("scanned_through", flat=True).first()
        while position is not None and position < horizon.last:
            if deadline and time.monotonic() > deadline:
                result.finished = False
                return result
            end = end_of_chunk(position, horizon.last)
            for term in behind(end).order_by("id"):
                scan_chunk(term, max(position, term.scanned_through), end, horizon.settled, result)
            position = end
            if progress:
                progress(position, horizon.last)
        result.finished = look_again(deadline, result) and horizon.settled >= horizon.last
    return result


def behind(message_id: int) -> QuerySet[WatchTerm]:
    """The terms that have not been looked for through that id."""
    return WatchTerm.objects.filter(active=True, scanned_through__lt=message_id)


def find_horizon(patience: float) -> Horizon:
    """The highest id given out so far; settled, if all who were writing then have ended within `patience` seconds."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_ID, {"table": MESSAGE.as_string(cursor.cursor)})
        (last,) = cursor.fetchone()
    writers = running_writers()
    deadline = time.monotonic() + patience
    while writers and time.monotonic() < deadline:
        time.sleep(0.1)
        writers &= running_writers()
    if not writers:
        return Horizon(last, settled=last)
    furthest = WatchTerm.objects.order_by("-scanned_through").values_list("scanned_through", flat=True).first()
    return Horizon(last, settled=min(furthest or 0, last))


LAST_ID = f"""
SELECT greatest(coalesce(pg_sequence_last_value(pg_get_serial_sequence(%(table)s, 'id')), 0),
    (SELECT coalesce(max(id), 0) FROM "{Message._meta.db_table}"))
"""  # noqa: S608


def running_writers() -> set[str]:
    """The transactions, except this one, that may have taken an id: they hold the lock of an INSERT till they end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
            " AND granted AND relation = %s::regclass AND pid IS DISTINCT FROM pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [MESSAGE.as_string(cursor.cursor)],
        )
        return {transaction_id for (transaction_id,) in cursor.fetchall()}


def end_of_chunk(position: int, last: int) -> int:
    """The id of the CHUNKth message after `position`: ids have gaps."""
    following = Message.objects.filter(pk__gt=position, pk__lte=last).order_by("pk").values_list("pk", flat=True)
    return following[CHUNK - 1 : CHUNK].first() or last


def scan_chunk(term: WatchTerm, begin: int, end: int, settled: int, result: ScanResult) -> None:
    """Look through the messages after `begin` up to `end` for one term, and remember what is found."""
    found = find_or_switch_off(term, between(begin, end), result)
    if found is None:
        return
    with still_the_same(term) as is_the_same:
        if is_the_same:
            result.count(term, keep_hits(term, found))
            WatchTerm.objects.filter(pk=term.pk).update(
                scanned_through=Greatest(F("scanned_through"), min(end, settled)), scanned_at=Now()
            )


def start_afresh(term: WatchTerm) -> None:
    """Forget what a term found under its former pattern; the next scan looks through everything.

    At most some thousand hits go at once; the scan itself clears away the rest before it begins.
    """
    term.scanned_through, term.scanned_at, term.error = 0, None, ""
    term.save(update_fields=["scanned_through", "scanned_at", "error"])
    delete_some_hits(term.pk)


def start_over(term: WatchTerm) -> None:
    """Look through everything again, and keep what was found: messages may have been edited while it was off."""
    term.scanned_through = 0
    term.save(update_fields=["scanned_through"])


def forget_hits(term: WatchTerm) -> None:
    """Delete all hits of a term, in bounded steps."""
    while delete_some_hits(term.pk) == DELETED_AT_ONCE:
        pass


def delete_some_hits(term_id: int) -> int:
    """Delete up to DELETED_AT_ONCE hits; return how many there were."""
    some = WatchHit.objects.filter(term=term_id).order_by("message_id").values("pk")[:DELETED_AT_ONCE]
    return int(WatchHit.objects.filter(pk__in=some)._raw_delete(using="default"))
