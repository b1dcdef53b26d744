"""Importing again: a newer copy brings what is new and tells what vanished; another database is not taken for one."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client

from legacy_import.data_migration import import_configured
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.rules.outcomes import NOTES
from legacy_import.runs import lifecycle
from legacy_import.source import SourceReference
from MiniTwit import watchlist
from MiniTwit.models import Follow, Message, User, WatchHit, WatchTerm
from tests.legacy_import.conftest import newest_run, page_of, text_of
from tests.legacy_import.importing import counts, import_of, preview_of
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

MORNING = 1_600_000_000


def people(*names: str, first: int = 1) -> list[tuple]:
    return [
        (number, name, f"{name}@example.com", f"pbkdf2:sha256:1000$salt{name}$" + "ab" * 32)
        for number, name in enumerate(names, first)
    ]


def texts(*words: str, at: int = MORNING) -> list[tuple]:
    return [(number, 1 + number % 3, word, at + number, 0) for number, word in enumerate(words, 1)]


OURS = people("ann", "bob", "cleo", "dora")
STRANGERS = people("wendy", "xaver", "yusuf", "zoe")
OUR_TEXTS = texts("good morning", "rain again", "the tram is late", "good night")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The old database, of which everything was imported."""
    path = make_old_database(
        tmp_path / "minitwit.db", user=OURS, message=OUR_TEXTS, follower=[(1, 2), (2, 3), (3, 1)]
    )
    import_of("users", path)
    import_of("messages", path)
    return path


def now_holds(path: Path, **tables: Any) -> Path:
    return make_old_database(path, **tables)


def test_a_newer_copy_brings_what_is_new_and_tells_what_vanished(path):
    newer = people("ann", "bob", "cleo", "dora", "emil")
    now_holds(
        path,
        user=[user for user in newer if user[1] != "cleo"],
        message=[OUR_TEXTS[0], OUR_TEXTS[2], (9, 5, "hello, I am new", MORNING + 90, 0)],
        follower=[(1, 2), (5, 1)],
    )
    users, messages = import_of("users", path), import_of("messages", path)
    assert (counts(users, "user").new, counts(users, "user").unchanged, counts(users, "user").vanished) == (1, 3, 1)
    assert users.samples["vanished"] == {"user": [{"legacy_id": 3, "what": "cleo", "more": ""}]}
    assert (counts(messages, "message").new, counts(messages, "message").vanished) == (1, 2)
    assert [(row["legacy_id"], row["what"], row["more"]) for row in messages.samples["vanished"]["message"]] == [
        (2, "cleo", "rain again"),
        (4, "bob", "good night"),
    ]
    assert (counts(messages, "follower").new, counts(messages, "follower").vanished) == (1, 2)
    assert [(row["what"], row["more"]) for row in messages.samples["vanished"]["follower"]] == [
        ("bob", "cleo"),
        ("cleo", "ann"),
    ]
    assert (User.objects.count(), Message.objects.count(), Follow.objects.count()) == (5, 5, 4)


def test_rows_created_in_this_application_have_not_vanished(path):
    here = User.objects.create(username="moderator")
    Message.objects.create(author=here, text="born here")
    Follow.objects.create(who=here, whom=User.objects.get(username="ann"))
    assert counts(preview_of("users", path), "user").vanished == 0
    run = preview_of("messages", path)
    assert (counts(run, "message").vanished, counts(run, "follower").vanished) == (0, 0)


def test_a_merged_account_that_is_gone_has_vanished_too(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[*people("ann"), (2, "ann", "", "")])
    import_of("users", path, duplicates="merge")
    run = preview_of("users", now_holds(path, user=people("ann")))
    assert run.samples["vanished"]["user"] == [
        {"legacy_id": 2, "what": "ann", "more": "merged into the account of this name"}
    ]


def test_the_sample_of_what_vanished_stays_small(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=people(*(f"user {number}" for number in range(50))))
    import_of("users", path)
    run = preview_of("users", now_holds(path, user=people("user 0")))
    assert (counts(run, "user").vanished, len(run.samples["vanished"]["user"])) == (49, 10)


def test_the_preview_shows_what_vanished_and_that_it_stays(path, admin: Client):
    page = text_of(admin, page_of(preview_of("users", now_holds(path, user=OURS[:2]))))
    assert "Users: 2 no longer in the old database" in page
    assert "The import leaves them as they are." in page
    assert "cleo" in page


def test_the_command_tells_scripts_and_people_what_vanished(path):
    now_holds(path, user=OURS[:3])
    output = io.StringIO()
    call_command("import_legacy", "users", "--source", str(path), "--json", stdout=output)
    answer = json.loads(output.getvalue())
    assert answer["vanished"] == {"user": 1}
    assert "vanished" not in answer["tables"]["user"]
    output = io.StringIO()
    call_command("import_legacy", "users", "--source", str(path), stdout=output)
    assert "1 that came earlier are no longer in it; they stay" in output.getvalue()


def test_a_kept_row_says_why_it_is_kept_and_shows_what_differs(path, admin: Client):
    Message.objects.filter(legacy_id=1).update(flagged=True)
    edited = [(number, author, f"{text}!", date, 0) for number, author, text, date, _ in OUR_TEXTS]
    now_holds(path, user=OURS, message=edited)
    kept = preview_of("messages", path)
    assert counts(kept, "message").notes == {"changed_here": 1, "kept_by_option": 3}
    assert not kept.audit["disagreements"]
    page = text_of(admin, page_of(kept))
    assert NOTES["changed_here"] in page
    assert "<span>rain again</span><ins" in page
    updated = preview_of("messages", path, existing="update")
    assert counts(updated, "message").notes == {"changed_here": 1}
    assert counts(updated, "message").changed == 3


def test_kept_users_say_why_too(path):
    User.objects.filter(username="ann").update(first_name="Ann")
    moved = [(number, name, f"{name}@moved.example", pw_hash) for number, name, _, pw_hash in OURS]
    run = preview_of("users", now_holds(path, user=moved))
    assert {code: run.counts["user"]["notes"].get(code) for code in ("changed_here", "kept_by_option")} == {
        "changed_here": 1,
        "kept_by_option": 3,
    }
    assert not run.audit["disagreements"]


@pytest.mark.parametrize(
    "newer",
    [
        [(number, f"{name}_2020", email, pw_hash) for number, name, email, pw_hash in OURS],
        [(number, f"{name[::-1]}x", email, "new password") for number, name, email, _ in OURS],
        [(number, f"{name[::-1]}x", f"{name}@new.example", pw_hash) for number, name, _, pw_hash in OURS],
        [OURS[0], OURS[1], *STRANGERS[2:]],
        people("emil", "fay", first=5),
    ],
    ids=["longer names", "other names and passwords", "other names and addresses", "half of them new", "all new"],
)
def test_a_newer_copy_is_not_taken_for_another_database(path, newer):
    assert import_of("users", now_holds(path, user=newer)).state == "applied"


def test_a_copy_whose_texts_were_edited_is_not_taken_for_another_database(path):
    edited = [(number, author, f"edited {number}", date, 0) for number, author, _, date, _ in OUR_TEXTS]
    assert import_of("messages", now_holds(path, user=OURS, message=edited)).state == "applied"


def refused(kind: str, path: Path) -> ImportRun:
    with pytest.raises(RunError, match="does not look like the database imported before") as error:
        import_of(kind, path)
    assert error.value.code == "wrong_file"
    run = newest_run()
    assert run.state == "previewed"
    return run


def test_other_people_under_the_same_ids_are_refused_until_staff_insist(path, admin: Client):
    run = refused("users", now_holds(path, user=STRANGERS))
    [doubt] = run.audit["doubts"]
    assert (doubt["compared"], doubt["different"]) == (4, 4)
    assert doubt["examples"] == [
        {"legacy_id": 1, "old": "wendy", "here": "ann"},
        {"legacy_id": 2, "old": "xaver", "here": "bob"},
        {"legacy_id": 3, "old": "yusuf", "here": "cleo"},
    ]
    page = text_of(admin, page_of(run))
    assert "This does not look like the database imported before" in page
    assert "4 of the 4 users whose ids were imported before are other people." in page
    answer = admin.post(f"{page_of(run)}confirm/", follow=True)
    assert "insist" in str(next(iter(answer.context["messages"])))
    admin.post(f"{page_of(run)}confirm/", {"insist": "on"})
    applied = lifecycle.apply(run.pk)
    assert applied.audit["insisted_by"] == applied.confirmed_by_name
    assert "who insisted" in text_of(admin, page_of(run))
    assert set(User.objects.filter(legacy_id__isnull=False).values_list("username", flat=True)) == {
        "ann",
        "bob",
        "cleo",
        "dora",
    }


def test_a_single_stranger_is_enough_where_there_is_only_one(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=people("ann"))
    import_of("users", path)
    assert refused("users", now_holds(path, user=people("zoe"))).audit["doubts"][0]["different"] == 1


def test_one_password_for_all_does_not_make_strangers_acquaintances(tmp_path):
    same = "pbkdf2:sha256:1000$salt$" + "ab" * 32
    path = make_old_database(tmp_path / "old.db", user=[(1, "ann", "", same), (2, "bob", "", same)])
    import_of("users", path)
    run = refused("users", now_holds(path, user=[(1, "yusuf", "", same), (2, "zoe", "", same)]))
    assert run.audit["doubts"][0]["different"] == 2


def test_messages_of_other_people_are_refused(path):
    run = refused("messages", now_holds(path, user=STRANGERS, message=OUR_TEXTS))
    assert [doubt["table"] for doubt in run.audit["doubts"]] == ["user"]
    assert import_of("messages", path, insist=True).audit["insisted_by"] == "admin"


def test_other_texts_under_the_same_ids_are_refused(path):
    others = texts("buy now", "win a prize", "cheap watches", "click here", at=MORNING + 5_000)
    run = refused("messages", now_holds(path, user=OURS, message=others))
    [doubt] = run.audit["doubts"]
    assert (doubt["table"], doubt["compared"], doubt["different"]) == ("message", 4, 4)
    assert doubt["examples"][0] == {"legacy_id": 1, "old": "buy now", "here": "good morning"}


def test_an_uploaded_stranger_is_refused_as_well(path, tmp_path):
    upload = make_old_database(tmp_path / "upload.db", user=STRANGERS)
    reference = SourceReference(upload, "upload.db", uploaded=True)
    run = lifecycle.start(kind="users", reference=reference, options=ImportOptions())
    lifecycle.stage(run.pk)
    with pytest.raises(RunError) as error:
        lifecycle.confirm(run.pk)
    assert error.value.code == "wrong_file"


def test_the_command_refuses_a_stranger_and_can_be_told_to_insist(path):
    now_holds(path, user=STRANGERS)
    output = io.StringIO()
    with pytest.raises(CommandError, match="--insist"):
        call_command("import_legacy", "users", "--source", str(path), "--json", stdout=output)
    assert json.loads(output.getvalue())["error"]["code"] == "wrong_file"
    output = io.StringIO()
    call_command("import_legacy", "users", "--source", str(path), "--json", "--insist", stdout=output)
    answer = json.loads(output.getvalue())
    assert (answer["state"], answer["doubts"][0]["different"]) == ("applied", 4)
    assert newest_run().audit["insisted_by"] == "command"


def test_a_dry_run_shows_a_stranger_without_failing(path):
    now_holds(path, user=STRANGERS)
    output, errors = io.StringIO(), io.StringIO()
    call_command("import_legacy", "users", "--source", str(path), "--dry-run", stdout=output, stderr=errors)
    assert "This does not look like the database imported before: 4 of the 4 users" in errors.getvalue()


def test_a_migration_refuses_a_stranger_with_a_sentence(path, settings):
    settings.LEGACY_DATABASE_URL = f"sqlite:///{now_holds(path, user=STRANGERS)}"
    with pytest.raises(CommandError, match="does not look like the database imported before"):
        import_configured(apps, "users")


def test_insisting_where_there_is_no_doubt_is_not_remembered(path):
    assert not import_of("users", path, insist=True).audit["insisted_by"]


def test_what_a_newer_copy_changed_is_looked_through_again_for_the_watch_list(path):
    WatchTerm.objects.create(pattern="casino")
    watchlist.scan()
    assert not watchlist.standing().is_behind
    newer = texts("good morning", "best casino in town", "the tram is late", "good night")
    now_holds(path, user=OURS, message=newer, follower=[(1, 2), (2, 3), (3, 1)])
    import_of("users", path)
    assert counts(import_of("messages", path, existing="update"), "message").changed == 1
    assert watchlist.standing().is_behind
    watchlist.scan()
    assert [hit.message.legacy_id for hit in WatchHit.objects.all()] == [2]
