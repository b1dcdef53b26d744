"""What staff read when a page is not there, not theirs, or broken."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from backoffice.logging import OneLineForRefusals
from tests.full_disk import full_disk
from tests.MiniTwit.factories import make_roles, make_staff, make_superuser

pytestmark = pytest.mark.django_db


def test_a_page_that_is_not_there_leads_back(client: Client) -> None:
    client.force_login(make_superuser())
    response = client.get("/admin/legacy_import/importrun/999/change/")
    assert response.status_code == 404
    assert f'href="{reverse("admin:index")}"' in response.content.decode()


def test_a_page_that_is_not_ones_own_says_whom_to_ask(client: Client) -> None:
    staff = make_staff()
    client.force_login(staff)
    response = client.get(reverse("admin:legacy_import_users"))
    assert response.status_code == 403
    assert f"The account {staff} does not have the right to do this." in response.content.decode()


def test_a_broken_page_says_so_without_what_may_be_broken_itself(client: Client, monkeypatch) -> None:
    monkeypatch.setattr("legacy_import.admin.import_runs.lifecycle.reconcile", None)
    client.raise_request_exception = False
    client.force_login(make_superuser())
    response = client.get(reverse("admin:legacy_import_importrun_changelist"))
    assert response.status_code == 500
    assert "the server's log says what failed" in response.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["/admin/login/", "/admin/MiniTwit/message/", "/admin/"])
def test_while_the_database_is_away_every_page_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, page: str
) -> None:
    client.raise_request_exception = False
    client.force_login(make_superuser())
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get(page)
    monkeypatch.undo()
    assert response.status_code == 503
    assert "The database server cannot be reached" in response.content.decode()
    assert "/nowhere" not in response.content.decode()
    assert "/nowhere" in caplog.text


def test_a_standby_server_refuses_changes_with_a_sentence(client: Client) -> None:
    client.raise_request_exception = False
    client.force_login(make_superuser())
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    response = client.post("/admin/logout/")
    assert response.status_code == 503
    assert "The database takes no changes now" in response.content.decode()


@pytest.fixture
def full_temporary_folder(tmp_path: Path, settings: Any) -> Iterator[None]:
    with full_disk(tmp_path / "tmp", bytes_free=64 * 1024) as folder:
        settings.FILE_UPLOAD_TEMP_DIR = folder
        yield


@pytest.mark.usefixtures("full_temporary_folder")
def test_a_file_that_finds_no_room_is_refused_with_a_sentence(client: Client) -> None:
    client.raise_request_exception = False
    client.force_login(make_superuser())
    upload = SimpleUploadedFile("old.db", b"x" * 1024 * 1024)
    response = client.post(reverse("admin:legacy_import_users"), {"source": "upload", "file": upload})
    assert response.status_code == 507
    assert "A disk of this server is full" in response.content.decode()


def test_a_newcomer_without_any_right_is_told_on_the_first_page(client: Client) -> None:
    make_roles()
    client.force_login(make_staff())
    assert "no right" in client.get(reverse("admin:index")).content.decode().lower()


def test_a_refusal_is_one_line_in_the_log_and_a_fault_a_traceback() -> None:
    def logged(status_code: int) -> logging.LogRecord:
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, "said", (), (ValueError, None, None))
        record.status_code = status_code
        assert OneLineForRefusals().filter(record)
        return record

    assert logged(403).exc_info is None
    assert logged(503).exc_info is None
    assert logged(500).exc_info is not None
