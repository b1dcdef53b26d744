"""Keyset pages, as somebody turns them: forwards, backwards, to the end, while rows come and go."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from MiniTwit.admin.lists import pagination
from MiniTwit.admin.lists.pagination import (
    BoundedPaginator,
    Count,
    Cursor,
    InvalidCursor,
    KeysetPages,
    Place,
    count_rows,
)
from MiniTwit.models import Message, User
from tests.MiniTwit.factories import make_message, make_user

pytestmark = pytest.mark.django_db

START = datetime(2024, 5, 31, 12, 0, 0, 123456, tzinfo=UTC)
NEWEST_FIRST = ("-pub_date", "-pk")


def make_messages(count: int, per_second: int = 4) -> list[Message]:
    """Several messages to a second, as in an old database."""
    author = make_user()
    return [make_message(author, f"m{n}", pub_date=START + timedelta(seconds=n // per_second)) for n in range(count)]


def pages_of(order: tuple[str, ...] = NEWEST_FIRST, cursor: Cursor | None = None, **filters: Any) -> KeysetPages:
    queryset = Message.objects.filter(**filters).order_by(*order)
    return KeysetPages(queryset, count_rows(queryset), 5, cursor)


def texts(pages: KeysetPages) -> list[str]:
    return [message.text for message in pages.rows]


@pytest.mark.parametrize("reach", [3, 10_000])
@pytest.mark.parametrize("filters", [{}, {"text__icontains": "m"}])
@pytest.mark.parametrize("order", [NEWEST_FIRST, ("pub_date", "pk")])
def test_turning_the_pages_meets_every_row_once_in_both_directions(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...], filters: dict[str, str], reach: int
) -> None:
    monkeypatch.setattr(pagination, "REACH", reach)
    make_messages(23)
    expected = list(Message.objects.order_by(*order).values_list("text", flat=True))
    seen, page = [], pages_of(order, **filters)
    assert page.previous is None
    while page.next:
        seen += texts(page)
        page = pages_of(order, Cursor.parse(str(page.next)), **filters)
    seen += texts(page)
    assert seen == expected

    back, page = [], pages_of(order, Cursor(Place.LAST), **filters)
    assert page.next is None
    while page.previous:
        back = texts(page) + back
        page = pages_of(order, Cursor.parse(str(page.previous)), **filters)
    # The first page is always a full one, so that some rows were seen twice.
    assert texts(page) == expected[:5]
    assert page.previous is None
    assert back == expected[-len(back) :]
    assert len(back) >= len(expected) - 5


def test_the_last_page_is_full_and_the_next_to_last_lies_before_it() -> None:
    make_messages(23)
    last = pages_of(cursor=Cursor(Place.LAST))
    assert texts(last) == ["m4", "m3", "m2", "m1", "m0"]
    before = pages_of(cursor=last.previous)
    assert texts(before) == ["m9", "m8", "m7", "m6", "m5"]
    assert before.next is not None
    assert texts(pages_of(cursor=before.next)) == texts(last)


def test_rows_that_arrive_in_between_move_nothing() -> None:
    messages = make_messages(12)
    first = pages_of()
    make_message(text="the newest", pub_date=START + timedelta(days=1))
    assert texts(pages_of(cursor=first.next)) == ["m6", "m5", "m4", "m3", "m2"]
    messages[7].delete()  # the very row at the edge
    assert texts(pages_of(cursor=first.next)) == ["m6", "m5", "m4", "m3", "m2"]


def test_where_the_rows_of_a_page_are_gone_the_last_ones_are_shown() -> None:
    make_messages(7)
    address = pages_of().next
    Message.objects.filter(text__in=["m0", "m1"]).delete()
    page = pages_of(cursor=address)
    assert texts(page) == ["m6", "m5", "m4", "m3", "m2"]
    assert (page.previous, page.next) == (None, None)


def test_usernames_of_every_kind_survive_in_an_address() -> None:
    for name in ('a "quoted" name', "ünïcödé 🎉", "with:colon,[brackets]", "spaces  ", "\\backslash"):
        make_user(name)
    queryset = User.objects.order_by("username")
    seen, page = [], KeysetPages(queryset, count_rows(queryset), 1, None)
    while True:
        seen += [user.username for user in page.rows]
        if page.next is None:
            break
        page = KeysetPages(queryset, count_rows(queryset), 1, Cursor.parse(str(page.next)))
    assert seen == list(queryset.values_list("username", flat=True))


@pytest.mark.parametrize(
    "address", ["2", "after", "after:", "after:x", "after:{}", "after:[1]", "sideways:[]", "after:[null,null]"]
)
def test_an_address_that_means_nothing_is_refused(address: str) -> None:
    make_messages(7)
    with pytest.raises(InvalidCursor):
        pages_of(cursor=Cursor.parse(address))


@pytest.mark.parametrize("values", [("2024", "1"), ("no date", "1"), ("2024-05-31T12:00:00+00:00", "x"), ("1",)])
def test_values_that_do_not_fit_are_refused(values: tuple[str, ...]) -> None:
    make_messages(7)
    with pytest.raises(InvalidCursor):
        pages_of(cursor=Cursor(Place.AFTER, values))


def test_a_short_list_is_found_before_it_is_sorted() -> None:
    """A LIMIT beside the order would lead the planner along the whole index for the few rows that pass the filter."""
    from django.test.utils import CaptureQueriesContext

    make_messages(7)
    with CaptureQueriesContext(connection) as queries:
        assert len(pages_of(text__icontains="m3").rows) == 1
    with_limit = [query["sql"] for query in queries if "ORDER BY" in query["sql"] and "LIMIT" in query["sql"]]
    assert [sql for sql in with_limit if "OFFSET 0" in sql] == with_limit != []


@pytest.mark.parametrize("order", [NEWEST_FIRST, ("pub_date", "pk")])
def test_a_long_list_whose_rows_are_not_met_soon_is_filtered_before_it_is_sorted(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    monkeypatch.setattr(pagination, "REACH", 3)
    monkeypatch.setattr(pagination, "WALK_SECONDS", 0.01)
    make_messages(8)
    expected = list(Message.objects.order_by(*order).values_list("text", flat=True))
    slow = Message.objects.extra(where=["pg_sleep(0.02) IS NOT NULL"]).order_by(*order)  # one row is over the limit
    count = Count(4, is_exact=False, is_filtered=True)
    first = KeysetPages(slow, count, 5, None)
    assert texts(first) == expected[:5]
    assert texts(KeysetPages(slow, count, 5, first.next)) == expected[5:]
    assert texts(KeysetPages(slow, count, 5, Cursor(Place.LAST))) == expected[3:]
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_list_that_takes_too_long_to_count_has_more_rows_than_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    make_messages(7)
    slow = Message.objects.extra(where=["pg_sleep(0.02) IS NOT NULL"]).order_by(*NEWEST_FIRST)
    monkeypatch.setattr(pagination, "COUNT_SECONDS", 0.01)
    count = count_rows(slow)
    assert not count.is_counted
    first = KeysetPages(slow, count, 5, None)
    assert str(first.count) == "more than 5"
    assert str(KeysetPages(slow, count, 5, first.next).count) == "more than 2"
    assert str(KeysetPages(slow, count, 10, None).count) == "7"


def test_counts_are_exact_as_far_as_they_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "REACH", 5)
    make_messages(5)
    assert str(count_rows(Message.objects.all())) == "5"
    assert str(count_rows(Message.objects.none())) == "0"
    make_messages(1229)
    with connection.cursor() as cursor:
        cursor.execute('ANALYZE "MiniTwit_message"')
    assert str(count_rows(Message.objects.all())) == "about 1,230"
    assert str(count_rows(Message.objects.filter(text__icontains="m"))) == "more than 5"
    assert count_rows(Message.objects.filter(text__icontains="m")) == Count(6, is_exact=False, is_filtered=True)


def test_autocompletion_pages_through_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "REACH", 7)
    make_messages(9)
    paginator = BoundedPaginator(Message.objects.order_by("pk"), 5)
    assert [message.text for message in paginator.page(1)] == ["m0", "m1", "m2", "m3", "m4"]
    assert [message.text for message in paginator.page(2)] == ["m5", "m6", "m7", "m8"]
    assert not paginator.page(2).has_next()
    found = BoundedPaginator(Message.objects.filter(text="m3").order_by("pk"), 5)
    assert [message.text for message in found.page(1)] == ["m3"]
