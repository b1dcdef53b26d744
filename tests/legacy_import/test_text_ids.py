"""An old database whose ids are texts, such as GUIDs: all of it arrives, and people see the old texts."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from legacy_import.errors import RunError
from legacy_import.models import RejectedRow, TextId
from legacy_import.verify import ids, verify
from MiniTwit import moderation, text_ids
from MiniTwit.models import Follow, Message, User
from MiniTwit.search import match_account
from tests.legacy_import.importing import counts, import_of, preview_of, undo
from tests.legacy_import.old_database import HASH, LOOSE_SCHEMA, MORNING, old_file
from tests.MiniTwit.files import export, preview

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

ANN, BOB, EVE = "3F2504E0-4F89-41D3-9A0C-0305E82C3301", "b0b-7a3c", "00000000-0000-0000-0000-0000000000e5"
HELLO, REPLY = "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6F9619FF-8B86-D011-B42D-00CF4FC964FF"


def guid_file(folder: Path, **tables: Any) -> Path:
    rows: dict[str, Any] = {
        "user": [(1, "root", "", HASH), (ANN, "ann", "ann@example.com", "open sesame"), (BOB, "bob", "", HASH)],
        "message": [(1, 1, "first", MORNING, 0), (HELLO, ANN, "hello", MORNING, 0), (REPLY, BOB, "hi", MORNING, 0)],
        "follower": [(1, ANN), (ANN, BOB), (BOB, "ann")],
    }
    return old_file(folder, schema=LOOSE_SCHEMA, **rows | tables)


def import_all(path: Path, **options: str) -> tuple[Any, Any]:
    return import_of("users", path, **options), import_of("messages", path, **options)


def test_accounts_messages_and_follows_arrive_under_numbers_that_stand_for_their_texts(tmp_path):
    users, messages = import_all(guid_file(tmp_path))
    assert all(old in row["diff"][0] for old, row in zip(("1", ANN, BOB), users.samples["user"], strict=True))
    assert users.audit["disagreements"] == messages.audit["disagreements"] == []
    ann = User.objects.get(username="ann")
    assert ann.legacy_id == text_ids.number_of(ANN) == ids.number_for(ANN)
    assert authenticate(username="ann", password="open sesame") == ann
    assert set(Message.objects.values_list("author__username", "text")) == {
        ("root", "first"),
        ("ann", "hello"),
        ("bob", "hi"),
    }
    follows = {(follow.who.username, follow.whom.username) for follow in Follow.objects.all()}
    assert follows == {("root", "ann"), ("ann", "bob"), ("bob", "ann")}
    assert counts(messages, "follower").notes == {"author_by_name": 1}
    assert users.verification["ok"] is True
    assert messages.verification["ok"] is True
    assert TextId.objects.count() == 4


def test_a_second_import_finds_all_of_them_and_takes_up_what_changed(tmp_path):
    import_all(guid_file(tmp_path))
    changed = guid_file(tmp_path, message=[(1, 1, "first", MORNING, 0), (HELLO, ANN, "goodbye", MORNING, 0)])
    users, messages = import_all(changed, existing="update")
    assert counts(users, "user").unchanged == 3
    assert (counts(messages, "message").unchanged, counts(messages, "message").changed) == (1, 1)
    assert messages.samples["vanished"]["message"] == [{"legacy_id": REPLY, "what": "bob", "more": "hi"}]
    assert Message.objects.get(legacy_id=text_ids.number_of(HELLO)).text == "goodbye"
    assert messages.verification["ok"] is True


def test_staff_see_the_old_texts_find_by_them_and_export_them(tmp_path, admin_client: Client):
    import_all(guid_file(tmp_path))
    ann, hello = User.objects.get(username="ann"), Message.objects.get(text="hello")
    assert ANN in admin_client.get(f"/admin/MiniTwit/user/{ann.pk}/change/").content.decode()
    assert HELLO in admin_client.get(f"/admin/MiniTwit/message/{hello.pk}/change/").content.decode()
    assert User.objects.filter(match_account(ANN)).get() == ann
    assert str(User.objects.filter(match_account("root")).get().legacy_id) == "1"
    assert ANN.encode() in export(admin_client, "user")


def test_a_text_of_more_digits_than_a_number_has_is_found_by_them(tmp_path):
    snowflake = "1234567890123456789"
    import_all(guid_file(tmp_path, user=[(1, "root", "", HASH), (snowflake, "ann", "", HASH)]))
    assert User.objects.filter(match_account(snowflake)).get().username == "ann"


def test_of_an_erased_account_no_text_stays_and_none_comes_back(tmp_path):
    path = guid_file(tmp_path)
    import_all(path)
    ann = User.objects.get(username="ann")
    moderation.erase(users=[ann], actor=User.objects.create_superuser("staff"), reason="On request", messages="purge")
    users, messages = import_all(path, existing="update")
    assert not TextId.objects.filter(text=ANN).exists()
    assert User.objects.get(legacy_id=text_ids.number_of(ANN)).username == f"erased-{ann.pk}"
    assert counts(messages, "message").new == 0
    assert (users.verification["ok"], messages.verification["ok"]) == (True, True)


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
def test_an_exported_file_with_old_texts_can_be_imported_again(tmp_path, admin_client: Client, kind: str):
    spelled_like_others = [(text, 1, "hello", MORNING, 0) for text in ("5.0", " x ", "-a", "=b", "2020-01-01")]
    import_all(guid_file(tmp_path, message=[(1, 1, "first", MORNING, 0), *spelled_like_others]))
    again = preview(admin_client, "message", export(admin_client, "message", kind), kind)
    assert dict(again.context["result"].totals)["skip"] == 6
    assert "another database" not in again.content.decode()


def test_the_review_desk_says_the_old_text_of_a_message(tmp_path, admin_client: Client):
    import_all(guid_file(tmp_path, message=[(1, 1, "first", MORNING, 0), (HELLO, ANN, "hello", MORNING, 1)]))
    assert f"its id {HELLO}" in admin_client.get("/admin/MiniTwit/reviewclaim/").content.decode()


@pytest.mark.parametrize("ann", [b"7", b"007", "7\0", b"7\0", b"\x80", "1234567890123456789"])
def test_an_id_in_an_odd_form_is_the_same_to_the_import_and_to_the_verification(tmp_path, ann: str | bytes):
    path = guid_file(
        tmp_path,
        user=[(1, "root", "", HASH), (ann, "ann", "", HASH)],
        message=[(1, 1, "first", MORNING, 0), (2, ann, "hello", MORNING, 0)],
        follower=[(1, ann)],
    )
    users, messages = import_all(path)
    assert (counts(messages, "message").new, counts(messages, "follower").new) == (2, 1)
    assert (users.verification["ok"], messages.verification["ok"]) == (True, True)


def test_the_id_of_a_refused_user_is_no_name_of_another_one(tmp_path):
    path = guid_file(
        tmp_path,
        user=[(1, "root", "", HASH), (ANN, "bob", "", HASH), ("bob", "", "", HASH)],
        message=[(1, 1, "first", MORNING, 0), (HELLO, "bob", "hello", MORNING, 0)],
        follower=[(1, "bob"), ("bob", 1), (1, ANN)],
    )
    _, messages = import_all(path)
    assert not Message.objects.filter(author__username="bob").exists()
    assert counts(messages, "message").reasons == {"author_rejected": 1}
    assert counts(messages, "follower").reasons == {"followed_missing": 1, "follower_missing": 1}
    report = messages.verification["tables"]["follower"]
    assert (report["arrived"], report["rejected"]) == (1, 2)
    assert messages.audit["disagreements"] == []


def test_a_row_that_is_rejected_is_kept_with_its_old_text(tmp_path):
    users = [(1, "root", "", HASH), (ANN, "root", "", HASH), (BOB, "", "", HASH)]
    messages = [(1, 1, "first", MORNING, 0), (HELLO, BOB, "hello", MORNING, 0), (REPLY, EVE, "hi", MORNING, 0)]
    import_all(guid_file(tmp_path, user=users, message=messages, follower=[(1, EVE)]))
    rejected = {
        (row.values.get("user_id") or row.values.get("message_id"), row.reason) for row in RejectedRow.objects.all()
    }
    assert rejected >= {
        (ANN, "duplicate_username"),
        (BOB, "empty_username"),
        (HELLO, "author_rejected"),
        (REPLY, "author_missing"),
    }
    assert RejectedRow.objects.get(table="follower").values == {"who_id": "1", "whom_id": EVE}


def test_an_undo_takes_the_texts_along_but_those_of_rows_that_stay(tmp_path):
    _, messages = import_all(guid_file(tmp_path))
    hello = Message.objects.get(text="hello")
    moderation.flag(messages=[hello], actor=User.objects.create_superuser("staff"), reason="Spam")
    undo(messages)
    assert list(TextId.objects.filter(table="message").values_list("text", flat=True)) == [HELLO]
    assert TextId.objects.filter(table="user").count() == 2


def test_the_text_of_an_account_that_a_later_import_merged_outlives_the_first(tmp_path):
    path = guid_file(tmp_path, user=[(1, "root", "", HASH), (ANN, "root", "", HASH)])
    first = import_of("users", path)
    import_of("users", path, duplicates="merge")
    undo(first)
    assert TextId.objects.get().text == ANN


def test_bytes_that_are_no_text_are_ids_as_hexadecimal_digits(tmp_path):
    ann, hello = bytes(range(240, 256)), bytes(range(128, 144))
    path = guid_file(
        tmp_path,
        user=[(1, "root", "", HASH), (ann, "ann", "", HASH)],
        message=[(1, 1, "first", MORNING, 0), (hello, ann, "hello", MORNING, 0)],
        follower=[(1, ann)],
    )
    users, messages = import_all(path)
    assert set(TextId.objects.values_list("table", "text")) == {("user", ann.hex()), ("message", hello.hex())}
    assert Message.objects.get(text="hello").author.username == "ann"
    assert (users.verification["ok"], messages.verification["ok"]) == (True, True)
    assert [row["values"]["user_id"] for row in users.samples["user"]] == ["1", ann.hex()]


def test_two_texts_of_one_number_are_refused_and_nothing_is_imported(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("legacy_import.rules.columns.number_of", lambda text: text_ids.LOWEST)
    monkeypatch.setattr("legacy_import.source.sandbox.number_of", lambda text: text_ids.LOWEST)
    with pytest.raises(RunError, match=f"“{ANN}” and “{BOB}”") as refusal:
        preview_of("users", guid_file(tmp_path))
    assert refusal.value.code == "id_collision"
    assert not User.objects.filter(legacy_id__isnull=False).exists()


def test_a_text_and_a_whole_number_that_are_one_number_are_refused(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("legacy_import.rules.columns.number_of", lambda text: text_ids.LOWEST)
    monkeypatch.setattr("legacy_import.source.sandbox.number_of", lambda text: text_ids.LOWEST)
    people = [(ANN, "ann", "", HASH), (text_ids.LOWEST, "bob", "", HASH)]
    with pytest.raises(RunError, match=f"“{ANN}” and “{text_ids.LOWEST}”|“{text_ids.LOWEST}” and “{ANN}”"):
        preview_of("users", guid_file(tmp_path, user=people))


@pytest.mark.parametrize(
    "newer",
    [
        {"user": [(1, "root", "", HASH), (EVE, "eve", "", HASH)]},
        {"message": [(1, 1, "first", MORNING, 0), (2, EVE, "by another", MORNING, 0)]},
        {"message": [(1, 1, "first", MORNING, 0), (REPLY, 1, "another", MORNING, 0)]},
        {"follower": [(1, EVE)]},
    ],
)
def test_a_text_whose_number_stands_for_another_one_already_is_refused(tmp_path, monkeypatch, newer):
    users, messages = [(1, "root", "", HASH), (ANN, "ann", "", HASH)], [(1, 1, "first", MORNING, 0)]
    older = {"user": users, "message": [*messages, (HELLO, ANN, "hello", MORNING, 0)], "follower": [(1, ANN)]}
    import_all(guid_file(tmp_path, **older))
    numbers = {EVE: text_ids.number_of(ANN), REPLY: text_ids.number_of(HELLO)}
    for module in ("rules.columns", "source.sandbox"):
        monkeypatch.setattr(
            f"legacy_import.{module}.number_of", lambda text: numbers.get(text) or text_ids.number_of(text)
        )
    path = guid_file(tmp_path, **older | newer)
    with pytest.raises(RunError) as refusal:
        import_all(path)
    assert refusal.value.code == "id_collision"
    assert Message.objects.count() == 2


def test_a_text_that_is_lost_or_given_to_another_row_is_found_by_the_verification(tmp_path):
    path = guid_file(tmp_path)
    import_all(path)
    User.objects.filter(username="bob").update(legacy_id=text_ids.number_of(EVE))
    report = verify(path)
    assert (report.tables["user"].missing, report.tables["message"].altered) == (1, 1)
    assert any(REPLY in example for example in report.tables["message"].examples)


def test_bytes_that_are_no_utf_8_in_an_id_among_others_reject_no_other_row(tmp_path):
    users = [(ANN, "ann", "", HASH), ("b\udc80b", "bob", "", HASH), (EVE, "eve", "", HASH)]
    run = import_of("users", guid_file(tmp_path, user=users))
    assert counts(run, "user").new == 3
    assert run.audit["disagreements"] == []
    assert run.verification["ok"] is True
