"""An import that the database refuses or ends: what the run, the command and the log say then."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg2 import sql

from backoffice.command_line import execute
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from MiniTwit.database.failures import ERRORS
from MiniTwit.models import User
from tests.legacy_import.conftest import other_session, wait_for
from tests.legacy_import.importing import import_of, preview_of
from tests.legacy_import.old_database import ANN, BOB, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

END_WHO_WAITS = """
SELECT count({function}(pid)) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND NOT granted AND locktype = 'relation'
"""


@contextmanager
def ended_while_it_waits(function: str) -> Iterator[None]:
    """Do to the import what an administrator does, in the moment when it waits for the users."""

    def end() -> None:
        with other_session() as cursor:
            cursor.execute(f'LOCK TABLE "{User._meta.db_table}"')
            locked.set()
            wait_for(lambda: ended(cursor))

    def ended(cursor: Any) -> bool:
        cursor.execute(END_WHO_WAITS.format(function=function))
        return bool(cursor.fetchone()[0])

    locked = threading.Event()
    administrator = threading.Thread(target=end)
    administrator.start()
    locked.wait()
    try:
        yield
    finally:
        administrator.join()


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("pg_terminate_backend", "database_unavailable", "ended this connection|the connection to it broke"),
        ("pg_cancel_backend", "database_query_canceled", "a time limit passed, or an administrator asked"),
    ],
)
def test_an_import_that_an_administrator_ends_says_so_and_can_be_repeated(
    tmp_path: Path, function: str, code: str, words: str
) -> None:
    path = old_file(tmp_path, user=[ANN, BOB])
    run = preview_of("users", path)
    lifecycle.confirm(run.pk)
    with ended_while_it_waits(function), pytest.raises(RunError, match=words):
        lifecycle.apply(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", code)
    assert not User.objects.exists()
    assert import_of("users", path).state == "applied"


@pytest.fixture
def read_only() -> Iterator[None]:
    """A database that takes no changes, as a standby server does not."""
    statement = "ALTER DATABASE {} SET default_transaction_read_only = {}"
    database = sql.Identifier(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(database, sql.SQL("on")))
    connection.close()
    yield
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        cursor.execute(sql.SQL(statement).format(database, sql.SQL("off")))
    connection.close()


def test_a_database_that_takes_no_changes_is_a_sentence_with_a_code(read_only: None, tmp_path: Path) -> None:
    path, output = old_file(tmp_path, user=[ANN]), io.StringIO()
    with pytest.raises(CommandError, match="takes no changes now"):
        call_command("import_legacy", "users", "--source", str(path), "--json", stdout=output)
    assert json.loads(output.getvalue())["error"]["code"] == "database_read_only"
    assert not ImportRun.objects.exists()


def test_every_command_says_in_a_sentence_what_the_database_refuses() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog")
    with pytest.raises(SystemExit) as ended:
        execute(["manage.py", "flag_messages", "--list"])
    said = str(ended.value.code)
    assert "`python manage.py migrate`" in said
    assert 'PostgreSQL says: relation "MiniTwit_message" does not exist' in said


def test_for_developers_there_is_the_traceback() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog")
    with pytest.raises(ERRORS):
        execute(["manage.py", "flag_messages", "--list", "--traceback"])
