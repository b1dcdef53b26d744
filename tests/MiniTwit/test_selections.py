"""Decisions about many, from the list to the batch's page: frozen, confirmed once, careful of what others did."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.models import (
    Message,
    ModerationBatch,
    ModerationEvent,
    ModerationReason,
    SelectedRow,
    Strike,
    User,
    Verb,
)
from MiniTwit.moderation import selections
from MiniTwit.moderation.batches import Cause
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.selecting import BATCHES, MESSAGES, RIGHTS, USERS, confirm, counts, many_messages, page_of, select

pytestmark = pytest.mark.django_db


def test_a_decision_about_ticked_messages(client: Client, amy: User) -> None:
    chosen, other = make_message(text="<b>buy</b> now"), make_message()
    page = select(client, MESSAGES, "flag", [chosen.pk])
    asked = client.get(page).content.decode()
    assert "1 message</strong> selected" in asked
    assert "&lt;b&gt;buy&lt;/b&gt; now" in asked
    assert "<b>buy</b>" not in asked
    assert not ModerationEvent.objects.exists()
    batch = confirm(client, page, note="A wave.")
    assert counts(batch) == (1, 1, 0, 0)
    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.flagged, other.flagged) == (True, False)
    result = page_of(client, batch)
    assert "<strong>1</strong> changed" in result
    assert "A wave." in result


def test_without_a_reason_nothing_happens(client: Client, amy: User) -> None:
    message = make_message()
    page = select(client, MESSAGES, "flag", [message.pk])
    response = client.post(page, {"reason": "", "note": "because"})
    assert response.context["form"].errors == {"reason": ["This field is required."]}
    assert not ModerationEvent.objects.exists()


def test_a_warning_needs_its_text_and_a_purge_the_knowledge_of_what_it_is(client: Client, amy: User) -> None:
    troll = make_user("troll")
    page = select(client, USERS, "warn", [troll.pk])
    assert "text" in client.post(page, {"reason": "Spam"}).context["form"].errors
    confirm(client, page, text="Stop it.")
    assert Strike.objects.get().text == "Stop it."

    message = make_message()
    client.force_login(make_superuser())
    page = select(client, MESSAGES, "purge", [message.pk])
    assert "understood" in client.post(page, {"reason": "Spam"}).context["form"].errors
    batch = confirm(client, page, understood="on")
    assert not Message.objects.exists()
    assert "Undo this batch" not in page_of(client, batch)
    undo = f"{BATCHES}{batch.pk}/undo/"
    assert "cannot be brought back" in client.get(undo).content.decode()
    client.post(undo, {"reason": "Spam"})
    assert not Message.objects.exists()


def test_suspending_with_a_date_and_all_messages(client: Client, amy: User) -> None:
    troll = make_user("troll")
    message = make_message(troll)
    page = select(client, USERS, "suspend", [troll.pk])
    past = client.post(page, {"reason": "Spam", "until": "2020-01-01T10:00"})
    assert "until" in past.context["form"].errors
    until = (timezone.now() + timedelta(days=7)).replace(second=0, microsecond=0)
    batch = confirm(client, page, until=until.strftime("%Y-%m-%dT%H:%M"), flag_messages="on")
    troll.refresh_from_db()
    message.refresh_from_db()
    assert (troll.suspended_until, message.flagged) == (until, True)
    assert counts(batch) == (2, 2, 0, 0)


def test_all_of_a_filtered_list_and_nothing_that_begins_to_match_later(client: Client, amy: User) -> None:
    for message in many_messages(120, flagged=True):
        assert message.flagged
    make_message()
    filtered = f"{MESSAGES}?flagged__exact=1"
    first = Message.objects.filter(flagged=True).first()
    assert first is not None
    page = select(client, filtered, "unflag", [first.pk], select_across=1)
    late = make_message(flagged=True)
    assert "120 messages</strong> selected" in client.get(page).content.decode()
    batch = confirm(client, page)
    assert counts(batch) == (120, 120, 0, 0)
    late.refresh_from_db()
    assert (late.flagged, late.decision) == (True, "")
    assert Message.objects.filter(decision="unflag").count() == 120


def test_what_somebody_changed_in_between_is_skipped_with_who_did_what(client: Client, amy: User, bob: User) -> None:
    mine, his, edited, gone = (make_message() for _ in range(4))
    page = select(client, MESSAGES, "flag", [message.pk for message in (mine, his, edited, gone)])
    moderation.keep(messages=[his], actor=bob, reason="Fine")
    Message.objects.filter(pk=edited.pk).update(text="corrected")
    gone_id = gone.pk
    moderation.purge(messages=[gone], actor=bob, reason="Illegal")
    batch = confirm(client, page)
    assert counts(batch) == (4, 1, 0, 3)
    his.refresh_from_db()
    assert his.decision == "keep"
    result = page_of(client, batch)
    assert "It was kept by bob on " in result
    assert "It was edited in the meantime." in result
    assert f"Message {gone_id}" in result
    assert "It was deleted permanently by bob on " in result


def test_an_account_that_was_warned_in_between_is_skipped(client: Client, amy: User, bob: User) -> None:
    troll = make_user("troll")
    page = select(client, USERS, "warn", [troll.pk])
    moderation.warn(users=[troll], actor=bob, text="Stop it.")
    batch = confirm(client, page, text="Stop it.")
    assert counts(batch) == (1, 0, 0, 1)
    assert "It was warned by bob on " in page_of(client, batch)
    assert Strike.objects.count() == 1


def test_confirming_twice_does_it_once_and_shows_the_same_page(client: Client, amy: User) -> None:
    message = make_message()
    page = select(client, MESSAGES, "flag", [message.pk])
    first, second = confirm(client, page), confirm(client, page)
    assert first == second
    assert ModerationEvent.objects.count() == 1
    assert client.get(page)["Location"] == f"{BATCHES}{first.pk}/change/"


def test_a_selection_can_be_given_up(client: Client, amy: User) -> None:
    page = select(client, MESSAGES, "flag", [make_message().pk])
    assert client.post(page.replace("confirm", "discard"))["Location"] == MESSAGES
    assert not ModerationBatch.objects.exists()
    assert not SelectedRow.objects.exists()
    gone = client.post(page, {"reason": "Spam"}, follow=True).content.decode()
    assert "There is no such batch" in gone


def test_a_selection_that_nobody_came_back_to_is_dropped(client: Client, amy: User) -> None:
    message = make_message()
    select(client, MESSAGES, "flag", [message.pk])
    ModerationBatch.objects.update(created_at=timezone.now() - timedelta(days=2))
    select(client, MESSAGES, "keep", [message.pk])
    assert [batch.verb for batch in ModerationBatch.objects.all()] == ["keep"]
    assert SelectedRow.objects.count() == 1


def test_another_moderator_cannot_confirm_it(client: Client, amy: User) -> None:
    page = select(client, MESSAGES, "flag", [make_message().pk])
    client.force_login(make_staff(*RIGHTS))
    assert client.get(page).status_code == 403
    assert client.post(page, {"reason": "Spam"}).status_code == 403
    client.force_login(make_superuser())
    assert client.post(page, {"reason": "Spam"}).status_code == 403
    assert not ModerationEvent.objects.exists()


def test_actions_are_for_those_who_have_the_permission(client: Client) -> None:
    message = make_message()
    reader = make_staff("view_message", "view_user")
    client.force_login(reader)
    assert "flag_selected" not in client.get(MESSAGES).content.decode()
    client.post(MESSAGES, {"action": "flag_selected", "_selected_action": [message.pk], "index": 0})
    assert not ModerationBatch.objects.exists()
    client.force_login(make_staff(*RIGHTS))
    page = client.get(MESSAGES).content.decode()
    assert "flag_selected" in page
    assert "purge_selected" not in page


def test_a_right_that_was_taken_away_in_between_is_gone(client: Client, amy: User) -> None:
    page = select(client, MESSAGES, "flag", [make_message().pk])
    amy.user_permissions.clear()
    assert client.post(page, {"reason": "Spam"}).status_code == 403
    assert not ModerationEvent.objects.exists()


def test_undoing_asks_for_a_reason_and_is_for_those_who_may(client: Client, amy: User) -> None:
    message = make_message()
    batch = confirm(client, select(client, MESSAGES, "flag", [message.pk]))
    assert "Undo this batch" in page_of(client, batch)
    undo = f"{BATCHES}{batch.pk}/undo/"
    assert client.post(undo, {"reason": ""}).context["form"].errors
    undone = confirm(client, undo, note="Wrong one.")
    assert (undone.verb, undone.undoes, undone.actor) == ("undo", batch, amy)
    message.refresh_from_db()
    assert (message.flagged, message.decided_at) == (False, None)
    assert "1 put back" in page_of(client, batch)
    client.force_login(make_staff(*RIGHTS, "view_moderationbatch"))
    assert "Undo this batch" not in page_of(client, undone)
    assert client.post(f"{BATCHES}{undone.pk}/undo/", {"reason": "Spam"}).status_code == 403


def test_the_skipped_decisions_of_an_undo_lead_to_their_messages(client: Client, amy: User, bob: User) -> None:
    message = make_message()
    batch = moderation.flag(messages=[message], actor=amy, reason="Spam")
    moderation.keep(messages=[message], actor=bob, reason="Fine")
    page = page_of(client, selections.undo(batch=batch, cause=Cause.of(actor=amy, reason="Spam")))
    assert f'href="/admin/MiniTwit/message/{message.pk}/change/">Message {message.pk}' in page
    assert "It was kept by bob on " in page


def test_what_is_skipped_is_shown_in_pages(client: Client, amy: User, bob: User) -> None:
    messages = many_messages(60)
    page = select(client, MESSAGES, "flag", [message.pk for message in messages])
    moderation.keep(messages=messages, actor=bob, reason="Fine")
    batch = confirm(client, page)
    first = page_of(client, batch)
    assert first.count("It was kept by bob") == 50
    after = re.search(r"\?after=(\d+)", first)
    assert after is not None
    rest = client.get(f"{BATCHES}{batch.pk}/change/?after={after[1]}").content.decode()
    assert rest.count("It was kept by bob") == 10


def test_the_batches_and_their_decisions_are_listed_for_those_who_may(client: Client, amy: User) -> None:
    message = make_message()
    batch = moderation.flag(messages=[message], actor=amy, reason="Spam")
    selections.freeze(verb=Verb.KEEP, queryset=Message.objects.all(), actor=amy)
    assert client.get(BATCHES).status_code == 403
    client.force_login(make_staff("view_moderationbatch", "view_moderationevent"))
    assert [found.pk for found in client.get(BATCHES).context["cl"].result_list] == [batch.pk]
    link = f"/admin/MiniTwit/moderationevent/?batch={batch.pk}"
    assert link in page_of(client, batch)
    (event,) = client.get(link).context["cl"].result_list
    assert event.message_id == message.pk
    decision = f"/admin/MiniTwit/moderationevent/{event.pk}/"
    assert client.get(f"{decision}change/").status_code == 200
    assert client.post(f"{decision}change/", {"reason": "x"}).status_code == 403
    assert client.post(f"{decision}delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/MiniTwit/moderationevent/add/").status_code == 403


def test_reasons_are_kept_by_those_who_may_and_unused_ones_are_not_offered(client: Client, amy: User) -> None:
    ModerationReason.objects.create(name="Retired", active=False)
    page = client.get(select(client, MESSAGES, "flag", [make_message().pk])).content.decode()
    assert "Spam" in page
    assert "Retired" not in page
    reasons = "/admin/MiniTwit/moderationreason/"
    assert client.get(reasons).status_code == 403
    client.force_login(make_superuser())
    client.post(f"{reasons}add/", {"name": "Scam", "position": 5, "active": "on"})
    assert ModerationReason.objects.filter(name="Scam", active=True).exists()
