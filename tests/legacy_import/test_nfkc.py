"""NFKC comes out the same in Python and in PostgreSQL, whichever edition of Unicode each of them brings."""

import unicodedata

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from legacy_import.rules.nfkc import CHARACTERS, nfkc, nfkc_sql
from legacy_import.verify.values import username_of
from MiniTwit.validators import normalised_username
from tests.legacy_import import strategies

pytestmark = pytest.mark.django_db


def in_sql(texts: list[str]) -> list[str]:
    statement = sql.SQL("SELECT {} FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, place) ORDER BY place").format(
        nfkc_sql(sql.Identifier("text"))
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [texts])
        return [text for (text,) in cursor.fetchall()]


def test_every_single_character_comes_out_the_same():
    every = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]
    some_at_a_time = ["!".join(every[start : start + 1_000]) for start in range(0, len(every), 1_000)]
    assert in_sql(some_at_a_time) == [nfkc(text) for text in some_at_a_time]


@settings(max_examples=settings.default.max_examples * 2)
@given(st.lists(st.text(strategies.characters, max_size=12) | strategies.composing, min_size=20, max_size=50))
def test_texts_of_any_characters_come_out_the_same(texts):
    assert in_sql(texts) == [nfkc(text) for text in texts]


@given(st.text(st.characters(max_codepoint=0x2FFFF, categories=["L", "M", "N", "P", "S", "Zs"])))
def test_nothing_is_lost_of_nfkc_as_signing_in_does_it(text):
    known = "".join(character for character in text if unicodedata.normalize("NFKC", character) == nfkc(character))
    assert unicodedata.normalize("NFKC", nfkc(known)) == unicodedata.normalize("NFKC", known)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ｂｏｂ", "bob"),
        ("ﬁona", "fiona"),
        ("ᴬⁿⁿ", "Ann"),
        ("e\u0301va 😀", "éva 😀"),
        ("ｂ🫠ｂ", "b🫠b"),
        ("한", "한"),
    ],
)
def test_the_usual_names_become_what_signing_in_makes_of_them(typed, stored):
    assert nfkc(typed) == unicodedata.normalize("NFKC", typed) == stored
    assert in_sql([typed]) == [stored]


def test_no_character_newer_than_unicode_13_is_normalised():
    assert [character for character in strategies.NEWER_CHARACTERS if nfkc(character) != character] == []
    assert CHARACTERS.isascii()


def test_what_is_too_long_for_a_username_is_not_normalised_for_minutes():
    """PostgreSQL cannot even be interrupted meanwhile."""
    heap = "a" + "\u0301\u0316" * 100_000
    assert nfkc(heap) == username_of(heap) == normalised_username(heap) == heap
    assert in_sql([heap]) == [heap]
    assert nfkc("a" + "\u0301" * 400) == "á" + "\u0301" * 399
