"""What the import kept of a person goes when the account is erased."""

from functools import partial
from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow, ReplacedRow, TextId
from legacy_import.runs.records import Samples
from legacy_import.steps.audit import Audit
from legacy_import.steps.identity import VanishedRow
from legacy_import.steps.preview import SampleRow
from MiniTwit.models import ModerationEvent, Verb
from MiniTwit.moderation.erasure import ErasedAccount
from MiniTwit.moderation.traces import Traces
from MiniTwit.text_ids import texts_of

# The columns that name an account by its old id or its username, of old rows and of `VanishedRow`.
NAMING_COLUMNS = ("user_id", "username", "author_id", "who_id", "whom_id", "legacy_id", "what", "more")
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


def forget(account: ErasedAccount, **kwargs: object) -> None:
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
    texts = texts_of("user", old_ids)
    authors = [*map(str, old_ids), *texts.values(), account.username]
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
    TextId.objects.filter(table="user", legacy_id__in=texts).update(text="")
    for run in ImportRun.objects.only("pk", *REMEMBERED).iterator(chunk_size=20):
        forget_in_run(run, set(authors), account.traces)


def forget_in_run(run: ImportRun, authors: set[str], traces: Traces) -> None:
    """A run keeps old rows and values for its pages: those of the account, by it, and about it go."""
    audit, samples = Audit.from_json(run.audit), Samples.from_json(run.samples)
    stripped, fewer = audit.without(traces.struck_out_of), samples.without(partial(concerns, authors, traces))
    kept = {
        "samples": run.samples if fewer == samples else fewer.as_json(),
        "audit": run.audit if stripped == audit else stripped.as_json(),
        "verification": traces.struck_out_of(run.verification),
        "old_tables": [without_samples(table, traces) for table in run.old_tables],
        "error_message": traces.struck_out_of(run.error_message),
    }
    changed = {name: value for name, value in kept.items() if value != getattr(run, name)}
    if changed:
        ImportRun.objects.filter(pk=run.pk).update(**changed)


def concerns(authors: set[str], traces: Traces, row: SampleRow | VanishedRow) -> bool:
    """Whether a sample row is of the account, by it, or about it."""
    values = row.values if isinstance(row, SampleRow) else vars(row)
    named = (str(values[column]) for column in NAMING_COLUMNS if values.get(column) is not None)
    return not authors.isdisjoint(named) or any(traces.are_in(str(value)) for value in values.values())


def without_samples(table: dict[str, Any], traces: Traces) -> dict[str, Any]:
    """The description of an old table with the names struck out of the columns' first values."""
    columns = [{**column, "samples": traces.struck_out_of(column["samples"])} for column in table["columns"]]
    return {**table, "columns": columns}
