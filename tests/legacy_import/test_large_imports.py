"""What a large import does besides: parts, rebuilt indexes, numbers in blocks, locks."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from psycopg2 import sql

from legacy_import.models import ImportRun, TextId
from legacy_import.runs import lifecycle
from legacy_import.steps import apply, bulk_load, staging
from legacy_import.tables import checked_table, staged_table
from MiniTwit.models import Message, User
from tests.legacy_import.conftest import other_session
from tests.legacy_import.importing import counts, import_of, indexes_and_constraints, preview_of, undo
from tests.legacy_import.old_database import ANN, BOB, HASH, LOOSE_SCHEMA, MORNING, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.mark.parametrize("small", [1_000, pytest.param(bulk_load.SMALL_BATCH, marks=pytest.mark.slow)])
def test_a_large_import_leaves_the_tables_as_they_were_defined(tmp_path, monkeypatch, small):
    """Beyond a small batch the indexes and foreign keys are dropped and built again."""
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", small)
    people = [(number, f"user {number}", "", "") for number in range(1, small + 101)]
    texts = [(number, number % (small + 100) + 1, f"number {number}", MORNING, 0) for number in range(1, small + 201)]
    path = old_file(tmp_path, user=people, message=texts)
    definitions, files = indexes_and_constraints(), files_of_tables()
    import_of("users", path)
    run = import_of("messages", path)
    assert indexes_and_constraints() == definitions
    # Where the server logs the least, rows that go into a new file are not logged.
    assert {before != after for before, after in zip(files, files_of_tables(), strict=True)} == {logs_the_least()}
    assert (User.objects.count(), Message.objects.count()) == (small + 100, small + 200)
    assert run.verification["ok"] is True
    assert run.audit["disagreements"] == []


def test_a_large_import_leaves_the_table_of_old_texts_as_it_was_defined(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 2)
    people = [("a-1", "ann", "", HASH), ("b-2", "bob", "", HASH)]
    texts = [(f"text-{number}", "a-1", f"number {number}", MORNING, 0) for number in range(5)]
    path = old_file(tmp_path, schema=LOOSE_SCHEMA, user=people, message=texts)
    import_of("users", path)
    definitions, key = indexes_and_constraints(), number_of_key(TextId)
    run = import_of("messages", path)
    assert indexes_and_constraints() == definitions
    assert number_of_key(TextId) != key  # it was dropped and built again
    assert TextId.objects.count() == 7
    assert run.verification["ok"] is True


def number_of_key(model: type[Model]) -> int:
    """PostgreSQL's own number of the index behind a table's primary key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::bigint FROM pg_index WHERE indrelid = %s::regclass AND indisprimary",
            [f'"{model._meta.db_table}"'],
        )
        return int(cursor.fetchone()[0])


def files_of_tables() -> tuple[int, ...]:
    with connection.cursor() as cursor:
        names = [f'"{model._meta.db_table}"' for model in (User, Message)]
        cursor.execute("SELECT pg_relation_filenode(%s), pg_relation_filenode(%s)", names)
        return tuple(cursor.fetchone())


def logs_the_least() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW wal_level")
        return bool(cursor.fetchone()[0] == "minimal")


def test_a_large_table_is_classified_in_parts_of_which_only_the_rejected_rows_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("legacy_import.source.reader.LARGE_TABLE", 10)
    monkeypatch.setattr("legacy_import.steps.preview.LARGE_CLASS", 10)
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    rows = [(number, 9 if number in (4, 95) else 1, f"number {number}", MORNING, 0) for number in range(1, 101)]
    path = old_file(tmp_path, user=[ANN], message=rows)
    import_of("users", path)
    run = preview_of("messages", path)
    assert (counts(run, "message").new, counts(run, "message").reasons) == (98, {"author_missing": 2})
    with connection.cursor() as cursor:
        staged = staged_table(run.pk, "message").as_string(cursor.cursor)
        cursor.execute(f"SELECT position, text FROM {staged} ORDER BY position")
        assert cursor.fetchall() == [(4, "number 4"), (95, "number 95")]
    new = [sample["position"] for sample in run.samples["message"] if sample["outcome"] == "new"]
    assert new[:5] == [1, 2, 3, 5, 6]
    lifecycle.confirm(run.pk)
    run = lifecycle.apply(run.pk)
    assert run.verification["ok"] is True
    assert [row.values["text"] for row in run.rejected_rows.order_by("position")] == ["number 4", "number 95"]
    assert list(Message.objects.order_by("id").values_list("legacy_id", flat=True)) == [
        row[0] for row in rows if row[1] == 1
    ]


def test_a_classified_part_that_is_being_read_stays_and_the_work_goes_on():
    """As beside pg_dump, which keeps every table that it found until its end."""
    whole, part, checked = (sql.Identifier(f"legacy_staging_0_{name}") for name in ("whole", "part", "checked"))
    with connection.cursor() as cursor:
        for name in (whole, part, checked):
            cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} (position bigint, outcome text)").format(name))
        with other_session() as other:
            other.execute(sql.SQL("BEGIN; LOCK TABLE {} IN ACCESS SHARE MODE").format(part))
            with transaction.atomic():
                staging.drop_classified(cursor, whole, part, checked, rejected=True)
                cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(whole))
                assert cursor.fetchone() == (0,)
            other.execute("ROLLBACK")
        with transaction.atomic():
            staging.drop_classified(cursor, whole, part, checked, rejected=False)
        cursor.execute("SELECT to_regclass('legacy_staging_0_part')")
        assert cursor.fetchone() == (None,)
        cursor.execute(sql.SQL("DROP TABLE {}, {}").format(whole, checked))


def test_new_ids_follow_the_old_rows_even_where_rows_are_compared_with_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(apply, "SORTED_AT_ONCE", 0)
    people = [(number, f"user {999 - number}", "", HASH) for number in range(1, 200)]
    messages = [(999 - number, number, "hi", MORNING, 0) for number in range(1, 200)]
    path = old_file(tmp_path, user=people, message=messages, schema=LOOSE_SCHEMA)
    import_of("users", path)
    import_of("messages", path)
    assert list(User.objects.order_by("id").values_list("legacy_id", flat=True)) == [row[0] for row in people]
    assert list(Message.objects.order_by("id").values_list("legacy_id", flat=True)) == [row[0] for row in messages]


def test_a_preview_that_is_being_read_is_cancelled_at_once_and_its_tables_go_later(tmp_path):
    def staging_tables() -> int:
        cursor.execute(r"SELECT count(*) FROM pg_class WHERE relname ~ '^legacy_staging_[0-9]+_' AND relkind = 'r'")
        return int(cursor.fetchone()[0])

    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    with connection.cursor() as cursor, other_session() as other:
        other.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(checked_table(run.pk, "user")))
        cursor.execute("SET statement_timeout = '10s'")  # who waits for the reader fails here
        assert lifecycle.cancel(run.pk).state == "cancelled"
        assert staging_tables() > 0
        other.execute("ROLLBACK")
        waiting = preview_of("users", tmp_path / "old.db")
        assert lifecycle.cancel(preview_of("users", tmp_path / "old.db").pk).state == "cancelled"
        assert ImportRun.objects.get(pk=waiting.pk).state == "superseded"
        assert staging_tables() == 0
        cursor.execute("RESET statement_timeout")


def test_tables_that_are_left_over_keep_no_cancellation_from_its_end(tmp_path):
    """One is being read, and another one is being dropped by another process."""
    run = preview_of("users", old_file(tmp_path, user=[ANN]))
    with connection.cursor() as cursor, other_session() as reader, other_session() as dropper:
        cursor.execute(
            "CREATE UNLOGGED TABLE legacy_staging_0_message (); CREATE UNLOGGED TABLE legacy_staging_0_user ()"
        )
        reader.execute("LOCK TABLE legacy_staging_0_message IN ACCESS SHARE MODE")
        dropper.execute("DROP TABLE legacy_staging_0_user")
        committing = threading.Timer(0.5, dropper.connection.commit)
        committing.start()
        assert lifecycle.cancel(run.pk).state == "cancelled"
        committing.join()
        assert ImportRun.objects.get(pk=run.pk).state == "cancelled"
        cursor.execute(r"SELECT relname FROM pg_class WHERE relname ~ '^legacy_staging_[0-9]+_' AND relkind = 'r'")
        assert cursor.fetchall() == [("legacy_staging_0_message",)]


def test_numbers_are_taken_one_by_one_again_after_a_large_import(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 1)
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    bob = User.objects.get(username="bob")
    assert bob.pk == User.objects.get(username="ann").pk + 1
    carol, dave = User.objects.create(username="carol"), User.objects.create(username="dave")
    assert (carol.pk > bob.pk, dave.pk) == (True, carol.pk + 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT seqcache FROM pg_sequence WHERE seqrelid = '\"MiniTwit_user_id_seq\"'::regclass")
        assert cursor.fetchone() == (1,)


STRONG_LOCKS = """
SELECT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' AND relkind = 'r' AND relname !~ '^legacy_staging_'
"""


def test_a_large_import_and_its_undo_take_at_once_every_lock_that_keeps_all_others_out(tmp_path, monkeypatch):
    """If it took one later, it and a decision could wait for each other."""
    held: set[str] = set()
    late: list[tuple[str, set[str]]] = []
    at_most: set[str] = set()

    def watch(execute: Any, statement: Any, *arguments: Any) -> Any:
        nonlocal held, at_most
        result = execute(statement, *arguments)
        with connection.connection.cursor() as cursor:
            text = statement if isinstance(statement, str) else statement.as_string(cursor)
            cursor.execute(STRONG_LOCKS)
            now = {name for (name,) in cursor.fetchall()}
        if now - held and "LOCK TABLE" not in text:
            late.append((text, now - held))
        held, at_most = now, at_most | now
        return result

    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 2)
    people = [("a-1", "ann", "", HASH), ("b-2", "bob", "", HASH)]
    texts = [
        ("text-1", "a-1", "one", MORNING, 0),
        ("text-2", "b-2", "two", MORNING, 0),
        ("text-3", "b-2", "three", MORNING, 0),
    ]
    path = old_file(tmp_path, schema=LOOSE_SCHEMA, user=people, message=texts)
    with connection.execute_wrapper(watch):
        users = import_of("users", path)
        messages = import_of("messages", path)
        imported, at_most = at_most, set()
        undo(messages)
        undo(users)
    assert late == []
    assert {"MiniTwit_user", "MiniTwit_message", "legacy_import_textid"} <= imported
    assert {"MiniTwit_user", "MiniTwit_message", "MiniTwit_watchhit"} <= at_most
