"""The page of one message: what can be decided there, by whom, and what it tells of the past."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from MiniTwit import moderation
from MiniTwit.models import Message, ModerationEvent, User, WatchHit, WatchTerm
from tests.MiniTwit.factories import make_message, make_staff, make_superuser
from tests.MiniTwit.forms import save_on_page

pytestmark = pytest.mark.django_db


def page_of(message: Message) -> str:
    return f"/admin/MiniTwit/message/{message.pk}/change/"


def decide(client: Client, message: Message, verb: str, *, seen: str | None = None, **posted: str) -> str:
    """Send the form as the page offers it, and return the page that comes then."""
    if seen is None:
        forms = client.get(page_of(message)).context["decisions"]
        seen = next((form["seen"] for form in forms), "")
    address = f"/admin/MiniTwit/message/{message.pk}/decide/{verb}/"
    return client.post(address, {"reason": "Spam", "note": "", "seen": seen} | posted, follow=True).content.decode()


def offered(client: Client, message: Message) -> list[str]:
    return [str(form["verb"]) for form in client.get(page_of(message)).context["decisions"]]


def test_a_moderator_flags_keeps_and_unflags_with_a_reason(moderator: Client) -> None:
    message = make_message()
    assert offered(moderator, message) == ["flag", "keep"]
    page = decide(moderator, message, "flag", note="Sold shoes.")
    message.refresh_from_db()
    assert message.flagged
    assert "Flagged: hidden from timelines." in page
    assert "Sold shoes." in page
    assert "Flag: Done." in page
    assert offered(moderator, message) == ["unflag"]
    decide(moderator, message, "unflag")
    decide(moderator, message, "keep")
    message.refresh_from_db()
    assert (message.flagged, message.decision) == (False, "keep")
    assert list(ModerationEvent.objects.values_list("verb", "actor_name", "reason")) == [
        ("keep", "mod", "Spam"),
        ("unflag", "mod", "Spam"),
        ("flag", "mod", "Spam"),
    ]


def test_a_decision_needs_a_reason_that_is_offered(moderator: Client) -> None:
    message = make_message()
    assert "No change made. Reason: This field is required." in decide(moderator, message, "flag", reason="")
    assert "No change made. Reason:" in decide(moderator, message, "flag", reason="Because")
    assert not ModerationEvent.objects.exists()


def test_what_somebody_else_decided_meanwhile_is_seen_first(moderator: Client) -> None:
    message = make_message()
    seen = moderator.get(page_of(message)).context["decisions"][0]["seen"]
    moderation.keep(messages=[message], actor=make_superuser("boss"), reason="Spam")
    page = decide(moderator, message, "flag", seen=seen)
    assert "boss was faster (keep). Look again." in page
    message.refresh_from_db()
    assert not message.flagged


def test_what_was_typed_is_shown_where_its_form_is_gone(moderator: Client) -> None:
    message = make_message()
    seen = moderator.get(page_of(message)).context["decisions"][0]["seen"]
    moderation.flag(messages=[message], actor=make_superuser("boss"), reason="Spam")
    page = decide(moderator, message, "flag", seen=seen, note="A <careful> argument")
    assert "boss was faster (flag). Look again." in page
    assert "You had typed: “A &lt;careful&gt; argument”" in page
    assert "“Flag” is not offered for this message now." in decide(moderator, message, "flag")


def test_deleting_for_good_is_for_those_who_may_purge(moderator: Client, client: Client) -> None:
    message = make_message()
    assert moderator.post(f"/admin/MiniTwit/message/{message.pk}/decide/purge/").status_code == 403
    assert moderator.post(f"/admin/MiniTwit/message/{message.pk}/delete/", {"post": "yes"}).status_code == 403
    client.force_login(make_superuser())
    asked = client.post(f"/admin/MiniTwit/message/{message.pk}/delete/", {"post": "yes"}, follow=True)
    assert "Delete 1 permanently" in asked.content.decode()
    assert Message.objects.exists()
    assert "Understood" in decide(client, message, "purge") or Message.objects.exists()
    assert "Purge: Done." in decide(client, message, "purge", understood="on")
    assert not Message.objects.exists()


def test_whoever_may_only_look_is_offered_nothing(client: Client) -> None:
    message = make_message()
    client.force_login(make_staff("view_message"))
    assert offered(client, message) == []
    assert client.post(f"/admin/MiniTwit/message/{message.pk}/decide/flag/").status_code == 403
    assert client.get(f"/admin/MiniTwit/message/{message.pk}/decide/flag/").status_code == 302  # to the page


def test_odd_addresses_end_in_pages(moderator: Client) -> None:
    message = make_message()
    for address in (f"{message.pk}/decide/dance/", "999999/decide/flag/", "x/decide/flag/"):
        assert moderator.post(f"/admin/MiniTwit/message/{address}").status_code == 404


def test_the_page_tells_where_a_message_comes_from_and_what_was_found_in_it(moderator: Client) -> None:
    message = make_message(text="buy shoes", legacy_id=4711, import_run=3)
    term = WatchTerm.objects.create(kind="phrase", pattern="buy shoes")
    WatchHit.objects.create(term=term, message=message, found=["buy shoes"], pub_date=message.pub_date)
    page = moderator.get(page_of(message)).content.decode()
    for part in (
        "4711",
        "import 3",
        "<mark>buy shoes</mark>",
        "No decision yet.",
    ):
        assert part in page


def test_a_message_that_came_in_flagged_says_so_where_its_decisions_would_be(moderator: Client) -> None:
    flagged = make_message(legacy_id=4711, import_run=3, flagged=True)
    for address in (page_of(flagged), f"/admin/MiniTwit/message/{flagged.pk}/history/"):
        assert "The message was flagged in the old database." in moderator.get(address).content.decode()
    assert "flagged in the old database" not in moderator.get(page_of(make_message(legacy_id=4712))).content.decode()


def test_the_history_shows_before_and_after_and_leads_to_older_decisions(moderator: Client) -> None:
    message, boss = make_message(), User.objects.get(username="mod")
    for _ in range(14):
        moderation.flag(messages=[message], actor=boss, reason="Spam")
        moderation.unflag(messages=[message], actor=boss, reason="Spam", note="No, it was not.")
    response = moderator.get(page_of(message))
    page = response.content.decode()
    assert len(response.context["history"]) == 25
    assert '<span class="quiet">flagged</span> yes → no' in page
    assert "No, it was not." in page
    assert f"moderationbatch/{response.context['history'][0].event.batch_id}/change/" in page
    older = moderator.get(page_of(message), {"before": response.context["older"]})
    assert len(older.context["history"]) == 3
    assert older.context["older"] is None
    assert moderator.get(page_of(message), {"before": "x"}).status_code == 200


def test_saving_the_text_leaves_the_microseconds_of_the_date(moderator: Client) -> None:
    User.objects.get(username="mod").user_permissions.add(Permission.objects.get(codename="edit_message"))
    moment = datetime(2024, 5, 31, 18, 30, 15, 123456, tzinfo=UTC)
    message = make_message(pub_date=moment)
    assert save_on_page(moderator, message, text="corrected", reason="Spam").status_code == 302
    message.refresh_from_db()
    assert (message.text, message.pub_date) == ("corrected", moment)
    save_on_page(moderator, message, pub_date="2024-05-31T19:00:00", reason="Spam")
    message.refresh_from_db()
    assert message.pub_date == datetime(2024, 5, 31, 19, tzinfo=UTC)


def test_a_message_of_ones_own_is_for_others_to_decide_about(moderator: Client) -> None:
    own = make_message(User.objects.get(username="mod"))
    moderation.flag(messages=[own], actor=make_superuser("boss"), reason="Spam")
    assert offered(moderator, own) == []
    own.refresh_from_db()
    assert own.changed_at is not None
    assert "No change made" in decide(moderator, own, "unflag", seen=own.changed_at.isoformat())
    own.refresh_from_db()
    assert own.flagged
