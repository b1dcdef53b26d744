"""What all tests share. They run on a real PostgreSQL: the checkout's own, or the one in DATABASE_URL."""

import hypothesis
from django.db import connection
from django.test import TransactionTestCase

# A database that is busy elsewhere is no failure of the property under test.
hypothesis.settings.register_profile("minitwit", deadline=None)
hypothesis.settings.load_profile("minitwit")

EMPTY_TABLES = TransactionTestCase._fixture_teardown


def empty_tables_and_the_log(test_case: TransactionTestCase) -> None:
    """Tests that commit are cleaned up after by TRUNCATE, which the log of decisions refuses at any other time."""
    alter = 'ALTER TABLE "MiniTwit_moderationevent" {} TRIGGER minitwit_event_not_truncated'
    with connection.cursor() as cursor:
        cursor.execute(alter.format("DISABLE"))
        try:
            EMPTY_TABLES(test_case)
        finally:
            cursor.execute(alter.format("ENABLE"))


TransactionTestCase._fixture_teardown = empty_tables_and_the_log
