"""Everything that an import puts aside has an owner and an age: nothing of an old database stays permanently."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client

from legacy_import import locks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.runs.leftovers import discard_leftovers
from MiniTwit.storage.database_folders import file_clock
from tests.legacy_import.conftest import confirm, other_session, page_of, preview, text_of
from tests.legacy_import.importing import import_of, preview_of
from tests.legacy_import.old_database import ANN, BOB, make_old_database
from tests.legacy_import.test_uploads import upload_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

EIGHT_DAYS = timedelta(days=8)


def let_eight_days_pass() -> None:
    ImportRun.objects.update(previewed_at=F("previewed_at") - EIGHT_DAYS, finished_at=F("finished_at") - EIGHT_DAYS)


def staging_tables() -> int:
    with connection.cursor() as cursor:
        cursor.execute(r"SELECT count(*) FROM pg_class WHERE relname ~ '^legacy_staging_' AND relkind = 'r'")
        return int(cursor.fetchone()[0])


def test_what_a_kill_after_the_commit_leaves_is_cleared_away(tmp_path: Path, import_dir: Path) -> None:
    run = import_of("users", make_old_database(tmp_path / "one.db", user=[ANN]))
    left = import_dir / run.source["snapshot"]
    left.touch()
    ImportRun.objects.update(verification=None)  # the process was killed before it compared
    discard_leftovers()
    assert not left.exists()


def test_a_snapshot_stays_while_its_rows_are_compared(tmp_path: Path, import_dir: Path) -> None:
    run = import_of("users", make_old_database(tmp_path / "one.db", user=[ANN]))
    snapshot = import_dir / run.source["snapshot"]
    snapshot.touch()
    ImportRun.objects.update(verification=None)
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [locks.RUN, run.pk])
        discard_leftovers()
        assert snapshot.exists()


def test_a_preview_that_is_not_confirmed_is_given_up(admin: Client, configured: Path, import_dir: Path) -> None:
    run = preview(admin, "users")
    assert "It can be confirmed until" in text_of(admin, page_of(run))
    discard_leftovers()
    assert len(list(import_dir.iterdir())) == 1
    let_eight_days_pass()
    with pytest.raises(RunError, match="it is cancelled"):
        lifecycle.confirm(run.pk)
    discard_leftovers()
    assert list(import_dir.iterdir()) == []
    assert staging_tables() == 0
    assert "This preview was not confirmed within 7 days" in text_of(admin, page_of(run))
    run.refresh_from_db()
    assert (run.state, run.error_code, run.samples) == ("cancelled", "expired", {})


def test_an_upload_whose_messages_do_not_follow_goes(admin: Client, sample: Path, import_dir: Path) -> None:
    run = confirm(admin, preview(admin, "users", source="upload", upload=upload_of(sample)))
    assert "The uploaded file is kept for them until" in text_of(admin, page_of(run))
    discard_leftovers()
    assert len(list(import_dir.iterdir())) == 1
    let_eight_days_pass()
    discard_leftovers()
    assert list(import_dir.iterdir()) == []
    assert "The file uploaded for import" not in text_of(admin, "/admin/legacy_import/importrun/messages/")


def test_what_a_killed_reader_leaves_half_written_goes(tmp_path: Path, import_dir: Path) -> None:
    """A dump that was being loaded, an archive that was being unpacked, and a copy for `verify_legacy`."""
    waiting = preview_of("users", make_old_database(tmp_path / "one.db", user=[ANN]))
    kept = import_dir / waiting.source["snapshot"]
    for ending in ("", "-journal", "-unpacked", "-unpacked-wal", "-wal", "-shm"):
        (import_dir / f"snapshot-999-0123456789abcdef.sqlite3{ending}").touch()
    young, old = import_dir / "verify-young", import_dir / "verify-old"
    for folder in (young, old):
        folder.mkdir()
        (folder / "snapshot.db").touch()
    yesterday = file_clock(import_dir) - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    discard_leftovers()
    assert {file.name for file in import_dir.iterdir()} == {kept.name, young.name}


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path, settings: Any) -> None:
    path = make_old_database(tmp_path / "one.db", user=[BOB])
    (tmp_path / "file").touch()
    settings.LEGACY_IMPORT_DIR = tmp_path / "file" / "legacy_import"
    with pytest.raises(RunError, match="Nothing can be stored in") as error:
        preview_of("users", path)
    assert error.value.code == "not_stored"
