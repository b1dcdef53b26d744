"""A real worker meets what happens to servers and processes: restarts, outages, and its own end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from psycopg2 import sql

from backoffice import tasks
from backoffice.embedded_postgresql.server import EmbeddedServer
from backoffice.worker_process import schedule_pruning
from MiniTwit.background.queue import WORKER, WorkerDied, give_back_lost_tasks, is_worker_running, tasks_in_sight
from tests.legacy_import.conftest import WORKER as WORKER_PROGRAM
from tests.legacy_import.conftest import (
    configured,
    database_url,
    import_dir,
    kill,
    other_session,
    page_of,
    preview,
    sample,
    wait_for,
    worker_environment,
)
from tests.legacy_import.test_worker import an_import_that_has_to_wait, state, status

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]

__all__ = ["configured", "import_dir", "sample"]  # fixtures

MANAGE = [sys.executable, "manage.py"]


class LoggedWorker:
    """A worker whose log is kept.

    Attributes:
        name: its id.
    """

    def __init__(self, name: str, var_dir: Path, log: Path, **environment: str) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*WORKER_PROGRAM, f"--worker-id={name}"],
                cwd=settings.BASE_DIR,
                env=worker_environment(var_dir) | environment,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    def said(self, words: str) -> int:
        """How often it has said something so far."""
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text().count(words)


@pytest.fixture
def logged_worker(tmp_path: Path, import_dir: Path) -> Iterator[Callable[[], LoggedWorker]]:
    started: list[LoggedWorker] = []

    def start() -> LoggedWorker:
        name = f"worker-{len(started)}"
        started.append(LoggedWorker(name, import_dir.parents[1], tmp_path / f"{name}.log"))
        return started[-1]

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait()


@contextmanager
def administrator() -> Iterator[Any]:
    """A cursor in another database of the server, from where this one can be closed."""
    session = psycopg2.connect(database_url("postgres"))
    session.autocommit = True
    try:
        with session.cursor() as cursor:
            yield cursor
    finally:
        session.close()


@contextmanager
def an_outage() -> Iterator[None]:
    """No new connections, and the end of those that the workers have, as when the server restarts."""
    name = connection.settings_dict["NAME"]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    with administrator() as cursor:
        cursor.execute(allow(sql.Identifier(name), sql.SQL("false")))
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE datname = %s AND locktype = 'advisory' AND classid = %s",
            [name, WORKER],
        )
        try:
            yield
        finally:
            cursor.execute(allow(sql.Identifier(name), sql.SQL("true")))


StartWorker = Callable[[], LoggedWorker]
WAITS, GOES_ON = "The worker waits until it does", "The database answers again"


def test_a_worker_waits_for_the_database_at_work_and_idle_and_goes_on(
    admin: Client, configured: Path, logged_worker: StartWorker
) -> None:
    run = preview(admin, "users")
    DBTaskResult.objects.all().delete()
    worker = logged_worker()
    with an_import_that_has_to_wait(admin, run), an_outage():
        wait_for(lambda: worker.said(WAITS) == 1)
    wait_for(lambda: worker.said(GOES_ON) == 1)
    # The lost task is executed again, and finds that the import is over.
    wait_for(lambda: DBTaskResult.objects.filter(status="SUCCESSFUL").exists())
    wait_for(lambda: status(admin, run)["stage"] == "failed")
    with an_outage():
        wait_for(lambda: worker.said(WAITS) == 2)
    again = preview(admin, "users")
    admin.post(f"{page_of(again)}confirm/")
    wait_for(lambda: state(again) == "applied")
    assert not worker.said("Traceback")


def lost_task(*workers: str) -> DBTaskResult:
    task: DBTaskResult = DBTaskResult.objects.create(
        args_kwargs={"args": [], "kwargs": {}}, task_path=tasks.prune.module_path, backend_name="default"
    )
    for worker in workers:
        task.claim(worker)
    return task


def status_of(task: DBTaskResult) -> str:
    return DBTaskResult.objects.get(pk=task.pk).status


def test_a_task_whose_worker_was_killed_is_taken_up_by_another(logged_worker: StartWorker) -> None:
    first = logged_worker()
    wait_for(is_worker_running)
    first.process.send_signal(signal.SIGSTOP)  # or it may find that it does not execute the task
    task = lost_task(first.name)
    assert tasks_in_sight().filter(pk=task.pk).exists()
    assert not give_back_lost_tasks()
    kill(first.process)
    wait_for(lambda: not is_worker_running())
    assert not tasks_in_sight().filter(pk=task.pk).exists()
    logged_worker()
    wait_for(lambda: status_of(task) == "SUCCESSFUL")


def test_a_task_that_outlives_two_workers_has_failed() -> None:
    once, twice = lost_task("a"), lost_task("a", "b")
    assert give_back_lost_tasks() == 2
    assert (status_of(once), status_of(twice)) == ("READY", "FAILED")
    (error,) = DBTaskResult.objects.get(pk=twice.pk).task_result.errors
    assert error.exception_class is WorkerDied


def test_a_worker_gives_back_what_it_lost_itself() -> None:
    mine, others = lost_task("me"), lost_task("another")
    with other_session() as cursor:
        cursor.execute(
            "SELECT pg_advisory_lock_shared(%s, hashtext(name)) FROM unnest(%s) name", [WORKER, ["me", "another"]]
        )
        assert not give_back_lost_tasks()
        assert give_back_lost_tasks("me") == 1
    assert (status_of(mine), status_of(others)) == ("READY", "RUNNING")


def test_one_pruning_waits_in_the_queue_at_any_time(logged_worker: StartWorker) -> None:
    logged_worker()
    wait_for(DBTaskResult.objects.exists)
    schedule_pruning()
    (first,) = DBTaskResult.objects.all()
    assert first.run_after < timezone.now() + timedelta(hours=1)
    first.set_successful(None)
    schedule_pruning()
    second = DBTaskResult.objects.exclude(pk=first.pk).get()
    assert second.run_after > timezone.now() + timedelta(hours=23)


@pytest.mark.slow
def test_a_worker_starts_its_own_server_again_and_goes_on(tmp_path: Path) -> None:
    """With the checkout's own server, in a folder of the test, that really ends and really comes back."""
    environment = os.environ | {"DEBUG": "1", "VAR_DIR": str(tmp_path / "var")}
    environment.pop("DATABASE_URL", None)
    subprocess.run([*MANAGE, "migrate", "--no-input", "-v0"], cwd=settings.BASE_DIR, env=environment, check=True)
    worker = LoggedWorker("worker", tmp_path / "var", tmp_path / "worker.log", DATABASE_URL="")
    server = tmp_path / "var" / "postgres" / "postmaster.pid"
    try:
        for time_of_end in (1, 2):
            wait_for(lambda: server.exists() and is_at_work(server))
            os.kill(int(server.read_text().split()[0]), signal.SIGQUIT)  # as a crash
            wait_for(lambda number=time_of_end: worker.said(WAITS) == number)
            wait_for(lambda number=time_of_end: worker.said(GOES_ON) == number)
        with closing(psycopg2.connect(url_of(server))) as session, session.cursor() as cursor:
            session.autocommit = True
            cursor.execute("UPDATE django_tasks_database_dbtaskresult SET run_after = now()")
            wait_for(lambda: has_one(cursor, "successful"))
        assert not worker.said("Traceback")
    finally:
        worker.process.terminate()
        worker.process.wait()
    assert not server.exists(), "the last one to leave stops the server"


def is_at_work(server: Path) -> bool:
    try:
        session = psycopg2.connect(url_of(server))
    except psycopg2.OperationalError:  # it is starting
        return False
    with closing(session), session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s", [WORKER])
        return bool(cursor.fetchone()[0])


def has_one(cursor: Any, status: str) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM django_tasks_database_dbtaskresult WHERE status = %s)", [status.upper()]
    )
    return bool(cursor.fetchone()[0])


def url_of(server: Path) -> str:
    return EmbeddedServer(server.parent, programs=Path(), software=[]).url("minitwit")
