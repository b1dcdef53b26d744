"""Skeletons: what looks the same is the same, in Python and in every PostgreSQL, whatever its locale."""

import re
from collections.abc import Sequence

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from MiniTwit.database.schema_check import find_drift
from MiniTwit.models import Message, User
from MiniTwit.search import match_account, parse_message_search
from MiniTwit.skeletons import align, patterns, skeleton, table
from tests.legacy_import.strategies import NEWER_CHARACTERS, composing
from tests.MiniTwit import skeleton_table
from tests.MiniTwit.factories import make_user
from tests.MiniTwit.spellings import OTHER_WORDS, SPELLINGS

pytestmark = pytest.mark.django_db


def characters(*codes: range) -> str:
    return "".join(chr(code) for some in codes for code in some if not 0xD800 <= code <= 0xDFFF)


# Where nearly all of the rules apply.
ODD = "".join(re.findall(f"{patterns.UNUSUAL}|{patterns.FOLDED_BEYOND_ASCII}", characters(range(1, 0x10000))))
texts = st.text(st.sampled_from(ODD) | st.sampled_from("aeAE0`ß’Åｶﾞ각ᄀ" + NEWER_CHARACTERS), max_size=12) | composing


def in_sql(given_texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT minitwit_skeleton(text) FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n) ORDER BY n",
            [given_texts],
        )
        return [text for (text,) in cursor.fetchall()]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_word_has_its_skeleton(spelling: str) -> None:
    assert skeleton(f"a {spelling}!") == "a casino!"
    assert in_sql([f"a {spelling}!"]) == ["a casino!"]


def test_letters_of_a_language_stay_apart() -> None:
    assert [word for word in OTHER_WORDS if skeleton(word) == "casino"] == []
    assert skeleton("SKÆRE ØRE BLØD Ålborg A\u030aben") == "skære øre blød ålborg åben"
    assert skeleton("GRÖSSE Größe") == "grösse grösse"
    assert skeleton("ПРИВЕТ МИР") == skeleton("привет мир")
    assert skeleton("ΑΘΗΝΑ ΝΗΣΟΣ") == skeleton("αθηνα νησος")
    assert skeleton("modern burn 110") == "modern burn 11o"
    assert skeleton("हिन्दी") == "हिन्दी"
    assert skeleton("\u1100\u0300\u1161") == "가"
    assert skeleton("don’t — “now” ٢٣") == 'don\'t - "now" 23'


def other_in_sql(characters: Sequence[str]) -> list[tuple[str, str]]:
    """The skeletons of a thousand characters each that SQL and Python give differently."""
    some_at_a_time = ["!".join(characters[start : start + 1_000]) for start in range(0, len(characters), 1_000)]
    pairs = zip(in_sql(some_at_a_time), map(skeleton, some_at_a_time), strict=True)
    return [(in_database, in_python) for in_database, in_python in pairs if in_database != in_python]


def test_many_characters_have_the_same_skeleton_in_sql() -> None:
    some = characters(range(0x2001, 0x3401, 3), range(0x1D801, 0x1FB01, 7), range(1, 0x110000, 211))
    assert other_in_sql(ODD + some) == []


@pytest.mark.slow
def test_every_character_has_the_same_skeleton_in_sql() -> None:
    assert other_in_sql(characters(range(1, 0x110000))) == []


@given(st.lists(texts, min_size=10, max_size=40))
def test_texts_have_the_same_skeleton_in_sql_and_piece_by_piece(some: list[str]) -> None:
    assert in_sql(some) == [skeleton(text) for text in some]
    for text in some:
        assert align(text).skeleton == skeleton(text)
        assert skeleton(skeleton(text)) == skeleton(text)


def test_a_place_in_the_skeleton_leads_to_what_was_written() -> None:
    text = "Best c̶a̶\u200bｓ̶ino̶, ﬁne"
    aligned = align(text)
    place = aligned.skeleton.index("casino")
    begin, end = aligned.written(place, place + len("casino"))
    assert text[begin:end] == "c̶a̶\u200bｓ̶ino̶"


def test_hostile_texts_take_no_longer_than_their_length_says() -> None:
    """Each of these took minutes with another way of folding, and nothing can stop PostgreSQL while it normalises."""
    letters = "".join(character for character in patterns.FOLDED if not character.isascii())
    hostile = ["a" + "\u0301\u0327\u05b0" * 100_000, letters * 20, "\u200b" * 300_000]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '20s'")
    assert in_sql(hostile) == [skeleton(text) for text in hostile]


def test_a_query_folds_plain_texts_itself() -> None:
    """Calling a function for each message that a search looks through would take twice the time."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Message.objects.filter(parse_message_search("casino ship").condition).explain()
    assert "message_text_trigrams" in plan
    assert "lower(" in plan
    assert "minitwit_skeleton(" not in plan


def test_an_index_is_rebuilt_whatever_the_search_path_is() -> None:
    """PostgreSQL 17 and newer rebuild indexes with a path of their own, and so does what restores a backup."""
    user = make_user("ＣＡＳＩＮＯ")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL search_path = pg_catalog")
        cursor.execute("REINDEX INDEX public.user_username_trigrams")
        cursor.execute("SET LOCAL search_path = DEFAULT")
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert User.objects.get(match_account("casino")) == user


@pytest.mark.parametrize(
    "body",
    [
        "minitwit_skeleton(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN lower(given)",
        "minitwit_skeleton_beyond_ascii(given text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'",
    ],
)
def test_the_schema_check_knows_the_functions(body: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE FUNCTION {body}")
    (difference,) = find_drift(["MiniTwit"])
    assert "function minitwit_skeleton: expected the one in the code" in str(difference)


def test_small_parts_of_the_table_follow_from_the_data_of_unicode() -> None:
    folded = patterns.FOLDED
    alike = {folded.get(character) for character in skeleton_table.look_alikes()} - {None}  # or NFKC sees to it
    assert alike == set("abcdefghijklmnopqrstuvwxyz")
    assert all(folded[character] == letter for character, letter in skeleton_table.named_letters().items())
    assert skeleton_table.before_normalising() == patterns.BEFORE_NORMALISING


@pytest.mark.slow
def test_the_table_follows_from_the_data_of_unicode() -> None:
    with open(table.__file__, encoding="utf-8") as file:
        assert skeleton_table.source() == file.read()
