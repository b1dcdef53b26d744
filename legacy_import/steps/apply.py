"""Write what was previewed, in one transaction: all of it or nothing.

The rows are written as the preview classified them. Before that they are classified once more: if the outcomes are
not the same, the target was changed meanwhile, and nothing is written.
"""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.account_columns import IF_UNKNOWN
from legacy_import.rules.old_tables import USERS, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import Outcome
from legacy_import.rules.passwords import kept_password_sql
from legacy_import.source.record import SourceRecord
from legacy_import.steps import staging
from legacy_import.steps.bulk_load import (
    is_worth_rebuilding,
    page_ranges,
    prepare_transaction,
    tables_locked_with,
    without_indexes,
)
from legacy_import.steps.classify import Check, Fingerprint
from legacy_import.steps.progress import Progress
from legacy_import.steps.search_indexes import drop_search_indexes
from legacy_import.steps.text_ids import keep_texts, refuse_collisions
from legacy_import.tables import table_of
from MiniTwit.database import locks

logger = logging.getLogger(__name__)

LOCK_TIMEOUT = 120.0  # seconds that an import waits for its tables
SORTED_AT_ONCE = 300_000  # rows, which takes about half a second


def tables_to_rebuild(run: ImportRun, checks: Iterable[Check]) -> frozenset[OldTable]:
    """The old tables whose new ones are small against what comes, so that their indexes are built at the end."""
    with connection.cursor() as cursor:
        return frozenset(
            check.table
            for check in checks
            if is_worth_rebuilding(cursor, check.target, run.counts[check.table.name]["new"])
        )


def locks_needed(cursor: CursorWrapper, checks: Iterable[Check], rebuilt: Collection[OldTable]) -> dict[str, str]:
    """Which tables a run locks, and how: as strongly as it will ever need, because it must not ask for more later."""
    modes: dict[str, str] = {}
    for check in checks:
        [target] = check.target.strings
        if check.table in rebuilt:
            alone = tables_locked_with(cursor, check.target, referred_keys=not check.table.keeps_its_key)
            texts = table_of(check.models.text_id).strings if check.table.has_ids else ()
            modes |= dict.fromkeys([target, *alone, *texts], locks.KEEP_ALL_OUT)
        else:
            modes.setdefault(target, locks.KEEP_WRITERS_OUT)
    return modes


def write_run(
    run: ImportRun, checks: Sequence[Check], progress: Progress, rebuilt: Collection[OldTable] = frozenset()
) -> None:
    """Write all tables of a run. The caller holds the transaction, which has not read any of them yet.

    Args:
        rebuilt: whose indexes are built at the end; see `tables_to_rebuild`.

    Raises:
        RunError: the staged rows are gone, or the target is no longer as it was at the preview.
    """
    with connection.cursor() as cursor:
        progress.phase("Waiting for other work on the same tables to end")
        prepare_transaction(cursor)
        modes = locks_needed(cursor, checks, rebuilt)
        began = time.monotonic()
        locks.lock_all_or_none(modes, lock_timeout=LOCK_TIMEOUT, check=progress.check)
        logger.info("Import %s waited %.1f seconds for its tables.", run.pk, time.monotonic() - began)
        for check in checks:
            progress.phase(f"Checking {check.table.rows} once more")
            confirm_unchanged(run, check)
        for check in checks:
            write_table(cursor, run, check, progress, rebuild=check.table in rebuilt)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what the commit would check, while it can be cancelled


def confirm_unchanged(run: ImportRun, check: Check) -> None:
    """Make sure that the staged rows would be classified now as they were for the preview.

    If nothing at all was changed in the target, they would; otherwise they are classified again.
    """
    if not staging.is_complete(check.checked, run.counts[check.table.name]["read"]):
        raise RunError(
            "staging_lost",
            f"The rows that import {run.pk} had read are gone: the database server stopped without closing down. "
            "Nothing was imported. Make a new preview.",
        )
    before = Fingerprint.from_json(run.fingerprints[check.table.name])
    if check.target_fingerprint() == before.target:
        return
    refuse_collisions(check)
    _, outcomes = check.classified_again()
    if outcomes != before.outcomes:
        raise RunError(
            "preview_outdated",
            f"Since the preview of import {run.pk} the data of this application changed, so that it would no longer "
            "do what was shown. Nothing was imported. Make a new preview.",
        )


def write_table(cursor: CursorWrapper, run: ImportRun, check: Check, progress: Progress, *, rebuild: bool) -> None:
    """Write one table's rejected, changed, new and merged rows."""
    table, target, rows = check.table, check.target, check.table.rows
    counts = TableCounts.from_json(run.counts[table.name])
    if counts.rejected:
        keep_rejected_rows(cursor, run, check)

    def on_progress(number: int, of: int) -> None:
        progress.phase(f"Building the indexes of {rows}, {number} of {of}")

    keep_texts(cursor, check, on_progress, may_rebuild=rebuild)
    if rebuild:
        drop_search_indexes(cursor, target)
    referred_keys = not table.keeps_its_key
    with without_indexes(cursor, target, on_progress, referred_keys=referred_keys) if rebuild else nullcontext():
        if counts.changed:
            progress.phase(f"Updating {rows}", counts.changed)
            update_changed_rows(cursor, check)
        progress.phase(f"Writing {rows}", counts.new)
        written = insert_new_rows(cursor, check, counts.new, progress)
    if written != counts.new:
        raise RuntimeError(f"{written} {rows} were written where the preview had said {counts.new}.")
    if table is USERS and counts.duplicate:
        keep_merged_users(cursor, check)
    if rebuild:
        progress.phase(f"Gathering statistics of {rows}")
        cursor.execute(sql.SQL("ANALYZE {}").format(target))


def keep_rejected_rows(cursor: CursorWrapper, run: ImportRun, check: Check) -> None:
    """Store every rejected row with its reason and its old values."""
    table = check.table
    shown = SourceRecord.from_json(run.source).shown_columns(table.name)
    missing = [name for name in table.columns if name not in shown]
    cursor.execute(
        sql.SQL(
            'INSERT INTO {rejected} (run_id, "table", position, legacy_id, username, reason, "values")'
            " SELECT {run}, {table}, position, {legacy_id}, {username}, checked.reason,"
            " {old_values} - {missing}::text[]"
            " FROM {checked} AS checked JOIN {staged} AS staged USING (position) WHERE checked.outcome = {outcome}"
        ).format(
            rejected=table_of(check.models.rejected),
            run=sql.Literal(run.pk),
            table=sql.Literal(table.name),
            legacy_id=sql.SQL("checked.legacy_id" if table.has_ids else "NULL"),
            username=sql.SQL("checked.username" if "username" in table.written else "NULL"),
            old_values=check.lines.old_values(),
            missing=sql.Literal(missing),
            checked=check.checked,
            staged=check.staged,
            outcome=sql.Literal(Outcome.REJECTED),
        )
    )


def update_changed_rows(cursor: CursorWrapper, check: Check) -> None:
    """Bring rows that differ up to date, and remember what they held before."""
    names = {
        "target": check.target,
        "checked": check.checked,
        "outcome": sql.Literal(Outcome.CHANGED),
        "run": sql.Literal(check.run_id),
        "table": sql.Literal(check.table.name),
        "replaced": table_of(check.models.replaced),
        "before": sql.SQL(", ").join(
            sql.SQL("{}, target.{}").format(sql.Literal(name), sql.Identifier(name)) for name in check.table.written
        ),
        "assignments": assignments(check.table, "checked", unknown_stays=True),
    }
    cursor.execute(
        sql.SQL(
            'INSERT INTO {replaced} (run_id, "table", row_id, before)'
            " SELECT {run}, {table}, target.id, jsonb_build_object({before})"
            " FROM {checked} AS checked JOIN {target} AS target ON target.id = checked.target_id"
            " WHERE checked.outcome = {outcome}"
        ).format(**names)
    )
    cursor.execute(
        sql.SQL(
            "UPDATE {target} AS target SET {assignments} FROM {checked} AS checked"
            " WHERE target.id = checked.target_id AND checked.outcome = {outcome}"
        ).format(**names)
    )


def assignments(table: OldTable, values: str, *, unknown_stays: bool = False) -> sql.Composed:
    """What an UPDATE of `target` sets, from the table of that alias.

    Args:
        unknown_stays: whether a NULL means that nothing is known, so that what the target has stays.
    """
    parts = []
    for name in table.written:
        value: sql.Composable = sql.Identifier(values, name)
        if name == "password":
            value = kept_password_sql(sql.Identifier("target", name), value)
        elif name in IF_UNKNOWN and unknown_stays:
            value = sql.SQL("coalesce({}, {})").format(value, sql.Identifier("target", name))
        parts.append(sql.SQL("{} = {}").format(sql.Identifier(name), value))
    return sql.SQL(", ").join(parts)


def insert_new_rows(cursor: CursorWrapper, check: Check, count: int, progress: Progress) -> int:
    """Insert the new rows, of which there should be `count`. Returns how many there were.

    Their ids have the order of the old rows, so that of two messages of one second the newer stays the newer. A
    multitude is not sorted for that, and goes some pages at a time, so that progress shows: it lies in that order
    already, but for follows, which have none, and for messages of which there are fewer than accounts.
    """
    constants = {**check.table.constants, "import_run": check.run_id}
    written = [*check.table.written, *(["legacy_id"] if check.table.has_ids else [])]
    insert = sql.SQL("INSERT INTO {} ({}) SELECT {}").format(
        check.target,
        sql.SQL(", ").join(map(sql.Identifier, [*written, *constants])),
        sql.SQL(", ").join([*map(new_value, written), *map(sql.Literal, constants.values())]),
    )
    is_new = sql.SQL("outcome = {}").format(sql.Literal(Outcome.NEW))
    if count <= SORTED_AT_ONCE:
        cursor.execute(sql.SQL("{} FROM {} WHERE {} ORDER BY position").format(insert, check.checked, is_new))
        return int(cursor.rowcount)
    done = 0
    for part in staging.parts_of(cursor, check.checked):
        statement = sql.SQL("{} FROM {} WHERE {} AND ctid >= %s::tid AND ctid < %s::tid").format(insert, part, is_new)
        for start, end in page_ranges(cursor, part):
            cursor.execute(statement, [start, end])
            done += cursor.rowcount
            progress.advance(done)
    return done


def new_value(name: str) -> sql.Composable:
    """What a column of a new row is written from."""
    if IF_UNKNOWN.get(name) is None:
        return sql.Identifier(name)
    return sql.SQL("coalesce({}, {})").format(sql.Identifier(name), sql.Literal(IF_UNKNOWN[name]))


def keep_merged_users(cursor: CursorWrapper, check: Check) -> None:
    """Remember which old accounts are now part of another."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO {merged} (legacy_id, user_id, import_run)"
            " SELECT checked.legacy_id, coalesce(checked.holder_id, survivor.id), {run}"
            " FROM {checked} AS checked LEFT JOIN {user} AS survivor ON survivor.legacy_id = checked.survivor"
            " WHERE checked.outcome = {outcome} ON CONFLICT (legacy_id) DO NOTHING"
        ).format(
            merged=table_of(check.models.merged),
            run=sql.Literal(check.run_id),
            checked=check.checked,
            user=check.target,
            outcome=sql.Literal(Outcome.DUPLICATE),
        )
    )
