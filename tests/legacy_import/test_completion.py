"""What follows an import: search indexes, and the verification beside them."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connection, transaction

from legacy_import.admin.run_page import RunPage
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import completion, lifecycle
from legacy_import.steps import bulk_load, search_indexes
from MiniTwit import search
from MiniTwit.background.work import Cancelled
from MiniTwit.models import Message, User
from MiniTwit.search import ensure_search_indexes
from tests.legacy_import.conftest import wait_for
from tests.legacy_import.importing import import_of, preview_of
from tests.legacy_import.old_database import ANN, BOB, MORNING, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


def test_the_search_index_is_built_after_a_large_import(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    seen = []
    ensure = search_indexes.ensure_search_indexes

    def watched(models, **arguments):
        seen.append((Message.objects.count(), connection.in_atomic_block))
        return ensure(models, **arguments)

    monkeypatch.setattr(search_indexes, "ensure_search_indexes", watched)
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "needle in a haystack", MORNING, 0)])
    import_of("users", path)
    run = import_of("messages", path)
    assert seen[-1] == (1, False)  # everybody sees the messages already
    assert (run.state, run.error_message) == ("applied", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'message_text_trigrams'::regclass")
        assert cursor.fetchone() == (True,)
    assert ensure_search_indexes() == []
    assert Message.objects.filter(text__icontains="NEEDLE").count() == 1


def statements_of_indexes(kind, path):
    """Which search indexes an import builds: the statements."""
    statements = []

    def noted(execute, statement, *arguments):
        statements.append(str(statement))
        return execute(statement, *arguments)

    with connection.execute_wrapper(noted):
        import_of(kind, path)
    return [one for one in statements if "_trigrams" in one and one.startswith("CREATE INDEX")]


def test_writers_wait_for_the_search_index_of_a_first_import_only(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 2)
    first = statements_of_indexes("users", old_file(tmp_path, user=[ANN, BOB]))
    more = [(number, f"user {number}", "", "") for number in range(3, 9)]
    (tmp_path / "old.db").unlink()
    later = statements_of_indexes("users", old_file(tmp_path, user=[ANN, BOB, *more]))
    assert [("CONCURRENTLY" in one) for one in first] == [False, False]
    assert [("CONCURRENTLY" in one) for one in later] == [True, True]


def test_a_first_import_is_verified_while_a_writer_delays_its_search_index(tmp_path, monkeypatch):
    """The index waits for the writer to end; then it is built beside the other work, which goes on."""
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    monkeypatch.setitem(search.AT_ONCE, "lock_timeout", "100ms")
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "needle in a haystack", MORNING, 0)])
    import_of("users", path)
    run = preview_of("messages", path)
    lifecycle.confirm(run.pk)
    index_alone = {"phase": "Building the search index", "done": 0, "total": 0}
    is_verified, verify = threading.Event(), completion.verify.verify

    def verified(*arguments, **options):
        verification = verify(*arguments, **options)
        is_verified.set()
        return verification

    def write():
        connection.close()
        with transaction.atomic():
            Message.objects.update(flagged=True)
            waited_for.set()
            assert is_verified.wait(60), "the verification waits for the index"
            wait_for(lambda: ImportRun.objects.get(pk=run.pk).progress == index_alone)
        connection.close()

    waited_for = threading.Event()
    begin = completion.build_search_indexes

    def begun_beside_a_writer(*arguments, **options):
        writer.start()
        assert waited_for.wait(60)
        return begin(*arguments, **options)

    writer = threading.Thread(target=write)
    monkeypatch.setattr(completion.verify, "verify", verified)
    monkeypatch.setattr(completion, "build_search_indexes", begun_beside_a_writer)
    run = lifecycle.apply(run.pk)
    writer.join()
    assert (run.error_message, run.verification["ok"]) == ("", True)
    assert ensure_search_indexes() == []


def test_an_import_that_is_interrupted_at_its_end_stays_and_waits_for_no_verification(tmp_path, monkeypatch):
    began, ended_by = threading.Event(), []

    def endless(*arguments, on_progress, **options):
        began.set()
        try:
            for _ in range(400):  # for 20 seconds
                on_progress("user", 0, 1)
                time.sleep(0.05)
        except Cancelled as error:
            ended_by.append(error)
            raise

    def interrupted(*arguments, **options):
        assert began.wait(60)
        raise KeyboardInterrupt

    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    lifecycle.confirm(run.pk)
    monkeypatch.setattr(completion.verify, "verify", endless)
    monkeypatch.setattr(completion, "build_search_indexes", interrupted)
    with pytest.raises(RunError, match="is done, but its verification was interrupted"):
        lifecycle.apply(run.pk)
    assert len(ended_by) == 1
    assert ImportRun.objects.get().state == "applied"
    assert User.objects.count() == 2


def test_both_are_said_when_neither_the_index_nor_the_verification_can_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)

    def full(*arguments, **options):
        raise OperationalError("No space left on device")

    @contextmanager
    def refused(progress):
        raise OperationalError("too many clients already")
        yield

    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    lifecycle.confirm(run.pk)
    monkeypatch.setattr(search_indexes, "ensure_search_indexes", full)
    monkeypatch.setattr(completion.Progress, "worker_connection", refused)
    lifecycle.apply(run.pk)
    run = ImportRun.objects.get()
    assert run.state == "applied"
    assert "No space left on device" in run.error_message
    assert "too many clients already" in run.verification["error"]
    monkeypatch.undo()
    assert len(ensure_search_indexes()) == 2


def test_the_time_for_the_search_index_is_no_part_of_importing(tmp_path, monkeypatch):
    begin = completion.build_search_indexes

    def begun_after_a_second(*arguments, **options):
        time.sleep(1)
        return begin(*arguments, **options)

    monkeypatch.setattr(completion, "build_search_indexes", begun_after_a_second)
    run = import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    shown = dict(RunPage(run, AnonymousUser()).durations)
    assert list(shown) == ["Reading and checking", "Importing", "Building the search index", "Verifying"]
    assert shown["Importing"] == pytest.approx(run.durations["applying"] - run.durations["completing"])
    assert run.durations["completing"] >= shown["Building the search index"] >= 1


def test_an_import_stands_when_its_search_index_cannot_be_built(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)

    def broken(models, **arguments):
        raise OperationalError("No space left on device")

    monkeypatch.setattr(search_indexes, "ensure_search_indexes", broken)
    run = import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    assert run.state == "applied"
    assert "could not be built (No space left on device)" in run.error_message
    assert "build_search_indexes" in ImportRun.objects.get().error_message
    assert "search index could not be built" in caplog.text
    assert User.objects.filter(username__icontains="ann").count() == 1  # searching works, if slowly
    monkeypatch.undo()
    assert set(ensure_search_indexes()) == {"user_username_trigrams", "user_email_trigrams"}


def test_an_import_that_fails_keeps_the_search_index(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    lifecycle.confirm(run.pk)
    monkeypatch.setattr("legacy_import.runs.lifecycle.finish", lambda *arguments, **changes: 1 / 0)
    with pytest.raises(RunError):
        lifecycle.apply(run.pk)
    monkeypatch.undo()
    assert ensure_search_indexes() == []
