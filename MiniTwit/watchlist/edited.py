"""Look again through messages whose text was edited, here or by an import that brought it anew.

A trigger writes down which ones (see `MiniTwit/triggers.py`). A line is dealt with after the text is read and removed
by its own number, so an edit that comes in between has a line of its own and is not missed.
"""

import time

from django.db import connection
from psycopg2 import sql

from MiniTwit.models import EditedMessage, WatchTerm
from MiniTwit.watchlist.matching import (
    HIT,
    Found,
    ScanResult,
    as_json,
    find_or_switch_off,
    keep_hits,
    one_of,
    still_the_same,
)

CHUNK = 1_000  # messages looked through in one statement

# What was found in the former text, and is not in the present one, or not in these words.
FORGET = """
DELETE FROM {hit} AS hit WHERE hit.term_id = %(term)s AND hit.message_id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(found)s) AS found (id bigint, parts text[])
    WHERE found.id = hit.message_id AND found.parts = hit.found::text[]
)
"""


def look_again(deadline: float | None, result: ScanResult) -> bool:
    """Look through what was edited; return False if time was up before the end."""
    while edited := dict(EditedMessage.objects.order_by("pk").values_list("pk", "message_id")[:CHUNK]):
        if deadline and time.monotonic() > deadline:
            return False
        ids = sorted(set(edited.values()))
        for term in WatchTerm.objects.filter(active=True).order_by("id"):
            found = find_or_switch_off(term, one_of(ids), result)
            if found is None:
                continue
            with still_the_same(term) as is_the_same:
                if is_the_same:
                    forget_former(term, ids, found)
                    result.count(term, keep_hits(term, found))
        EditedMessage.objects.filter(pk__in=edited).delete()
    return True


def forget_former(term: WatchTerm, ids: list[int], found: Found) -> None:
    """Delete the hits that the edit did away with. Those in the same words stay as they are, decided or not."""
    with connection.cursor() as cursor:
        values = {"term": term.pk, "ids": ids, "found": as_json(found)}
        cursor.execute(sql.SQL(FORGET).format(hit=HIT), values)
