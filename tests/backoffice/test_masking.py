"""Passwords of settings are shown nowhere: not in error pages of DEBUG, not in the log, not by commands."""

import logging
import sys
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from backoffice.masking import MaskingFormatter, mask
from tests.MiniTwit.factories import make_superuser

PASSWORD, WRITTEN = "s3cr&t '@pass", "s3cr%26t%20'%40pass"
ADDRESS = f"mysql://reader:{WRITTEN}@db.example.com/minitwit?from=a@example.com"
MADE_OF = (PASSWORD, WRITTEN, "s3cr&amp;t", "s3cr%26t")


@pytest.fixture
def secretive(settings: Any) -> Any:
    settings.LEGACY_DATABASE_URL = ADDRESS
    return settings


def test_the_error_page_of_debug_shows_no_password(
    client: Client, secretive: Any, db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> None:
        address = ADDRESS
        settings = {"PASSWORD": PASSWORD, "NAME": "minitwit"}
        raise ValueError(f"{address} with {settings} cannot be used")

    monkeypatch.setattr("legacy_import.admin.import_runs.lifecycle.reconcile", break_down)
    secretive.DEBUG = True
    client.raise_request_exception = False
    client.force_login(make_superuser())
    response = client.get(reverse("admin:legacy_import_importrun_changelist"))
    page = response.content.decode()
    assert response.status_code == 500
    assert "LEGACY_DATABASE_URL" in page, "the page with the settings"
    assert "db.example.com" in page, "which server it was is no secret"
    (line,) = [log_formatter().format(record) for record in caplog.records if record.name == "django.request"]
    assert "mysql://reader:********************@db.example.com/minitwit?from=a@example.com with" in line
    for shown in (page, line):
        assert [secret for secret in (*MADE_OF, secretive.SECRET_KEY) if secret in shown] == []


def log_formatter() -> logging.Formatter:
    """What the settings put between the program and the log."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    (found,) = [formatter for formatter in formatters if isinstance(formatter, MaskingFormatter)]
    return found


def test_a_sign_in_that_fails_for_a_fault_shows_no_password_either(
    client: Client, settings: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.contrib.auth.forms.AuthenticationForm.clean", None)
    settings.DEBUG = True
    client.raise_request_exception = False
    page = client.post(reverse("admin:login"), {"username": "ann", "password": "open sesame"}).content.decode()
    assert "username" in page
    assert "open sesame" not in page


@pytest.mark.parametrize("output", ["hash", "unified"])
def test_the_command_that_shows_settings_masks_them(
    output: str, secretive: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("diffsettings", output=output, no_color=True)
    shown = capsys.readouterr().out
    assert "LEGACY_DATABASE_URL = '********************'" in shown
    assert "SECRET_KEY = '********************'" in shown
    assert "ROOT_URLCONF = 'backoffice.urls'" in shown
    assert [secret for secret in (*MADE_OF, secretive.SECRET_KEY) if secret in shown] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ann:p@ss:word@host:5432/db?x=1", "postgresql://ann:********************@host:5432/db?x=1"),
        ("at http://127.0.0.1:8000/admin/?q=a@example.com", "at http://127.0.0.1:8000/admin/?q=a@example.com"),
        ("sqlite:////srv/minitwit.db", "sqlite:////srv/minitwit.db"),
        ("mysql://ann@host/db", "mysql://ann@host/db"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_the_log_masks_what_an_error_says() -> None:
    try:
        raise ValueError("mysql://ann:hidden@host/db")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "%s", ("redis://:hidden@host",), sys.exc_info())
    line = log_formatter().format(record)
    assert "Traceback" in line
    assert "hidden" not in line
