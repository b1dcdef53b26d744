"""The lists of users, messages and follows: what staff see, and that they never read a whole table."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from MiniTwit.admin import pagination
from MiniTwit.models import Message, User
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
USERS = "/admin/MiniTwit/user/"
FOLLOWS = "/admin/MiniTwit/follow/"


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_superuser())
    return client


@pytest.fixture
def reach_of_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "REACH", 5)


def many_messages(count: int, **fields: object) -> User:
    author = make_user("Roger Histand")
    Message.objects.bulk_create(
        Message(author=author, text=f"message {n}", pub_date=timezone.now(), **fields) for n in range(count)
    )
    return author


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
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_incremental_sort = off")
    plan = queryset[:50].explain()
    assert "message_newest" in plan
    assert "Sort" not in plan


def test_an_address_cannot_sort_by_a_column_without_an_index(admin: Client) -> None:
    make_message()
    ordering = admin.get(MESSAGES, {"o": "4"}).context["cl"].queryset.query.order_by
    assert "flagged" not in " ".join(ordering)


def test_a_small_list_is_counted_exactly(admin: Client) -> None:
    many_messages(7)
    assert "7 results" in admin.get(MESSAGES).content.decode()


@pytest.mark.usefixtures("reach_of_five")
def test_a_large_table_is_estimated_and_its_pages_end(admin: Client) -> None:
    many_messages(1234)
    with connection.cursor() as cursor:
        cursor.execute('ANALYZE "MiniTwit_message"')
    page = admin.get(MESSAGES)
    assert "about 1,230 results" in page.content.decode()
    assert "Pages end here" in page.content.decode()
    assert page.context["cl"].paginator.num_pages == 1
    assert admin.get(MESSAGES, {"p": "2"}).status_code == 302


@pytest.mark.usefixtures("reach_of_five")
def test_a_large_table_is_estimated_before_its_first_analyze(admin: Client) -> None:
    many_messages(3000)
    assert admin.get(MESSAGES).context["cl"].result_count > 5


@pytest.mark.usefixtures("reach_of_five")
def test_a_large_filtered_list_is_counted_up_to_a_cap(admin: Client) -> None:
    many_messages(40, flagged=True)
    assert "more than 5 results" in admin.get(MESSAGES, {"flagged__exact": "1"}).content.decode()


def test_no_page_counts_a_table_without_a_limit(admin: Client) -> None:
    many_messages(60)
    make_follow()
    for address in (MESSAGES, f"{MESSAGES}?flagged__exact=0", USERS, f"{USERS}?q=Roger", FOLLOWS):
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(address).status_code == 200
        counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
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
    assert "Import 7" in page.content.decode()
    assert admin.get(address, {"import_run": "no number"}).context["cl"].result_count == 0


def test_users_are_found_by_the_beginning_of_their_name_spaces_included(admin: Client) -> None:
    for name in ("Roger Histand", "Roger Yost", "roger the other", "Mellie Roger"):
        make_user(name)

    def found(term: str) -> list[str]:
        return [user.username for user in admin.get(USERS, {"q": term}).context["cl"].result_list]

    assert found("Roger H") == found("roger h") == ["Roger Histand"]
    assert sorted(found("roger")) == ["Roger Histand", "Roger Yost", "roger the other"]


def test_the_search_for_users_can_use_the_index(admin: Client) -> None:
    queryset = admin.get(USERS, {"q": "Roger H"}).context["cl"].queryset
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    assert "~>=~" in queryset.order_by().explain()  # a range of the index, not a filter over all of it


def test_messages_are_found_by_their_author(admin: Client) -> None:
    author = many_messages(3)
    make_message(text="by someone else")
    assert admin.get(MESSAGES, {"q": "Roger Histand"}).context["cl"].result_count == 3
    assert admin.get(MESSAGES, {"author__id__exact": author.pk}).context["cl"].result_count == 3
    assert admin.get(MESSAGES, {"q": "Nobody"}).context["cl"].result_count == 0


def test_follows_are_found_by_either_end(admin: Client) -> None:
    amy = make_user("amy")
    make_follow(who=amy)
    make_follow(whom=amy)
    make_follow()
    assert admin.get(FOLLOWS, {"q": "amy"}).context["cl"].result_count == 2


def test_an_author_is_chosen_by_autocomplete(admin: Client) -> None:
    roger = make_user("Roger Histand")
    assert "admin-autocomplete" in admin.get(f"{MESSAGES}add/").content.decode()
    query = {"app_label": "MiniTwit", "model_name": "message", "field_name": "author", "term": "Roger H"}
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
    form = admin.get(f"{MESSAGES}{message.pk}/change/").context["adminform"].form
    assert set(form.fields) == {"author", "text", "pub_date"}
    admin.post(
        f"{MESSAGES}{message.pk}/change/",
        {
            "author": message.author_id,
            "text": "  indented\n",
            "pub_date_0": "2024-01-01",
            "pub_date_1": "10:00:00",
            "flagged": "on",  # only a decision with a reason does that
            "legacy_id": "999",
        },
    )
    message.refresh_from_db()
    assert (message.text, message.flagged, message.legacy_id) == ("  indented\n", False, 5)


def test_staff_without_permissions_see_no_list(client: Client) -> None:
    client.force_login(make_staff())
    assert {client.get(address).status_code for address in (MESSAGES, USERS, FOLLOWS)} == {403}
