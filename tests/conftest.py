"""What all tests share. They run on a real PostgreSQL: one of their own, or the one in DATABASE_URL."""

import gc
import os
from contextlib import closing

import hypothesis
import psycopg2
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from psycopg2 import sql

from backoffice import environment
from backoffice.database import embedded_server
from backoffice.navigation import REMEMBERED
from MiniTwit.hashers.strict import PBKDF2SHA256PasswordHasher
from tests.MiniTwit.factories import make_superuser

# A busy machine is no failure of the property under test. `make test` tries few examples of each property, new ones
# every time; `make test-slow` tries many.
PROPERTIES = hypothesis.settings(
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.data_too_large,
    ],
)
hypothesis.settings.register_profile("quick", PROPERTIES, max_examples=20)
hypothesis.settings.register_profile("thorough", PROPERTIES, max_examples=200)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A million rounds take a third of a second. Other processes that tests start make as many as in production.
PBKDF2SHA256PasswordHasher.iterations = 1_200

# What takes longest, for a file is one process's as a whole.
LONGEST = (
    *("browser", "backoffice/test_demo.py", "backoffice/test_embedded_server.py", "legacy_import/test_live_files.py"),
    *("legacy_import/test_pages.py", "backoffice/test_access.py", "legacy_import/test_passwords.py"),
    *("legacy_import/test_recognition.py", "legacy_import/test_parity.py", "legacy_import/test_hostile_files.py"),
    *("legacy_import/test_newer_copies.py", "legacy_import/test_worker.py", "MiniTwit/test_schema.py"),
    *("MiniTwit/test_watchlist.py", "legacy_import/test_hardening.py", "MiniTwit/test_moderation_worker.py"),
    *("backoffice/test_query_counts.py", "backoffice/test_worker.py", "legacy_import/test_servers.py"),
)

# What migrating puts there, and no test changes.
KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}
STAGING = "legacy_staging_"


def delete_what_is_there(_test_case: TransactionTestCase) -> None:
    """Clean up after a test that commits. Django would truncate all tables, which takes longer: most are empty."""
    with transaction.atomic(), connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - KEPT_TABLES
        staged = {name for name in tables if name.startswith(STAGING)}  # of runs that no test brought to an end
        for name in staged:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))
        tables -= staged
        filled = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
            for name in sorted(tables)
        )
        cursor.execute(filled)
        names = [name for (name,) in cursor.fetchall()]
        # No trigger asks for each row whether another one still refers to it, or refuses to empty the log.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in names:
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))


TransactionTestCase._fixture_teardown = delete_what_is_there
# Nor is a new connection needed: what a session has set survives on PostgreSQL.
TransactionTestCase._should_reload_connections = lambda _test_case: False


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What pages remember for some seconds is not carried into the next test."""
    cache.clear()


@pytest.fixture
def nothing_waits() -> None:
    """The rail does not ask what waits, for tests that look at the queries of a page."""
    cache.set(REMEMBERED, "", timeout=None)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: now and then each waits for what its test has started."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, or it keeps a single worker busy at the end."""
    items.sort(key=lambda item: [not item.nodeid.startswith(f"tests/{name}") for name in LONGEST])


def pytest_collection_finish() -> None:
    """Look for garbage seldom, and not among what was made until now: there is memory enough."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The tests' own server waits for no disk: what a crash of the machine would damage is no more than tests."""
    if environment.text("DATABASE_URL"):
        return
    session = psycopg2.connect(embedded_server(settings.VAR_DIR / "postgres").url("postgres"))
    session.autocommit = True
    with closing(session), session.cursor() as cursor:
        for name in ("fsync", "full_page_writes"):
            cursor.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    """The browser of a superuser who has signed in."""
    client.force_login(make_superuser())
    return client
