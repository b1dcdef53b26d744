"""Look through new messages for the terms of the watch-list: some thousand at a time, one term at a time.

A term remembers the id it was looked through to. Ids are given out in order but become visible out of order: a long
transaction may commit an id that lies below others. So a scan takes as its end the highest id given out so far, waits
until every transaction that was writing then has ended, and only then begins.

The terms go through the messages together. A term that takes too long for a piece falls behind and goes on alone
afterwards, in smaller pieces, down to single messages. A message that takes too long by itself is recorded and
skipped. So neither an expression nor a message can keep the other terms, or the term itself, from the rest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest, Now

from MiniTwit.database.locks import hold
from MiniTwit.models import Message, SkippedMessage, WatchHit, WatchTerm
from MiniTwit.watchlist import pieces
from MiniTwit.watchlist.edited import look_again
from MiniTwit.watchlist.matching import (
    BrokenTermError,
    Found,
    ScanResult,
    UnreadableError,
    find,
    keep_hits,
    lay_out,
    still_the_same,
    switch_off,
)
from MiniTwit.watchlist.pieces import MESSAGE, Piece, next_piece

CHUNK = 10_000  # messages looked through at a time
NARROWER = 4  # a piece that takes too long has so many times fewer messages at the next attempt
DELETED_AT_ONCE = 10_000  # hits
WRITERS_SECONDS = 10.0  # how long to wait for transactions that were writing
LOCK = (0x4D54, 40)  # two arbitrary numbers that nothing else in this database uses

Progress = Callable[[int, int], None]  # the id reached, and the last one


@dataclass(frozen=True)
class Horizon:
    """How far to look (`last`), and the id up to which no new message can appear (`settled`)."""

    last: int
    settled: int


def scan(*, seconds: float | None = None, on_progress: Progress | None = None) -> ScanResult:
    """Look through messages that are new to a term, and again through edited ones; stop after `seconds`, if given.

    Raises:
        LockNotAcquired: another process is scanning.
    """
    deadline = time.monotonic() + seconds if seconds else None
    result = ScanResult()
    with hold(LOCK):
        horizon = find_horizon(min(WRITERS_SECONDS, seconds or WRITERS_SECONDS))
        for term in behind(horizon.last).filter(scanned_at=None):  # new, or under a new pattern
            forget_hits(term)
        walk = Walk(horizon, deadline, result, on_progress)
        pieces.prepare()
        result.finished = (
            walk.together() and look_again(deadline, result) and walk.alone() and horizon.settled >= horizon.last
        )
        pieces.clear()
    return result


@dataclass
class Walk:
    """One pass of the terms through the messages.

    Attributes:
        slow: the terms that took too long for some piece, by their ids.
    """

    horizon: Horizon
    deadline: float | None
    result: ScanResult
    on_progress: Progress | None = None
    slow: set[int] = field(default_factory=set)

    def together(self) -> bool:
        """Take all terms through the messages together; return False if time was up before."""
        size, last = CHUNK, self.horizon.last
        position = self.first_position(last)
        while position is not None and position < last:
            if self.is_late:
                return False
            piece = next_piece(position, last, size)
            terms = list(behind(piece.end).exclude(pk__in=self.slow).order_by("id"))
            if not self.lay_out(terms, piece):
                size = max(1, len(piece.ids) // NARROWER)
                continue
            for term in terms:
                try:
                    self.look_for(term, piece)
                except UnreadableError:
                    self.slow.add(term.pk)
            position, size = piece.end, min(CHUNK, size * 2)
            if self.on_progress:
                self.on_progress(position, last)
        return True

    def alone(self) -> bool:
        """Take each slow term through the rest by itself; return False if time was up before."""
        return all(self.alone_with(pk) for pk in sorted(self.slow))

    def alone_with(self, pk: int) -> bool:
        size, last = CHUNK, self.horizon.last
        position = self.first_position(last, pk)
        while position is not None and position < last and (term := behind(last).filter(pk=pk).first()):
            if self.is_late:
                return False
            piece = next_piece(position, last, size)
            try:
                if self.lay_out([term], piece):
                    self.look_for(term, piece)
                    position, size = piece.end, min(CHUNK, size * 2)
                    continue
            except UnreadableError:
                if len(piece.ids) == 1:
                    self.pass_over(term, piece)
                    position = piece.end
            size = max(1, len(piece.ids) // NARROWER)
        return True

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def first_position(self, last: int, *pks: int) -> int | None:
        terms = behind(last).filter(pk__in=pks) if pks else behind(last)
        return terms.order_by("scanned_through").values_list("scanned_through", flat=True).first()

    def lay_out(self, terms: list[WatchTerm], piece: Piece) -> bool:
        """Prepare the piece; return False where it must be smaller. A single message that is too large is skipped."""
        try:
            lay_out(piece.ids)
        except UnreadableError:
            if len(piece.ids) > 1:
                return False
            for term in terms:
                self.pass_over(term, piece)
            lay_out([])
        return True

    def look_for(self, term: WatchTerm, piece: Piece) -> None:
        """Look through the prepared piece, and store the hits."""
        try:
            found = find(term, piece.ids, after=term.scanned_through)
        except BrokenTermError as error:
            switch_off(term, str(error))
            self.result.switched_off.append(term)
            return
        self.keep(term, found, piece)

    def pass_over(self, term: WatchTerm, piece: Piece) -> None:
        self.result.skip(term, piece.ids[0])
        self.keep(term, [], piece)

    def keep(self, term: WatchTerm, found: Found, piece: Piece) -> None:
        with still_the_same(term) as is_the_same:
            if is_the_same:
                self.result.count(term, keep_hits(term, found))
                reached = Greatest(F("scanned_through"), min(piece.end, self.horizon.settled))
                WatchTerm.objects.filter(pk=term.pk).update(scanned_through=reached, scanned_at=Now())


def behind(message_id: int) -> QuerySet[WatchTerm]:
    """The terms that have not been looked for up to that id."""
    return WatchTerm.objects.filter(active=True, scanned_through__lt=message_id)


def find_horizon(timeout: float) -> Horizon:
    """Return the highest id so far; it is settled if all transactions that write now end within `timeout` seconds."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_ID, {"table": MESSAGE.as_string(cursor.cursor)})
        (last,) = cursor.fetchone()
    writers = running_writers()
    deadline = time.monotonic() + timeout
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


def start_afresh(term: WatchTerm) -> None:
    """Forget what a term found under its former pattern; the next scan looks through everything.

    At most some thousand hits go at once; the scan itself clears away the rest before it begins.
    """
    term.scanned_through, term.scanned_at, term.error = 0, None, ""
    term.save(update_fields=["scanned_through", "scanned_at", "error"])
    SkippedMessage.objects.filter(term=term).delete()
    delete_some_hits(term.pk)


def start_over(term: WatchTerm) -> None:
    """Look through everything again, and keep the hits: messages may have been edited while the term was off."""
    term.scanned_through = 0
    term.save(update_fields=["scanned_through"])
    SkippedMessage.objects.filter(term=term).delete()


def forget_hits(term: WatchTerm) -> None:
    """Delete all hits of a term, in bounded steps."""
    while delete_some_hits(term.pk) == DELETED_AT_ONCE:
        pass


def delete_some_hits(term_id: int) -> int:
    """Delete up to DELETED_AT_ONCE hits; return how many there were."""
    some = WatchHit.objects.filter(term=term_id).order_by("message_id").values("pk")[:DELETED_AT_ONCE]
    return int(WatchHit.objects.filter(pk__in=some)._raw_delete(using="default"))
