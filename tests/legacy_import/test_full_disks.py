"""A full disk of ours is not blamed on the old file."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs.files import import_dir
from tests.full_disk import full_disk
from tests.legacy_import.importing import preview_of
from tests.legacy_import.old_database import HASH, make_old_database

pytestmark = pytest.mark.django_db(transaction=True)

ROOM = 256 * 1024


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is larger than there is room."""
    users = ((number, f"user{number}", f"user{number}@example.com", HASH) for number in range(6_000))
    return make_old_database(tmp_path_factory.mktemp("old") / "old.db", user=users)


@pytest.fixture
def full_var_dir(tmp_path: Path, settings: Any) -> Iterator[None]:
    with full_disk(tmp_path / "var", bytes_free=ROOM) as folder:
        settings.LEGACY_IMPORT_DIR = folder / "legacy_import"
        yield


def as_file(old: Path, folder: Path) -> Path:
    return old


def as_file_in_wal_mode(old: Path, folder: Path) -> Path:
    """Copied through SQLite's backup, because an application has it open."""
    path = folder / "live.db"
    path.write_bytes(old.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def as_dump(old: Path, folder: Path) -> Path:
    path = folder / "old.sql"
    with closing(sqlite3.connect(old)) as connection:
        path.write_text("\n".join(connection.iterdump()))
    return path


def as_archive(old: Path, folder: Path) -> Path:
    path = folder / "old.db.gz"
    path.write_bytes(gzip.compress(old.read_bytes()))
    return path


@pytest.mark.usefixtures("full_var_dir")
@pytest.mark.parametrize("given", [as_file, as_file_in_wal_mode, as_dump, as_archive])
def test_no_room_for_the_snapshot(old_database: Path, tmp_path: Path, given: Any) -> None:
    with pytest.raises(RunError) as refused:
        preview_of("users", given(old_database, tmp_path))
    assert refused.value.code == "not_stored"
    assert "A disk of this server is full" in refused.value.message
    assert ImportRun.objects.get().state == "failed"
    assert not [path for path in import_dir().rglob("*") if path.is_file()]


@pytest.mark.usefixtures("full_var_dir")
def test_no_room_for_an_upload(old_database: Path, admin: Client) -> None:
    upload = SimpleUploadedFile("old.db", old_database.read_bytes())
    choices = {"existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    page = admin.post("/admin/legacy_import/importrun/users/", choices | {"source": "upload", "upload": upload})
    assert "old.db could not be stored. A disk of this server is full" in page.content.decode()
    assert not ImportRun.objects.exists()
    assert not [path for path in import_dir().rglob("*") if path.is_file()]
