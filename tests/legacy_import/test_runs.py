"""The life of an import run, from preview to undo, on a real PostgreSQL with real transactions."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import OperationalError, connection, transaction
from psycopg2 import sql

from legacy_import import bulk, locks, runs, search_indexes, staging
from legacy_import.errors import RunError
from legacy_import.models import ImportRun, MergedUser, RejectedRow
from legacy_import.preview import take_samples
from legacy_import.records import ImportOptions, TableCounts
from legacy_import.sources import SourceReference, SQLiteSource, source_at
from legacy_import.tables import Models, checked_table, staged_table
from MiniTwit import moderation, review, watchlist
from MiniTwit.models import Follow, Message, ReviewClaim, User, WatchHit, WatchTerm
from MiniTwit.search import ensure_search_indexes
from tests.legacy_import.conftest import other_session
from tests.legacy_import.old_database import CANONICAL_SCHEMA, make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

HASH = "pbkdf2:sha256:1000$Nq1fXSEO$" + "0b1dd8b6" * 8
ANN = (1, "ann", "ann@example.com", HASH)
BOB = (2, "bob", "bob@example.com", HASH)
MORNING = 1_600_000_000


def old(tmp_path: Path, **tables: Any) -> Path:
    return make_old_database(tmp_path / "old.db", **tables)


def import_(kind: str, path: Path, **options: str) -> Any:
    run = preview(kind, path, **options)
    runs.confirm(run.pk)
    return runs.apply(run.pk)


def preview(kind: str, path: Path, **options: str) -> Any:
    run = runs.start(kind=kind, reference=source_at(str(path)), options=ImportOptions(**options))
    return runs.stage(run.pk)


def counts(run: Any, table: str) -> TableCounts:
    return TableCounts.from_json(run.counts[table])


def staging_tables(run: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE %s", [f"legacy_staging_{run.pk}_%"])
        return [name for (name,) in cursor.fetchall()]


def test_users_then_messages_arrive_with_new_ids_and_their_origin(tmp_path):
    User.objects.create_superuser("staff")
    path = old(
        tmp_path,
        user=[ANN, BOB],
        message=[(7, 2, "good morning", MORNING, 1)],
        follower=[(1, 2)],
    )
    users = import_("users", path)
    messages = import_("messages", path)
    bob = User.objects.get(username="bob")
    message = Message.objects.get()
    assert (bob.legacy_id, bob.import_run, bob.date_joined, bob.email) == (2, users.pk, None, "bob@example.com")
    assert (message.author, message.text, message.flagged) == (bob, "good morning", True)
    assert message.pub_date == datetime.fromtimestamp(MORNING, UTC)
    assert (message.legacy_id, message.import_run, message.changed_at) == (7, messages.pk, None)
    assert [(follow.who.username, follow.whom.username) for follow in Follow.objects.all()] == [("ann", "bob")]
    assert messages.verification["ok"] is True
    assert staging_tables(messages) == []


def test_a_second_import_brings_nothing_new(tmp_path):
    path = old(tmp_path, user=[ANN, BOB], message=[(1, 1, "hi", MORNING, 0)], follower=[(1, 2), (1, 2)])
    import_("users", path)
    import_("messages", path)
    assert counts(import_("users", path), "user").unchanged == 2
    again = import_("messages", path)
    assert (counts(again, "message").new, counts(again, "message").unchanged) == (0, 1)
    assert (counts(again, "follower").unchanged, counts(again, "follower").duplicate) == (1, 1)
    assert (User.objects.count(), Message.objects.count(), Follow.objects.count()) == (2, 1, 1)


def test_a_preview_writes_nothing_and_burns_no_numbers(tmp_path):
    path = old(tmp_path, user=[ANN, BOB])
    with connection.cursor() as cursor:
        cursor.execute('SELECT last_value FROM "MiniTwit_user_id_seq"')
        before = cursor.fetchone()
        run = preview("users", path)
        cursor.execute('SELECT last_value FROM "MiniTwit_user_id_seq"')
        assert cursor.fetchone() == before
    assert run.state == "previewed"
    assert counts(run, "user").new == 2
    assert not User.objects.exists()


def test_messages_wait_for_the_users_of_the_same_database(tmp_path):
    path = old(tmp_path, user=[ANN], message=[(1, 1, "hi", MORNING, 0)])
    other = make_old_database(tmp_path / "other.db", user=[ANN])
    with pytest.raises(RunError, match="have not been imported yet") as error:
        preview("messages", path)
    assert error.value.code == "users_first"
    import_("users", other)
    with pytest.raises(RunError) as error:
        preview("messages", path)
    assert error.value.code == "users_first"
    assert not ImportRun.objects.filter(kind="messages").exists()


def test_users_who_came_later_are_named_in_the_preview_of_messages(tmp_path):
    import_("users", old(tmp_path, user=[ANN]))
    path = old(tmp_path, user=[ANN, BOB], message=[(1, 2, "hi", MORNING, 0)])
    run = preview("messages", path)
    assert counts(run, "message").reasons == {"author_missing": 1}
    assert any("1 of its 2 users are missing here" in warning for warning in run.source["warnings"])


def test_an_upload_may_be_a_copy_of_the_database_but_not_another_one(tmp_path):
    import_("users", old(tmp_path, user=[ANN, BOB]))
    copy = make_old_database(tmp_path / "copy.db", user=[ANN, BOB, (3, "new", "", "")], message=[])
    stranger = make_old_database(tmp_path / "stranger.db", user=[(1, "x", "", ""), (2, "y", "", "")], message=[])
    for path, state in ((copy, "previewed"), (stranger, "failed")):
        reference = SourceReference(path, path.name, uploaded=True)
        run = runs.start(kind="messages", reference=reference, options=ImportOptions())
        if state == "failed":
            with pytest.raises(RunError, match="is not the database whose users were imported"):
                runs.stage(run.pk)
        else:
            runs.stage(run.pk)
        run.refresh_from_db()
        assert run.state == state


def test_a_row_that_was_changed_here_is_kept_whatever_the_options_say(tmp_path):
    import_("users", old(tmp_path, user=[ANN, BOB]))
    User.objects.filter(username="ann").update(email="ann@work.example")
    newer = old(tmp_path, user=[(1, "ann", "ann@home.example", HASH), (2, "bob", "bob@home.example", HASH)])
    run = import_("users", newer, existing="update")
    assert (counts(run, "user").kept, counts(run, "user").changed) == (1, 1)
    assert set(User.objects.values_list("email", flat=True)) == {"ann@work.example", "bob@home.example"}
    assert User.objects.get(username="bob").changed_at is None


def test_rows_that_differ_are_kept_unless_updating_is_asked_for(tmp_path):
    import_("users", old(tmp_path, user=[ANN]))
    run = import_("users", old(tmp_path, user=[(1, "ann", "other@example.com", HASH)]))
    assert counts(run, "user").kept == 1
    assert User.objects.get().email == "ann@example.com"


def test_the_staff_account_is_never_taken_over(tmp_path):
    staff = User.objects.create_superuser("admin", "real@example.com", "secret")
    run = import_("users", old(tmp_path, user=[(1, "admin", "evil@example.com", HASH)]), existing="update")
    assert counts(run, "user").reasons == {"username_taken": 1}
    staff.refresh_from_db()
    assert (staff.email, staff.legacy_id) == ("real@example.com", None)


def test_imported_accounts_are_never_staff_whatever_the_file_says(tmp_path):
    schema = {"user": "user_id integer primary key, username, email, pw_hash, is_staff, is_superuser"}
    import_("users", old(tmp_path, user=[(1, "mallory", "", HASH, 1, 1)], schema=schema))
    mallory = User.objects.get()
    assert (mallory.is_staff, mallory.is_superuser, mallory.is_active) == (False, False, True)


def test_rejected_rows_are_stored_with_reason_and_values_but_without_passwords(tmp_path):
    import_("users", old(tmp_path, user=[ANN, (2, "ann", "second@example.com", "open sesame")]))
    rejected = RejectedRow.objects.get()
    assert (rejected.reason, rejected.position, rejected.legacy_id) == ("duplicate_username", 2, 2)
    assert rejected.values == {"user_id": "2", "username": "ann", "email": "second@example.com"}


def test_messages_of_a_rejected_author_say_so(tmp_path):
    path = old(tmp_path, user=[ANN, (2, "ann", "", "")], message=[(1, 2, "a", MORNING, 0), (2, 9, "b", MORNING, 0)])
    import_("users", path)
    run = import_("messages", path)
    assert counts(run, "message").reasons == {"author_rejected": 1, "author_missing": 1}


def test_merging_gives_the_messages_and_follows_to_the_survivor(tmp_path):
    path = old(
        tmp_path,
        user=[ANN, (2, "ann", "", ""), (3, "bob", "", "")],
        message=[(1, 2, "by the second ann", MORNING, 0)],
        follower=[(2, 3), (1, 3), (1, 2)],
    )
    users = import_("users", path, duplicates="merge")
    assert counts(users, "user").duplicate == 1
    assert MergedUser.objects.get().legacy_id == 2
    run = import_("messages", path, duplicates="merge")
    assert Message.objects.get().author.username == "ann"
    assert (counts(run, "follower").new, counts(run, "follower").duplicate) == (1, 1)
    assert counts(run, "follower").reasons == {"self_follow": 1}
    assert run.verification["ok"] is True


def test_a_confirmation_counts_once(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN]))
    runs.confirm(run.pk)
    with pytest.raises(RunError) as error:
        runs.confirm(run.pk)
    assert error.value.code == "already_confirmed"
    runs.apply(run.pk)
    with pytest.raises(RunError) as error:
        runs.apply(run.pk)
    assert error.value.code == "run_is_over"
    assert User.objects.count() == 1


def test_what_was_previewed_is_imported_though_the_file_changed_since(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN]))
    old(tmp_path, user=[ANN, BOB])
    runs.confirm(run.pk)
    runs.apply(run.pk)
    assert list(User.objects.values_list("username", flat=True)) == ["ann"]


def test_a_preview_that_is_no_longer_true_is_refused(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN, BOB]))
    User.objects.create(username="ann")  # takes the name meanwhile
    runs.confirm(run.pk)
    with pytest.raises(RunError, match="Make a new preview") as error:
        runs.apply(run.pk)
    assert error.value.code == "preview_outdated"
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "preview_outdated")
    assert not User.objects.filter(legacy_id__isnull=False).exists()
    assert staging_tables(run) == []


def test_a_change_here_that_alters_nothing_of_the_preview_does_no_harm(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN]))
    User.objects.create(username="somebody else")
    runs.confirm(run.pk)
    assert runs.apply(run.pk).state == "applied"


def test_staged_rows_lost_in_a_server_crash_are_noticed(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN]))
    with connection.cursor() as cursor:  # what a crash does to an unlogged table
        cursor.execute(f"TRUNCATE {checked_table(run.pk, 'user').as_string(cursor.cursor)}")
    runs.confirm(run.pk)
    with pytest.raises(RunError) as error:
        runs.apply(run.pk)
    assert error.value.code == "staging_lost"
    assert not User.objects.exists()


def test_a_newer_preview_replaces_the_older(tmp_path):
    path = old(tmp_path, user=[ANN])
    first, second = preview("users", path), preview("users", path)
    first.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "previewed")
    with pytest.raises(RunError):
        runs.confirm(first.pk)


def test_a_preview_can_be_cancelled_and_leaves_nothing(tmp_path, import_dir):
    run = preview("users", old(tmp_path, user=[ANN]))
    assert runs.cancel(run.pk).state == "cancelled"
    assert staging_tables(run) == []
    assert list(import_dir.iterdir()) == []
    with pytest.raises(RunError) as error:
        runs.cancel(run.pk)
    assert error.value.code == "run_is_over"


def test_one_import_at_a_time(tmp_path):
    path = old(tmp_path, user=[ANN])
    waiting = runs.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    with pytest.raises(RunError) as error:
        preview("users", path)
    assert error.value.code == "already_running"
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", locks.EXECUTING)
        with pytest.raises(RunError) as error:
            runs.stage(waiting.pk)
        assert error.value.code == "already_running"


def test_a_run_whose_worker_died_is_ended_and_makes_way(tmp_path):
    path = old(tmp_path, user=[ANN])
    run = runs.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    ImportRun.objects.filter(pk=run.pk).update(picked_up_at=datetime.now(UTC))  # and nobody holds the lock
    assert preview("users", path).state == "previewed"
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "worker_died")


def test_a_run_at_work_is_not_taken_for_dead(tmp_path):
    path = old(tmp_path, user=[ANN])
    run = runs.start(kind="users", reference=source_at(str(path)), options=ImportOptions())
    ImportRun.objects.filter(pk=run.pk).update(picked_up_at=datetime.now(UTC))
    with other_session() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", locks.EXECUTING)
        runs.reconcile()
    run.refresh_from_db()
    assert run.state == "staging"


def test_undo_takes_out_what_the_run_brought_and_nothing_else(tmp_path):
    staff = User.objects.create(username="staff")
    own = Message.objects.create(author=staff, text="born here")
    path = old(
        tmp_path, user=[ANN, BOB], message=[(1, 1, "a", MORNING, 0), (2, 2, "b", MORNING, 0)], follower=[(1, 2)]
    )
    users = import_("users", path)
    messages = import_("messages", path)
    Message.objects.filter(legacy_id=2).update(flagged=True)  # moderated since
    with pytest.raises(RunError) as error:
        runs.request_undo(users.pk)
    assert error.value.code == "messages_first"
    undo(messages)
    assert set(Message.objects.values_list("text", flat=True)) == {"born here", "b"}
    assert not Follow.objects.exists()
    undone = undo(users)
    assert undone.undo_result == {"user": {"removed": 1, "restored": 0, "kept": 1}}
    assert set(User.objects.values_list("username", flat=True)) == {"staff", "bob"}
    assert own.author_id == staff.pk


def test_undo_takes_what_the_watch_list_found_along(tmp_path):
    path = old(tmp_path, user=[ANN], message=[(1, 1, "casino", MORNING, 0), (2, 1, "casino too", MORNING, 0)])
    import_("users", path)
    messages = import_("messages", path)
    WatchTerm.objects.create(pattern="casino")
    watchlist.scan()
    Message.objects.filter(legacy_id=2).update(flagged=True)  # moderated since
    review.claim(moderator=User.objects.create(username="staff"), message_id=Message.objects.get(legacy_id=1).pk)
    assert undo(messages).undo_result["message"] == {"removed": 1, "restored": 0, "kept": 1}
    assert [hit.message.legacy_id for hit in WatchHit.objects.all()] == [2]
    assert not ReviewClaim.objects.exists()


def test_undo_gives_updated_rows_their_former_values_back(tmp_path):
    import_("users", old(tmp_path, user=[ANN, BOB]))
    newer = [(1, "anna", "a@b.cc", HASH), (2, "bobby", "b@b.cc", HASH)]
    update = import_("users", old(tmp_path, user=newer), existing="update")
    User.objects.filter(legacy_id=2).update(first_name="Robert")
    undo(update)
    assert set(User.objects.values_list("username", "email")) == {("ann", "ann@example.com"), ("bobby", "b@b.cc")}
    assert User.objects.get(username="ann").changed_at is None


def test_undo_leaves_an_account_alone_whose_former_name_was_taken_since(tmp_path):
    import_("users", old(tmp_path, user=[ANN]))
    update = import_("users", old(tmp_path, user=[(1, "anna", "a@b.cc", HASH)]), existing="update")
    User.objects.create(username="ann")
    assert undo(update).undo_result == {"user": {"removed": 0, "restored": 0, "kept": 1}}
    assert User.objects.get(legacy_id=1).username == "anna"


def test_undo_counts_updated_rows_that_were_changed_here_as_kept(tmp_path):
    import_("users", old(tmp_path, user=[ANN, BOB]))
    newer = [(1, "anna", "a@b.cc", HASH), (2, "bobby", "b@b.cc", HASH)]
    update = import_("users", old(tmp_path, user=newer), existing="update")
    User.objects.filter(legacy_id=2).update(first_name="Robert")
    assert undo(update).undo_result == {"user": {"removed": 0, "restored": 1, "kept": 1}}


def test_a_message_whose_former_author_is_gone_stays_as_it_is(tmp_path):
    import_("users", old(tmp_path, user=[ANN, BOB]))
    import_("messages", old(tmp_path, user=[ANN, BOB], message=[(1, 1, "hello", MORNING, 0)]))
    newer = old(tmp_path, user=[ANN, BOB], message=[(1, 2, "hello", MORNING, 0)])
    update = import_("messages", newer, existing="update")
    User.objects.get(username="ann").delete()
    assert undo(update).undo_result["message"] == {"removed": 0, "restored": 0, "kept": 1}
    assert Message.objects.get().author.username == "bob"


def test_an_update_that_was_updated_again_is_undone_after_the_newer_one(tmp_path):
    import_("users", old(tmp_path, user=[ANN]))
    second = import_("users", old(tmp_path, user=[(1, "anna", "a@b.cc", HASH)]), existing="update")
    third = import_("users", old(tmp_path, user=[(1, "annabel", "a@b.cc", HASH)]), existing="update")
    with pytest.raises(RunError) as error:
        runs.request_undo(second.pk)
    assert error.value.code == "newer_first"
    assert User.objects.get().username == "annabel"
    undo(third)
    assert User.objects.get().username == "anna"
    undo(second)
    assert User.objects.get().username == "ann"


def test_users_stay_when_their_messages_arrive_before_the_undo_begins(tmp_path):
    path = old(tmp_path, user=[ANN, BOB], message=[(1, 1, "hello", MORNING, 0)])
    users = import_("users", path)
    runs.request_undo(users.pk)
    import_("messages", path)
    with pytest.raises(RunError) as error:
        runs.undo(users.pk)
    assert error.value.code == "messages_first"
    users.refresh_from_db()
    assert (users.state, users.undo_requested_at, User.objects.count()) == ("applied", None, 2)


def test_a_number_too_long_for_an_id_rejects_its_row_and_no_other(tmp_path):
    schema = CANONICAL_SCHEMA | {"user": "user_id text, username text, email text, pw_hash text"}
    path = old(tmp_path, user=[ANN, ("9" * 30, "bob", "bob@example.com", HASH)], schema=schema)
    run = preview("users", path)
    assert (counts(run, "user").new, counts(run, "user").reasons) == (1, {"bad_id": 1})
    assert not run.audit["disagreements"]


def test_a_table_name_that_nobody_could_store_does_not_stop_the_preview(tmp_path):
    path = old(tmp_path, user=[ANN])
    forger = sqlite3.connect(path)
    forger.execute("CREATE TABLE spare (id)")
    forger.execute("PRAGMA writable_schema=ON")
    forger.execute("UPDATE sqlite_master SET name = name || char(0) || 'x' WHERE name = 'spare'")
    forger.commit()
    forger.close()
    assert preview("users", path).source["ignored"] == ["spare\ufffdx"]


def test_a_staged_row_that_the_old_database_does_not_have_fails_the_audit(tmp_path):
    run = preview("users", old(tmp_path, user=[ANN, BOB]))
    (check,) = runs.checks_of(run, Models.of())
    shorter = source_at(str(old(tmp_path, user=[ANN])))
    with SQLiteSource.open(shorter, tmp_path / "snapshot", required=("user",)) as source:
        samples, disagreements = take_samples(check, counts(run, "user"), source)
    assert [sample.position for sample in samples] == [1]
    assert disagreements == ["user row 2: staged, but not in the old database."]


def test_a_purged_message_does_not_come_back(tmp_path):
    path = old(tmp_path, user=[ANN], message=[(1, 1, "spam", MORNING, 0), (2, 1, "hello", MORNING, 0)])
    import_("users", path)
    import_("messages", path)
    moderation.purge(messages=Message.objects.filter(text="spam"), actor=None, reason="Spam")
    again = import_("messages", path)
    assert (counts(again, "message").kept, counts(again, "message").unchanged) == (1, 1)
    assert counts(again, "message").notes == {"purged_here": 1}
    assert not again.audit["disagreements"]
    assert list(Message.objects.values_list("text", flat=True)) == ["hello"]
    assert again.verification["ok"], again.verification
    assert again.verification["tables"]["message"]["arrived"] == 2


def test_a_purge_between_preview_and_confirmation_makes_the_preview_outdated(tmp_path):
    path = old(tmp_path, user=[ANN], message=[(1, 1, "spam", MORNING, 0)])
    import_("users", path)
    import_("messages", path)
    waiting = preview("messages", path)
    moderation.purge(messages=Message.objects.all(), actor=None, reason="Spam")
    runs.confirm(waiting.pk)
    with pytest.raises(RunError) as error:
        runs.apply(waiting.pk)
    assert error.value.code == "preview_outdated"


def undo(run: Any) -> Any:
    runs.request_undo(run.pk)
    return runs.undo(run.pk)


def test_a_large_import_leaves_the_tables_as_they_were_defined(tmp_path):
    """Beyond 20,000 rows the indexes and foreign keys are dropped and built again."""
    people = [(number, f"user {number}", "", "") for number in range(1, 20_101)]
    texts = [(number, number % 20_100 + 1, f"message {number}", MORNING + number, 0) for number in range(1, 20_201)]
    path = old(tmp_path, user=people, message=texts)
    definitions = indexes_and_constraints()
    import_("users", path)
    run = import_("messages", path)
    assert indexes_and_constraints() == definitions
    assert (User.objects.count(), Message.objects.count()) == (20_100, 20_200)
    assert run.verification["ok"] is True
    assert run.audit["disagreements"] == []


def indexes_and_constraints() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid::regclass::text LIKE '%MiniTwit%'"
            " UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'MiniTwit%'"
            " UNION ALL SELECT indexrelid::regclass::text, 'clustered' FROM pg_index WHERE indisclustered"
        )
        return set(cursor.fetchall())


def test_old_passwords_still_sign_in(sample):
    import_("users", sample)
    user = User.objects.filter(password__startswith="pbkdf2_sha256$").earliest("legacy_id")
    assert authenticate(username=user.username, password=f"password-{user.legacy_id}") == user
    assert authenticate(username=user.username, password="something else") is None


def test_the_whole_sample_is_accounted_for(sample):
    for kind, tables in (("users", ["user"]), ("messages", ["message", "follower"])):
        run = import_(kind, sample)
        assert run.audit["disagreements"] == []
        assert run.verification["ok"] is True
        for table in tables:
            account = counts(run, table)
            parts = (
                account.new,
                account.changed,
                account.unchanged,
                account.kept,
                account.duplicate,
                account.rejected,
            )
            assert account.read == sum(parts) == run.source["tables"][table]
            assert sum(account.reasons.values()) == account.rejected == run.rejected_rows.filter(table=table).count()


def test_a_messages_import_that_brought_nothing_does_not_keep_the_users_from_being_undone(tmp_path):
    path = old(tmp_path, user=[ANN], message=[(1, 1, "a", MORNING, 0)])
    users = import_("users", path)
    messages = import_("messages", path)
    assert counts(import_("messages", path), "message").new == 0
    undo(messages)
    undo(users)
    assert not User.objects.exists()


def test_a_large_table_is_judged_in_parts_of_which_only_the_rejected_rows_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("legacy_import.sources.sqlite.LARGE_TABLE", 10)
    monkeypatch.setattr("legacy_import.preview.LARGE_CLASS", 10)
    monkeypatch.setattr(bulk, "SMALL_BATCH", 1)
    rows = [(number, 9 if number in (4, 95) else 1, f"number {number}", MORNING, 0) for number in range(1, 101)]
    path = old(tmp_path, user=[ANN], message=rows)
    import_("users", path)
    run = preview("messages", path)
    assert (counts(run, "message").new, counts(run, "message").reasons) == (98, {"author_missing": 2})
    with connection.cursor() as cursor:
        staged = staged_table(run.pk, "message").as_string(cursor.cursor)
        cursor.execute(f"SELECT position, text FROM {staged} ORDER BY position")
        assert cursor.fetchall() == [(4, "number 4"), (95, "number 95")]
    new = [sample["position"] for sample in run.samples["message"] if sample["verdict"] == "new"]
    assert new[:5] == [1, 2, 3, 5, 6]
    runs.confirm(run.pk)
    run = runs.apply(run.pk)
    assert run.verification["ok"] is True
    assert [row.values["text"] for row in run.rejected_rows.order_by("position")] == ["number 4", "number 95"]
    assert list(Message.objects.order_by("id").values_list("legacy_id", flat=True)) == [
        row[0] for row in rows if row[1] == 1
    ]


def test_a_judged_part_that_somebody_reads_stays_and_the_work_goes_on():
    """As beside pg_dump, which keeps every table that it found until its end."""
    whole, part, checked = (sql.Identifier(f"legacy_staging_0_{name}") for name in ("whole", "part", "checked"))
    with connection.cursor() as cursor:
        for name in (whole, part, checked):
            cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} (position bigint, verdict text)").format(name))
        with other_session() as other:
            other.execute(sql.SQL("BEGIN; LOCK TABLE {} IN ACCESS SHARE MODE").format(part))
            with transaction.atomic():
                staging.drop_judged(cursor, whole, part, checked, rejected=True)
                cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(whole))
                assert cursor.fetchone() == (0,)
            other.execute("ROLLBACK")
        with transaction.atomic():
            staging.drop_judged(cursor, whole, part, checked, rejected=False)
        cursor.execute("SELECT to_regclass('legacy_staging_0_part')")
        assert cursor.fetchone() == (None,)
        cursor.execute(sql.SQL("DROP TABLE {}, {}").format(whole, checked))


def test_numbers_are_taken_one_by_one_again_after_a_large_import(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SMALL_BATCH", 1)
    import_("users", old(tmp_path, user=[ANN, BOB]))
    bob = User.objects.get(username="bob")
    assert bob.pk == User.objects.get(username="ann").pk + 1
    carol, dave = User.objects.create(username="carol"), User.objects.create(username="dave")
    assert (carol.pk > bob.pk, dave.pk) == (True, carol.pk + 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT seqcache FROM pg_sequence WHERE seqrelid = '\"MiniTwit_user_id_seq\"'::regclass")
        assert cursor.fetchone() == (1,)


def test_the_search_index_is_built_after_a_large_import(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SMALL_BATCH", 1)
    seen = []
    ensure = search_indexes.ensure_search_indexes

    def watched(models, **arguments):
        seen.append((Message.objects.count(), connection.in_atomic_block))
        return ensure(models, **arguments)

    monkeypatch.setattr(search_indexes, "ensure_search_indexes", watched)
    path = old(tmp_path, user=[ANN], message=[(1, 1, "needle in a haystack", MORNING, 0)])
    import_("users", path)
    run = import_("messages", path)
    assert seen[-1] == (1, False)  # everybody sees the messages already
    assert (run.state, run.error_message) == ("applied", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'message_text_trigrams'::regclass")
        assert cursor.fetchone() == (True,)
    assert ensure_search_indexes() == []
    assert Message.objects.filter(text__icontains="NEEDLE").count() == 1


def test_an_import_stands_when_its_search_index_cannot_be_built(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(bulk, "SMALL_BATCH", 1)

    def broken(models, **arguments):
        raise OperationalError("No space left on device")

    monkeypatch.setattr(search_indexes, "ensure_search_indexes", broken)
    run = import_("users", old(tmp_path, user=[ANN, BOB]))
    assert run.state == "applied"
    assert "could not be built (No space left on device)" in run.error_message
    assert "build_search_indexes" in ImportRun.objects.get().error_message
    assert "search index could not be built" in caplog.text
    assert User.objects.filter(username__icontains="ann").count() == 1  # searching works, if slowly
    monkeypatch.undo()
    assert ensure_search_indexes() == ["user_username_trigrams"]


def test_an_import_that_fails_keeps_the_search_index(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SMALL_BATCH", 1)
    run = preview("users", old(tmp_path, user=[ANN, BOB]))
    runs.confirm(run.pk)
    monkeypatch.setattr("legacy_import.runs.finish", lambda *arguments, **changes: 1 / 0)
    with pytest.raises(RunError):
        runs.apply(run.pk)
    monkeypatch.undo()
    assert ensure_search_indexes() == []
