"""Through PgBouncer: where sessions are shared, no lock would hold, and the import says so before it takes one."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from legacy_import import tasks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.runs.foreground import import_at_once
from legacy_import.source import source_at
from MiniTwit.admin.files import import_worker
from MiniTwit.database.locks import hold
from MiniTwit.database.session_check import SharedSessionError
from MiniTwit.models import BatchState, FileImport, Message, Verb
from MiniTwit.moderation import batch_worker, selections
from MiniTwit.moderation.batches import Cause
from tests.legacy_import import pgbouncer
from tests.legacy_import.importing import import_of
from tests.legacy_import.old_database import ANN, old_file
from tests.MiniTwit.factories import make_superuser, make_user

pytestmark = [
    pytest.mark.story,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("import_dir"),
    pytest.mark.skipif(pgbouncer.PROGRAM is None, reason=pgbouncer.WHY_NOT),
]


def advisory_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return int(cursor.fetchone()[0])


def test_sessions_that_are_shared_are_refused_before_a_lock_is_taken(tmp_path: Path) -> None:
    source = source_at(str(old_file(tmp_path, user=[ANN])))
    author, amy = make_user(), make_superuser("amy")
    Message.objects.bulk_create(Message(author=author, text=f"message {n}") for n in range(selections.SMALL + 1))
    selected = selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=amy)
    with pgbouncer.running("transaction") as port, pgbouncer.connected_through(port):
        with pytest.raises(SharedSessionError), hold((1, 1)):
            pass
        with pytest.raises(RunError, match="pool_mode=session") as error:
            import_at_once(kind="users", reference=source, options=ImportOptions(), origin="command")
        assert error.value.code == "pooled_connection"
        assert not ImportRun.objects.exists()
        # What the web server starts through the pooler, the worker ends with the sentence.
        run = lifecycle.start(kind="users", reference=source, options=ImportOptions())
        tasks.stage_run.call(run.pk)
        run.refresh_from_db()
        assert (run.state, run.error_code) == ("failed", "pooled_connection")
        batch = selections.confirm(batch=selected, cause=Cause.of(actor=amy, reason="Spam"))
        batch_worker.run_batch.call(batch.pk)
        batch.refresh_from_db()
        assert batch.state == BatchState.FAILED
        assert "pool_mode=session" in batch.error
        file_import = FileImport.objects.create(table="user", owner=amy, file_name="users.csv", stored_as="users")
        import_worker.run_file_import.call(file_import.pk)
        file_import.refresh_from_db()
        assert file_import.state == FileImport.State.FAILED
        assert "pool_mode=session" in file_import.error
        assert advisory_locks() == 0


def test_a_worker_does_not_start_where_sessions_are_shared() -> None:
    with pgbouncer.running("transaction") as port, pgbouncer.connected_through(port):
        with pytest.raises(SharedSessionError):
            call_command("db_worker", "--batch", "--no-startup-delay", verbosity=0)
        assert advisory_locks() == 0


def test_sessions_of_our_own_behind_a_pooler_are_as_good_as_direct_ones(tmp_path: Path) -> None:
    with pgbouncer.running("session") as port, pgbouncer.connected_through(port):
        assert import_of("users", old_file(tmp_path, user=[ANN])).state == "applied"
        with hold((1, 1)):
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(1, 1)")
                assert cursor.fetchone() == (False,)
            other.close()
        assert advisory_locks() == 0
