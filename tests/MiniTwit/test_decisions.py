"""The log of decisions: read, filtered, exported and undone from, and changed by nobody."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.models import ModerationBatch, ModerationEvent, ModerationReason, User
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db

DECISIONS = "/admin/MiniTwit/moderationevent/"
RIGHTS = ("view_moderationevent", "export_moderationevent", "view_user")


@pytest.fixture
def amy() -> User:
    return make_superuser("amy")


@pytest.fixture
def bob() -> User:
    return make_superuser("bob")


@pytest.fixture
def auditor(client: Client) -> Client:
    client.force_login(make_staff(*RIGHTS, username="auditor"))
    return client


@pytest.fixture
def suspension(amy: User) -> ModerationBatch:
    return moderation.suspend(users=[make_user("Roger <b>")], actor=amy, reason="Hate")


@pytest.fixture
def flagging(bob: User) -> ModerationBatch:
    return moderation.flag(messages=[make_message(), make_message()], actor=bob, reason="Spam", note="=1+1 wave")


def shown(client: Client, query: str = "") -> list[ModerationEvent]:
    response = client.get(f"{DECISIONS}?{query}")
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_the_log_shows_what_who_and_why_newest_first(
    auditor: Client, suspension: ModerationBatch, flagging: ModerationBatch
) -> None:
    page = auditor.get(DECISIONS).content.decode()
    assert [event.verb for event in shown(auditor)] == ["flag", "flag", "suspend"]
    for text in ("Roger &lt;b&gt;", "suspended", "=1+1 wave", "amy", "bob", f">{flagging.pk}</a>"):
        assert text in page


def test_the_log_is_filtered_by_moderator_verb_date_object_and_batch(
    auditor: Client, suspension: ModerationBatch, flagging: ModerationBatch, bob: User
) -> None:
    flags, suspended = list(flagging.events.all()), list(suspension.events.all())
    today, tomorrow = timezone.localdate(), timezone.localdate() + timedelta(days=1)
    assert shown(auditor, "verb__exact=suspend") == suspended
    assert shown(auditor, f"actor__id__exact={bob.pk}") == flags
    assert shown(auditor, f"user__id__exact={suspended[0].user_id}") == suspended
    assert shown(auditor, f"message={flags[0].message_id}") == [flags[0]]
    assert shown(auditor, f"batch={flagging.pk}") == flags
    assert len(shown(auditor, "decided=today")) == 3
    assert len(shown(auditor, f"from={today}&to={today}")) == 3
    assert shown(auditor, f"from={tomorrow}") == []
    for nonsense in ("message=x", "batch=-1", "decided=never", "from=yesterday", "actor__id__exact=bob"):
        assert shown(auditor, nonsense) == []


def test_a_decision_has_a_page_with_before_and_after_and_the_way_to_undo_it(
    client: Client, amy: User, flagging: ModerationBatch
) -> None:
    ModerationReason.objects.create(name="Mistake")
    event = flagging.events.all()[0]
    client.force_login(make_staff("view_moderationevent"))
    page = client.get(f"{DECISIONS}{event.pk}/change/").content.decode()
    assert "<td>Flagged</td><td>no</td><td>yes</td>" in page
    assert "Undo the batch" not in page
    client.force_login(amy)
    assert "Undo the batch" in client.get(f"{DECISIONS}{event.pk}/change/").content.decode()
    client.post(f"/admin/MiniTwit/moderationbatch/{flagging.pk}/undo/", {"reason": "Mistake"})
    assert [event.verb for event in shown(client)][:2] == ["undo", "undo"]
    assert "Undo the batch" not in client.get(f"{DECISIONS}{event.pk}/change/").content.decode()


def test_the_log_outlives_what_it_is_about(auditor: Client, amy: User) -> None:
    message = make_message()
    moderation.purge(messages=[message], actor=amy, reason="Illegal")
    event = shown(auditor)[0]
    page = auditor.get(f"{DECISIONS}{event.pk}/change/").content.decode()
    assert "deleted permanently" in page
    assert f"/message/{message.pk}/change/" not in page


def test_nobody_changes_the_log_not_even_a_superuser(client: Client, amy: User, flagging: ModerationBatch) -> None:
    client.force_login(amy)
    event = flagging.events.all()[0]
    assert client.get(f"{DECISIONS}add/").status_code == 403
    assert client.post(f"{DECISIONS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"{DECISIONS}{event.pk}/change/", {"note": "another"})
    client.post(DECISIONS, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    event.refresh_from_db()
    assert event.note == "=1+1 wave"
    assert client.get(f"{DECISIONS}import/").status_code in (302, 404)


def test_a_filtered_log_is_exported_without_formulas(
    auditor: Client, suspension: ModerationBatch, flagging: ModerationBatch
) -> None:
    def export(file_format: int) -> str:
        columns = {f"decisionresource_{name}": "on" for name in ("verb", "message", "after", "note", "moderator")}
        address = f"{DECISIONS}export/?verb__exact=flag"
        response = auditor.post(address, {"format": file_format, "resource": "0"} | columns)
        return b"".join(response).decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(export(0))))
    assert [(row["verb"], row["note"], row["moderator"]) for row in rows] == [("flag", "'=1+1 wave", "bob")] * 2
    assert json.loads(rows[0]["after"])["flagged"] is True
    assert [row["note"] for row in json.loads(export(2))] == ["=1+1 wave"] * 2


def test_exporting_the_log_needs_its_permission(client: Client) -> None:
    client.force_login(make_staff("view_moderationevent"))
    assert client.get(f"{DECISIONS}export/").status_code == 403
    assert "export/" not in client.get(DECISIONS).content.decode()


def test_a_page_of_the_log_takes_as_many_queries_however_many_rows(auditor: Client, bob: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert shown(auditor)
        return len(captured)

    moderation.flag(messages=[make_message()], actor=bob, reason="Spam")
    few = queries()
    moderation.flag(messages=[make_message() for _ in range(20)], actor=bob, reason="Spam")
    assert queries() == few
