"""Look through messages for the terms of the watch-list: some thousand at a time, one term at a time.

A term remembers the id it was looked through to. Ids are given out in order but become visible out of order: a long
transaction may commit an id that lies below others. So a scan takes as its end the highest id given out so far, waits
until nobody who was writing then is still writing, and only then begins.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import DataError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from psycopg2 import sql
from psycopg2.extras import Json

from MiniTwit.models import Message, WatchHit, WatchTerm
from MiniTwit.watchlist.expressions import expression_of, reason_of, time_limit

CHUNK = 10_000  # messages looked through in one statement
CHUNK_SECONDS = 5.0  # a hundred times what a sensible expression needs
PARTS = 10  # found parts that are kept of one message
PART_LENGTH = 200  # characters of one part
DELETED_AT_ONCE = 10_000  # hits
WRITERS_SECONDS = 10.0  # how long to wait for transactions that were writing
LOCK = (0x4D54, 40)  # two arbitrary numbers that nothing else in this database uses

MESSAGE = sql.Identifier(Message._meta.db_table)
HIT = sql.Identifier(WatchHit._meta.db_table)

Progress = Callable[[int, int], None]  # the id reached, and the last one


class AlreadyScanning(Exception):  # noqa: N818 -- not an error
    """Another process is at it."""


@dataclass
class ScanResult:
    """What a scan came to.

    Attributes:
        finished: nothing is left to look through; else time was up, or somebody was still writing messages.
        hits: new hits, by the terms' ids.
        switched_off: terms that could not be matched.
    """

    finished: bool = True
    hits: dict[int, int] = field(default_factory=dict)
    switched_off: list[WatchTerm] = field(default_factory=list)


@dataclass(frozen=True)
class Horizon:
    """How far to look, and through which id nothing can appear any more."""

    last: int
    settled: int


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the right to scan, or raise AlreadyScanning; PostgreSQL drops it when the process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK)
        if not cursor.fetchone()[0]:
            raise AlreadyScanning
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)


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
    """Look through every message that is new to a term; stop after `seconds`, if given.

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
    result.finished = horizon.settled >= horizon.last
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
    try:
        found = find(term, begin, end)
    except (OperationalError, DataError) as error:
        if isinstance(error, OperationalError) and not connection.is_usable():
            raise  # the server went away, which is not the term's fault
        switch_off(term, error, begin, end)
        result.switched_off.append(term)
        return
    with transaction.atomic():
        # Somebody may have changed or deleted the term meanwhile: then this is of no use any more.
        current = WatchTerm.objects.select_for_update().filter(
            pk=term.pk, kind=term.kind, pattern=term.pattern, active=True, scanned_through=term.scanned_through
        )
        if not current.exists():
            return
        result.hits[term.pk] = result.hits.get(term.pk, 0) + keep_hits(term, found)
        WatchTerm.objects.filter(pk=term.pk).update(
            scanned_through=Greatest(F("scanned_through"), min(end, settled)), scanned_at=Now()
        )


# The fences (OFFSET 0) keep PostgreSQL from trying the expression first, or from collecting the parts twice.
FIND = """
SELECT id, parts FROM (
    SELECT id, ARRAY(
        SELECT left(match[1], {part_length}) FROM regexp_matches(text, %(capturing)s, 'gi') AS match
        WHERE match[1] <> '' LIMIT {parts}
    ) AS parts
    FROM (
        SELECT id, text FROM {message} WHERE id > %(begin)s AND id <= %(end)s AND {required} OFFSET 0
    ) AS candidate
    WHERE text ~* %(matching)s OFFSET 0
) AS found
WHERE parts <> '{{}}' ORDER BY id
"""


def find(term: WatchTerm, begin: int, end: int) -> list[tuple[int, list[str]]]:
    """Return the messages that match, each with the parts that do.

    Raises:
        OperationalError: it took longer than CHUNK_SECONDS.
        DataError: PostgreSQL cannot read the expression.
    """
    expression = expression_of(term.kind, term.pattern)
    statement = sql.SQL(FIND).format(
        message=MESSAGE,
        required=sql.SQL("upper(text) LIKE %(required)s" if expression.required else "true"),
        parts=sql.Literal(PARTS),
        part_length=sql.Literal(PART_LENGTH),
    )
    with time_limit(CHUNK_SECONDS) as cursor:
        cursor.execute(
            statement,
            {
                "begin": begin,
                "end": end,
                "required": expression.required,
                "matching": expression.matching,
                "capturing": expression.capturing,
            },
        )
        return list(cursor.fetchall())


# Locked, so that a message that is being deleted is waited for, and left out when it is gone.
KEEP = """
INSERT INTO {hit} (term_id, message_id, found, pub_date)
SELECT %(term)s, message.id, found.parts, message.pub_date
FROM jsonb_to_recordset(%(found)s) AS found (id bigint, parts text[])
JOIN {message} AS message ON message.id = found.id
ORDER BY message.id FOR KEY SHARE OF message
ON CONFLICT (term_id, message_id) DO NOTHING
"""


def keep_hits(term: WatchTerm, found: list[tuple[int, list[str]]]) -> int:
    """Write hits down; return how many are new."""
    if not found:
        return 0
    rows = Json([{"id": message_id, "parts": parts} for message_id, parts in found])
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(KEEP).format(hit=HIT, message=MESSAGE), {"term": term.pk, "found": rows})
        return int(cursor.rowcount)


def switch_off(term: WatchTerm, error: Exception, begin: int, end: int) -> None:
    """Stop watching for a term that cannot be matched, and say why on it."""
    if isinstance(error, DataError):
        term.error = f"Switched off: PostgreSQL cannot read this: {reason_of(error)}."[:300]
    else:
        term.error = (
            f"Switched off: looking through the {CHUNK:,} messages from {begin + 1} to {end} took longer than "
            f"{CHUNK_SECONDS:.0f} seconds. Simplify the expression and switch it on again."
        )
    unchanged = WatchTerm.objects.filter(pk=term.pk, kind=term.kind, pattern=term.pattern)
    unchanged.update(active=False, error=term.error, scanned_at=timezone.now())


def start_afresh(term: WatchTerm) -> None:
    """Forget what a term found under its former pattern; the next scan looks through everything.

    At most some thousand hits go at once; the scan itself clears away the rest before it begins.
    """
    term.scanned_through, term.scanned_at, term.error = 0, None, ""
    term.save(update_fields=["scanned_through", "scanned_at", "error"])
    delete_some_hits(term.pk)


def forget_hits(term: WatchTerm) -> None:
    """Delete all hits of a term, in bounded steps."""
    while delete_some_hits(term.pk) == DELETED_AT_ONCE:
        pass


def delete_some_hits(term_id: int) -> int:
    """Delete up to DELETED_AT_ONCE hits; return how many there were."""
    some = WatchHit.objects.filter(term=term_id).order_by("message_id").values("pk")[:DELETED_AT_ONCE]
    return int(WatchHit.objects.filter(pk__in=some)._raw_delete(using="default"))
