"""How a run is confirmed, given up, cancelled and ended, and what becomes of one that nothing is at work on."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from psycopg2 import sql

from legacy_import import locks, tasks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.source import source_at
from legacy_import.steps.progress import Progress
from legacy_import.tables import checked_table
from MiniTwit.models import User
from tests.legacy_import.conftest import other_session, wait_for, waits_for_a_lock
from tests.legacy_import.importing import import_of, preview_of
from tests.legacy_import.old_database import ANN, BOB, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


def staging_tables(run: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE %s", [f"legacy_staging_{run.pk}_%"])
        return [name for (name,) in cursor.fetchall()]


def test_a_confirmation_counts_once(tmp_path):
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    lifecycle.confirm(run.pk)
    with pytest.raises(RunError) as error:
        lifecycle.confirm(run.pk)
    assert error.value.code == "already_confirmed"
    lifecycle.apply(run.pk)
    with pytest.raises(RunError) as error:
        lifecycle.apply(run.pk)
    assert error.value.code == "run_is_over"
    assert User.objects.count() == 1


def test_what_was_previewed_is_imported_though_the_file_changed_since(tmp_path):
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    old_file(tmp_path, user=[ANN, BOB])
    lifecycle.confirm(run.pk)
    lifecycle.apply(run.pk)
    assert list(User.objects.values_list("username", flat=True)) == ["ann"]


@pytest.mark.parametrize("before", ["", "~"])  # less and more than whatever the table's fingerprint is afterwards
def test_a_preview_that_is_no_longer_true_is_refused(tmp_path, before):
    User.objects.create(username="ann")
    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    run.fingerprints["user"]["target"] = before
    run.save()
    User.objects.update(username="anna")  # the name is free meanwhile
    lifecycle.confirm(run.pk)
    with pytest.raises(RunError, match="Make a new preview") as error:
        lifecycle.apply(run.pk)
    assert error.value.code == "preview_outdated"
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "preview_outdated")
    assert not User.objects.filter(legacy_id__isnull=False).exists()
    assert staging_tables(run) == []


def test_an_import_waits_for_work_on_its_tables_and_sees_what_that_did(tmp_path):
    User.objects.create(username="ann")
    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    lifecycle.confirm(run.pk)

    def apply() -> None:
        try:
            lifecycle.apply(run.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, other_session() as cursor:
        cursor.execute(f"UPDATE \"{User._meta.db_table}\" SET username = 'anna'")
        applying = pool.submit(apply)
        wait_for(waits_for_a_lock)
        cursor.connection.commit()
        with pytest.raises(RunError) as error:
            applying.result()
    assert error.value.code == "preview_outdated"


def test_a_change_here_that_alters_nothing_of_the_preview_does_no_harm(tmp_path):
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    User.objects.create(username="somebody else")
    lifecycle.confirm(run.pk)
    assert lifecycle.apply(run.pk).state == "applied"


def test_staged_rows_lost_in_a_server_crash_are_noticed(tmp_path):
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    with connection.cursor() as cursor:  # what a crash does to an unlogged table
        cursor.execute(f"TRUNCATE {checked_table(run.pk, 'user').as_string(cursor.cursor)}")
    lifecycle.confirm(run.pk)
    with pytest.raises(RunError) as error:
        lifecycle.apply(run.pk)
    assert error.value.code == "staging_lost"
    assert not User.objects.exists()


def test_a_newer_preview_replaces_the_older(tmp_path):
    path = old_file(tmp_path, user=[ANN])
    first, second = preview_of("users", path), preview_of("users", path)
    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "previewed")
    with pytest.raises(RunError):
        lifecycle.confirm(first.pk)


def test_a_preview_can_be_cancelled_and_leaves_nothing(tmp_path, import_dir):
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    assert lifecycle.cancel(run.pk).state == "cancelled"
    assert staging_tables(run) == []
    assert list(import_dir.iterdir()) == []
    with pytest.raises(RunError) as error:
        lifecycle.cancel(run.pk)
    assert error.value.code == "run_is_over"


@pytest.mark.parametrize("step", ["staging", "applying"])
def test_a_request_to_cancel_counts_until_the_end_is_written(step, tmp_path, monkeypatch):
    """It comes after the last look for one."""
    run = lifecycle.start(
        kind="users", reference=source_at(str(old_file(tmp_path, user=[ANN]))), options=ImportOptions()
    )
    if step == "applying":
        lifecycle.stage(run.pk)
        lifecycle.confirm(run.pk)
    stop = Progress.stop

    def cancel_and_stop(progress: Progress) -> None:
        stop(progress)
        with other_session() as cursor:
            table = sql.Identifier(ImportRun._meta.db_table)
            cursor.execute(sql.SQL("UPDATE {} SET cancel_requested = true").format(table))
            cursor.connection.commit()

    monkeypatch.setattr(Progress, "stop", cancel_and_stop)
    with pytest.raises(RunError, match="was cancelled"):
        (lifecycle.apply if step == "applying" else lifecycle.stage)(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert not User.objects.filter(username="ann").exists()


def test_one_import_at_a_time(tmp_path):
    path = old_file(tmp_path, user=[ANN])
    waiting = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    tasks.stage_run.enqueue(waiting.pk)
    with pytest.raises(RunError) as error:
        preview_of("users", path)
    assert error.value.code == "already_running"
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", locks.EXECUTING)
        with pytest.raises(RunError) as error:
            lifecycle.stage(waiting.pk)
        assert error.value.code == "already_running"


def test_a_run_whose_worker_died_is_ended_and_makes_way(tmp_path):
    path = old_file(tmp_path, user=[ANN])
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    ImportRun.objects.filter(pk=run.pk).update(picked_up_at=datetime.now(UTC))  # and nobody holds the lock
    assert preview_of("users", path).state == "previewed"
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "worker_died")


def test_a_worker_that_lost_its_connection_says_so_and_leaves_nothing(tmp_path, import_dir):
    """The server ended it while nothing was asked of it, and so somebody took the worker for dead."""
    path = old_file(tmp_path, user=[ANN])  # written to just now, and in WAL mode: reading it takes a while
    with closing(sqlite3.connect(path)) as live:
        live.execute("PRAGMA journal_mode=WAL")
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())

    def work() -> RunError:
        try:
            with pytest.raises(RunError) as error:
                lifecycle.stage(run.pk)
            return error.value
        finally:
            connections.close_all()

    def holders() -> list[int]:
        cursor.execute(
            "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND (classid, objid) = %s",
            [locks.EXECUTING],
        )
        return [pid for (pid,) in cursor.fetchall()]

    with ThreadPoolExecutor(1) as worker, connection.cursor() as cursor:
        working = worker.submit(work)
        while not ImportRun.objects.get(pk=run.pk).progress.get("phase", "").startswith("Waiting"):
            time.sleep(0.05)
        found = holders()
        cursor.execute("SELECT pg_terminate_backend(%s)", found)
        while holders():
            time.sleep(0.05)
        lifecycle.reconcile()
        assert working.result().code == "worker_died"
    assert ImportRun.objects.get(pk=run.pk).state == "failed"
    assert list(import_dir.iterdir()) == []


def test_a_run_at_work_is_not_taken_for_dead(tmp_path):
    path = old_file(tmp_path, user=[ANN])
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    ImportRun.objects.filter(pk=run.pk).update(picked_up_at=datetime.now(UTC))
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [locks.RUN, run.pk])
        lifecycle.reconcile()
    run.refresh_from_db()
    assert run.state == "staging"


def test_a_run_that_neither_a_process_nor_a_task_stands_for_is_ended(tmp_path):
    """The process that had taken its task died before it took up the run."""
    path = old_file(tmp_path, user=[ANN])
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    tasks.stage_run.enqueue(run.pk)
    lifecycle.reconcile()
    assert ImportRun.objects.get(pk=run.pk).state == "staging"
    DBTaskResult.objects.all().delete()
    assert preview_of("users", path).state == "previewed"
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "worker_died")
    assert "died before it began" in run.error_message


@pytest.mark.parametrize("picked_up", [False, True])
def test_an_undo_is_ended_whatever_the_clocks_of_the_machines_say(tmp_path, picked_up):
    """One host's clock is an hour ahead of the other's. The process that was at work is dead."""
    run = import_of("users", old_file(tmp_path, user=[ANN]))
    lifecycle.request_undo(run.pk)
    now = datetime.now(UTC)
    ImportRun.objects.update(
        undo_requested_at=now + timedelta(hours=1), picked_up_at=now - timedelta(hours=1) if picked_up else None
    )
    lifecycle.reconcile()
    run.refresh_from_db()
    assert (run.state, run.undo_requested_at) == ("applied", None)
    assert "Nothing was taken out. Undo it again." in run.error_message
    lifecycle.request_undo(run.pk)
    assert lifecycle.undo(run.pk).state == "undone"


def test_no_moment_of_a_run_is_read_from_the_clock_of_the_machine(tmp_path, monkeypatch):
    """It is an hour ahead of the database's, by which the processes of all machines compare."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    run = import_of("users", old_file(tmp_path, user=[ANN]))
    lifecycle.request_undo(run.pk)
    moments = ("created_at", "previewed_at", "confirmed_at", "finished_at", "undo_requested_at")
    found = ImportRun.objects.values(*moments).get(pk=run.pk)
    assert all(moment < datetime.now(UTC) + timedelta(minutes=30) for moment in found.values()), found
