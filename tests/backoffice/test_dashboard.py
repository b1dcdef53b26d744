"""The first page: the numbers, the team's feed, the charts; each part for those who may see it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from backoffice.dashboard.charts import HEIGHT, Chart
from backoffice.dashboard.figures import by_moderator, decisions, since, today
from MiniTwit import moderation
from MiniTwit.models import DailyDecisions, ModerationReason, User, Verb, WatchTerm
from tests.MiniTwit.factories import client_of, make_member, make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db


def page_of(client: Client) -> str:
    return client.get("/admin/").content.decode()


def words_of(client: Client) -> str:
    """The text of the page, without the rail."""
    main = page_of(client).split("<main")[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


@pytest.fixture
def team() -> tuple[User, User]:
    return make_superuser("mo"), make_superuser("amy")


def test_the_log_is_counted_by_day_verb_and_moderator(team: tuple[User, User]) -> None:
    mo, amy = team
    messages = [make_message() for _ in range(4)]
    moderation.flag(messages=messages[:3], actor=mo, reason="Spam")
    moderation.flag(messages=messages[3:], actor=amy, reason="Spam")
    batch = moderation.unflag(messages=messages[:2], actor=mo, reason="Nothing wrong")
    moderation.undo(batch=batch, actor=amy, reason="Spam")
    counted = {(count.verb, count.actor_name): count.number for count in DailyDecisions.objects.all()}
    assert counted == {("flag", "mo"): 3, ("flag", "amy"): 1, ("unflag", "mo"): 2, ("undo", "amy"): 2}
    counts = decisions()
    assert since(counts, 1) == 6  # an undo is no decision of its own
    assert since(counts, 7, Verb.FLAG) == 4
    assert by_moderator(counts) == [("mo", 5), ("amy", 1)]


def test_decisions_of_a_week_and_a_month_ago_are_told_apart() -> None:
    for days, number in ((0, 1), (6, 10), (7, 100), (29, 1000), (30, 10_000)):
        DailyDecisions.objects.create(day=today() - timedelta(days=days), verb="flag", actor_name="mo", number=number)
    counts = decisions()
    assert (since(counts, 1), since(counts, 7), since(counts, 30)) == (1, 11, 1111)


def test_the_first_page_says_what_the_team_did_and_leads_to_undoing_it(team: tuple[User, User]) -> None:
    mo, amy = team
    batch = moderation.flag(messages=[make_message() for _ in range(6)], actor=mo, reason="Spam")
    purged = moderation.purge(messages=[make_message()], actor=mo, reason="Spam")
    client = client_of(amy)
    words = words_of(client)
    assert "mo flagged 6 messages · Spam" in words
    assert "mo deleted permanently 1 message · Spam" in words
    page = page_of(client)
    assert f"/admin/MiniTwit/moderationbatch/{batch.pk}/undo/" in page
    assert f"/admin/MiniTwit/moderationbatch/{purged.pk}/undo/" not in page
    undo_page = f"/admin/MiniTwit/moderationbatch/{batch.pk}/undo/"
    undoing = moderation.undo(batch=batch, actor=amy, reason="Spam")
    assert undo_page not in page_of(client)
    assert "· undone" in words_of(client)
    moderation.undo(batch=undoing, actor=mo, reason="Spam")  # so the first decision holds again
    assert undo_page in page_of(client)


def test_the_numbers_of_the_day(team: tuple[User, User]) -> None:
    mo, amy = team
    moderation.suspend(users=[make_user(), make_user()], actor=mo, reason="Spam")
    past = datetime.now(UTC) - timedelta(days=1)
    User.objects.filter(pk=make_user().pk).update(suspended_at=past - timedelta(days=1), suspended_until=past)
    make_message(flagged=True, legacy_id=7, pub_date=datetime(2011, 5, 3, tzinfo=UTC))
    client = client_of(amy)
    words = words_of(client)
    assert "1 waiting for review the oldest of 3 May 2011" in words
    assert "2 decided today (UTC)" in words
    assert "0 flagged in 7 days" in words
    assert "2 accounts suspended" in words


PARTS = {
    "Import legacy users": {"Importers"},
    "State of the site": {"Importers", "Auditors"},
    "waiting for review": {"Moderators"},
    "Newest decisions": {"Moderators", "Auditors"},
    "Undo": {"Moderators"},
    "by moderator": {"Auditors"},
    "First steps": set(),
}


@pytest.mark.parametrize("role", ["Importers", "Moderators", "Auditors"])
def test_each_role_sees_its_own_parts(role: str) -> None:
    moderation.flag(messages=[make_message()], actor=make_superuser("boss"), reason="Spam")
    words = words_of(client_of(make_member(role)))
    assert {part for part in PARTS if part in words} == {part for part, roles in PARTS.items() if role in roles}


def test_the_checklist_leads_a_superuser_through_the_first_day_and_goes(admin: Client) -> None:
    words = words_of(admin)
    assert "First steps" in words
    assert "done" not in words.split("First steps")[1].split("Today")[0]
    message = make_message(make_user(legacy_id=1), legacy_id=1)
    ModerationReason.objects.create(name="Spam")
    WatchTerm.objects.create(pattern="casino")
    moderation.flag(messages=[message], actor=make_superuser("amy"), reason="Spam")
    assert "First steps" not in words_of(admin)


def test_messages_of_the_last_days_are_shown_with_those_that_are_flagged(admin: Client) -> None:
    now = datetime.now(UTC)
    for flagged in (True, False, False):
        make_message(flagged=flagged, pub_date=now)
    make_message(pub_date=now - timedelta(days=40))
    words = words_of(admin)
    assert "Messages a day: 3 in 30 days, at most 3" in words
    assert re.search(r"Day \(UTC\) Flagged Not flagged \S+ \w+ \d+ 1 2 ", words)


def test_a_site_without_new_messages_shows_its_last_ones(admin: Client) -> None:
    make_message(pub_date=datetime(2011, 5, 3, tzinfo=UTC))
    make_message(pub_date=datetime.now(UTC) + timedelta(days=400))
    assert "Messages a day, up to the newest of 3 May 2011: 1 in 30 days" in words_of(admin)


def test_without_a_worker_the_page_says_so_and_how_to_start_it() -> None:
    words = words_of(client_of(make_member("Importers")))
    assert "not running" in words
    assert "python manage.py db_worker" in words


def test_a_bar_is_as_high_as_its_day_and_its_parts_lie_on_each_other() -> None:
    days = [today() - timedelta(days=number) for number in (1, 0)]
    chart = Chart.of("Decisions a day", days, {"Flagged": {days[0]: 1, days[1]: 2}, "Kept": {days[1]: 2}})
    assert (chart.total, chart.highest) == (5, 4)
    first, flagged, kept = chart.segments()
    assert (first.height, flagged.height, kept.height) == (HEIGHT / 4, HEIGHT / 2, HEIGHT / 2)
    assert (flagged.y + flagged.height, kept.y + kept.height) == (HEIGHT, flagged.y)
    assert first.x + first.width < flagged.x
    assert chart.rows == [(days[1], [2, 2]), (days[0], [1, 0])]
    assert Chart.of("Nothing", days, {"Flagged": {}}).segments() == []
