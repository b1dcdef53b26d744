"""The lists of users, messages and follows: what staff see, and that they never read a whole table."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.admin import site as admin_site
from django.contrib.admin.templatetags import admin_list
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.asserts import assertHTMLEqual

from MiniTwit import moderation
from MiniTwit.admin import user_counts
from MiniTwit.admin.lists import pagination
from MiniTwit.admin.lists.rows import rows_of
from MiniTwit.admin.messages import MessageAdmin
from MiniTwit.admin.user_counts import Counts
from MiniTwit.models import Message, ModerationBatch, ModerationReason, User, WatchHit, WatchTerm
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.forms import save_on_page

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
USERS = "/admin/MiniTwit/user/"
FOLLOWS = "/admin/MiniTwit/follow/"


def many_messages(count: int, **fields: object) -> User:
    author = make_user("Roger Histand")
    Message.objects.bulk_create(
        Message(author=author, text=f"message {n}", pub_date=timezone.now(), **fields) for n in range(count)
    )
    return author


def test_the_checkbox_of_a_row_is_django_s_own() -> None:
    message = make_message(text='"><script>alert(1)</script> & more')
    screen = MessageAdmin(Message, admin_site)
    assertHTMLEqual(screen.action_checkbox(message), ModelAdmin.action_checkbox(screen, message))


def test_a_message_is_shown_as_an_escaped_excerpt(admin: Client) -> None:
    make_message(text="<script>alert(1)</script>" + "x" * 5000)
    page = admin.get(MESSAGES).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "x" * 200 not in page


def test_messages_come_newest_first_and_in_a_stable_order(admin: Client) -> None:
    now = timezone.now()
    messages = [make_message(pub_date=now) for _ in range(5)]
    newest_first = [message.pk for message in admin.get(MESSAGES).context["cl"].result_list]
    assert newest_first == [message.pk for message in reversed(messages)]
    oldest_first = admin.get(MESSAGES, {"o": "3"}).context["cl"].result_list
    assert [message.pk for message in oldest_first] == [message.pk for message in messages]


@pytest.mark.parametrize("order", ["", "3", "-3"])
def test_both_orders_of_messages_follow_the_index(admin: Client, order: str) -> None:
    queryset = admin.get(MESSAGES, {"o": order}).context["cl"].queryset
    with connection.cursor() as cursor:
        for other_way in ("seqscan", "sort", "incremental_sort"):  # a small table would be sorted
            cursor.execute(f"SET LOCAL enable_{other_way} = off")
    plan = queryset[:50].explain()
    assert "message_newest" in plan
    assert "Sort" not in plan


def test_an_address_means_the_same_order_for_those_with_actions_and_those_without(client: Client) -> None:
    old, new = make_message(pub_date=timezone.now() - timedelta(days=1)), make_message()
    make_staff("view_message", username="auditor"), make_superuser("boss")
    for name in ("auditor", "boss"):
        client.force_login(User.objects.get(username=name))
        for address, expected in (("3", [old, new]), ("-3", [new, old]), ("2", [old, new]), ("", [new, old])):
            assert list(client.get(MESSAGES, {"o": address}).context["cl"].result_list) == expected
        assert 'aria-sort="ascending"' in client.get(MESSAGES, {"o": "3"}).content.decode()


def test_a_small_list_is_counted_exactly(admin: Client) -> None:
    many_messages(7)
    assert "7 results" in admin.get(MESSAGES).content.decode()


def test_a_large_list_says_roughly_how_long_it_is_and_leads_to_its_end(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "REACH", 5)
    monkeypatch.setattr(MessageAdmin, "list_per_page", 10)
    many_messages(1234)
    with connection.cursor() as cursor:
        cursor.execute('ANALYZE "MiniTwit_message"')
    page = admin.get(MESSAGES)
    assert "about 1,230 results" in page.content.decode()
    assert "Select all about 1,230 messages" in page.content.decode()
    last = admin.get(MESSAGES + dict(page.context["cl"].page_links())["Last"])
    assert [message.text for message in last.context["cl"].result_list] == [f"message {n}" for n in range(9, -1, -1)]
    links = dict(last.context["cl"].page_links())
    assert (links["Next"], links["Last"]) == ("", "")
    before = admin.get(MESSAGES + links["Previous"]).context["cl"].result_list
    assert [message.text for message in before] == [f"message {n}" for n in range(19, 9, -1)]


def test_pages_keep_filters_search_and_order_in_their_addresses(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MessageAdmin, "list_per_page", 10)
    many_messages(25, flagged=True)
    make_message(text="message of somebody else")
    page = admin.get(MESSAGES, {"flagged__exact": "1", "q": "@Roger Histand message", "o": "2"})
    following = admin.get(MESSAGES + dict(page.context["cl"].page_links())["Next"])
    assert [message.text for message in following.context["cl"].result_list] == [
        f"message {n}" for n in range(10, 20)
    ]
    assert following.context["cl"].result_count == 25


def test_an_address_of_a_page_that_cannot_be_leads_to_the_list(admin: Client) -> None:
    make_message()
    for page in ("7", "after:[]", 'after:["x","y"]', "sideways"):
        assert admin.get(MESSAGES, {"p": page}, follow=True).status_code == 200


def test_all_that_matches_can_be_selected_from_any_page(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MessageAdmin, "list_per_page", 10)
    many_messages(25)
    make_message(text="something else")
    shown = admin.get(MESSAGES, {"q": "message", "p": "last"})
    first = shown.context["cl"].result_list[0].pk
    posted = {"action": "flag_selected", "index": "0", "select_across": "1", "_selected_action": [first]}
    admin.post(f"{MESSAGES}?q=message&p=last", posted)
    assert ModerationBatch.objects.get().selected == 25


@pytest.mark.usefixtures("many_flagged")
def test_a_large_filtered_list_is_counted_up_to_a_cap(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "REACH", 5)
    assert "more than 5 results" in admin.get(MESSAGES, {"flagged__exact": "1"}).content.decode()


@pytest.fixture
def many_flagged() -> None:
    many_messages(40, flagged=True)


def test_no_page_counts_a_table_without_a_limit(admin: Client) -> None:
    many_messages(60)
    make_follow()
    for address in (MESSAGES, f"{MESSAGES}?flagged__exact=0", USERS, f"{USERS}?q=Roger", FOLLOWS):
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(address).status_code == 200
        counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "_strike" not in query["sql"]]
        assert counts
        assert all("LIMIT" in sql for sql in counts), address


@pytest.mark.parametrize("address", [MESSAGES, USERS, FOLLOWS])
def test_a_longer_list_takes_no_more_queries(admin: Client, address: str) -> None:
    make_message()
    make_follow()
    admin.get(address)
    with CaptureQueriesContext(connection) as few:
        admin.get(address)
    for _ in range(20):
        make_message()
        make_follow()
    with CaptureQueriesContext(connection) as many:
        admin.get(address)
    assert len(many) == len(few)


@pytest.mark.parametrize("address", [MESSAGES, USERS, FOLLOWS])
def test_the_rows_of_one_import_can_be_listed(admin: Client, address: str) -> None:
    for run in (7, 8):
        make_message(make_user(import_run=run), import_run=run)
        make_follow(import_run=run)
    page = admin.get(address, {"import_run": "7"})
    assert page.context["cl"].result_count == 1
    assert 'name="import_run" value="7"' in page.content.decode()
    make_message(), make_follow()
    assert {row.import_run for row in admin.get(address, {"import_run": "here"}).context["cl"].result_list} == {None}
    wrong = admin.get(address, {"import_run": "no number"})
    assert wrong.context["cl"].result_count == 0
    assert "“no number” is not the number of an import." in wrong.content.decode()


def test_users_are_found_by_a_part_of_their_name_and_by_the_beginning_if_that_is_short(admin: Client) -> None:
    for name in ("Roger Histand", "Roger Yost", "roger the other", "Mellie Roger"):
        make_user(name)

    def found(term: str) -> list[str]:
        return sorted(user.username for user in admin.get(USERS, {"q": term}).context["cl"].result_list)

    assert found("ger H") == found("GER h") == ["Roger Histand"]
    assert found("roger") == ["Mellie Roger", "Roger Histand", "Roger Yost", "roger the other"]
    assert found("ro") == ["Roger Histand", "Roger Yost", "roger the other"]


def test_messages_are_found_by_text_by_author_and_by_both(admin: Client) -> None:
    author = many_messages(3)
    make_message(text="by someone else")

    def found(term: str) -> int:
        return admin.get(MESSAGES, {"q": term}).context["cl"].result_count

    assert found("MESSAGE 2") == 1
    assert found("@Roger Histand") == found('@"roger histand"') == found("@ROGER HISTAND") == 3
    assert found("@Roger Histand message 1") == found('message 1 @"Roger Histand"') == 1
    assert found("@Roger Histand someone") == 0
    assert found("100%") == 0
    assert admin.get(MESSAGES, {"author__id__exact": author.pk}).context["cl"].result_count == 3


@pytest.mark.parametrize(
    ("term", "sentence"),
    [("\u200b", "The search holds nothing that can be seen."), ("@Nobody", "There is no account named “Nobody”.")],
)
@pytest.mark.usefixtures("nothing_waits")
def test_a_search_that_can_find_nothing_says_why_and_reads_nothing(admin: Client, term: str, sentence: str) -> None:
    many_messages(3)
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(MESSAGES, {"q": term})
    assert sentence in page.content.decode()
    assert not [query["sql"] for query in queries if 'FROM "MiniTwit_message"' in query["sql"]]


def test_messages_are_filtered_by_what_was_decided_when_and_by_whom_they_are(admin: Client) -> None:
    now = timezone.now()
    fresh = make_message(text="fresh", pub_date=now)
    old = make_message(text="old", pub_date=now - timedelta(days=800))
    moderation.flag(messages=[old], actor=None, reason="Spam")
    term = WatchTerm.objects.create(pattern="fresh")
    WatchHit.objects.create(term=term, message=fresh, found=["fresh"], pub_date=fresh.pub_date)

    def found(**parameters: str) -> list[str]:
        return [message.text for message in admin.get(MESSAGES, parameters).context["cl"].result_list]

    assert found(reviewed="yes") == found(flagged__exact="1") == ["old"]
    assert found(reviewed="no") == found(flagged__exact="0") == ["fresh"]
    assert found(published="today") == found(published="7days") == found(published="30days") == ["fresh"]
    day = timezone.localtime(old.pub_date).date().isoformat()
    assert found(**{"from": day, "to": day}) == ["old"]
    assert found(to=day) == ["old"]
    assert found(watch="any") == found(watch=str(term.pk)) == ["fresh"]
    assert found(watch=str(term.pk + 1)) == []
    page = admin.get(MESSAGES, {"from": "31.5.2024"})
    assert "“31.5.2024” is not a date; write it like 2024-05-31." in page.content.decode()


def test_the_last_decision_stands_beside_each_message_for_one_query(admin: Client) -> None:
    boss = User.objects.get(username="admin")
    messages = [make_message(text=f"number {n}") for n in range(5)]
    moderation.flag(messages=messages, actor=boss, reason="Spam")
    moderation.unflag(messages=messages[:2], actor=None, actor_name="night shift", reason="Nothing wrong")
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(MESSAGES)
    assert len([query for query in queries if "moderationevent" in query["sql"]]) == 1
    decisions = [message.last_event.actor_name for message in page.context["cl"].result_list]
    assert decisions == ["admin"] * 3 + ["night shift"] * 2
    assert 'unflagged <span class="quiet">by night shift' in page.content.decode()


@pytest.mark.parametrize(
    "address",
    ["message/", "message/?flagged__exact=0&q=hello", "user/?o=1", "follow/", "moderationevent/", "moderationbatch/"],
)
def test_rows_are_those_that_django_makes(admin: Client, address: str) -> None:
    amy, blank = make_user("<amy>", email="amy@example.com"), make_user("   ", email="")
    message = make_message(amy, "hello & goodbye")
    make_message(blank, "hello again", flagged=True)
    make_follow(amy, blank)
    moderation.keep(messages=[message], actor=None, reason="Nothing wrong")
    changelist = admin.get(f"/admin/MiniTwit/{address}").context["cl"]
    assert changelist.result_list
    assert [row for (row,) in rows_of(changelist)] == ["".join(row) for row in admin_list.results(changelist)]


def test_the_columns_of_users_are_counted_for_the_page_and_capped(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_counts, "MOST", 3)
    amy, bob = make_user("amy"), make_user("bob", import_run=4)
    for _ in range(5):
        make_message(amy)
    make_follow(amy, bob)
    moderation.warn(users=[bob], actor=None, text="Stop.")
    moderation.suspend(users=[bob], actor=None, reason="Spam")
    counts = {user.username: user.counts for user in admin.get(USERS).context["cl"].result_list}
    assert counts["amy"] == Counts(messages=4, followers=0, following=1, strikes=0)
    assert counts["bob"] == Counts(messages=0, followers=1, following=0, strikes=1)
    page = admin.get(USERS).content.decode()
    assert ">3+</a>" in page
    assert "import 4" in page

    def found(**parameters: str) -> list[str]:
        return [user.username for user in admin.get(USERS, parameters).context["cl"].result_list]

    assert found(suspended="yes") == found(strikes="yes") == ["bob"]
    assert found(suspended="no") == found(strikes="no") == ["admin", "amy"]
    assert found(is_staff__exact="1") == ["admin"]


def test_a_suspension_that_is_over_is_none(admin: Client) -> None:
    past = timezone.now() - timedelta(days=1)
    make_user("amy", suspended_at=past - timedelta(days=1), suspended_until=past)
    found = admin.get(USERS, {"suspended": "no"}).context["cl"].result_list
    assert "amy" in [user.username for user in found]


@pytest.mark.parametrize("address", [f"{MESSAGES}?q=%00", f"{USERS}?q=a%00", f"{FOLLOWS}?who__id__exact=%00",
    "/admin/autocomplete/?app_label=MiniTwit&model_name=message&field_name=author&term=%00"])  # fmt: skip
def test_a_nul_in_an_address_is_refused(admin: Client, address: str) -> None:
    assert admin.get(address).status_code == 400


def test_follows_are_found_by_either_end(admin: Client) -> None:
    amy = make_user("amy")
    make_follow(who=amy)
    make_follow(whom=amy)
    make_follow()
    assert admin.get(FOLLOWS, {"q": "amy"}).context["cl"].result_count == 2


def test_follows_are_filtered_by_either_end_and_lead_to_both(admin: Client) -> None:
    amy, bob = make_user("amy"), make_user("bob")
    follow = make_follow(amy, bob)
    make_follow(bob, amy)
    page = admin.get(FOLLOWS, {"who__id__exact": amy.pk})
    assert [row.pk for row in page.context["cl"].result_list] == [follow.pk]
    for link in (f"{FOLLOWS}{follow.pk}/change/", f"{USERS}{amy.pk}/change/", f"{USERS}{bob.pk}/change/"):
        assert link in page.content.decode()
    assert admin.get(FOLLOWS, {"whom__id__exact": amy.pk}).context["cl"].result_count == 1
    wrong = admin.get(FOLLOWS, {"whom__id__exact": "x"})
    assert "“x” is not the number of an account." in wrong.content.decode()


def test_an_author_is_chosen_by_autocomplete(admin: Client) -> None:
    roger = make_user("Roger Histand")
    assert "admin-autocomplete" in admin.get(f"{MESSAGES}add/").content.decode()
    query = {"app_label": "MiniTwit", "model_name": "message", "field_name": "author", "term": "ger his"}
    assert admin.get("/admin/autocomplete/", query).json()["results"] == [
        {"id": str(roger.pk), "text": "Roger Histand"}
    ]


@pytest.mark.parametrize("address", [MESSAGES, USERS, FOLLOWS])
def test_no_list_offers_the_action_that_loads_what_it_deletes(admin: Client, address: str) -> None:
    make_message()
    make_follow()
    assert "delete_selected" not in admin.get(address).content.decode()


def test_a_message_is_saved_with_its_spaces_and_origin(admin: Client) -> None:
    message = make_message(text="  indented\n", legacy_id=5, import_run=3)
    reason = ModerationReason.objects.create(name="Typo")
    form = admin.get(f"{MESSAGES}{message.pk}/change/").context["adminform"].form
    assert set(form.fields) == {"author", "text", "pub_date", "reason", "note", "opened"}
    typed = {"pub_date": "2024-01-01T10:00:00", "reason": reason.name}
    save_on_page(admin, message, flagged="on", legacy_id="999", **typed)  # only a decision flags it
    message.refresh_from_db()
    assert (message.text, message.flagged, message.legacy_id) == ("  indented\n", False, 5)
    assert message.pub_date == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_staff_without_permissions_see_no_list(client: Client) -> None:
    client.force_login(make_staff())
    assert {client.get(address).status_code for address in (MESSAGES, USERS, FOLLOWS)} == {403}
