"""Take out what a run brought, and put back what it changed; rows that were changed since stay."""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import MESSAGES, TABLES_OF_KIND, USERS, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.steps.apply import LOCK_TIMEOUT, assignments
from legacy_import.steps.bulk_load import (
    is_all_of_run,
    is_large,
    prepare_transaction,
    referring_keys,
    without_referring_keys,
)
from legacy_import.steps.progress import Progress
from legacy_import.steps.text_ids import forget_texts
from legacy_import.tables import Models, table_of
from MiniTwit.database import locks
from MiniTwit.json_records import JsonRecord

REFERENCES = """
SELECT conrelid::regclass::text, attname FROM pg_constraint
JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND confrelid = %s::regclass
"""

# Another account may have taken the former username since, or the former author may be deleted. Follows never change.
RESTORABLE = {
    USERS: "NOT EXISTS (SELECT FROM {user} AS other"
    " WHERE other.username = former.username AND other.id <> target.id)",
    MESSAGES: "EXISTS (SELECT FROM {user} AS author WHERE author.id = former.author_id)",
}


@dataclass(frozen=True)
class UndoneTable(JsonRecord):
    """Of one table how many rows were removed, how many got their former values back, and how many were left alone
    because they were changed since, or other rows refer to them."""

    removed: int
    restored: int
    kept: int


def check_undoable(run: ImportRun, models: Models) -> None:
    """Refuse to take out users on whom an applied messages import rests, or what a later import changed again.

    Raises:
        RunError: the run is not applied, or another one has to be undone first.
    """
    if run.state != "applied":
        raise RunError("not_applied", f"Import {run.pk} cannot be undone: only an import that was applied can.")
    if run.kind == "users":
        for later in models.run.objects.filter(kind="messages", state="applied", id__gt=run.pk).order_by("-id"):
            if any(TableCounts.from_json(counts).new for counts in later.counts.values()):
                raise RunError(
                    "messages_first",
                    f"Import {later.pk} brought messages and follows of these users. Undo that import first.",
                )
    changed_here = models.replaced.objects.filter(run_id=run.pk, table=OuterRef("table"), row_id=OuterRef("row_id"))
    changed_again = models.replaced.objects.filter(Exists(changed_here), run_id__gt=run.pk, run__state="applied")
    if newest := changed_again.order_by("-run_id").first():
        raise RunError(
            "newer_first",
            f"Import {newest.run_id} changed some of the same rows later. Undo that import first.",
        )


def tables_of_run_alone(run: ImportRun, models: Models) -> frozenset[OldTable]:
    """The old tables of whose new ones a run brought all rows but a few, and many: others can wait for them."""
    with connection.cursor() as cursor:
        return frozenset(
            table
            for table in TABLES_OF_KIND[run.kind]
            if is_large(run.counts[table.name]["new"])
            and is_all_of_run(cursor, table_of(table.target(models)), run.pk)
        )


def undo_run(
    run: ImportRun, models: Models, progress: Progress, alone: Collection[OldTable] = frozenset()
) -> dict[str, UndoneTable]:
    """Undo all tables of a run. The caller holds the transaction, which has not read any of them yet.

    Args:
        alone: those to which no foreign key needs to refer meanwhile; see `tables_of_run_alone`.

    Raises:
        RunError: another run has to be undone first; it may have come since this was asked for.
    """
    check_undoable(run, models)
    result = {}
    with connection.cursor() as cursor:
        prepare_transaction(cursor)
        progress.phase("Waiting for other work on the same tables to end")
        modes = locks_needed(cursor, run, models, alone)
        locks.lock_all_or_none(modes, lock_timeout=LOCK_TIMEOUT, check=progress.check)
        if run.kind == "users":
            cursor.execute(sql.SQL("DELETE FROM {} WHERE import_run = %s").format(table_of(models.merged)), [run.pk])
        for table in reversed(TABLES_OF_KIND[run.kind]):
            progress.phase(f"Taking out {table.rows}")
            restored, not_restored = restore_replaced_rows(cursor, run.pk, models, table)
            removed = remove_new_rows(cursor, run.pk, models, table, is_alone=table in alone)
            forget_texts(cursor, run.pk, table, models)
            cursor.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE import_run = %s").format(table_of(table.target(models))),
                [run.pk],
            )
            result[table.name] = UndoneTable(removed, restored, not_restored + cursor.fetchone()[0])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what the commit would check, while it can be cancelled
    return result


def locks_needed(
    cursor: CursorWrapper, run: ImportRun, models: Models, alone: Collection[OldTable]
) -> dict[str, str]:
    """The tables from which rows are taken out, and those whose rows go along with them: nothing is added to them
    meanwhile. A foreign key that is dropped keeps all out of both of its tables."""
    tables = []
    for table in TABLES_OF_KIND[run.kind]:
        tables.append(table.target(models)._meta.db_table)
        if models.purged is not None:  # where there is moderation
            tables += table.goes_along
    modes = dict.fromkeys(tables, locks.KEEP_WRITERS_OUT)
    for table in alone:
        target = table_of(table.target(models))
        if referring := {other for other, _, _ in referring_keys(cursor, target)}:
            modes |= dict.fromkeys([*target.strings, *referring], locks.KEEP_ALL_OUT)
    return modes


def restore_replaced_rows(cursor: CursorWrapper, run_id: int, models: Models, table: OldTable) -> tuple[int, int]:
    """Give updated rows their former values back, unless they were changed since or something is in the way.

    Returns:
        How many rows got them back, and how many did not.
    """
    if table not in RESTORABLE:
        return 0, 0
    target = table_of(table.target(models))
    names = {"target": target, "replaced": table_of(models.replaced), "user": table_of(models.user)}
    of_run = sql.SQL('replaced.run_id = %s AND replaced."table" = %s AND replaced.row_id = target.id')
    cursor.execute(
        sql.SQL("SELECT count(*) FROM {target} AS target, {replaced} AS replaced WHERE ").format(**names) + of_run,
        [run_id, table.name],
    )
    changed = cursor.fetchone()[0]
    cursor.execute(
        sql.SQL(
            "UPDATE {target} AS target SET {assignments} FROM {replaced} AS replaced,"
            " jsonb_populate_record(NULL::{target}, replaced.before) AS former"
            " WHERE {of_run} AND target.changed_at IS NULL AND {possible}"
        ).format(
            **names,
            of_run=of_run,
            assignments=assignments(table, "former"),
            possible=sql.SQL(RESTORABLE[table]).format(**names),
        ),
        [run_id, table.name],
    )
    return int(cursor.rowcount), changed - int(cursor.rowcount)


def remove_new_rows(
    cursor: CursorWrapper, run_id: int, models: Models, table: OldTable, *, is_alone: bool = False
) -> int:
    """Delete what the run brought, except rows that were changed since and accounts that other rows refer to.

    Args:
        is_alone: whether the foreign keys to the table can go meanwhile.
    """
    target = table_of(table.target(models))
    conditions = [sql.SQL("target.import_run = {}").format(sql.Literal(run_id))]
    if table.has_ids:
        conditions.append(sql.SQL("target.changed_at IS NULL"))
        cursor.execute(REFERENCES, [target.as_string(cursor.cursor)])
        references = cursor.fetchall()
        for referring, column in references:
            if referring.strip('"') in table.goes_along:
                remove_what_goes_along(cursor, sql.SQL(referring), sql.Identifier(column), target, conditions)
        conditions += [
            sql.SQL("NOT EXISTS (SELECT FROM {} AS referring WHERE referring.{} = target.id)").format(
                sql.SQL(referring), sql.Identifier(column)
            )
            for referring, column in references
        ]
    with without_referring_keys(cursor, target) if is_alone else nullcontext():
        cursor.execute(sql.SQL("DELETE FROM {} AS target WHERE {}").format(target, sql.SQL(" AND ").join(conditions)))
        return int(cursor.rowcount)


def remove_what_goes_along(
    cursor: CursorWrapper,
    referring: sql.SQL,
    column: sql.Identifier,
    target: sql.Identifier,
    conditions: list[sql.Composable],
) -> None:
    """Delete the rows that belong to rows which are about to be removed; their table is locked."""
    cursor.execute(
        sql.SQL("DELETE FROM {} AS referring USING {} AS target WHERE referring.{} = target.id AND {}").format(
            referring, target, column, sql.SQL(" AND ").join(conditions)
        )
    )
