"""What the stories of the import's pages share: old databases, staff, and a real background worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from fixtures import sample_legacy_database
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from MiniTwit.storage.database_folders import database_folder

WORKER = [sys.executable, "manage.py", "db_worker", "--no-reload", "--no-startup-delay", "--interval=0.1"]
PATIENCE = 60  # seconds; only a broken program waits so long


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample old database, with every quirk."""
    path = tmp_path_factory.mktemp("sample") / "minitwit_sample.db"
    sample_legacy_database.create(path)
    return path


@pytest.fixture
def import_dir(tmp_path: Path, settings: Any, db: None) -> Path:
    """Where this test's uploads and snapshots are kept."""
    settings.LEGACY_IMPORT_DIR = tmp_path / "legacy_import"
    return database_folder(settings.LEGACY_IMPORT_DIR)


@pytest.fixture
def configured(sample: Path, settings: Any, import_dir: Path) -> Path:
    """The sample as the configured old database."""
    settings.LEGACY_DATABASE_URL = f"sqlite:///{sample}"
    return sample


@pytest.fixture
def worker(import_dir: Path) -> Iterator[Callable[[], subprocess.Popen]]:
    """Start background workers as staff do, on the test's database; none outlives the test."""
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        started.append(start_worker(import_dir.parents[1]))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def start_worker(var_dir: Path) -> subprocess.Popen:
    environment = worker_environment(var_dir)
    return subprocess.Popen(WORKER, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL)


def worker_environment(var_dir: Path) -> dict[str, str]:
    return os.environ | {"DEBUG": "1", "DATABASE_URL": database_url(), "VAR_DIR": str(var_dir)}


def database_url(database: str = "") -> str:
    """The test's database, for another process; or another one on its server."""
    names = ("USER", "PASSWORD", "HOST", "NAME")
    user, password, host, name = (quote(str(connection.settings_dict[key]), safe="") for key in names)
    name = database or name
    port = f":{connection.settings_dict['PORT']}" if connection.settings_dict["PORT"] else ""
    options = {key: value for key, value in connection.settings_dict["OPTIONS"].items() if isinstance(value, str)}
    return f"postgresql://{user}:{password}@{host}{port}/{name}?{urlencode(options)}"


def kill(process: subprocess.Popen) -> None:
    """As when the machine runs out of memory."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It never came true."
        time.sleep(0.05)


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def other_session() -> Iterator[Any]:
    """A cursor of another session of the database, in a transaction that ends with the block."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.rollback()
        other.close()


def preview(client: Client, kind: str, **choices: Any) -> ImportRun:
    """Ask for a preview on the start page, and do the worker's part."""
    run = ask_for_preview(client, kind, **choices)
    staged: ImportRun = lifecycle.stage(run.pk)
    return staged


def ask_for_preview(client: Client, kind: str, **choices: Any) -> ImportRun:
    data = {"source": "configured", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"} | choices
    response = client.post(f"/admin/legacy_import/importrun/{kind}/", data)
    assert response.status_code == 302, response.context["form"].errors
    return newest_run()


def newest_run() -> ImportRun:
    run = ImportRun.objects.order_by("-id").first()
    assert run is not None
    return run


def confirm(client: Client, run: ImportRun) -> ImportRun:
    """Confirm a preview on its page, and do the worker's part."""
    client.post(f"{page_of(run)}confirm/")
    applied: ImportRun = lifecycle.apply(run.pk)
    return applied


def page_of(run: ImportRun) -> str:
    return f"/admin/legacy_import/importrun/{run.pk}/"


def text_of(client: Client, address: str) -> str:
    """A page as HTML; it must be there."""
    response = client.get(address, follow=True)
    assert response.status_code == 200
    return response.content.decode()
