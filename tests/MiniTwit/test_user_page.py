"""The page of one account: its state, its strikes and notes, and what moderators decide there."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.models import StaffNote, User
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.forms import form_in

pytestmark = pytest.mark.django_db


def page_of(user: User) -> str:
    return f"/admin/MiniTwit/user/{user.pk}/change/"


def decide(client: Client, user: User, verb: str, **posted: str) -> str:
    seen = client.get(page_of(user)).context["decisions"][0]["seen"]
    posted = {"reason": "Spam", "note": "", "seen": seen} | posted
    return client.post(f"/admin/MiniTwit/user/{user.pk}/decide/{verb}/", posted, follow=True).content.decode()


def offered(client: Client, user: User) -> list[str]:
    return [str(form["verb"]) for form in client.get(page_of(user)).context["decisions"]]


def test_an_account_is_suspended_and_reinstated(moderator: Client) -> None:
    amy = make_user("amy")
    message = make_message(amy)
    assert offered(moderator, amy) == ["suspend", "warn"]
    page = decide(moderator, amy, "suspend", flag_messages="on")
    assert "until reinstated. The account cannot sign in." in page
    amy.refresh_from_db()
    message.refresh_from_db()
    assert amy.is_suspended
    assert message.flagged
    assert offered(moderator, amy) == ["reinstate", "suspend", "warn"]
    decide(moderator, amy, "reinstate")
    amy.refresh_from_db()
    assert not amy.is_suspended


def test_a_suspension_until_a_date_says_when_it_ends_and_that_it_ended(moderator: Client) -> None:
    amy = make_user("amy")
    assert "has to end in the future" in decide(moderator, amy, "suspend", until="2020-01-01T00:00")
    decide(moderator, amy, "suspend", until="2999-05-31T00:00")
    assert "until 31 May 2999, 00:00 UTC. The account cannot sign in." in moderator.get(page_of(amy)).content.decode()
    past = timezone.now() - timedelta(hours=1)
    User.objects.filter(pk=amy.pk).update(suspended_at=past - timedelta(days=1), suspended_until=past)
    assert "The account can sign in again." in moderator.get(page_of(amy)).content.decode()


def test_a_warning_becomes_a_strike_that_stays_to_be_read_after_it_was_taken_back(moderator: Client) -> None:
    amy = make_user("amy")
    assert "Warning: This field is required." in decide(moderator, amy, "warn", text="")
    page = decide(moderator, amy, "warn", text="Stop advertising.\nPlease.")
    assert "Stop advertising.<br>Please." in page
    assert "<strong>1</strong> strikes" in page
    strike = amy.strikes.get()
    moderation.undo(batch=strike.batch, actor=None, reason="Spam")
    page = moderator.get(page_of(amy)).content.decode()
    assert "taken back" in page
    assert "<strong>0</strong> strikes" in page


def test_nobody_decides_about_himself_or_about_staff_that_is_not_his_business(moderator: Client) -> None:
    boss, mod = make_superuser("boss"), User.objects.get(username="mod")
    for user in (boss, mod):
        assert offered(moderator, user) == []
        address = f"/admin/MiniTwit/user/{user.pk}/decide/suspend/"
        moderator.post(address, {"reason": "Spam", "seen": ""})
        user.refresh_from_db()
        assert not user.is_suspended


def test_a_note_is_added_on_the_spot_and_nobody_can_change_it(moderator: Client) -> None:
    amy = make_user("amy")
    note_url = moderator.get(page_of(amy)).context["note_url"]
    page = moderator.post(note_url, {"text": "Wrote to support.\n<b>Friendly</b>."}, follow=True).content.decode()
    assert "Wrote to support.<br>&lt;b&gt;Friendly&lt;/b&gt;." in page
    assert "by mod" in page
    note = StaffNote.objects.get()
    assert (note.user, note.author_name) == (amy, "mod")
    assert "No note was kept: Write a note." in moderator.post(note_url, {"text": " "}, follow=True).content.decode()
    assert moderator.get(note_url).status_code == 302  # to the page
    assert moderator.get(f"/admin/MiniTwit/staffnote/{note.pk}/change/").status_code == 404


def test_notes_are_for_those_who_may(client: Client) -> None:
    amy = make_user("amy")
    StaffNote.objects.create(user=amy, text="secret", author_name="mod")
    client.force_login(make_staff("view_user"))
    response = client.get(page_of(amy))
    assert "secret" not in response.content.decode()
    assert response.context["note_url"] == ""
    assert client.post(f"/admin/MiniTwit/user/{amy.pk}/note/", {"text": "x"}).status_code == 403


def test_the_page_shows_counts_the_newest_messages_and_all_decisions(moderator: Client) -> None:
    amy = make_user("amy")
    messages = [make_message(amy, f"number {n}") for n in range(12)]
    make_follow(whom=amy)
    moderation.flag(messages=messages[:1], actor=None, reason="Spam")
    moderation.suspend(users=[amy], actor=None, reason="Insult")
    response = moderator.get(page_of(amy))
    assert [message.text for message in response.context["recent"]] == [f"number {n}" for n in range(11, 1, -1)]
    assert [figure[:2] for figure in response.context["figures"]] == [
        ("messages", "12"),
        ("followers", "1"),
        ("following", "0"),
        ("strikes", "0"),
    ]
    page = response.content.decode()
    assert f"message/{messages[0].pk}/change/" in page
    assert [line.done for line in response.context["history"]] == ["suspended", "flagged"]


def test_an_account_that_is_not_there_is_no_fault(moderator: Client) -> None:
    assert moderator.get("/admin/MiniTwit/user/999999/change/").status_code == 302
    assert moderator.post("/admin/MiniTwit/user/999999/note/", {"text": "x"}).status_code == 404


def test_a_panel_that_is_not_accepted_opens_again_with_what_was_typed(moderator: Client) -> None:
    amy = make_user("amy")
    page = decide(moderator, amy, "suspend", until="2020-01-01T00:00", note="Wrote to <support>.", flag_messages="on")
    assert '<details class="decide-suspend" name="decide" open>' in page
    assert page.count(" open>") == 1
    assert "A suspension has to end in the future.</li>" in page
    address = f"/admin/MiniTwit/user/{amy.pk}/decide/suspend/"
    panel = form_in(page, address)
    assert panel["until"] == "2020-01-01T00:00"
    assert (panel["reason"], panel["note"], panel["flag_messages"]) == ("Spam", "Wrote to <support>.", "on")
    assert 'type="datetime-local" name="until"' in page
    assert "Date and time, UTC." in page
    # It is shown once; another account's page shows nothing of it.
    assert " open>" not in moderator.get(page_of(amy)).content.decode()
    until = (timezone.now() + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M")
    moderator.post(address, panel | {"until": until})
    amy.refresh_from_db()
    assert amy.is_suspended


def test_what_was_typed_is_kept_when_somebody_else_was_faster(moderator: Client) -> None:
    amy = make_user("amy")
    seen = moderator.get(page_of(amy)).context["decisions"][0]["seen"]
    moderation.suspend(users=[amy], actor=make_superuser("boss"), reason="Spam")
    page = decide(moderator, amy, "warn", seen=seen, text="A long warning.")
    assert "boss was faster" in page
    address = f"/admin/MiniTwit/user/{amy.pk}/decide/warn/"
    panel = form_in(page, address)
    assert panel["text"].strip() == "A long warning."
    moderator.post(address, panel)
    assert amy.strikes.get().text == "A long warning."


def test_a_note_that_is_too_long_comes_back(moderator: Client) -> None:
    amy = make_user("amy")
    address = f"/admin/MiniTwit/user/{amy.pk}/note/"
    page = moderator.post(address, {"text": "x" * 5_001}, follow=True).content.decode()
    assert form_in(page, address)["text"].strip() == "x" * 5_001
    assert "at most 5000 characters" in page


def test_a_suspension_with_all_messages_flagged_is_one_line_of_the_list(moderator: Client) -> None:
    amy = make_user("amy")
    for number in range(30):
        make_message(amy, f"number {number}")
    moderation.warn(users=[amy], actor=None, text="Stop.")
    moderation.suspend(users=[amy], actor=None, reason="Spam", flag_messages=True)
    moderation.flag(messages=list(amy.messages.all()[:2]), actor=None, reason="Spam")
    moderation.keep(messages=list(amy.messages.all()[:2]), actor=None, reason="Spam")
    response = moderator.get(page_of(amy))
    lines = response.context["history"]
    assert [(line.done, line.number) for line in lines] == [("kept", 2), ("suspended", 31), ("warned", 1)]
    page = response.content.decode()
    batch = lines[1].event.batch_id
    listed = f"/admin/MiniTwit/moderationevent/?user__id__exact={amy.pk}&amp;batch={batch}"
    assert f'the account and <a href="{listed}">30 messages</a>' in page
    for _ in range(25):
        moderation.warn(users=[amy], actor=None, text="Stop.")
    response = moderator.get(page_of(amy))
    assert len(response.context["history"]) == 25
    older = moderator.get(page_of(amy), {"before": response.context["older"]})
    assert [line.done for line in older.context["history"]] == ["kept", "suspended", "warned"]
    assert older.context["older"] is None


def test_nothing_about_the_own_account_is_offered_anywhere(client: Client) -> None:
    boss = make_superuser("boss")
    client.force_login(boss)
    assert offered(client, boss) == []
    assert "Suspend …" not in client.get(f"/admin/MiniTwit/user/{boss.pk}/delete/").content.decode()
    amy = make_user("amy")
    assert "Suspend …" in client.get(f"/admin/MiniTwit/user/{amy.pk}/delete/").content.decode()
