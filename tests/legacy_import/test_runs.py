"""The life of an import run, from preview to undo, on a real PostgreSQL with real transactions."""

import sqlite3
from datetime import UTC, datetime

import pytest
from django.contrib.auth import authenticate
from django.db import connection

from legacy_import.errors import RunError
from legacy_import.models import ImportRun, MergedUser, RejectedRow
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.source import SourceReference, SQLiteSource, source_at
from legacy_import.steps.preview import take_samples
from legacy_import.tables import Models
from MiniTwit import moderation
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.importing import counts, import_of, preview_of
from tests.legacy_import.old_database import (
    ANN,
    BOB,
    HASH,
    LOOSE_SCHEMA,
    MORNING,
    make_old_database,
    old_file,
)
from tests.legacy_import.test_run_ends import staging_tables

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


def test_users_then_messages_arrive_with_new_ids_and_their_origin(tmp_path):
    User.objects.create_superuser("staff")
    path = old_file(
        tmp_path,
        user=[ANN, BOB],
        message=[(7, 2, "good morning", MORNING, 1)],
        follower=[(1, 2)],
    )
    users = import_of("users", path)
    messages = import_of("messages", path)
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
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 1, "hi", MORNING, 0)], follower=[(1, 2), (1, 2)])
    import_of("users", path)
    import_of("messages", path)
    assert counts(import_of("users", path), "user").unchanged == 2
    again = import_of("messages", path)
    assert (counts(again, "message").new, counts(again, "message").unchanged) == (0, 1)
    assert (counts(again, "follower").unchanged, counts(again, "follower").duplicate) == (1, 1)
    assert (User.objects.count(), Message.objects.count(), Follow.objects.count()) == (2, 1, 1)


def test_a_preview_writes_nothing_and_burns_no_numbers(tmp_path):
    path = old_file(tmp_path, user=[ANN, BOB])
    with connection.cursor() as cursor:
        cursor.execute('SELECT last_value FROM "MiniTwit_user_id_seq"')
        before = cursor.fetchone()
        run = preview_of("users", path)
        cursor.execute('SELECT last_value FROM "MiniTwit_user_id_seq"')
        assert cursor.fetchone() == before
    assert run.state == "previewed"
    assert counts(run, "user").new == 2
    assert not User.objects.exists()


def test_messages_wait_for_the_users_of_the_same_database(tmp_path):
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "hi", MORNING, 0)])
    other = make_old_database(tmp_path / "other.db", user=[ANN])
    with pytest.raises(RunError, match="have not been imported yet") as error:
        preview_of("messages", path)
    assert error.value.code == "users_first"
    import_of("users", other)
    with pytest.raises(RunError) as error:
        preview_of("messages", path)
    assert error.value.code == "users_first"
    assert not ImportRun.objects.filter(kind="messages").exists()


def test_a_preview_shows_the_author_of_a_message_by_name(tmp_path):
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 2, "hi", MORNING, 0)])
    import_of("users", path)
    [sample] = preview_of("messages", path).samples["message"]
    assert ">bob</ins>" in sample["diff"][1]


def test_users_who_came_later_are_named_in_the_preview_of_messages(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN]))
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 2, "hi", MORNING, 0)])
    run = preview_of("messages", path)
    assert counts(run, "message").reasons == {"author_missing": 1}
    assert any("1 of its 2 users are missing" in warning for warning in run.source["warnings"])


def test_an_upload_may_be_a_copy_of_the_database_but_not_another_one(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    copy = make_old_database(tmp_path / "copy.db", user=[ANN, BOB, (3, "new", "", "")], message=[])
    stranger = make_old_database(tmp_path / "stranger.db", user=[(1, "x", "", ""), (2, "y", "", "")], message=[])
    for path, state in ((copy, "previewed"), (stranger, "failed")):
        reference = SourceReference(path, path.name, uploaded=True)
        run = lifecycle.start(kind="messages", reference=reference, options=ImportOptions())
        if state == "failed":
            with pytest.raises(RunError, match="is not the database whose users were imported"):
                lifecycle.stage(run.pk)
        else:
            lifecycle.stage(run.pk)
        run.refresh_from_db()
        assert run.state == state


def test_a_row_that_was_changed_here_is_kept_whatever_the_options_say(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    User.objects.filter(username="ann").update(email="ann@work.example")
    newer = old_file(tmp_path, user=[(1, "ann", "ann@home.example", HASH), (2, "bob", "bob@home.example", HASH)])
    run = import_of("users", newer, existing="update")
    assert (counts(run, "user").kept, counts(run, "user").changed) == (1, 1)
    assert set(User.objects.values_list("email", flat=True)) == {"ann@work.example", "bob@home.example"}
    assert User.objects.get(username="bob").changed_at is None


def test_rows_that_differ_are_kept_unless_updating_is_asked_for(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN]))
    run = import_of("users", old_file(tmp_path, user=[(1, "ann", "other@example.com", HASH)]))
    assert counts(run, "user").kept == 1
    assert User.objects.get().email == "ann@example.com"


def test_the_staff_account_is_never_taken_over(tmp_path):
    staff = User.objects.create_superuser("admin", "real@example.com", "secret")
    path = old_file(tmp_path, user=[(1, "admin", "evil@example.com", HASH)])
    run = import_of("users", path, existing="update", insist=True)
    assert counts(run, "user").reasons == {"username_taken": 1}
    staff.refresh_from_db()
    assert (staff.email, staff.legacy_id) == ("real@example.com", None)


def test_imported_accounts_are_never_staff_whatever_the_file_says(tmp_path):
    schema = {"user": "user_id integer primary key, username, email, pw_hash, is_staff, is_superuser"}
    import_of("users", old_file(tmp_path, user=[(1, "mallory", "", HASH, 1, 1)], schema=schema))
    mallory = User.objects.get()
    assert (mallory.is_staff, mallory.is_superuser, mallory.is_active) == (False, False, True)


def test_rejected_rows_are_stored_with_reason_and_values_but_without_passwords(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, (2, "ann", "second@example.com", "open sesame")]))
    rejected = RejectedRow.objects.get()
    assert (rejected.reason, rejected.position, rejected.legacy_id) == ("duplicate_username", 2, 2)
    assert rejected.values == {"user_id": "2", "username": "ann", "email": "second@example.com"}


def test_messages_of_a_rejected_author_say_so(tmp_path):
    path = old_file(
        tmp_path, user=[ANN, (2, "ann", "", "")], message=[(1, 2, "a", MORNING, 0), (2, 9, "b", MORNING, 0)]
    )
    import_of("users", path)
    run = import_of("messages", path, insist=True)
    assert counts(run, "message").reasons == {"author_rejected": 1, "author_missing": 1}


def test_messages_of_an_author_who_was_rejected_for_the_id_say_so(tmp_path):
    path = old_file(
        tmp_path,
        user=[ANN, (2.5, "bob", "", "")],
        message=[(1, 2.5, "a", MORNING, 0), (2, 3.5, "b", MORNING, 0), (3, 1, "c", MORNING, 0)],
        schema=LOOSE_SCHEMA,
    )
    users = import_of("users", path)
    assert counts(users, "user").reasons == {"bad_id": 1}
    run = import_of("messages", path)
    assert counts(run, "message").reasons == {"author_rejected": 1, "author_missing": 1}
    assert not run.audit["disagreements"]


def test_merging_gives_the_messages_and_follows_to_the_survivor(tmp_path):
    path = old_file(
        tmp_path,
        user=[ANN, (2, "ann", "", ""), (3, "bob", "", "")],
        message=[(1, 2, "by the second ann", MORNING, 0)],
        follower=[(2, 3), (1, 3), (1, 2)],
    )
    users = import_of("users", path, duplicates="merge")
    assert counts(users, "user").duplicate == 1
    assert MergedUser.objects.get().legacy_id == 2
    run = import_of("messages", path, duplicates="merge")
    assert Message.objects.get().author.username == "ann"
    assert (counts(run, "follower").new, counts(run, "follower").duplicate) == (1, 1)
    assert counts(run, "follower").reasons == {"self_follow": 1}
    assert run.verification["ok"] is True


def test_a_table_name_that_nobody_could_store_does_not_stop_the_preview(tmp_path):
    path = old_file(tmp_path, user=[ANN])
    forger = sqlite3.connect(path)
    forger.execute("CREATE TABLE spare (id)")
    forger.execute("PRAGMA writable_schema=ON")
    forger.execute("UPDATE sqlite_master SET name = name || char(0) || 'x' WHERE name = 'spare'")
    forger.commit()
    forger.close()
    assert preview_of("users", path).source["ignored"] == ["spare\ufffdx"]


def test_a_staged_row_that_the_old_database_does_not_have_fails_the_audit(tmp_path):
    run = preview_of("users", old_file(tmp_path, user=[ANN, BOB]))
    (check,) = lifecycle.checks_of(run, Models())
    shorter = source_at(str(old_file(tmp_path, user=[ANN])))
    with SQLiteSource.open(shorter, tmp_path / "snapshot", required=("user",)) as source:
        samples, disagreements = take_samples(check, counts(run, "user"), source)
    assert [sample.position for sample in samples] == [1]
    assert disagreements == ["user row 2: staged, but not in the old database."]


def test_a_purged_message_does_not_come_back(tmp_path):
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "spam", MORNING, 0), (2, 1, "hello", MORNING, 0)])
    import_of("users", path)
    import_of("messages", path)
    moderation.purge(messages=Message.objects.filter(text="spam"), actor=None, reason="Spam")
    again = import_of("messages", path)
    assert (counts(again, "message").kept, counts(again, "message").unchanged) == (1, 1)
    assert counts(again, "message").notes == {"purged_here": 1}
    assert not again.audit["disagreements"]
    assert list(Message.objects.values_list("text", flat=True)) == ["hello"]
    assert again.verification["ok"], again.verification
    assert again.verification["tables"]["message"]["arrived"] == 2


def test_a_purge_between_preview_and_confirmation_makes_the_preview_outdated(tmp_path):
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "spam", MORNING, 0)])
    import_of("users", path)
    import_of("messages", path)
    waiting = preview_of("messages", path)
    moderation.purge(messages=Message.objects.all(), actor=None, reason="Spam")
    lifecycle.confirm(waiting.pk)
    with pytest.raises(RunError) as error:
        lifecycle.apply(waiting.pk)
    assert error.value.code == "preview_outdated"


def test_old_passwords_still_sign_in(sample):
    import_of("users", sample)
    user = User.objects.filter(password__startswith="pbkdf2_sha256$").earliest("legacy_id")
    assert authenticate(username=user.username, password=f"password-{user.legacy_id}") == user
    assert authenticate(username=user.username, password="something else") is None


def test_the_whole_sample_is_accounted_for(sample):
    for kind, tables in (("users", ["user"]), ("messages", ["message", "follower"])):
        run = import_of(kind, sample)
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
