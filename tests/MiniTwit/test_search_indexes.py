"""The indexes for searching: used by what Django asks, built when they are missing, without stopping anybody."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from MiniTwit import search
from MiniTwit.database.schema_check import find_drift
from MiniTwit.models import Message, User
from MiniTwit.search import LOCK_KEY, ensure_search_indexes, is_searchable, match_account, parse_message_search
from tests.legacy_import.conftest import other_session
from tests.MiniTwit.factories import make_message, make_user
from tests.MiniTwit.spellings import OTHER_WORDS, SPELLINGS


def valid_indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indisvalid AND relname LIKE '%_trigrams'"
        )
        return {name for (name,) in cursor.fetchall()}


ALL = {"message_text_trigrams", "user_username_trigrams", "user_email_trigrams"}


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
    assert valid_indexes() == ALL
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
    assert "user_username_trigrams" in User.objects.filter(match_account("my h")).explain()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("DROP INDEX message_newest")  # in a table of one row it serves as well
    of_one = Message.objects.filter(parse_message_search("@amy").condition).order_by("-pub_date", "-pk")
    assert "message_author_newest" in of_one.explain()
    assert "Sort" not in of_one.explain()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = on")
        cursor.execute("SET LOCAL enable_indexscan = off")
    assert "Index Cond" in User.objects.filter(match_account("ro")).explain()  # a range of the index


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
        asked = parse_message_search(term)
        assert (asked.authors, asked.text, asked.notice) == (authors, text, ""), term
    other = make_user("ROGER")
    assert set(parse_message_search("@rOGER").authors or ()) == {roger.pk, other.pk}
    assert parse_message_search("@ROGER").authors == (other.pk,)
    assert parse_message_search("@").text == "@"
    assert parse_message_search("@nobody").notice == "There is no account named “nobody”."


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_word_is_found(spelling: str) -> None:
    message = make_message(make_user(f"the {spelling}"), f"The best {spelling} in town")
    for word in OTHER_WORDS:
        make_message(message.author, word)
    for term in ("casino", spelling):
        assert Message.objects.filter(parse_message_search(term).condition).get() == message
        assert User.objects.filter(match_account(term)).get() == message.author
    assert parse_message_search("@The CASINO").authors == (message.author_id,)


@pytest.mark.django_db
def test_what_no_index_serves_is_searched_in_the_newest_messages_and_the_search_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["old 😀", "I like c++", "今天天气很好", "new 😀", "x", "y"]
    made = {
        text: make_message(make_user(), text, pub_date=f"2024-05-{day:02}T00:00Z")
        for day, text in enumerate(texts, 1)
    }

    def found(term: str) -> set[str]:
        return set(Message.objects.filter(parse_message_search(term).condition).values_list("text", flat=True))

    assert found("😀") == {"old 😀", "new 😀"}
    assert found("C++") == {"I like c++"}
    assert found("天气") == {"今天天气很好"}
    assert parse_message_search("😀").notice == ""
    monkeypatch.setattr(search, "NEWEST", 3)
    assert found("😀") == {"new 😀"}
    assert "only the newest 3 messages were searched." in parse_message_search("😀").notice
    author = made["old 😀"].author
    assert found(f"@{author.username} 😀") == {"old 😀"}
    assert parse_message_search("\u200b").notice == "The search holds nothing that can be seen."


@pytest.mark.django_db
def test_accounts_are_found_by_address_number_old_id_and_day() -> None:
    joined = timezone.make_aware(datetime(2024, 5, 31, 23, 30))
    ada = make_user("Ada", email="Ada.Lovelace@Example.org", legacy_id=4711, date_joined=joined)
    other = make_user("Bob", email="bob@example.org", date_joined=joined + timedelta(hours=1))
    no_one = make_user("Carl 2024-05-31", date_joined=None)
    for term, expected in (
        ("lovelace@EXAMPLE", {ada}),
        ("example.org", {ada, other}),
        ("4711", {ada}),
        (f"#{ada.pk}", {ada}),
        ("2024-05-31", {ada, no_one}),
        ("2024-13-31", set()),
        ("9999-12-31", set()),
        ("9" * 5_000, set()),
        ("Ad", {ada}),
    ):
        assert set(User.objects.filter(match_account(term))) == expected, term[:20]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plans = [User.objects.filter(match_account(term)).explain() for term in ("4711", "lovelace", "2024-05-31")]
    assert all("Seq Scan" not in plan for plan in plans)
    assert "user_email_trigrams" in plans[1]
    assert "user_joined" in plans[2]
