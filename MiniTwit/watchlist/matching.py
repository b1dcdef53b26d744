"""Find one term in a set of messages, within a limit of time, and write down where it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import DataError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg2 import sql
from psycopg2.extras import Json

from MiniTwit import locks
from MiniTwit.models import Message, WatchHit, WatchTerm
from MiniTwit.time_limits import time_limit
from MiniTwit.watchlist.expressions import expression_of, reason_of

CHUNK_SECONDS = 5.0  # a hundred times what a sensible expression needs for ten thousand messages
PARTS = 10  # found parts that are kept of one message
PART_LENGTH = 200  # characters of one part

MESSAGE = sql.Identifier(Message._meta.db_table)
HIT = sql.Identifier(WatchHit._meta.db_table)

Found = list[tuple[int, list[str]]]  # messages, each with the parts that match


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

    def count(self, term: WatchTerm, new_hits: int) -> None:
        self.hits[term.pk] = self.hits.get(term.pk, 0) + new_hits


@dataclass(frozen=True)
class Section:
    """The messages to look through: a condition on `id` with its values, and what to call them."""

    condition: str
    values: dict[str, object]
    name: str


def between(begin: int, end: int) -> Section:
    """The messages after `begin` up to `end`."""
    return Section(
        "id > %(begin)s AND id <= %(end)s", {"begin": begin, "end": end}, f"messages from {begin + 1} to {end}"
    )


def one_of(ids: list[int]) -> Section:
    return Section("id = ANY(%(ids)s)", {"ids": ids}, f"{len(ids):,} edited messages")


# The fences (OFFSET 0) keep PostgreSQL from trying the expression first, or from collecting the parts twice.
FIND = """
SELECT id, parts FROM (
    SELECT id, ARRAY(
        SELECT left(match[1], {part_length}) FROM regexp_matches(text, %(capturing)s, 'gi') AS match
        WHERE match[1] <> '' LIMIT {parts}
    ) AS parts
    FROM (
        SELECT id, text FROM {message} WHERE {section} AND {required} OFFSET 0
    ) AS candidate
    WHERE text ~* %(matching)s OFFSET 0
) AS found
WHERE parts <> '{{}}' ORDER BY id
"""


def find(term: WatchTerm, section: Section) -> Found:
    """Return the messages that match, each with the parts that do.

    Raises:
        OperationalError: it took longer than CHUNK_SECONDS.
        DataError: PostgreSQL cannot read the expression.
    """
    expression = expression_of(term.kind, term.pattern)
    statement = sql.SQL(FIND).format(
        message=MESSAGE,
        section=sql.SQL(section.condition),
        required=sql.SQL("upper(text) LIKE %(required)s" if expression.required else "true"),
        parts=sql.Literal(PARTS),
        part_length=sql.Literal(PART_LENGTH),
    )
    values = {
        "required": expression.required,
        "matching": expression.matching,
        "capturing": expression.capturing,
        **section.values,
    }
    with time_limit(CHUNK_SECONDS) as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def find_or_switch_off(term: WatchTerm, section: Section, result: ScanResult) -> Found | None:
    """The same; but a term that cannot be matched is switched off, and None returned."""
    try:
        return find(term, section)
    except (OperationalError, DataError) as error:
        if isinstance(error, OperationalError) and not connection.is_usable():
            raise  # the server went away, which is not the term's fault
        switch_off(term, error, section)
        result.switched_off.append(term)
        return None


@contextmanager
def still_the_same(term: WatchTerm) -> Iterator[bool]:
    """A transaction that holds the term, and whether it is as it was: somebody may have changed or deleted it
    meanwhile, and then what was found is of no use any more."""
    with transaction.atomic():
        locks.lock_tables(WatchHit._meta.db_table, referring_to=[locks.MESSAGES], wait=locks.PATIENCE)
        current = WatchTerm.objects.select_for_update().filter(
            pk=term.pk, kind=term.kind, pattern=term.pattern, active=True, scanned_through=term.scanned_through
        )
        yield current.exists()


# Locked, so that a message that is being deleted is waited for, and left out when it is gone.
KEEP = """
INSERT INTO {hit} (term_id, message_id, found, pub_date)
SELECT %(term)s, message.id, found.parts, message.pub_date
FROM jsonb_to_recordset(%(found)s) AS found (id bigint, parts text[])
JOIN {message} AS message ON message.id = found.id
ORDER BY message.id FOR KEY SHARE OF message
ON CONFLICT (term_id, message_id) DO NOTHING
"""


def keep_hits(term: WatchTerm, found: Found) -> int:
    """Write hits down; return how many are new."""
    if not found:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(KEEP).format(hit=HIT, message=MESSAGE), {"term": term.pk, "found": as_json(found)})
        return int(cursor.rowcount)


def as_json(found: Found) -> Json:
    return Json([{"id": message_id, "parts": parts} for message_id, parts in found])


def switch_off(term: WatchTerm, error: Exception, section: Section) -> None:
    """Stop watching for a term that cannot be matched, and say why on it."""
    if isinstance(error, DataError):
        term.error = f"Switched off: PostgreSQL cannot read this: {reason_of(error)}."[:300]
    else:
        term.error = (
            f"Switched off: looking through the {section.name} took longer than {CHUNK_SECONDS:.0f} seconds. "
            "Simplify the expression and switch it on again."
        )
    unchanged = WatchTerm.objects.filter(pk=term.pk, kind=term.kind, pattern=term.pattern)
    unchanged.update(active=False, error=term.error, scanned_at=timezone.now())
