"""What is kept for a while goes after it, and nothing else."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from backoffice import pruning
from legacy_import.models import ImportRun
from MiniTwit.admin.files.uploads import keep_upload, upload_path
from MiniTwit.models import ModerationBatch, User, Verb
from MiniTwit.moderation import selections
from tests.legacy_import.conftest import import_dir
from tests.MiniTwit.factories import make_superuser, make_user

pytestmark = pytest.mark.django_db

__all__ = ["import_dir"]  # a fixture

LONG_AGO = timedelta(days=100)


def make_task(status: str, age: timedelta) -> DBTaskResult:
    task: DBTaskResult = DBTaskResult.objects.create(
        args_kwargs={"args": [], "kwargs": {}}, task_path="x.y", backend_name="default", status=status
    )
    DBTaskResult.objects.filter(pk=task.pk).update(enqueued_at=timezone.now() - age, finished_at=timezone.now() - age)
    return task


@pytest.fixture
def var_dir(tmp_path: Path, settings: Any, import_dir: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


def test_what_is_too_old_goes_and_the_rest_stays(var_dir: Path) -> None:
    for status in ("SUCCESSFUL", "FAILED"):
        make_task(status, LONG_AGO)
    kept_tasks = {make_task("SUCCESSFUL", timedelta(days=1)).pk, make_task("READY", LONG_AGO).pk}
    make_task("RUNNING", LONG_AGO)
    for key, days in (("old", -1), ("new", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days))
    make_user()
    actor = make_superuser()
    old, new = (selections.freeze(verb=Verb.SUSPEND, queryset=User.objects.all(), actor=actor) for _ in range(2))
    ModerationBatch.objects.filter(pk=old.pk).update(created_at=timezone.now() - LONG_AGO)
    forgotten, young = (upload_path(keep_upload(SimpleUploadedFile("a.csv", b"1"))) for _ in range(2))
    os.utime(forgotten, (0, 0))

    for username in ("old", "new"):
        AccessAttempt.objects.create(username=username, failures_since_start=1)
    AccessAttempt.objects.filter(username="old").update(attempt_time=timezone.now() - LONG_AGO)

    ImportRun.objects.create(kind="users", state="previewed", previewed_at=timezone.now() - LONG_AGO)

    call_command("prune")

    assert ImportRun.objects.get().error_code == "expired"
    assert AccessAttempt.objects.get().username == "new"
    assert set(DBTaskResult.objects.exclude(status="RUNNING").values_list("pk", flat=True)) == kept_tasks
    assert DBTaskResult.objects.filter(status="RUNNING").exists()
    assert Session.objects.get().session_key == "new"
    assert ModerationBatch.objects.get().pk == new.pk
    assert (forgotten.exists(), young.exists()) == (False, True)


def test_a_step_that_fails_is_named_and_the_others_are_done(var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("No space left on device")

    monkeypatch.setitem(pruning.STEPS, "finished tasks", fail)
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - LONG_AGO)
    with pytest.raises(CommandError, match="Could not remove: finished tasks"):
        call_command("prune")
    assert not Session.objects.exists()
