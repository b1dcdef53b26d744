"""`import_legacy` as scripts use it."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django_tasks_db.models import DBTaskResult

from legacy_import import locks, tasks
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.source import source_at
from MiniTwit.models import Follow, Message, User, WatchTerm
from MiniTwit.watchlist import tasks as watchlist_tasks
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import other_session, wait_for
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

ACCOUNT = {"read", "new", "changed", "unchanged", "kept", "duplicate", "rejected"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_old_database(
        tmp_path / "old.db",
        user=[(1, "ann", "", ""), (2, "bob", "", ""), (3, "bob", "", "")],
        message=[(1, 1, "hi", 1_600_000_000, 0), (2, 1, "", 1_600_000_000, 0)],
        follower=[(1, 2), (1, 2), (1, 1)],
    )


def test_the_answer_has_the_promised_shape_and_figures(path):
    users = import_legacy("users", "--source", str(path))
    assert set(users) == {"run", "kind", "state", "tables", "rejected", "notes"}
    assert (users["kind"], users["state"]) == ("users", "applied")
    assert set(users["tables"]["user"]) == ACCOUNT
    assert users["rejected"] == {"user": {"duplicate_username": 1}}
    assert users["notes"] == {"user": {"empty_email": 2, "unusable_password": 2}}
    messages = import_legacy("messages", "--source", f"sqlite:///{path}")
    assert messages["tables"]["message"] | {"new": 1, "rejected": 1, "read": 2} == messages["tables"]["message"]
    assert (
        messages["tables"]["follower"] | {"new": 1, "duplicate": 1, "rejected": 1} == messages["tables"]["follower"]
    )
    assert messages["rejected"] == {"message": {"empty_text": 1}, "follower": {"self_follow": 1}}
    assert (User.objects.count(), Message.objects.count(), Follow.objects.count()) == (2, 1, 1)


def test_a_dry_run_stops_at_the_preview(path):
    answer = import_legacy("users", "--source", str(path), "--dry-run")
    assert (answer["state"], answer["tables"]["user"]["new"]) == ("previewed", 2)
    assert not User.objects.exists()


def test_the_configured_database_is_the_default(path, settings):
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path}"
    assert import_legacy("users")["tables"]["user"]["new"] == 2


def test_duplicates_are_merged_on_request(path):
    answer = import_legacy("users", "--source", str(path), "--duplicates", "merge")
    assert (answer["tables"]["user"]["duplicate"], answer["rejected"]) == (1, {"user": {}})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["users", "--source", "/nowhere/old.db"], "no_such_file"),
        (["users", "--source", "oracle://host/db"], "unsupported_source"),
        (["users"], "no_source"),
        (["messages", "--source", "PATH"], "users_first"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line_and_in_json(path, arguments, code):
    output = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command(
            "import_legacy", *(str(path) if word == "PATH" else word for word in arguments), "--json", stdout=output
        )
    answer = json.loads(output.getvalue())
    assert answer == {"error": {"code": code, "message": str(error.value)}}
    assert "\n" not in str(error.value)
    assert error.value.returncode == 1


def test_a_command_that_comes_at_the_wrong_time_leaves_nothing_in_the_way(path):
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", locks.EXECUTING)
        with pytest.raises(CommandError, match="Another import is running"):
            import_legacy("users", "--source", str(path))
    assert import_legacy("users", "--source", str(path))["state"] == "applied"


def test_for_people_the_account_is_printed_as_text(path):
    output = io.StringIO()
    call_command("import_legacy", "users", "--source", str(path), stdout=output)
    assert "user: 3 read: 2 new, 1 rejected" in output.getvalue()
    assert "verification: ok" in output.getvalue()


def test_what_an_import_brought_is_looked_through_for_the_watch_list(path: Path) -> None:
    WatchTerm.objects.create(pattern="hi")
    import_legacy("users", "--source", str(path))
    assert not DBTaskResult.objects.exists()
    import_legacy("messages", "--source", str(path))
    assert DBTaskResult.objects.get().task_path == watchlist_tasks.scan_new_messages.module_path


def test_an_import_at_work_is_cancelled_from_the_command_line(path: Path) -> None:
    """The command that imports holds its lock from the start: no task stands for it."""
    import_legacy("users", "--source", str(path))

    def work() -> str:
        try:
            with pytest.raises(CommandError) as error:
                import_legacy("messages", "--source", str(path))
            return str(error.value)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, other_session() as cursor:
        cursor.execute(f'LOCK TABLE "{Message._meta.db_table}" IN ROW EXCLUSIVE MODE')
        working = pool.submit(work)
        wait_for(lambda: ImportRun.objects.filter(state="applying", picked_up_at__isnull=False).exists())
        with pytest.raises(CommandError, match="is still at work"):
            import_legacy("users", "--source", str(path))
        answer = import_legacy("--cancel")
        assert working.result() == f"Import {answer['run']} was cancelled. Nothing was written."
    assert (answer["kind"], answer["state"]) == ("messages", "cancelled")
    assert not Message.objects.exists()
    with pytest.raises(CommandError, match="No import is at work or waits"):
        import_legacy("--cancel")


def test_weak_hashes_that_an_import_brought_are_hardened_by_the_worker(path: Path, settings: Any) -> None:
    settings.HARDEN_AFTER_IMPORT = True
    import_legacy("users", "--source", str(path))
    assert DBTaskResult.objects.get().task_path == tasks.harden_passwords.module_path


@pytest.mark.parametrize("step", ["stage", "apply"])
def test_the_command_stands_for_its_import_before_a_step_takes_it_up(step, path, monkeypatch):
    """No task does. A worker looks, at this very moment, for imports that nothing stands for."""
    take_up = getattr(lifecycle, step)

    def look_first(*arguments: object) -> ImportRun:
        lifecycle.reconcile()
        return take_up(*arguments)

    monkeypatch.setattr(lifecycle, step, look_first)
    assert import_legacy("users", "--source", str(path))["state"] == "applied"


def test_a_run_that_waits_for_a_worker_and_a_preview_are_cancelled_from_the_command_line(path: Path) -> None:
    waiting = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    tasks.stage_run.enqueue(waiting.pk)
    assert import_legacy("--cancel") == {"run": waiting.pk, "kind": "users", "state": "cancelled"}
    preview = import_legacy("users", "--source", str(path), "--dry-run")
    with pytest.raises(CommandError, match="No import of messages is at work or waits"):
        import_legacy("messages", "--cancel")
    assert import_legacy("users", "--cancel") == {"run": preview["run"], "kind": "users", "state": "cancelled"}


def test_an_undo_that_waits_for_a_worker_is_cancelled_from_the_command_line(path: Path) -> None:
    run = import_legacy("users", "--source", str(path))["run"]
    lifecycle.request_undo(run)
    tasks.undo_run.enqueue(run)
    assert import_legacy("--cancel") == {"run": run, "kind": "users", "state": "applied"}
    assert ImportRun.objects.get().undo_requested_at is None


def test_a_kind_is_asked_for() -> None:
    with pytest.raises(CommandError, match="Say what to import"):
        call_command("import_legacy")
