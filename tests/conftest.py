"""What all tests share. They run on a real PostgreSQL: the checkout's own, or the one in DATABASE_URL."""

import os
from typing import Any

import hypothesis
import pytest
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from psycopg2 import sql

from MiniTwit.hashers import PBKDF2SHA256PasswordHasher
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

# What migrating puts there, and no test changes.
KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}
STAGING = "legacy_staging_"
LOG = "MiniTwit_moderationevent"  # refuses to be emptied at any other time


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
        if LOG in names:
            cursor.execute(f'ALTER TABLE "{LOG}" DISABLE TRIGGER USER')
        for name in names:
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if LOG in names:
            cursor.execute(f'ALTER TABLE "{LOG}" ENABLE TRIGGER USER')


TransactionTestCase._fixture_teardown = delete_what_is_there


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """No commit waits for the disk: what a crash of the machine would lose is only a test."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        name = sql.Identifier(connection.settings_dict["NAME"])
        cursor.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        connection.close()  # the next one has it


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    """The browser of a superuser who has signed in."""
    client.force_login(make_superuser())
    return client
