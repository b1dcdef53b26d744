"""The end of an account: its case exported, then erased on request, or deleted, or suspended instead."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import (
    BatchState,
    Follow,
    Message,
    ModerationBatch,
    ModerationEvent,
    ModerationReason,
    PurgedMessage,
    ReviewClaim,
    StaffNote,
    Strike,
    User,
)
from MiniTwit.moderation import batch_worker, selections
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db

NAME = "Roger Histand"


@pytest.fixture
def boss(client: Client) -> User:
    ModerationReason.objects.create(name="On request")
    superuser = make_superuser("boss")
    client.force_login(superuser)
    return superuser


@pytest.fixture
def roger(boss: User) -> User:
    """An account with a past: messages, follows, a strike, a note, and decisions with words in them."""
    user = make_user(NAME, email="roger@example.com", first_name="Roger", legacy_id=7)
    first, _ = make_message(user, "=SUM(1) by Roger", legacy_id=70), make_message(user, "Hello.", legacy_id=71)
    make_follow(user)
    make_follow(whom=user)
    moderation.flag(messages=[first], actor=boss, reason="Spam", note="Roger again")
    moderation.warn(users=[user], actor=boss, text="Stop it, Roger.", note="Roger wrote to us")
    StaffNote.objects.create(user=user, text="Roger phoned.", author=boss, author_name="boss")
    log(boss, user, NAME)
    log(boss, Follow.objects.get(who=user), f"{NAME} follows somebody")
    log(
        boss,
        Follow.objects.get(whom=user),
        "2 follows",
        f"Removed: a Roger follows {NAME}; {NAME} follows {NAME} jr.",
    )
    log(boss, first, "=SUM(1) by Roger")
    return user


def log(actor: User, about: Model, name: str, change: str = "") -> None:
    LogEntry.objects.create(
        user=actor,
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(about.pk),
        object_repr=name,
        action_flag=DELETION if change else CHANGE,
        change_message=change,
    )


def page(user: User, name: str) -> str:
    return f"/admin/MiniTwit/user/{user.pk}/{name}/"


def export(client: Client, user: User) -> zipfile.ZipFile:
    response = client.post(page(user, "case"))
    assert response["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(b"".join(response)))


def erase(client: Client, user: User, **changes: Any) -> str:
    posted = {"messages": "keep", "reason": "On request", "note": "Ticket 4711", "typed": NAME}
    return client.post(page(user, "erase"), posted | changes, follow=True).content.decode()


def everything_kept() -> str:
    """All texts that the database holds about accounts and decisions."""
    columns: list[Any] = []
    for model in (User, Message, ModerationBatch, ModerationEvent, StaffNote, LogEntry):
        columns += model.objects.values_list()
    columns += [strike.text for user in User.objects.all() for strike in user.strikes.all()]
    return repr(columns)


def test_the_case_holds_all_that_is_kept_and_no_password(client: Client, roger: User) -> None:
    roger.set_password("secret of Roger")
    roger.save()
    moderation.edit(messages=[make_message()], text="About another.", actor=None, reason="Asked to")
    case = export(client, roger)
    names = ("account", "messages", "following", "followers", "decisions", "strikes", "notes")
    assert set(case.namelist()) == {"summary.txt", *(f"{name}.{kind}" for name in names for kind in ("csv", "json"))}
    rows = {name: json.loads(case.read(f"{name}.json")) for name in names}
    assert {name: len(found) for name, found in rows.items()} == {
        "account": 1, "messages": 2, "following": 1, "followers": 1, "decisions": 2, "strikes": 1, "notes": 1,
    }  # fmt: skip
    assert rows["messages"][0]["text"] == "=SUM(1) by Roger"
    assert rows["strikes"][0]["text"] == "Stop it, Roger."
    sheet = list(csv.DictReader(io.StringIO(case.read("messages.csv").decode("utf-8-sig"))))
    assert sheet[0]["text"] == "'=SUM(1) by Roger"
    summary = case.read("summary.txt").decode()
    assert NAME in summary
    assert "messages:        2" in summary
    assert not any(roger.password in case.read(name).decode() for name in case.namelist())


def test_exporting_and_erasing_need_their_permissions(client: Client, roger: User) -> None:
    client.force_login(make_staff("view_user", "moderate_user", "purge_message", "delete_user"))
    assert client.post(page(roger, "case")).status_code == 403
    assert client.get(page(roger, "erase")).status_code == 403
    assert client.post(page(roger, "erase"), {"typed": NAME}).status_code == 403
    shown = client.get(page(roger, "change")).content.decode()
    assert "Export the case" not in shown
    assert "Erase the account" not in shown


def test_nothing_is_erased_before_the_export_or_without_the_name(client: Client, roger: User) -> None:
    assert "Export the case first. Nothing was erased." in erase(client, roger)
    export(client, roger)
    assert "Exported on" in client.get(page(roger, "erase")).content.decode()
    assert "not the username of this account" in erase(client, roger, typed="roger histand")
    assert "This field is required" in erase(client, roger, reason="")
    roger.refresh_from_db()
    assert roger.username == NAME
    assert not ModerationBatch.objects.filter(verb="erase").exists()


def test_an_erased_account_is_nobody_and_the_log_keeps_what_happened(client: Client, roger: User) -> None:
    make_user(f"erased-{roger.pk}")  # somebody had the very name
    export(client, roger)
    before = list(ModerationEvent.objects.order_by("pk").values("verb", "before", "after", "reason", "actor_name"))
    assert "Erase 1 account" in erase(client, roger)
    user = User.objects.get(pk=roger.pk)
    assert user.username == f"erased-{roger.pk}-"
    assert (user.email, user.first_name, user.is_active, user.has_usable_password()) == ("", "", False, False)
    assert user.legacy_id == 7
    assert user.changed_at
    assert not Follow.objects.exists()
    assert user.messages.count() == 2
    assert [strike.text for strike in user.strikes.all()] == [ERASED_NOTE]
    *events, last = ModerationEvent.objects.order_by("pk")
    assert [{name: getattr(event, name) for name in before[0]} for event in events] == before
    assert {event.note for event in events} == {ERASED_NOTE}
    assert ModerationBatch.objects.get(verb="flag").options == {}
    assert (last.verb, last.user_id, last.note, last.actor_name) == ("erase", roger.pk, "Ticket 4711", "boss")
    assert last.before == {"active": True, "erased": False, "following": 1, "followers": 1}
    assert last.after == {"active": False, "erased": True, "following": 0, "followers": 0}
    # What is left are the messages, as chosen, and other people's names.
    Message.objects.filter(author=user).update(text="-")
    kept = everything_kept().replace("a Roger follows", "").replace(f"{NAME} jr", "").replace("=SUM(1) by Roger", "")
    assert "Roger" not in kept
    assert "roger@" not in kept
    entry = LogEntry.objects.get(action_flag=DELETION)
    assert entry.change_message == f"Removed: a Roger follows {user}; {user} follows {NAME} jr."


def test_an_erasure_leaves_all_that_is_about_others_as_it_was(client: Client, roger: User, boss: User) -> None:
    ada, ben = make_user("Ada", email="ada@example.com"), make_user("Ben")
    message = make_message(ada, "Hello.", legacy_id=80)
    make_follow(ada, ben)
    moderation.edit(messages=[message], text=f"Hi, {NAME}.", actor=boss, reason="Asked to", note="Ada asked for it.")
    moderation.warn(users=[ada], actor=boss, text="Stop it, Ada.", note="Ben complained.")
    StaffNote.objects.create(user=ada, text="Ada phoned.", author=boss, author_name="boss")
    log(boss, ada, "Ada")
    log(boss, message, f"Hi, {NAME}.")
    log(boss, Follow.objects.get(who=ada), "Ada follows Ben")
    for message in roger.messages.all():
        log(boss, Group.objects.create(pk=message.pk, name=f"Friends {message.pk}"), "Friends")
    before = everything_about_others(roger)
    export(client, roger)
    assert "Erase 1 account" in erase(client, roger, messages="purge")
    assert everything_about_others(roger) == before
    batch = ModerationBatch.objects.get(verb="erase")
    assert (batch.selected, batch.messages, batch.changed) == (3, 2, 3)


def everything_about_others(user: User) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table that tells of accounts, but for those about one of them."""
    of_user = ModerationEvent.objects.filter(user=user).values("batch")
    found = {
        "accounts": User.objects.exclude(pk=user.pk),
        "messages": Message.objects.exclude(author=user),
        "follows": Follow.objects.exclude(who=user).exclude(whom=user),
        "strikes": Strike.objects.exclude(user=user),
        "notes": StaffNote.objects.exclude(user=user),
        "decisions": ModerationEvent.objects.exclude(user=user),
        "batches": ModerationBatch.objects.exclude(pk__in=of_user),
        "log": LogEntry.objects.filter(object_repr__in=["Ada", f"Hi, {NAME}.", "Ada follows Ben", "Friends"]),
    }
    return {name: list(rows.order_by("pk").values()) for name, rows in found.items()}


def test_an_erased_account_stays_as_it_is(client: Client, roger: User) -> None:
    export(client, roger)
    erase(client, roger)
    shown = client.get(page(roger, "change"))
    assert "Erased on request" in shown.content.decode()
    assert shown.context["decisions"] == []
    assert client.post(page(roger, "note"), {"text": "It was Roger."}).status_code == 403
    assert client.post(page(roger, "change"), {"username": NAME}).status_code == 403
    assert "erased already" in client.get(page(roger, "erase")).content.decode()
    with pytest.raises(moderation.ModerationError, match="erased already"):
        moderation.erase(users=[roger], actor=make_superuser("another"), reason="Again")
    batch = ModerationBatch.objects.get(verb="erase")
    undo = client.get(f"/admin/MiniTwit/moderationbatch/{batch.pk}/undo/").content.decode()
    assert "cannot be brought back" in undo


def test_the_messages_can_be_purged_with_it(client: Client, roger: User) -> None:
    export(client, roger)
    erase(client, roger, messages="purge")
    assert not Message.objects.filter(author=roger).exists()
    assert set(PurgedMessage.objects.values_list("legacy_id", flat=True)) == {70, 71}
    assert "by Roger" not in everything_kept()
    batch = ModerationBatch.objects.get(verb="erase")
    assert (batch.selected, batch.messages, batch.changed) == (3, 2, 3)
    assert sorted(batch.events.values_list("verb", flat=True)) == ["erase", "purge", "purge"]


def test_whoever_may_not_purge_is_not_offered_it(client: Client, roger: User) -> None:
    client.force_login(make_staff("view_user", "erase_user", "export_case"))
    export(client, roger)
    assert 'value="purge"' not in client.get(page(roger, "erase")).content.decode()
    assert "Select a valid choice" in erase(client, roger, messages="purge")
    assert "Erase 1 account" in erase(client, roger)


def test_staff_are_for_superusers_and_nobody_erases_himself(client: Client, roger: User, boss: User) -> None:
    clerk = make_staff("view_user", "erase_user", "export_case", "delete_user", "purge_message", username="clerk")
    colleague = make_staff(username="colleague")
    colleague.groups.add(Group.objects.create(name="Friends"))
    ReviewClaim.objects.create(message=roger.messages.all()[0], moderator=colleague, until=timezone.now())
    client.force_login(clerk)
    assert client.get(page(colleague, "erase")).status_code == 403
    assert client.get(page(colleague, "delete")).status_code == 403
    client.force_login(boss)
    assert "You cannot erase your own account" in client.get(page(boss, "erase")).content.decode()
    export(client, colleague)
    erase(client, colleague, typed="colleague")
    colleague.refresh_from_db()
    assert not colleague.is_staff
    assert not colleague.groups.exists()
    assert not colleague.claims.exists()


def test_deleting_an_account_says_what_else_there_is_in_numbers(client: Client, roger: User) -> None:
    shown = client.get(page(roger, "delete")).content.decode()
    for text in ("wrote 2 messages, follows 1 account and has 1 follower.", "Suspend …", "Erase …"):
        assert text in shown
    assert "importing the old database again brings the account back" in shown
    assert User.objects.filter(pk=roger.pk).exists()
    assert "not the username" in client.post(page(roger, "delete"), {"typed": "Roger"}).content.decode()
    assert User.objects.filter(pk=roger.pk).exists()


def test_a_deleted_account_goes_with_all_but_the_log(client: Client, roger: User) -> None:
    events = ModerationEvent.objects.count()
    client.post(page(roger, "delete"), {"typed": NAME, "reason": "On request"})
    assert not User.objects.filter(pk=roger.pk).exists()
    assert not Message.objects.exists()
    assert not Follow.objects.exists()
    assert not StaffNote.objects.exists()
    last = ModerationEvent.objects.order_by("-pk")[0]
    assert (last.verb, last.user_id, last.after) == ("erase", roger.pk, None)
    assert ModerationEvent.objects.count() == events + 3  # two messages purged, one account
    assert "deleted permanently" in client.get(f"/admin/MiniTwit/moderationevent/{last.pk}/change/").content.decode()


def test_whoever_may_not_purge_does_not_delete_messages_with_their_author(client: Client, roger: User) -> None:
    client.force_login(make_staff("view_user", "delete_user"))
    assert "You may not delete messages permanently" in client.get(page(roger, "delete")).content.decode()
    assert client.post(page(roger, "delete"), {"typed": NAME, "reason": "On request"}).status_code == 403
    assert Message.objects.filter(author=roger).count() == 2


def test_a_moderator_is_not_deleted_with_the_record_of_his_work(client: Client, boss: User) -> None:
    moderator = make_staff(username="amy")
    log(moderator, moderator, "something that amy did")
    assert "worked in the back office" in client.get(page(moderator, "delete")).content.decode()
    shown = client.post(page(moderator, "delete"), {"typed": "amy", "reason": "On request"}).content.decode()
    assert "Erase it instead" in shown
    assert LogEntry.objects.filter(user=moderator).exists()


def test_an_account_with_much_on_it_is_erased_in_the_background(
    client: Client, roger: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "SMALL", 1)
    monkeypatch.setattr(moderation.erasure, "CHUNK", 1)
    export(client, roger)
    assert "Waiting for the worker" in erase(client, roger, messages="purge")
    batch = ModerationBatch.objects.get(verb="erase")
    assert (batch.state, batch.selected) == (BatchState.WAITING, 3)
    ModerationBatch.objects.filter(pk=batch.pk).update(state=BatchState.RUNNING)
    batch_worker.do_next_chunk(batch.pk, 0)
    roger.refresh_from_db()
    assert (roger.username, roger.messages.count()) == (NAME, 1)  # the account itself comes last
    selections.cancel(batch=batch)
    while batch_worker.do_next_chunk(batch.pk, 0) is not None:
        pass
    batch.refresh_from_db()
    assert batch.state == BatchState.CANCELLED
    selections.resume(batch=batch)
    batch_worker.run_batch.call(batch.pk)
    batch.refresh_from_db()
    roger.refresh_from_db()
    assert (batch.state, batch.changed, roger.messages.count()) == (BatchState.DONE, 3, 0)
    assert roger.erased_at
