"""What the import kept of a person goes when the account is erased."""

from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow, ReplacedRow
from MiniTwit.models import ModerationEvent, Verb
from MiniTwit.moderation.erasure import ErasedAccount

# The rows are counted on their runs, so they stay, without their values.
EMPTY_REJECTED = """
UPDATE {rejected} SET username = NULL, "values" = '{{}}'
WHERE "table" = 'user' AND (legacy_id = ANY(%(old_ids)s) OR username = %(username)s)
    OR "table" = 'message' AND "values"->>'author_id' = ANY(%(authors)s)
"""
EMPTY_REPLACED = """
UPDATE {replaced} SET before = '{{}}'
WHERE "table" = 'user' AND row_id = %(user)s
    OR "table" = 'message' AND row_id IN (
        SELECT message_id FROM {event} WHERE user_id = %(user)s AND verb = %(purge)s AND message_id IS NOT NULL)
"""


def forget(account: ErasedAccount, **kwargs: Any) -> None:
    """Receive `user_erased`: empty the rejected and replaced rows of the account, and drop it from kept previews.

    That an old account was merged into it stays known, by numbers, so that none of them is new to the next import.
    """
    merged = MergedUser.objects.filter(user=account.user_id).values_list("legacy_id", flat=True)
    old_ids = [number for number in (account.legacy_id, *merged) if number is not None]
    names = {
        "rejected": sql.Identifier(RejectedRow._meta.db_table),
        "replaced": sql.Identifier(ReplacedRow._meta.db_table),
        "event": sql.Identifier(ModerationEvent._meta.db_table),
    }
    authors = [*map(str, old_ids), account.username]
    values: dict[str, Any] = {
        "old_ids": old_ids,
        "username": account.username,
        "authors": authors,
        "user": account.user_id,
        "purge": Verb.PURGE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(EMPTY_REJECTED).format(**names), values)
        cursor.execute(sql.SQL(EMPTY_REPLACED).format(**names), values)
    forget_samples(set(authors))


def forget_samples(authors: set[str]) -> None:
    """A run keeps the sample rows of its preview; those of the account, and by it, go."""
    for run in ImportRun.objects.exclude(samples={}).only("samples").iterator(chunk_size=20):
        kept: dict[str, Any] = {
            table: [sample for sample in samples if not authors & names_in(sample["values"])]
            for table, samples in run.samples.items()
            if table != "vanished"
        }
        if vanished := run.samples.get("vanished"):
            kept["vanished"] = {
                table: [row for row in rows if not authors & {str(value) for value in row.values()}]
                for table, rows in vanished.items()
            }
        if kept != run.samples:
            run.samples = kept
            run.save(update_fields=["samples"])


def names_in(values: dict[str, str | None]) -> set[str]:
    """The accounts that a sample row is about, by old id or by username."""
    columns = ("user_id", "username", "author_id", "who_id", "whom_id")
    return {str(values[name]) for name in columns if values.get(name) is not None}
