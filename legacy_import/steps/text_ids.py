"""Old ids that are texts: keep the text that each number represents, and refuse two texts of one number."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.rules.old_tables import MESSAGES, USERS, OldTable
from legacy_import.steps.bulk_load import is_worth_rebuilding, without_indexes
from legacy_import.steps.classify import Check
from legacy_import.tables import Models, table_of
from MiniTwit import text_ids

# Where checked rows have the text by which they refer to an account, and where the number.
REFERENCES = {"author_id_text": "author_key", "who_id_text": "who_key", "whom_id_text": "whom_key"}

# An aggregate gives one pair. For LIMIT 1 PostgreSQL would expect to find one soon, and join row by row.
SAME_FILE = """
SELECT min(ARRAY[coalesce(first.legacy_id_text, legacy_id::text), coalesce(repeated.legacy_id_text, legacy_id::text)])
FROM {checked} AS repeated
JOIN {checked} AS first USING (legacy_id)
WHERE repeated.own_reason = 'duplicate_id' AND first.legacy_id_text IS DISTINCT FROM repeated.legacy_id_text
"""
# Before a first import there are none, and reading all rows once more takes time.
ANY_EARLIER = """
SELECT EXISTS (SELECT FROM {kept} WHERE "table" = {table})
    OR EXISTS (SELECT FROM {target} WHERE legacy_id >= {lowest})
"""
EARLIER = """
SELECT min(ARRAY[coalesce(kept.text, given.number::text), coalesce(given.text, given.number::text)])
FROM (SELECT {number} AS number, {text} AS text FROM {checked} WHERE {number} >= {lowest}) AS given
LEFT JOIN {kept} AS kept ON kept."table" = {table} AND kept.legacy_id = given.number
WHERE kept.text IS DISTINCT FROM given.text AND kept.text IS DISTINCT FROM ''
    AND (kept.text IS NOT NULL OR EXISTS (SELECT FROM {target} WHERE legacy_id = given.number))
"""
KEEP = """
INSERT INTO {kept} ("table", legacy_id, text, import_run)
SELECT DISTINCT {table}, legacy_id, legacy_id_text, {run} FROM {checked} AS checked WHERE legacy_id_text IS NOT NULL
    AND NOT EXISTS (SELECT FROM {kept} AS kept WHERE kept."table" = {table} AND kept.legacy_id = checked.legacy_id)
"""
# A row that was changed since stays, as does an account that another run merged, and so do the texts of their ids.
FORGET = """
DELETE FROM {kept} AS kept WHERE import_run = %s AND "table" = %s
    AND NOT EXISTS (SELECT FROM {target} AS target WHERE target.legacy_id = kept.legacy_id)
    AND NOT ("table" = 'user' AND EXISTS (SELECT FROM {merged} AS merged WHERE merged.legacy_id = kept.legacy_id))
"""


def refuse_collisions(check: Check) -> None:
    """Make sure that no number represents two texts, in the checked rows and with those of earlier imports.

    Raises:
        RunError: one does.
    """
    with connection.cursor() as cursor:
        for statement in collisions(check, cursor):
            cursor.execute(statement)
            (pair,) = cursor.fetchone()
            if pair:
                raise RunError(
                    "id_collision",
                    f"One number represents two ids of the old database, “{pair[0]}” and “{pair[1]}”, so that their "
                    "rows cannot be told apart. Nothing was imported. Change one of the two ids in a copy of the old "
                    "database, everywhere it occurs, and import that copy.",
                )


def collisions(check: Check, cursor: CursorWrapper) -> Iterator[sql.Composed]:
    """Statements that find the two texts of a number."""
    checked = {"checked": check.checked, "lowest": sql.Literal(text_ids.LOWEST)}
    given = [(number, text, USERS) for text, number in REFERENCES.items() if text in check.lines.columns]
    if check.table.has_ids:
        yield sql.SQL(SAME_FILE).format(**checked)
        given.append(("legacy_id", "legacy_id_text", check.table))
    for number, text, table in given:
        names = {"number": sql.Identifier(number), "text": sql.Identifier(text), **kept_in(table, check.models)}
        cursor.execute(sql.SQL(ANY_EARLIER).format(**checked, **names))
        if cursor.fetchone()[0]:
            yield sql.SQL(EARLIER).format(**checked, **names)


def keep_texts(
    cursor: CursorWrapper, check: Check, on_progress: Callable[[int, int], None], *, may_rebuild: bool
) -> None:
    """Keep the texts of the checked rows' own ids.

    Args:
        may_rebuild: whether the table of texts is locked, so that its key can be built at the end.
    """
    if not check.table.has_ids:
        return
    kept = table_of(check.models.text_id)
    keep = sql.SQL(KEEP).format(
        checked=check.checked, run=sql.Literal(check.run_id), **kept_in(check.table, check.models)
    )
    rebuild = may_rebuild and is_worth_rebuilding(cursor, kept, count_texts(cursor, check))
    with without_indexes(cursor, kept, on_progress, referred_keys=True) if rebuild else nullcontext():
        cursor.execute(keep)


def count_texts(cursor: CursorWrapper, check: Check) -> int:
    """How many of the checked rows have a text as their own id."""
    cursor.execute(sql.SQL("SELECT count(legacy_id_text) FROM {}").format(check.checked))
    return int(cursor.fetchone()[0])


def forget_texts(cursor: CursorWrapper, run_id: int, table: OldTable, models: Models) -> None:
    """Drop the texts that a run brought, after its rows."""
    if table in (USERS, MESSAGES):
        cursor.execute(sql.SQL(FORGET).format(**kept_in(table, models)), [run_id, table.name])


def kept_in(table: OldTable, models: Models) -> dict[str, sql.Composable]:
    return {
        "kept": table_of(models.text_id),
        "table": sql.Literal(table.name),
        "target": table_of(table.target(models)),
        "merged": table_of(models.merged),
    }
