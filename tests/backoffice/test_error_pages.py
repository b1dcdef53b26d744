"""What staff read when a page is not there, not theirs, or broken."""

import logging

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from backoffice.logging import OneLineForRefusals
from tests.MiniTwit.factories import make_staff, make_superuser

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
    monkeypatch.setattr("legacy_import.admin.import_runs.runs.reconcile", None)
    client.raise_request_exception = False
    client.force_login(make_superuser())
    response = client.get(reverse("admin:legacy_import_importrun_changelist"))
    assert response.status_code == 500
    assert "the server's log says what failed" in response.content.decode()


def test_a_newcomer_without_any_right_is_told_on_the_first_page(client: Client) -> None:
    call_command("loaddata", "roles", verbosity=0)
    client.force_login(make_staff())
    assert "no right" in client.get(reverse("admin:index")).content.decode().lower()


def test_a_refusal_is_one_line_in_the_log_and_a_fault_a_traceback() -> None:
    def logged(status_code: int) -> logging.LogRecord:
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, "said", (), (ValueError, None, None))
        record.status_code = status_code
        assert OneLineForRefusals().filter(record)
        return record

    assert logged(403).exc_info is None
    assert logged(500).exc_info is not None
