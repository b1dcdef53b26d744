"""Undoing an import: it takes out what the import brought, and nothing else."""

import pytest
from django.db import connection

from legacy_import import tasks
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.runs.execution import finish, work_on
from legacy_import.runs.foreground import undo_at_once
from legacy_import.steps import bulk_load
from legacy_import.tables import CURRENT, Models
from MiniTwit import review, watchlist
from MiniTwit.models import Follow, Message, ReviewClaim, User, WatchHit, WatchTerm
from tests.legacy_import.importing import counts, import_of, indexes_and_constraints, undo
from tests.legacy_import.old_database import ANN, BOB, HASH, MORNING, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture(params=["small", "large"])
def any_size(request, monkeypatch):
    """A run like any, or one that is large and brought nearly all rows: foreign keys to them go meanwhile."""
    if request.param == "large":
        monkeypatch.setattr(bulk_load, "SMALL_BATCH", 2)


@pytest.mark.usefixtures("any_size")
def test_undo_takes_out_what_the_run_brought_and_nothing_else(tmp_path):
    definitions = indexes_and_constraints()
    staff = User.objects.create(username="staff")
    own = Message.objects.create(author=staff, text="born here")
    path = old_file(
        tmp_path, user=[ANN, BOB], message=[(1, 1, "a", MORNING, 0), (2, 2, "b", MORNING, 0)], follower=[(1, 2)]
    )
    users = import_of("users", path)
    messages = import_of("messages", path)
    Message.objects.filter(legacy_id=2).update(flagged=True)  # moderated since
    with pytest.raises(RunError) as error:
        lifecycle.request_undo(users.pk)
    assert error.value.code == "messages_first"
    undo(messages)
    assert set(Message.objects.values_list("text", flat=True)) == {"born here", "b"}
    assert not Follow.objects.exists()
    undone = undo(users)
    assert undone.undo_result == {"user": {"removed": 1, "restored": 0, "kept": 1}}
    assert set(User.objects.values_list("username", flat=True)) == {"staff", "bob"}
    assert own.author_id == staff.pk
    assert indexes_and_constraints() == definitions


def test_foreign_keys_are_dropped_for_a_large_run_only_where_it_is_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk_load, "SMALL_BATCH", 2)
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 1, "a", MORNING, 0), (2, 2, "b", MORNING, 0)])
    import_of("users", path)
    alone = import_of("messages", path)
    assert foreign_keys_dropped_by_undoing(alone)
    among_others = import_of("messages", path)
    Message.objects.bulk_create(Message(author=User.objects.first(), text=f"born here {n}") for n in range(2))
    assert foreign_keys_dropped_by_undoing(among_others) == []
    assert Message.objects.count() == 2


def foreign_keys_dropped_by_undoing(run):
    """The statements that drop one."""
    statements = []

    def noted(execute, statement, *arguments):
        statements.append(statement if isinstance(statement, str) else statement.as_string(connection.connection))
        return execute(statement, *arguments)

    with connection.execute_wrapper(noted):
        undo(run)
    return [one for one in statements if "DROP CONSTRAINT" in one]


def test_an_undo_that_is_asked_for_twice_is_done_once_and_can_be_cancelled(tmp_path):
    run = import_of("users", old_file(tmp_path, user=[ANN]))
    lifecycle.request_undo(run.pk)
    tasks.undo_run.enqueue(run.pk)
    cancelled = pytest.raises(RunError, match="was cancelled")
    with cancelled, work_on(run.pk, "undoing", CURRENT) as (undoing, _progress):
        with pytest.raises(RunError, match="is being undone already"):
            lifecycle.request_undo(run.pk)
        assert lifecycle.cancel(run.pk).cancel_requested
        finish(undoing)


@pytest.mark.usefixtures("any_size")
def test_undo_takes_what_the_watch_list_found_along(tmp_path):
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "casino", MORNING, 0), (2, 1, "casino too", MORNING, 0)])
    import_of("users", path)
    messages = import_of("messages", path)
    WatchTerm.objects.create(pattern="casino")
    watchlist.scan()
    Message.objects.filter(legacy_id=2).update(flagged=True)  # moderated since
    review.claim(moderator=User.objects.create(username="staff"), message_id=Message.objects.get(legacy_id=1).pk)
    assert undo(messages).undo_result["message"] == {"removed": 1, "restored": 0, "kept": 1}
    assert [hit.message.legacy_id for hit in WatchHit.objects.all()] == [2]
    assert not ReviewClaim.objects.exists()


def test_undo_gives_updated_rows_their_former_values_back(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    newer = [(1, "anna", "a@b.cc", HASH), (2, "bobby", "b@b.cc", HASH)]
    update = import_of("users", old_file(tmp_path, user=newer), existing="update")
    User.objects.filter(legacy_id=2).update(first_name="Robert")
    undo(update)
    assert set(User.objects.values_list("username", "email")) == {("ann", "ann@example.com"), ("bobby", "b@b.cc")}
    assert User.objects.get(username="ann").changed_at is None


def test_undo_leaves_an_account_alone_whose_former_name_was_taken_since(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN]))
    update = import_of("users", old_file(tmp_path, user=[(1, "anna", "a@b.cc", HASH)]), existing="update")
    User.objects.create(username="ann")
    assert undo(update).undo_result == {"user": {"removed": 0, "restored": 0, "kept": 1}}
    assert User.objects.get(legacy_id=1).username == "anna"


def test_undo_counts_updated_rows_that_were_changed_here_as_kept(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    newer = [(1, "anna", "a@b.cc", HASH), (2, "bobby", "b@b.cc", HASH)]
    update = import_of("users", old_file(tmp_path, user=newer), existing="update")
    User.objects.filter(legacy_id=2).update(first_name="Robert")
    assert undo(update).undo_result == {"user": {"removed": 0, "restored": 1, "kept": 1}}


def test_a_message_whose_former_author_is_gone_stays_as_it_is(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN, BOB]))
    import_of("messages", old_file(tmp_path, user=[ANN, BOB], message=[(1, 1, "hello", MORNING, 0)]))
    newer = old_file(tmp_path, user=[ANN, BOB], message=[(1, 2, "hello", MORNING, 0)])
    update = import_of("messages", newer, existing="update")
    User.objects.get(username="ann").delete()
    assert undo(update).undo_result["message"] == {"removed": 0, "restored": 0, "kept": 1}
    assert Message.objects.get().author.username == "bob"


def test_an_update_that_was_updated_again_is_undone_after_the_newer_one(tmp_path):
    import_of("users", old_file(tmp_path, user=[ANN]))
    second = import_of("users", old_file(tmp_path, user=[(1, "anna", "a@b.cc", HASH)]), existing="update")
    third = import_of("users", old_file(tmp_path, user=[(1, "annabel", "a@b.cc", HASH)]), existing="update")
    with pytest.raises(RunError) as error:
        lifecycle.request_undo(second.pk)
    assert error.value.code == "newer_first"
    assert User.objects.get().username == "annabel"
    undo(third)
    assert User.objects.get().username == "anna"
    undo(second)
    assert User.objects.get().username == "ann"


def test_users_stay_when_their_messages_arrive_before_the_undo_begins(tmp_path):
    path = old_file(tmp_path, user=[ANN, BOB], message=[(1, 1, "hello", MORNING, 0)])
    users = import_of("users", path)
    lifecycle.request_undo(users.pk)
    tasks.undo_run.enqueue(users.pk)
    import_of("messages", path)
    with pytest.raises(RunError) as error:
        lifecycle.undo(users.pk)
    assert error.value.code == "messages_first"
    users.refresh_from_db()
    assert (users.state, users.undo_requested_at, User.objects.count()) == ("applied", None, 2)


def test_a_messages_import_that_brought_nothing_does_not_keep_the_users_from_being_undone(tmp_path):
    path = old_file(tmp_path, user=[ANN], message=[(1, 1, "a", MORNING, 0)])
    users = import_of("users", path)
    messages = import_of("messages", path)
    assert counts(import_of("messages", path), "message").new == 0
    undo(messages)
    undo(users)
    assert not User.objects.exists()


def test_an_undo_that_has_no_task_is_not_taken_for_dead_before_it_begins(tmp_path, monkeypatch):
    """A migration undoes at once. A worker looks, at this very moment, for what nothing stands for."""
    run = import_of("users", old_file(tmp_path, user=[ANN]))
    take_up = lifecycle.undo

    def look_first(*arguments: object) -> ImportRun:
        lifecycle.reconcile()
        return take_up(*arguments)

    monkeypatch.setattr(lifecycle, "undo", look_first)
    assert undo_at_once(run.pk, Models()).state == "undone"
