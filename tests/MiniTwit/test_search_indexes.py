"""The indexes for searching: used by what Django asks, built when they are missing, without stopping anybody."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from MiniTwit.models import Message, User
from MiniTwit.schema import find_drift
from MiniTwit.search import LOCK_KEY, ensure_search_indexes, is_searchable, match_username, parse_message_search
from tests.legacy_import.conftest import other_session
from tests.MiniTwit.factories import make_message, make_user


def valid_indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indisvalid AND relname LIKE '%_trigrams'"
        )
        return {name for (name,) in cursor.fetchall()}


BOTH = {"message_text_trigrams", "user_username_trigrams"}


@pytest.mark.django_db(transaction=True)
def test_a_missing_and_a_broken_index_are_built_and_the_schema_check_says_how() -> None:
    assert ensure_search_indexes() == []
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX message_text_trigrams")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_username_trigrams'::regclass")
    remedies = {difference.remedy for difference in find_drift(["MiniTwit"])}
    assert any("python manage.py build_search_indexes" in remedy for remedy in remedies)
    output = StringIO()
    call_command("build_search_indexes", stdout=output)
    assert "Built: " in output.getvalue()
    assert valid_indexes() == BOTH
    assert find_drift(["MiniTwit"]) == []
    call_command("build_search_indexes", stdout=output)
    assert "Nothing to build" in output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_do_not_build_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX message_text_trigrams")
    with other_session() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        assert ensure_search_indexes() == []
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
    assert ensure_search_indexes([User]) == []
    assert ensure_search_indexes([Message]) == ["message_text_trigrams"]


@pytest.mark.django_db(transaction=True)
def test_what_the_queue_needs_is_built_with_them_and_used() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX message_author_undecided")
    assert ensure_search_indexes() == ["message_author_undecided"]
    assert find_drift(["MiniTwit"]) == []
    with connection.cursor() as cursor:
        # In a table without rows every way is as good as the next.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_bitmapscan = off")
        plan = Message.objects.filter(author=1, decided_at=None).order_by("pub_date", "id")[:5].explain()
        cursor.execute("RESET enable_seqscan")
        cursor.execute("RESET enable_bitmapscan")
    assert "message_author_undecided" in plan
    assert "Sort" not in plan


@pytest.mark.django_db
def test_the_searches_use_the_indexes() -> None:
    amy = make_user("amy")
    make_message(amy)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    parts = Message.objects.filter(parse_message_search("some words").condition)
    assert "message_text_trigrams" in parts.explain()
    assert "user_username_trigrams" in User.objects.filter(match_username("my h")).explain()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    of_one = Message.objects.filter(parse_message_search("@amy").condition).order_by("-pub_date", "-pk")
    assert "message_author_newest" in of_one.explain()
    assert "Sort" not in of_one.explain()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = on")
        cursor.execute("SET LOCAL enable_indexscan = off")
    assert "Index Cond" in User.objects.filter(match_username("ro")).explain()  # a range of the index


@pytest.mark.parametrize(
    ("term", "expected"), [("abc", True), ("ab c", True), ("a-1-é", True), ("ab", False), ("!!! 🎉🎉🎉", False)]
)
def test_what_is_too_short_for_the_index(term: str, expected: bool) -> None:
    assert is_searchable(term) is expected


@pytest.mark.django_db
def test_names_with_spaces_are_told_from_the_text_after_them() -> None:
    roger, histand = make_user("Roger"), make_user("Roger Histand")
    for term, authors, text in (
        ("@Roger", (roger.pk,), ""),
        ("@Roger likes coffee", (roger.pk,), "likes coffee"),
        ("@Roger Histand likes coffee", (histand.pk,), "likes coffee"),
        ('coffee @"Roger" now', (roger.pk,), "coffee now"),
        ("mail me at roger@example.com", None, "mail me at roger@example.com"),
        ("", None, ""),
    ):
        search = parse_message_search(term)
        assert (search.authors, search.text, search.notice) == (authors, text, ""), term
    other = make_user("ROGER")
    assert set(parse_message_search("@rOGER").authors or ()) == {roger.pk, other.pk}
    assert parse_message_search("@ROGER").authors == (other.pk,)
    assert parse_message_search("@").notice
