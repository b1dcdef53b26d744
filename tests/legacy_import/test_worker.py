"""The work is done by a background worker: one that works, one that is missing, one that dies."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from legacy_import import tasks
from legacy_import.locks import EXECUTING, executing
from legacy_import.models import ImportRun
from MiniTwit.background.queue import WORKER, WORKER_COMMAND
from MiniTwit.models import Message, User
from tests.legacy_import.conftest import (
    ask_for_preview,
    confirm,
    kill,
    other_session,
    page_of,
    preview,
    text_of,
    wait_for,
)
from tests.MiniTwit.factories import make_superuser

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]

StartWorker = Callable[[], subprocess.Popen]


def status(client: Client, run: ImportRun) -> dict[str, Any]:
    """What the page of the run hears when it asks how far the run is."""
    address = client.get(page_of(run), follow=True).context["status_url"]
    answer: dict[str, Any] = client.get(address).json()
    return answer


def state(run: ImportRun) -> str:
    run.refresh_from_db()
    return run.state


def test_a_worker_does_both_imports_and_an_undo(admin: Client, configured: Path, worker: StartWorker) -> None:
    worker()
    for kind in ("users", "messages"):
        run = ask_for_preview(admin, kind)
        wait_for(lambda run=run: status(admin, run)["stage"] == "previewed")
        admin.post(f"{page_of(run)}confirm/")
        wait_for(lambda run=run: status(admin, run)["stage"] == "applied")
        run.refresh_from_db()
        assert run.verification["ok"]
    assert Message.objects.count() == run.counts["message"]["new"]
    admin.post(f"{page_of(run)}undo/")
    wait_for(lambda: status(admin, run)["stage"] == "undone")
    assert not Message.objects.exists()


def test_without_a_worker_the_page_names_the_command(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    ImportRun.objects.update(created_at=timezone.now() + timedelta(minutes=1))  # however slow this machine is
    assert status(admin, run)["waiting"] == ""
    ImportRun.objects.update(created_at=timezone.now() - timedelta(seconds=10))
    answer = status(admin, run)
    assert answer["waiting"] == "No background worker is running. Start one:"
    assert answer["command"] == WORKER_COMMAND
    page = text_of(admin, page_of(run))
    assert WORKER_COMMAND in page
    assert 'http-equiv="refresh"' in page
    admin.post(f"{page_of(run)}cancel/")
    assert state(run) == "cancelled"


def test_a_busy_worker_is_not_called_missing_and_a_dead_one_not_busy(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    ImportRun.objects.update(created_at=timezone.now() - timedelta(seconds=10))
    other = DBTaskResult.objects.create(args_kwargs={"args": [], "kwargs": {}}, task_path="elsewhere.long_task")
    other.claim("a worker")
    assert status(admin, run)["command"] == WORKER_COMMAND
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, hashtext('another worker'))", [WORKER])
        assert status(admin, run)["waiting"] == "The background worker takes this up as soon as it can."
        cursor.execute("SELECT pg_advisory_lock_shared(%s, hashtext('a worker'))", [WORKER])
        answer = status(admin, run)
        assert "has been busy with another task since" in answer["waiting"]
        assert answer["command"] == ""


def test_the_bar_fills_as_rows_go(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    progress = {"phase": "Reading users", "done": 1200, "total": 3000}
    with executing(run.pk):
        ImportRun.objects.update(picked_up_at=timezone.now(), progress=progress)
        answer = status(admin, run)
        page = text_of(admin, page_of(run))
    assert answer | progress == answer
    assert answer["waiting"] == ""
    assert 'max="3000" value="1200"' in page
    assert "1,200 of 3,000 rows" in page


def test_the_bar_fills_while_nobody_can_read_the_users(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    address = admin.get(page_of(run), follow=True).context["status_url"]
    with other_session() as cursor, connection.cursor() as own:
        cursor.execute(f'LOCK TABLE "{User._meta.db_table}"')
        own.execute("SET lock_timeout = '5s'")
        try:
            assert admin.get(address).json()["stage"] == "staging staging"
        finally:
            own.execute("RESET lock_timeout")


def test_progress_is_told_to_those_only_who_may_see_the_page(admin: Client, configured: Path) -> None:
    run, other = ask_for_preview(admin, "users"), 999_999
    address = admin.get(page_of(run), follow=True).context["status_url"]
    stranger = Client()
    stranger.force_login(make_superuser("another"))
    assert stranger.get(address).status_code == 403
    assert admin.get(address.replace(f"/{run.pk}/", f"/{other}/")).status_code == 403
    assert admin.get(f"{page_of(run)}status/").status_code == 403
    assert admin.get(address).status_code == 200
    admin.post("/admin/logout/")
    assert admin.get(address).status_code == 403


def test_an_applied_run_is_at_work_until_it_is_verified(admin: Client, configured: Path) -> None:
    run = confirm(admin, preview(admin, "users"))
    ImportRun.objects.update(verification=None)
    with executing(run.pk):
        assert status(admin, run)["activity"] == "Imported; comparing old and new"
    assert status(admin, run)["activity"] == ""
    assert "This import was not verified" in text_of(admin, page_of(run))


@contextmanager
def an_import_that_has_to_wait(admin: Client, run: ImportRun) -> Iterator[None]:
    """Confirm a run while somebody else is at work on the users; a worker takes it up and then waits."""
    with other_session() as cursor:
        cursor.execute(f'LOCK TABLE "{User._meta.db_table}" IN ROW EXCLUSIVE MODE')
        admin.post(f"{page_of(run)}confirm/")
        wait_for(lambda: ImportRun.objects.filter(pk=run.pk, picked_up_at__isnull=False).exists())
        yield


def test_a_killed_worker_shows_as_failed_and_nothing_is_written(
    admin: Client, configured: Path, worker: StartWorker
) -> None:
    run = preview(admin, "users")
    first = worker()
    with an_import_that_has_to_wait(admin, run):
        assert status(admin, run)["activity"] == "Importing"
        kill(first)
        wait_for(lambda: status(admin, run)["stage"] == "failed")
    page = text_of(admin, page_of(run))
    assert "The process that worked on this import died" in page
    assert "Make a new preview" in page
    assert not User.objects.filter(legacy_id__isnull=False).exists()

    worker()
    again = ask_for_preview(admin, "users")
    wait_for(lambda: state(again) == "previewed")


def test_a_run_at_work_is_cancelled(admin: Client, configured: Path, worker: StartWorker) -> None:
    run = preview(admin, "users")
    worker()
    with an_import_that_has_to_wait(admin, run):
        admin.post(f"{page_of(run)}cancel/")
        wait_for(lambda: state(run) == "cancelled")
    assert "Nothing was written" in text_of(admin, page_of(run))
    assert not User.objects.filter(legacy_id__isnull=False).exists()


def test_a_task_waits_for_the_import_before_it_to_end(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    DBTaskResult.objects.all().delete()
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", EXECUTING)
        tasks.stage_run.call(run.pk)
        assert state(run) == "staging"
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", EXECUTING)  # now, and not when the server has noticed
    (later,) = DBTaskResult.objects.all()
    tasks.stage_run.call(*later.task_result.args)
    assert state(run) == "previewed"
