"""Look again through messages whose text was edited, in this application or by a later import.

A trigger records them (see `MiniTwit/database/triggers.py`). The scan reads the text first and then removes the line
by its own number, so an edit in between has another line and is not missed.
"""

import time

from django.db import connection
from psycopg2 import sql

from MiniTwit.models import EditedMessage, Message, SkippedMessage, WatchTerm
from MiniTwit.watchlist.matching import (
    HIT,
    BrokenTermError,
    Found,
    ScanResult,
    UnreadableError,
    as_json,
    find,
    keep_hits,
    lay_out,
    still_the_same,
    switch_off,
)
from MiniTwit.watchlist.pieces import existing

CHUNK = 1_000  # messages looked through at a time

# Hits of the former text that are not in the present one, or not in these words.
FORGET = """
DELETE FROM {hit} AS hit WHERE hit.term_id = %(term)s AND hit.message_id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(found)s) AS found (id bigint, parts text[])
    WHERE found.id = hit.message_id AND found.parts = hit.found::text[]
)
"""


def look_again(deadline: float | None, result: ScanResult) -> bool:
    """Look through edited messages; return False if time was up before the end."""
    while edited := dict(EditedMessage.objects.order_by("pk").values_list("pk", "message_id")[:CHUNK]):
        if deadline and time.monotonic() > deadline:
            return False
        ids = sorted(set(edited.values()))
        piece = existing(ids)
        # Messages after the piece have too much text for it; their lines are for the next one.
        left = set(Message.objects.filter(pk__in=ids).values_list("pk", flat=True)) - set(piece)
        look_at(piece, result)
        done = [line for line, message_id in edited.items() if message_id not in left]
        EditedMessage.objects.filter(pk__in=done).delete()
    return True


def look_at(ids: list[int], result: ScanResult) -> None:
    """Look through some messages for all terms, and through single ones where that takes too long."""
    terms = list(WatchTerm.objects.filter(active=True).order_by("id"))
    SkippedMessage.objects.filter(message_id__in=ids).delete()
    try:
        lay_out(ids)
    except UnreadableError:
        if len(ids) > 1:
            for half in halves(ids):
                look_at(half, result)
            return
        for term in terms:
            keep(term, ids, [], result)
            result.skip(term, ids[0])
        return
    for term in terms:
        look_for(term, ids, result)


def look_for(term: WatchTerm, ids: list[int], result: ScanResult) -> None:
    """Look through the prepared messages for one term, in halves where they take too long."""
    try:
        found = find(term, ids)
    except BrokenTermError as error:
        switch_off(term, str(error))
        result.switched_off.append(term)
    except UnreadableError:
        if len(ids) > 1:
            for half in halves(ids):
                lay_out(half)
                look_for(term, half, result)
            lay_out(ids)  # for the next term
        else:
            keep(term, ids, [], result)
            result.skip(term, ids[0])
    else:
        keep(term, ids, found, result)


def halves(ids: list[int]) -> tuple[list[int], list[int]]:
    middle = len(ids) // 2
    return ids[:middle], ids[middle:]


def keep(term: WatchTerm, ids: list[int], found: Found, result: ScanResult) -> None:
    """Store hits, and delete those that the edit removed. Hits in the same words stay as they are, decided or not."""
    with still_the_same(term) as is_the_same, connection.cursor() as cursor:
        if is_the_same:
            values = {"term": term.pk, "ids": ids, "found": as_json(found)}
            cursor.execute(sql.SQL(FORGET).format(hit=HIT), values)
            result.count(term, keep_hits(term, found))
