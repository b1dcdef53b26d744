"""Databases that are not fit for the back office are refused before anything is done in them, with what to do."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2 import sql

from MiniTwit.database.checks import problems_of
from MiniTwit.search import has_trigrams
from tests.database_copies import working_in
from tests.legacy_import.conftest import database_url
from tests.MiniTwit.conftest import MakeDatabase, in_locale_c, run_as_administrator

pytestmark = pytest.mark.django_db


@contextmanager
def connected(**changes: Any) -> Iterator[BaseDatabaseWrapper]:
    other = connection.copy()
    other.settings_dict |= changes
    try:
        yield other
    finally:
        other.close()


def codes_in(name: str, **changes: Any) -> list[str]:
    with connected(NAME=name, **changes) as other:
        return [str(problem.id) for problem in problems_of(other)]


def test_the_database_of_the_tests_is_fit() -> None:
    assert problems_of(connection) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_another_encoding_than_utf8_is_refused(make_database: MakeDatabase, encoding: str) -> None:
    name = make_database(in_locale_c(encoding))
    with connected(NAME=name) as other:
        (problem,) = problems_of(other)
    assert problem.is_serious()
    assert f"has the encoding {encoding}" in problem.msg
    assert f"CREATE DATABASE \"{name}_new\" TEMPLATE template0 ENCODING 'UTF8'" in problem.hint


def test_the_locale_c_is_warned_of(make_database: MakeDatabase) -> None:
    name = make_database(in_locale_c())
    assert codes_in(name) == ["MiniTwit.W109"]


@pytest.mark.django_db(transaction=True)
def test_in_the_locale_c_the_search_index_serves_english_letters_alone(make_database: MakeDatabase) -> None:
    name = make_database(in_locale_c())
    run_as_administrator(sql.SQL("CREATE EXTENSION pg_trgm"), database=name)
    assert has_trigrams("日本語")
    with working_in(name):
        assert has_trigrams("hello")
        assert not has_trigrams("日本語")


@pytest.mark.parametrize(("locale", "codes"), [("tr", ["MiniTwit.W108"]), ("az-Latn", ["MiniTwit.W108"]), ("da", [])])
def test_a_turkic_locale_is_warned_of(make_database: MakeDatabase, locale: str, codes: list[str]) -> None:
    if connection.pg_version < 150_000:
        pytest.skip("PostgreSQL 14 makes no database with a locale of ICU.")
    options = f"ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE '{locale}' LC_COLLATE 'C' LC_CTYPE 'C'"
    assert codes_in(make_database(options)) == codes


@pytest.fixture
def clerk() -> Iterator[str]:
    """A role without rights of its own; it goes with the test."""
    name = f"clerk of {connection.settings_dict['NAME']}"
    drop = sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name))
    run_as_administrator(drop, sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(name)))
    yield name
    run_as_administrator(drop)


def without_rights(name: str, clerk: str) -> list[str]:
    """Take from everybody what PostgreSQL 15 and newer do not give; return what the role has to ask for then."""
    run_as_administrator(
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)),
        database=name,
    )
    with connected(NAME=name, USER=clerk) as other:
        problems = problems_of(other)
    assert [problem.id for problem in problems] == ["MiniTwit.E103", "MiniTwit.E110", "MiniTwit.E105"]
    return [problem.hint.partition(": ")[2] for problem in problems]


@pytest.mark.story
def test_a_role_without_rights_is_told_what_to_ask_for(make_database: MakeDatabase, clerk: str) -> None:
    name = make_database("ENCODING 'UTF8'")
    remedies = without_rights(name, clerk)
    refused = migrate(name, clerk)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert all(remedy in refused.stderr for remedy in remedies)
    run_as_administrator(*map(sql.SQL, remedies), database=name)
    assert codes_in(name, USER=clerk) == []
    run_as_administrator(sql.SQL('CREATE TABLE "MiniTwit_user" ()'), database=name)
    assert codes_in(name, USER=clerk) == ["MiniTwit.E106"]
    run_as_administrator(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(clerk)), database=name)


@pytest.mark.slow
def test_what_a_role_asks_for_is_enough_to_migrate(make_database: MakeDatabase, clerk: str) -> None:
    name = make_database("ENCODING 'UTF8'")
    run_as_administrator(*map(sql.SQL, without_rights(name, clerk)), database=name)
    done = migrate(name, clerk)
    assert (done.returncode, done.stderr) == (0, "")
    assert codes_in(name, USER=clerk) == []
    run_as_administrator(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(clerk)), database=name)


def migrate(database: str, user: str) -> subprocess.CompletedProcess:
    own = f"//{quote(connection.settings_dict['USER'])}:"
    url = database_url(database).replace(own, f"//{quote(user)}:", 1)
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input", "-v0"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DEBUG": "1", "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )


def test_a_search_path_that_leads_nowhere_is_told() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = nowhere")
        (problem,) = problems_of(connection)
        cursor.execute("SET LOCAL search_path = public")
    assert problem.id == "MiniTwit.E102"
    assert "nowhere" in problem.msg


@pytest.mark.django_db(transaction=True)
def test_check_schema_warns_of_what_check_warns_of(make_database: MakeDatabase) -> None:
    errors = io.StringIO()
    name = make_database(in_locale_c())
    with working_in(name), pytest.raises((CommandError, SystemExit)):  # it has no tables
        call_command("check_schema", stdout=io.StringIO(), stderr=errors)
    assert "knows the capitals of English letters only" in errors.getvalue()


def test_check_schema_refuses_what_check_refuses() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = nowhere")
        with pytest.raises(CommandError, match="none of these schemas exists"):
            call_command("check_schema")
