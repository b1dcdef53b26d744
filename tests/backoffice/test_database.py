"""Which server the settings name, and what they say when they cannot name one."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from backoffice.database import database_settings


def test_a_named_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://staff:p%40ss@db.example.org:5433/twits?sslmode=require")
    database = database_settings(debug=False, var_dir=tmp_path)
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.org", 5433, "twits")
    assert (database["USER"], database["PASSWORD"]) == ("staff", "p@ss")
    assert database["OPTIONS"] == {"sslmode": "require"}
    assert list(tmp_path.iterdir()) == [], "no server of our own beside it"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg2", "postgresql+psycopg", "PostgreSQL"])
def test_an_address_as_other_programs_write_it_names_the_same_server(
    scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://staff:p%40ss@db.example.org/twits")
    database = database_settings(debug=False, var_dir=tmp_path)
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["NAME"], database["PASSWORD"]) == ("db.example.org", "twits", "p@ss")


@pytest.mark.parametrize("url", [None, ""])
def test_production_without_a_server_says_how_to_name_one(
    url: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if url is None:
        monkeypatch.delenv("DATABASE_URL", raising=False)
    else:
        monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL is not set\..* or set DEBUG=1 "):
        database_settings(debug=False, var_dir=tmp_path)


def test_another_engine_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/minitwit.db")
    with pytest.raises(ImproperlyConfigured, match=r"PostgreSQL 14 and newer only.*LEGACY_DATABASE_URL"):
        database_settings(debug=True, var_dir=tmp_path)


@pytest.mark.parametrize("url", ["minitwit", "nosuch://db/twits", "postgresql://staff:secret@db:port/twits"])
def test_an_address_that_cannot_be_read_is_explained_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL cannot be read") as caught:
        database_settings(debug=True, var_dir=tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.django_db
def test_the_tests_run_on_postgresql_14_or_newer() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        assert int(cursor.fetchone()[0]) >= 140_000
