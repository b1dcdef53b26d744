"""The life of an import run. The only way to the import: the admin, the commands, the tasks and the migrations
start, confirm and end a run with these functions.

    start -> stage -> (look at the preview) -> confirm -> apply -> (undo)

`start`, `confirm`, `cancel` and `request_undo` decide and return at once. `stage`, `apply` and `undo` do the work,
in a worker or in the foreground, one at a time in the whole database.
"""

import logging
from dataclasses import replace
from functools import partial

from django.db import connection, transaction
from psycopg2 import sql

from legacy_import import locks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.day_order import DayOrder, told_by
from legacy_import.rules.old_tables import OLD_TABLES, TABLES_OF_KIND, USERS, names_of_kind
from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.rules.text_dates import numbers_of
from legacy_import.runs import chosen_mapping
from legacy_import.runs.completion import complete
from legacy_import.runs.execution import AT_WORK, ImportWork, UndoWork, finish, reconcile, state_label, work_on
from legacy_import.runs.files import name_snapshot, reference_of, remember_staged_file, staged_file
from legacy_import.runs.leftovers import discard_leftovers, expire_previews
from legacy_import.runs.records import Choices, Findings, Samples
from legacy_import.source import Reference, SQLiteSource, check_source
from legacy_import.source.copy_lines import EVERYWHERE
from legacy_import.source.recognition.mapping import TableMappings
from legacy_import.source.record import SourceRecord
from legacy_import.steps import identity, staging
from legacy_import.steps.apply import tables_to_rebuild, write_run
from legacy_import.steps.audit import Audit, Doubt, check_audit, refuse_doubtful
from legacy_import.steps.bulk_load import prepare_transaction
from legacy_import.steps.classify import Check
from legacy_import.steps.nothing_arrives import nothing_arrives
from legacy_import.steps.parallel import Prepared, prepare_tables
from legacy_import.steps.progress import Progress
from legacy_import.steps.undo import check_undoable, tables_of_run_alone, undo_run
from legacy_import.tables import CURRENT, Models
from MiniTwit.database.clock import database_time
from MiniTwit.database.locks import retry_if_busy
from MiniTwit.models import User

logger = logging.getLogger(__name__)


def start(
    *,
    kind: str,
    reference: Reference,
    options: ImportOptions,
    actor: User | None = None,
    origin: str = "admin",
    models: Models = CURRENT,
    mapping: TableMappings | None = None,
) -> ImportRun:
    """Open a run for an old database. Nothing is read yet but the first bytes of a file.

    Args:
        mapping: which old tables and columns to read, to be remembered for this old database; empty: those that are
            recognised, whatever was chosen before; None: as chosen before.

    Raises:
        RunError: another run is at work, or users have to come first.
        SourceError: there is no such file, or it is nothing that the import can read.
    """
    check_source(reference)
    discard_leftovers(models)
    if kind == "messages":
        identity.users_run_before(models, reference)
    with transaction.atomic():
        locks.serialise_starts()
        refuse_while_at_work(models)
        return models.run.objects.create(
            kind=kind,
            origin=origin,
            options=Choices(options, mapping).as_json(),
            source=SourceRecord(reference.label, reference.location, reference.uploaded).as_json(),
            source_key="" if reference.uploaded else reference.key(""),
            created_by_id=actor.pk if actor else None,
            created_by_name=actor.get_username() if actor else origin,
            created_at=database_time(),
        )


def refuse_while_at_work(models: Models) -> None:
    """Raise RunError if a run is at work; runs whose worker has died do not count."""
    reconcile(models)
    if busy := models.run.objects.filter(state__in=AT_WORK).first():
        raise RunError(
            "already_running",
            f"Import {busy.pk}, started by {busy.created_by_name}, is still at work. Wait for it to end, or cancel "
            "it on its page or with `import_legacy --cancel`.",
        )


def stage(run_id: int, models: Models = CURRENT, reference: Reference | None = None) -> ImportRun:
    """Read the old database, find the outcome of every row and prepare the preview.

    Args:
        reference: the one that the run was started with, if the caller still has it.

    Returns:
        The run, in state previewed.

    Raises:
        RunError: it failed or was cancelled; the run says so, too.
    """
    with work_on(run_id, "staging", models) as (run, progress):
        reference = reference or reference_of(run)
        progress.phase("Looking at the old database")
        tables = tuple(OLD_TABLES) if run.kind == "messages" else names_of_kind("users")
        users_run = identity.users_run_before(models, reference) if run.kind == "messages" else None
        choose = chosen_mapping.chooser(run, reference, tables, users_run, models)
        with SQLiteSource.open(
            reference, name_snapshot(run), required=tables, choose=choose, on_progress=progress.phase
        ) as source:
            described = SourceRecord.from_json(run.source).described(source.description)
            run.source = described.as_json()
            remember_staged_file(run, source.path)
            run.source_key = reference.key(described.sha256)
            run.findings = Findings(
                unique_ids={name: table.unique_ids for name, table in source.tables.items()},
                users_run=users_run.pk if users_run else None,
                day_orders=day_orders_of(run, source),
            ).as_json()
            checks = checks_of(run, models)
            if users_run and described.sha256 != SourceRecord.from_json(users_run.source).sha256:
                compare_users(run, source, users_run, models, progress)
            for prepared in prepare_tables(checks, source, progress):
                keep_prepared(run, prepared)
        look_back(run, checks, progress)
        progress.stop()
        finish(run, state="previewed", previewed_at=database_time())
        supersede_older_previews(run, models)
    return run


def day_orders_of(run: ImportRun, source: SQLiteSource) -> dict[str, DayOrder]:
    """What the dates of a run's tables tell of the order of day and month, by column; and tell staff."""
    orders = {}
    for table in TABLES_OF_KIND[run.kind]:
        if table.date_column:
            order = told_by(partial(source.texts, table.name, table.date_column), numbers_of)
            orders[table.date_column] = order
            add_warnings(run, order.sentences(source.description.heading(table.name, table.date_column)))
    return orders


def compare_users(
    run: ImportRun, source: SQLiteSource, users_run: ImportRun, models: Models, progress: Progress
) -> None:
    """Make sure that the messages belong to the users that were imported."""
    described = source.tables[USERS.name]
    progress.phase("Comparing users", described.rows)
    options = ImportOptions(plain_passwords="unusable")  # nothing is imported, so nothing has to be hashed
    resource = USERS.resource(options=options, models=models, now=run.created_at)
    check = Check(run.pk, USERS, resource, described.unique_ids)
    staging.create(check.staged, check.lines)
    staging.stage_part(check.staged, 1, check.lines, source, USERS.name, EVERYWHERE, progress.advance)
    shared = identity.shared_users(check.cleaned(check.staged), users_run.pk, models)
    add_warnings(run, identity.check_shared_users(shared, users_run, SourceRecord.from_json(run.source)))
    rows = sql.SQL("SELECT * FROM ({}) AS cleaned WHERE reason IS NULL").format(check.cleaned(check.staged))
    if shared.namesakes < shared.accounts / 2 and (doubt := identity.doubt_of(USERS, rows, models)):
        keep_doubt(run, doubt)


def add_warnings(run: ImportRun, warnings: list[str]) -> None:
    source = SourceRecord.from_json(run.source)
    run.source = replace(source, warnings=source.warnings + warnings).as_json()


def look_back(run: ImportRun, checks: list[Check], progress: Progress) -> None:
    """Compare with what was imported earlier: is it the same old database, and what is no longer in it?"""
    progress.phase("Comparing with earlier imports")
    samples = Samples.from_json(run.samples)
    with transaction.atomic(), connection.cursor() as cursor:
        prepare_transaction(cursor)
        for check in checks:
            progress.check()
            name = check.table.name
            counts = TableCounts.from_json(run.counts[name])
            if doubt := identity.doubt_of_checked(check, counts):
                keep_doubt(run, doubt)
            if nothing := nothing_arrives(run, check.table):
                keep_doubt(run, nothing)
            counts.vanished, samples.vanished[name] = identity.vanished_rows(check, counts)
            run.counts[name] = counts.as_json()
    run.samples = samples.as_json()


def keep_doubt(run: ImportRun, doubt: Doubt) -> None:
    audit = Audit.from_json(run.audit)
    run.audit = replace(audit, doubts=[*audit.doubts, doubt]).as_json()


def keep_prepared(run: ImportRun, prepared: Prepared) -> None:
    """Write down on the run what was found in one table."""
    name = prepared.table.name
    run.counts[name] = prepared.counts.as_json()
    run.fingerprints[name] = prepared.fingerprint.as_json()
    samples = Samples.from_json(run.samples)
    run.samples = replace(samples, rows={**samples.rows, name: prepared.samples}).as_json()
    audit = Audit.from_json(run.audit)
    run.audit = replace(
        audit,
        checked=audit.checked + len(prepared.samples),
        disagreements=audit.disagreements + prepared.disagreements,
    ).as_json()


def confirm(run_id: int, *, actor: User | None = None, insist: bool = False, models: Models = CURRENT) -> ImportRun:
    """Take the confirmation of a previewed run; it counts once.

    Args:
        insist: import even what does not look like the database imported before, or if nothing of it arrives. The run
            remembers who did.

    Raises:
        RunError: the run is not waiting for one, its audit failed, it looks like the wrong file, or another run is
            at work.
    """
    expire_previews(models)
    with transaction.atomic():
        locks.serialise_starts()
        run = models.run.objects.select_for_update().get(pk=run_id)
        if run.state in ("applying", "applied"):
            raise RunError(
                "already_confirmed",
                f"Import {run.pk} was confirmed already: it is "
                f"{'being imported' if run.state == 'applying' else 'imported'}.",
            )
        if run.state != "previewed":
            raise RunError(
                "not_previewed",
                f"Import {run.pk} cannot be confirmed: it is {state_label(run.state)}. Make a new preview.",
            )
        chosen_mapping.check_decided(run)
        chosen_mapping.check_choice(run, models)
        check_audit(run)
        if not insist:
            refuse_doubtful(run)
        elif (audit := Audit.from_json(run.audit)).doubts:
            run.audit = replace(audit, insisted_by=actor.get_username() if actor else run.origin).as_json()
        refuse_while_at_work(models)
        run.state = "applying"
        run.picked_up_at = None
        run.progress = {}
        run.confirmed_at = database_time()
        run.confirmed_by_name = actor.get_username() if actor else run.origin
        run.save()
    return run


def apply(run_id: int, models: Models = CURRENT) -> ImportRun:
    """Write a confirmed run, all or nothing, and verify it.

    Returns:
        The run, in state applied.

    Raises:
        RunError: nothing was written; the run says why.
    """
    with work_on(run_id, "applying", models) as (run, progress):
        checks = checks_of(run, models)
        staged_file(run)
        write_all_or_nothing(run, checks, progress)
        complete(run, models)
    discard_leftovers(models)
    return run


@retry_if_busy
def write_all_or_nothing(run: ImportRun, checks: list[Check], progress: Progress) -> None:
    """The one transaction of an import. Other work that was in its way lets it begin again."""
    rebuilt = tables_to_rebuild(run, checks)
    with transaction.atomic():
        write_run(run, checks, progress, rebuilt)
        progress.stop()
        finish(run, state="applied", finished_at=database_time())


def cancel(run_id: int, *, models: Models = CURRENT) -> ImportRun:
    """Give up a preview, or ask a run at work, or its undoing, to stop.

    Raises:
        RunError: the run is over.
    """
    reconcile(models)
    run = models.run.objects.get(pk=run_id)
    previewed = models.run.objects.filter(pk=run_id, state="previewed")
    if previewed.update(state="cancelled", finished_at=database_time()):
        discard_leftovers(models)
    elif not ImportWork(models).cancel(run) and not UndoWork(models).cancel(run):
        raise RunError("run_is_over", f"Import {run.pk} cannot be cancelled: it is {state_label(run.state)}.")
    run.refresh_from_db()
    return run


def request_undo(run_id: int, *, actor: User | None = None, models: Models = CURRENT) -> ImportRun:
    """Decide that an applied run is to be undone; `undo` does it.

    Raises:
        RunError: it cannot be undone now.
    """
    with transaction.atomic():
        locks.serialise_starts()
        refuse_while_at_work(models)
        run = models.run.objects.select_for_update().get(pk=run_id)
        if run.undo_requested_at:  # it would wait once more while a process works on it
            raise RunError("already_running", f"Import {run.pk} is being undone already.")
        check_undoable(run, models)
        run.undo_requested_at = database_time()
        run.undone_by_name = actor.get_username() if actor else run.origin
        run.picked_up_at = None
        run.progress = {}
        run.save()
    return run


def undo(run_id: int, models: Models = CURRENT) -> ImportRun:
    """Take out what an applied run brought.

    Raises:
        RunError: nothing was taken out.
    """
    with work_on(run_id, "undoing", models) as (run, progress):
        alone = tables_of_run_alone(run, models)
        with transaction.atomic():
            undone = undo_run(run, models, progress, alone)
            run.undo_result = {table: result.as_json() for table, result in undone.items()}
            progress.stop()
            finish(run, state="undone")
    discard_leftovers(models)
    return run


def supersede_older_previews(run: ImportRun, models: Models) -> None:
    """One preview of a kind waits at a time: the newest."""
    older = models.run.objects.filter(kind=run.kind, state="previewed", id__lt=run.pk)
    if older.update(state="superseded", finished_at=database_time()):
        discard_leftovers(models)


def checks_of(run: ImportRun, models: Models) -> list[Check]:
    """The checks of a run's tables, once its source was read."""
    options, findings = Choices.from_json(run.options).options, Findings.from_json(run.findings)
    return [
        Check(
            run_id=run.pk,
            table=table,
            resource=table.resource(
                options=options,
                now=run.created_at,
                models=models,
                users_run=findings.users_run,
                day_orders=findings.day_orders,
            ),
            unique_ids=findings.unique_ids[table.name],
        )
        for table in TABLES_OF_KIND[run.kind]
    ]
