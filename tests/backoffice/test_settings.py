"""The settings as a production site, a fresh checkout and the tests meet them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template
from django.test import Client

pytestmark = pytest.mark.story

PRODUCTION = {"DEBUG": "0", "DATABASE_URL": "postgresql://minitwit@database.invalid/minitwit"}


def show(name: str) -> list[str]:
    """The command that prints a setting, and loads no more than the settings."""
    return [sys.executable, "-W", "error", "-c", f"from django.conf import settings; print(settings.{name})"]


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with no variable of the settings from our own environment."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in {"DEBUG", "SECRET_KEY", "DATABASE_URL"}
    }
    return subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=inherited | {"DJANGO_SETTINGS_MODULE": "backoffice.settings"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with warnings as errors."""
    return run([sys.executable, "-W", "error", "manage.py", *arguments], **environment)


def test_production_collects_static_files_and_passes_the_deployment_check(tmp_path: Path) -> None:
    collected = manage("collectstatic", "--no-input", "--verbosity=0", VAR_DIR=str(tmp_path), **PRODUCTION)
    assert collected.returncode == 0, collected.stderr
    assert list((tmp_path / "static" / "grappelli").rglob("*.*.css.gz"))

    result = manage("check", "--deploy", "--fail-level", "WARNING", VAR_DIR=str(tmp_path), **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_production_without_a_database_says_so_in_one_line(tmp_path: Path) -> None:
    result = manage("check", VAR_DIR=str(tmp_path), DEBUG="0")
    assert result.returncode == 1
    assert result.stderr.startswith("ImproperlyConfigured: DATABASE_URL is not set.")
    assert result.stderr.count("\n") == 1


def test_a_named_database_means_production_unless_debug_is_on(tmp_path: Path) -> None:
    database = {"DATABASE_URL": PRODUCTION["DATABASE_URL"], "VAR_DIR": str(tmp_path)}
    assert run(show("DEBUG"), **database).stdout == "False\n"
    assert run(show("DEBUG"), **database, DEBUG="1").stdout == "True\n"


def test_nothing_that_cannot_be_taken_back_is_the_default(tmp_path: Path) -> None:
    """Browsers remember the first three for as long as they say, for other hosts of the domain, and permanently."""
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    shown = run(show(", settings.".join(names)), VAR_DIR=str(tmp_path), **PRODUCTION)
    assert shown.stdout == "3600 False False\n"


def test_weak_hashes_are_hardened_unless_the_operator_says_no(tmp_path: Path) -> None:
    for given, expected in (("", "True\n"), ("0", "False\n")):
        site = PRODUCTION | {"VAR_DIR": str(tmp_path), "HARDEN_AFTER_IMPORT": given}
        assert run(show("HARDEN_AFTER_IMPORT"), **site).stdout == expected


def test_the_secret_key_is_made_once_for_all_processes_and_kept_secret(tmp_path: Path) -> None:
    commands = [
        subprocess.Popen(
            show("SECRET_KEY"),
            cwd=settings.BASE_DIR,
            env=os.environ | PRODUCTION | {"DJANGO_SETTINGS_MODULE": "backoffice.settings", "VAR_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    keys = {command.communicate()[0] for command in commands}
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("path", ["admin/css/base.css", "grappelli/stylesheets/screen.css"])
def test_a_checkout_serves_static_files_without_collecting_them(path: str, client: Client) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert b"".join(response)  # type: ignore[arg-type]


def test_ids_in_addresses_are_written_without_commas() -> None:
    template = Template('{% load humanize %}<a href="?id={{ number }}">{{ number|intcomma }}</a>')
    assert template.render(Context({"number": 11306})) == '<a href="?id=11306">11,306</a>'


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/admin/login/", "/admin/no/such/page/", "/admin/%00"])
def test_every_answer_tells_browsers_what_they_may_load_and_use(address: str, client: Client) -> None:
    answer = client.get(address)
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "geolocation=()" in answer["Permissions-Policy"]
