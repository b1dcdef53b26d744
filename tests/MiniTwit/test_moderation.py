"""What the verbs do, what they write down, and what undoing takes back."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.models import (
    BatchState,
    Message,
    ModerationBatch,
    ModerationEvent,
    ModerationReason,
    PurgedMessage,
    ReviewClaim,
    SelectedRow,
    Strike,
    User,
    Verb,
    WatchHit,
    WatchTerm,
)
from MiniTwit.moderation import MessageEdit, ModerationError
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def amy() -> User:
    return make_staff(username="amy")


def state(message: Message) -> tuple[bool, str, datetime | None]:
    message.refresh_from_db()
    return message.flagged, message.decision, message.decided_at


def events_of(batch: ModerationBatch) -> list[ModerationEvent]:
    return list(ModerationEvent.objects.filter(batch=batch).order_by("id"))


def counts(batch: ModerationBatch) -> tuple[int, int, int, int]:
    batch.refresh_from_db()
    return batch.selected, batch.changed, batch.unchanged, batch.skipped


def why(batch: ModerationBatch) -> list[str]:
    return list(SelectedRow.objects.filter(batch=batch).order_by("object_id").values_list("why", flat=True))


def make_hit(message: Message, pattern: str = "spam") -> WatchHit:
    term, _ = WatchTerm.objects.get_or_create(pattern=pattern)
    return WatchHit.objects.create(term=term, message=message, found=[pattern], pub_date=message.pub_date)


def test_flagging_hides_messages_and_leaves_one_event_for_each(amy: User) -> None:
    spam = ModerationReason.objects.create(name="Spam")
    first, second = make_message(), make_message()
    batch = moderation.flag(messages=[second, first.pk], actor=amy, reason=spam, note="A wave of it.")
    assert state(first)[:2] == state(second)[:2] == (True, "flag")
    assert (batch.state, batch.verb, counts(batch)) == (BatchState.DONE, "flag", (2, 2, 0, 0))
    for event, message in zip(events_of(batch), (first, second), strict=True):
        assert (event.message_id, event.user_id) == (message.pk, message.author_id)
        assert (event.actor, event.actor_name, event.reason, event.note) == (amy, "amy", "Spam", "A wave of it.")
        assert event.before == {"flagged": False, "decision": "", "decided_at": None}
        assert event.after is not None
        assert (event.after["flagged"], event.after["decision"]) == (True, "flag")
        assert datetime.fromisoformat(event.after["decided_at"]) == message.decided_at


def test_the_log_remembers_the_name_of_a_moderator_who_is_gone(amy: User) -> None:
    batch = moderation.flag(messages=[make_message()], actor=amy, reason="Spam")
    amy.delete()
    (event,) = events_of(batch)
    batch.refresh_from_db()
    assert (event.actor_name, batch.actor_name, batch.actor) == ("amy", "amy", None)


def test_what_is_so_already_gets_no_event_but_an_old_flag_can_be_confirmed(amy: User) -> None:
    old = make_message(flagged=True)
    assert counts(moderation.flag(messages=[old], actor=amy, reason="Spam")) == (1, 1, 0, 0)
    decided_at = state(old)[2]
    again = moderation.flag(messages=Message.objects.filter(pk=old.pk), actor=amy, reason="Spam")
    assert (counts(again), events_of(again), state(old)[2]) == ((1, 0, 1, 0), [], decided_at)


def test_keeping_a_message_leaves_its_flag_as_it_is(amy: User) -> None:
    shown, hidden = make_message(), make_message(flagged=True)
    moderation.keep(messages=[shown, hidden], actor=amy, reason="Fine")
    assert state(shown)[:2] == (False, "keep")
    assert state(hidden)[:2] == (True, "keep")
    moderation.unflag(messages=[hidden], actor=amy, reason="Fine")
    assert state(hidden)[:2] == (False, "unflag")


def test_messages_that_are_not_there_are_skipped_and_listed(amy: User) -> None:
    purged, deleted = make_message(), make_message()
    moderation.purge(messages=[purged], actor=amy, reason="Spam")
    ids = [purged.pk, deleted.pk]
    Message.objects.filter(pk=deleted.pk).delete()
    batch = moderation.flag(messages=[*ids, make_message()], actor=amy, reason="Spam")
    assert counts(batch) == (3, 1, 0, 2)
    first, second = why(batch)
    assert first.startswith("It was deleted permanently by amy on ")
    assert "was deleted" in second


def test_a_decision_settles_the_watch_list_until_something_new_is_found(amy: User) -> None:
    message = make_message()
    hit = make_hit(message)
    batch = moderation.keep(messages=[message], actor=amy, reason="Fine")
    hit.refresh_from_db()
    assert hit.waiting is False
    newer = make_hit(message, "found later")
    moderation.undo(batch=batch, actor=amy, reason="Mistake")
    hit.refresh_from_db()
    newer.refresh_from_db()
    assert (hit.waiting, newer.waiting) == (True, True)
    moderation.flag(messages=[message], actor=amy, reason="Spam")
    assert not WatchHit.objects.filter(waiting=True).exists()


def test_five_thousand_messages_take_a_handful_of_statements(amy: User) -> None:
    author = make_user()
    Message.objects.bulk_create(Message(author=author, text=f"message {n}") for n in range(5_000))
    with CaptureQueriesContext(connection) as flagging:
        batch = moderation.flag(messages=Message.objects.all(), actor=amy, reason="Spam")
    assert counts(batch) == (5_000, 5_000, 0, 0)
    with CaptureQueriesContext(connection) as undoing:
        undone = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert counts(undone) == (5_000, 5_000, 0, 0)
    assert not Message.objects.filter(flagged=True).exists()
    assert len(flagging) < 20
    assert len(undoing) < 30


def test_purging_keeps_numbers_and_no_text(amy: User) -> None:
    message = make_message(text="my secret", legacy_id=77, import_run=3, flagged=True)
    make_hit(message)
    ReviewClaim.objects.create(message=message, moderator=amy, until=timezone.now())
    author, published, message_id = message.author_id, message.pub_date, message.pk
    (event,) = events_of(moderation.purge(messages=[message], actor=amy, reason="Illegal"))
    assert not Message.objects.exists()
    assert not WatchHit.objects.exists()
    assert not ReviewClaim.objects.exists()
    assert (event.message_id, event.user_id, event.after) == (message_id, author, None)
    assert datetime.fromisoformat(event.before.pop("pub_date")) == published
    assert event.before == {
        "flagged": True,
        "decision": "",
        "decided_at": None,
        "length": 9,
        "legacy_id": 77,
        "import_run": 3,
    }
    assert PurgedMessage.objects.get().legacy_id == 77


def test_purging_cannot_be_undone_and_says_so(amy: User) -> None:
    batch = moderation.purge(messages=[make_message()], actor=amy, reason="Illegal")
    with pytest.raises(ModerationError, match="permanently cannot be brought back"):
        moderation.undo(batch=batch, actor=amy, reason="Mistake")


def test_undo_restores_exactly_the_state_before(amy: User) -> None:
    fresh, old, reviewed = make_message(), make_message(flagged=True), make_message()
    moderation.keep(messages=[reviewed], actor=amy, reason="Fine")
    before = [state(message) for message in (fresh, old, reviewed)]
    batch = moderation.flag(messages=[fresh, old, reviewed], actor=amy, reason="Spam")
    undone = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert [state(message) for message in (fresh, old, reviewed)] == before
    assert (undone.verb, undone.undoes, counts(undone)) == ("undo", batch, (3, 3, 0, 0))
    for undo_event, event in zip(events_of(undone), events_of(batch), strict=True):
        assert (undo_event.before, undo_event.after) == (event.after, event.before)


def test_undo_leaves_later_decisions_alone_and_tells_whose(amy: User) -> None:
    bob = make_staff(username="bob")
    mine, his, gone = make_message(), make_message(), make_message()
    batch = moderation.flag(messages=[mine, his, gone], actor=amy, reason="Spam")
    moderation.unflag(messages=[his], actor=bob, reason="Fine")
    his_state = state(his)
    gone.delete()
    undone = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert counts(undone) == (3, 1, 0, 2)
    assert state(mine) == (False, "", None)
    assert state(his) == his_state
    by_bob, deleted = why(undone)
    assert by_bob.startswith("It was unflagged by bob on ")
    assert "was deleted" in deleted
    skipped = SelectedRow.objects.filter(batch=undone).values_list("object_id", flat=True)
    assert set(skipped) == {event.pk for event in events_of(batch)[1:]}


def test_an_edit_of_the_text_does_not_stand_in_the_way_of_an_undo(amy: User) -> None:
    message = make_message()
    batch = moderation.flag(messages=[message], actor=amy, reason="Spam")
    Message.objects.filter(pk=message.pk).update(text="corrected")
    moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert state(message) == (False, "", None)
    assert message.text == "corrected"


def test_a_batch_is_undone_once_but_an_undo_can_be_undone(amy: User) -> None:
    message = make_message()
    batch = moderation.flag(messages=[message], actor=amy, reason="Spam")
    flagged = state(message)
    with pytest.raises(ModerationError, match="Give a reason"):
        moderation.undo(batch=batch, actor=amy)
    undone = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert (counts(batch), counts(undone)) == ((1, 1, 0, 0), (1, 1, 0, 0))
    with pytest.raises(ModerationError, match="amy undid it already"):
        moderation.undo(batch=batch, actor=amy, reason="Mistake")
    moderation.undo(batch=undone, actor=amy, reason="It was right")
    assert state(message) == flagged
    moderation.undo(batch=batch, actor=amy, reason="No, wrong")
    assert state(message) == (False, "", None)


def test_later_decisions_are_undone_one_after_the_other(amy: User) -> None:
    message = make_message()
    first = moderation.flag(messages=[message], actor=amy, reason="Spam")
    flagged = state(message)
    second = moderation.unflag(messages=[message], actor=amy, reason="Fine")
    moderation.undo(batch=second, actor=amy, reason="Mistake")
    assert state(message) == flagged
    moderation.undo(batch=first, actor=amy, reason="Mistake")
    assert state(message) == (False, "", None)


def test_a_suspended_account_is_signed_out_and_can_sign_in_again_when_the_time_is_over(
    client: Client, amy: User
) -> None:
    account = make_user("troll", is_staff=True)
    account.set_password("a long password")
    account.save()
    client.force_login(account)
    assert client.get("/admin/").status_code == 200
    boss = make_superuser("boss")
    moderation.suspend(users=[account], actor=boss, reason="Spam", until=timezone.now() + timedelta(days=1))
    assert client.get("/admin/").status_code == 302
    assert authenticate(username="troll", password="a long password") is None
    User.objects.filter(pk=account.pk).update(suspended_until=timezone.now() - timedelta(seconds=1))
    assert authenticate(username="troll", password="a long password") == account


def test_suspending_with_messages_is_one_batch_and_one_undo(amy: User) -> None:
    troll, other = make_user("troll"), make_user()
    posts = [make_message(troll), make_message(troll, flagged=True)]
    moderation.flag(messages=[make_message(troll)], actor=amy, reason="Spam")
    untouched = make_message(other)
    before = [state(message) for message in posts]
    batch = moderation.suspend(users=[troll], actor=amy, reason="Spam", flag_messages=True)
    assert [state(message)[:2] for message in posts] == [(True, "flag")] * 2
    assert state(untouched) == (False, "", None)
    assert (counts(batch), batch.messages) == ((4, 3, 1, 0), 3)
    assert {(event.verb, event.message_id) for event in events_of(batch)} == {
        ("suspend", None),
        *(("flag", message.pk) for message in posts),
    }
    troll.refresh_from_db()
    assert troll.is_suspended
    assert counts(moderation.undo(batch=batch, actor=amy, reason="Mistake")) == (3, 3, 0, 0)
    troll.refresh_from_db()
    assert (troll.suspended_at, troll.suspended_until) == (None, None)
    assert [state(message) for message in posts] == before


def test_undoing_a_suspension_leaves_a_newer_one_alone(amy: User) -> None:
    bob = make_staff(username="bob")
    troll = make_user("troll")
    batch = moderation.suspend(users=[troll], actor=amy, reason="Spam")
    until = timezone.now() + timedelta(days=30)
    moderation.suspend(users=[troll], actor=bob, reason="Spam", until=until)
    undone = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert counts(undone) == (1, 0, 0, 1)
    assert why(undone)[0].startswith("It was suspended by bob on ")
    troll.refresh_from_db()
    assert troll.suspended_until == until


def test_suspending_again_in_the_same_way_changes_nothing(amy: User) -> None:
    troll = make_user("troll")
    moderation.suspend(users=[troll], actor=amy, reason="Spam")
    again = moderation.suspend(users=[troll], actor=amy, reason="Spam")
    assert (counts(again), events_of(again)) == ((1, 0, 1, 0), [])


def test_reinstating_and_undoing_it_brings_back_the_same_suspension(amy: User) -> None:
    until = timezone.now() + timedelta(days=3)
    troll, innocent, another = make_user("troll"), make_user(), make_user("another troll")
    moderation.suspend(users=[troll, another], actor=amy, reason="Spam", until=until)
    troll.refresh_from_db()
    since = troll.suspended_at
    batch = moderation.reinstate(users=[troll, innocent], actor=amy, reason="Appeal")
    assert counts(batch) == (2, 1, 1, 0)
    troll.refresh_from_db()
    another.refresh_from_db()
    assert (troll.suspended_at, another.suspended_at) == (None, since)
    moderation.undo(batch=batch, actor=amy, reason="Mistake")
    troll.refresh_from_db()
    assert (troll.suspended_at, troll.suspended_until) == (since, until)


def test_a_warning_is_a_strike_and_undoing_it_revokes_that_one(amy: User) -> None:
    troll = make_user("troll")
    moderation.warn(users=[troll], actor=amy, text="First warning.")
    second = moderation.warn(users=[troll], actor=amy, text="Second warning.", reason="Spam")
    (event,) = events_of(second)
    assert event.after is not None
    assert (event.before["strikes"], event.after["strikes"]) == (1, 2)
    assert "warning" not in str(event.before) + str(event.after)
    undone = moderation.undo(batch=second, actor=amy, reason="Mistake")
    assert list(Strike.objects.filter(revoked_at=None).values_list("text", flat=True)) == ["First warning."]
    moderation.undo(batch=undone, actor=amy, reason="It was right")
    assert Strike.objects.filter(revoked_at=None).count() == 2


def test_staff_are_for_superusers_and_nobody_suspends_himself(amy: User) -> None:
    colleague, troll, boss = make_staff(username="colleague"), make_user("troll"), make_superuser("boss")
    batch = moderation.suspend(users=[colleague, troll, amy], actor=amy, reason="Spam")
    assert counts(batch) == (3, 1, 0, 2)
    assert "staff account" in " ".join(why(batch))
    with pytest.raises(ModerationError, match="You cannot moderate your own account"):
        moderation.suspend(users=[boss], actor=boss, reason="Spam")
    done = moderation.suspend(users=[colleague], actor=boss, reason="Left us")
    colleague.refresh_from_db()
    assert colleague.is_suspended
    assert counts(moderation.undo(batch=done, actor=amy, reason="Mistake")) == (1, 0, 0, 1)


def test_nonsense_is_refused_and_leaves_nothing_behind(amy: User) -> None:
    message, troll = make_message(), make_user()
    yesterday = timezone.now() - timedelta(days=1)
    for code, verb, arguments in (
        ("reason_missing", moderation.flag, {"messages": [message], "reason": " "}),
        ("nothing_selected", moderation.flag, {"messages": [], "reason": "Spam"}),
        ("reason_too_long", moderation.flag, {"messages": [message], "reason": "x" * 101}),
        ("until_is_past", moderation.suspend, {"users": [troll], "reason": "Spam", "until": yesterday}),
        ("text_missing", moderation.warn, {"users": [troll], "text": ""}),
    ):
        with pytest.raises(ModerationError) as refused:
            verb(actor=amy, **arguments)
        assert refused.value.code == code
    assert not ModerationBatch.objects.exists()
    assert state(message) == (False, "", None)


def test_each_verb_needs_a_permission_that_a_group_can_be_given() -> None:
    names = {verb.rules.permission for verb in Verb}
    given = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert names <= given


def test_the_edits_of_a_large_file_share_a_batch(amy: User) -> None:
    batch = None
    for message in (make_message(text="one"), make_message(text="two")):
        edits = [MessageEdit(message.pk, text="edited")]
        batch = moderation.edit_each(edits=edits, actor=amy, reason="Typo", batch=batch)
    assert batch is not None
    assert counts(batch) == (2, 2, 0, 0)
    moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert not Message.objects.filter(text="edited").exists()


def test_from_the_command_line_nobody_is_signed_in(amy: User) -> None:
    batch = moderation.flag(messages=[make_message()], actor=None, actor_name="nightly job", reason="Spam")
    (event,) = events_of(batch)
    assert (event.actor, event.actor_name) == (None, "nightly job")
    assert ModerationEvent.objects.aggregate(newest=Max("id"))["newest"] == event.pk


def test_nobody_moderates_a_message_of_their_own(amy: User) -> None:
    own, other = make_message(amy, flagged=True), make_message(flagged=True)
    for verb in (moderation.flag, moderation.unflag, moderation.keep, moderation.purge):
        with pytest.raises(ModerationError, match="You cannot moderate your own message"):
            verb(messages=[own], actor=amy, reason="Spam")
    batch = moderation.unflag(messages=[own, other], actor=amy, reason="Mistake")
    assert (batch.changed, batch.skipped) == (1, 1)
    assert batch.selected_rows.get().why == "You cannot moderate your own message."
    assert state(own) == (True, "", None)


def test_nobody_takes_back_a_flag_of_their_own_message(amy: User) -> None:
    own, other = make_message(amy), make_message()
    batch = moderation.flag(messages=[own, other], actor=make_superuser("boss"), reason="Spam")
    undoing = moderation.undo(batch=batch, actor=amy, reason="Mistake")
    assert (undoing.changed, undoing.skipped) == (1, 1)
    assert undoing.selected_rows.get().why == "You cannot moderate your own message."
    assert state(own)[:2] == (True, "flag")
