"""What the import kept of a person goes when the account is erased."""

from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow, ReplacedRow
from legacy_import.steps.audit import Audit
from MiniTwit.models import ModerationEvent, Verb
from MiniTwit.moderation.account_erasure import ErasedAccount
from MiniTwit.moderation.traces import Traces

REMEMBERED = ("samples", "audit", "verification", "old_tables", "error_message")

# The rows are counted on their runs, so they stay, without their values.
EMPTY_REJECTED = """
UPDATE {rejected} SET username = NULL, "values" = '{{}}'
WHERE "table" = 'user' AND (legacy_id = ANY(%(old_ids)s) OR username = %(username)s)
    OR "table" = 'message' AND "values"->>'author_id' = ANY(%(authors)s)
    OR EXISTS (SELECT FROM jsonb_each_text("values") WHERE lower(value) = ANY(%(names)s))
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
        "names": [word.lower() for word in account.traces.words],
        "user": account.user_id,
        "purge": Verb.PURGE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(EMPTY_REJECTED).format(**names), values)
        cursor.execute(sql.SQL(EMPTY_REPLACED).format(**names), values)
    for run in ImportRun.objects.only("pk", *REMEMBERED).iterator(chunk_size=20):
        forget_in_run(run, set(authors), account.traces)


def forget_in_run(run: ImportRun, authors: set[str], traces: Traces) -> None:
    """A run keeps old rows and values for its pages: those of the account, by it, and about it go."""
    audit = Audit.from_json(run.audit)
    stripped = audit.without(traces.struck_out_of)
    kept = {
        "samples": kept_samples(run.samples, authors, traces),
        "audit": run.audit if stripped == audit else stripped.as_json(),
        "verification": traces.struck_out_of(run.verification),
        "old_tables": without_samples_of(run.old_tables, traces),
        "error_message": traces.struck_out_of(run.error_message),
    }
    changed = {name: value for name, value in kept.items() if value != getattr(run, name)}
    if changed:
        ImportRun.objects.filter(pk=run.pk).update(**changed)


def kept_samples(samples: dict[str, Any], authors: set[str], traces: Traces) -> dict[str, Any]:
    """The sample rows of a preview without those of the account, by it, and about it."""

    def is_about(values: dict[str, Any]) -> bool:
        return any(traces.are_in(str(value)) for value in values.values())

    kept: dict[str, Any] = {
        table: [row for row in rows if not authors & names_in(row["values"]) and not is_about(row["values"])]
        for table, rows in samples.items()
        if table != "vanished"
    }
    if vanished := samples.get("vanished"):
        kept["vanished"] = {
            table: [row for row in rows if not authors & set(map(str, row.values())) and not is_about(row)]
            for table, rows in vanished.items()
        }
    return kept


def without_samples_of(value: Any, traces: Traces) -> Any:
    """The description of an old database's tables with the names struck out of the columns' first values."""
    if isinstance(value, list):
        return [without_samples_of(item, traces) for item in value]
    if isinstance(value, dict):
        return {
            key: traces.struck_out_of(item) if key == "samples" else without_samples_of(item, traces)
            for key, item in value.items()
        }
    return value


def names_in(values: dict[str, str | None]) -> set[str]:
    """The accounts that a sample row is about, by old id or by username."""
    columns = ("user_id", "username", "author_id", "who_id", "whom_id")
    return {str(values[name]) for name in columns if values.get(name) is not None}
