"""What came from the old database earlier and is no longer in it. It is told, and left alone here.

There is one old database, so every row with an old id came from it; a follow, if an import brought it.
"""

from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.steps.classify import Check
from legacy_import.tables import table_of

SHOWN = 10  # rows of each table
LONGEST_SHOWN = 200  # characters of a value

# What a sample shows: an old id, and what stands here under it.
VANISHED = {
    "user": """
        SELECT here.legacy_id, here.username AS what, '' AS more FROM {user} AS here
        WHERE here.legacy_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = here.legacy_id)
        UNION ALL
        SELECT merged.legacy_id, survivor.username, 'merged into the account of this name'
        FROM {merged} AS merged JOIN {user} AS survivor ON survivor.id = merged.user_id
        WHERE NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = merged.legacy_id)
            AND NOT EXISTS (SELECT FROM {user} AS own WHERE own.legacy_id = merged.legacy_id)
    """,
    "message": """
        SELECT here.legacy_id, author.username AS what, here.text AS more
        FROM {message} AS here JOIN {user} AS author ON author.id = here.author_id
        WHERE here.legacy_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = here.legacy_id)
    """,
    "follower": """
        SELECT who.legacy_id, who.username AS what, whom.username AS more
        FROM {follow} AS here JOIN {user} AS who ON who.id = here.who_id JOIN {user} AS whom ON whom.id = here.whom_id
        WHERE here.import_run IS NOT NULL AND NOT EXISTS (
            SELECT FROM {checked} AS old WHERE old.who_id = here.who_id AND old.whom_id = here.whom_id)
    """,
}


def vanished_rows(check: Check) -> tuple[int, list[dict[str, Any]]]:
    """How many rows have vanished from an old table, and the first of them: `{"legacy_id", "what", "more"}`."""
    models = check.resource.models
    rows = sql.SQL(VANISHED[check.table]).format(
        user=table_of(models.user),
        message=table_of(models.message),
        follow=table_of(models.follow),
        merged=table_of(models.merged),
        checked=check.checked,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS vanished").format(rows))
        count = cursor.fetchone()[0]
        if not count:
            return 0, []
        cursor.execute(
            # The fence: to find ten quickly, PostgreSQL would look for each row in all of the old ones in turn.
            sql.SQL(
                "SELECT legacy_id, left(what, {longest}), left(more, {longest}) FROM ({rows} OFFSET 0) AS vanished"
                " ORDER BY 1, 2, 3 LIMIT {shown}"
            ).format(rows=rows, longest=sql.Literal(LONGEST_SHOWN), shown=sql.Literal(SHOWN))
        )
        return count, [{"legacy_id": number, "what": what, "more": more} for number, what, more in cursor.fetchall()]
