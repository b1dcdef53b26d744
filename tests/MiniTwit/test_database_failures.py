"""Real errors of PostgreSQL, and what staff are told of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg2 import sql

from MiniTwit.database.failures import (
    FailureKind,
    explain,
    failure_kind,
    is_busy,
    is_unavailable,
    server_words,
)
from MiniTwit.database.time_limits import TimeLimitError, time_limit
from MiniTwit.models import User
from MiniTwit.storage.full_disks import lacks_room
from tests.legacy_import.conftest import other_session

pytestmark = pytest.mark.django_db
LOCK_A, LOCK_B = 74_001, 74_002


def error_of(*statements: str) -> DatabaseError:
    """The error that the last of these statements ends with."""
    *before, last = statements
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in before:
            cursor.execute(statement)
        with pytest.raises(DatabaseError) as caught:
            cursor.execute(last)
        transaction.set_rollback(True)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "statements"),
    [
        (FailureKind.QUERY_CANCELED, ["SET LOCAL statement_timeout = '10ms'", "SELECT pg_sleep(10)"]),
        (FailureKind.READ_ONLY, ["SET TRANSACTION READ ONLY", "CREATE TABLE never (id int)"]),
        (FailureKind.TABLES_MISSING, ["SET LOCAL search_path = pg_catalog", 'SELECT * FROM "MiniTwit_message"']),
        (FailureKind.TABLES_MISSING, ["SET LOCAL search_path = ''", "CREATE TABLE never (id int)"]),
        (FailureKind.DATA_ERROR, ["SELECT 'x'::int"]),
        (FailureKind.DATA_ERROR, ["SELECT repeat('x', 100)::varchar(3)::date"]),
        (FailureKind.INSUFFICIENT_PRIVILEGE, ["SET LOCAL ROLE pg_monitor", 'SELECT * FROM "MiniTwit_user"']),
    ],
)
def test_the_code_tells_the_kind_of_failure(kind: FailureKind, statements: list[str]) -> None:
    error = error_of(*statements)
    assert failure_kind(error) is kind
    assert explain(error) == kind.sentences


@pytest.mark.parametrize(
    ("code", "kind"),
    [(code.ljust(5, "0"), kind) for kind in FailureKind for code in kind.codes],
)
def test_every_code_of_the_table_is_told_from_an_error_that_carries_it(code: str, kind: FailureKind) -> None:
    error = error_of(f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$")
    assert failure_kind(error) is kind
    assert server_words(error) == "on purpose"


def test_what_is_no_failure_of_the_database_has_no_sentence() -> None:
    assert explain(ValueError("x")) is None
    assert explain(None) is None
    assert explain(error_of("SELEKT")) is None
    assert explain(error_of('SELECT no_such_column FROM "MiniTwit_user"')) is None


def test_an_error_that_led_to_another_is_told() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("The import failed.") from error_of("SELECT 1 / 0")
    assert failure_kind(caught.value) is FailureKind.DATA_ERROR


def test_an_error_that_led_to_itself_is_told() -> None:
    error = error_of("SELECT 1 / 0")
    error.__cause__.__cause__ = error
    assert failure_kind(error) is FailureKind.DATA_ERROR
    assert server_words(error) == "division by zero"
    assert not lacks_room(error)


def test_a_limit_of_ones_own_is_told_from_a_cancel_request() -> None:
    with pytest.raises(TimeLimitError, match=r"longer than 0\.01 seconds"), time_limit(0.01) as cursor:
        cursor.execute("SELECT pg_sleep(10)")
    with pytest.raises(DatabaseError) as caught, time_limit(60) as cursor:
        cursor.execute("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)")
    assert failure_kind(caught.value) is FailureKind.QUERY_CANCELED
    assert not isinstance(caught.value, TimeLimitError)


def test_the_limit_of_a_statement_that_has_just_ended_may_end_the_next_one() -> None:
    """PostgreSQL's timer comes too late by a moment. A page would fail for it."""
    with pytest.raises(TimeLimitError), time_limit(0.1) as cursor:  # noqa: PT012 -- the second one
        cursor.execute("SET LOCAL statement_timeout = 0; SELECT pg_sleep(0.1); SET LOCAL statement_timeout = 1")
        cursor.execute("SELECT pg_sleep(10)")


def test_a_lock_that_another_session_holds_is_busy() -> None:
    table = User._meta.db_table
    with other_session() as cursor:
        cursor.execute(f'LOCK TABLE "{table}"')
        for statement in (f'LOCK TABLE "{table}"', f'LOCK TABLE "{table}" NOWAIT'):
            error = error_of("SET LOCAL lock_timeout = '10ms'", statement)
            assert failure_kind(error) is FailureKind.LOCK_TIMEOUT
            assert is_busy(error)


def test_a_deadlock_is_busy() -> None:
    with other_session() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_B])
        failures: list[BaseException] = []

        def take_the_first() -> None:
            try:
                other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_A])
            except DatabaseError as error:
                failures.append(error)

        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_A])
                thread = threading.Thread(target=take_the_first)
                thread.start()
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_B])
        except DatabaseError as error:
            failures.append(error)
        thread.join()
    (error,) = failures
    assert failure_kind(error) is FailureKind.DEADLOCK
    assert is_busy(error)


@contextmanager
def own_session(**parameters: Any) -> Iterator[Any]:
    """A cursor of a session of its own, which may die."""
    session = psycopg2.connect(**connection.get_connection_params() | parameters)
    try:
        with session.cursor() as cursor:
            yield cursor
    finally:
        session.close()


def test_a_terminated_session_is_told_and_so_is_every_statement_after_it() -> None:
    with own_session() as cursor, connection.cursor() as own:
        own.execute("SELECT pg_terminate_backend(%s, 5000)", [cursor.connection.info.backend_pid])
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute("SELECT 1")
        assert failure_kind(caught.value) in (FailureKind.SERVER_RESTARTING, FailureKind.CONNECTION_LOST)
        with pytest.raises(psycopg2.InterfaceError) as later:
            cursor.execute("SELECT 1")
        assert is_unavailable(later.value)


def test_a_session_that_was_idle_in_its_transaction_for_too_long_is_told() -> None:
    with own_session() as cursor, connection.cursor() as own:
        cursor.execute("SET idle_in_transaction_session_timeout = '1ms'")
        process_id = cursor.connection.info.backend_pid
        while True:
            own.execute("SELECT pg_stat_clear_snapshot()")  # a transaction looks at the sessions once
            own.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [process_id])
            if own.fetchone() == (0,):
                break
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute("SELECT 1")
    assert is_unavailable(caught.value)


@pytest.fixture
def guest() -> Iterator[Callable[[str], str]]:
    """Make a role with some attributes; it goes with the test."""
    name = f"guest_{connection.settings_dict['NAME']}"
    role = sql.Identifier(name)

    def make(attributes: str) -> str:
        with connection.copy().cursor() as cursor:
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
            cursor.execute(sql.SQL("CREATE ROLE {} " + attributes).format(role))
            cursor.db.close()
        return name

    yield make
    with connection.copy().cursor() as cursor:
        cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        cursor.db.close()


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [("LOGIN CONNECTION LIMIT 0", FailureKind.TOO_MANY_CONNECTIONS), ("NOLOGIN", FailureKind.ACCESS_REFUSED)],
)
def test_a_refused_connection_is_told_by_its_words(
    guest: Callable[[str], str], attributes: str, kind: FailureKind
) -> None:
    with pytest.raises(psycopg2.OperationalError) as caught, own_session(user=guest(attributes)):
        pass
    assert failure_kind(caught.value) is kind


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"dbname": "no_such_database"}, FailureKind.ACCESS_REFUSED),
        ({"host": "/no/such/folder"}, FailureKind.CONNECTION_LOST),
        ({"host": "127.0.0.1", "port": 1}, FailureKind.CONNECTION_LOST),
    ],
)
def test_a_server_that_cannot_be_reached_is_told(parameters: dict[str, Any], kind: FailureKind) -> None:
    with pytest.raises(psycopg2.OperationalError) as caught, own_session(**parameters):
        pass
    assert failure_kind(caught.value) is kind
