"""What a term of the watch-list means, what it finds, and how that is marked."""

import re
from contextlib import closing

import psycopg2
import pytest
from django.core.management import call_command
from psycopg2 import sql

from fixtures import sample_small_talk
from MiniTwit import watchlist
from MiniTwit.models import WatchHit, WatchTerm
from MiniTwit.skeletons.function import CREATE_FUNCTIONS
from MiniTwit.watchlist import expressions, matching
from tests.legacy_import.conftest import database_url
from tests.MiniTwit.conftest import MakeDatabase, in_locale_c
from tests.MiniTwit.factories import make_message, make_user
from tests.MiniTwit.spellings import OTHER_WORDS, SPELLINGS
from tests.MiniTwit.watching import edit, found_by, make_term

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "pattern", "found", "not_found"),
    [
        ("word", "win", ["You WIN!", "win-win"], ["window", "wins", "Darwin"]),
        ("word", "C++", ["I like c++.", "c++"], ["c++x", "abc++"]),
        ("word", "größe", ["GRÖSSE zählt, Größe auch"], ["Größenwahn"]),
        ("word", "a.c", ["say a.c now"], ["abc"]),
        ("phrase", "click here", ["Please Click \n here", "doubleclick  hereafter"], ["clickhere", "click there"]),
        ("word", "50%_off\\x", ["now 50%_OFF\\X!"], ["50 aoffbx", "50%yoff\\x"]),
        ("phrase", "100%", ["it is 100% free"], ["1000"]),
        ("regex", r"https?://\S+", ["see HTTP://x.example/a"], ["http:// nothing"]),
        ("regex", r"fr[e3]+", ["fr33 stuff"], ["fr"]),
        ("regex", r"(?c)Win", ["Win"], ["win"]),
        ("regex", r"\mwin\M", ["You WIN!"], ["window", "wins", "Darwin"]),
        ("regex", r"c:\\bin", [r"see C:\bin"], ["c:bin"]),
    ],
)
def test_what_a_term_finds(kind: str, pattern: str, found: list[str], not_found: list[str]) -> None:
    assert found_by(kind, pattern, *found, *not_found) == found


@pytest.mark.parametrize(
    ("kind", "pattern", "sentence"),
    [
        ("regex", "(unclosed", "parentheses () not balanced"),
        ("regex", "a*", "empty text"),
        ("regex", "x|", "empty text"),
        ("regex", r"(a)\1", "Back references"),
        ("regex", r"\bwin\b", r"\b is a backspace. Write \m for the beginning of a word, \M for its end"),
        ("regex", r"\\\bwin", r"\b is a backspace"),
        ("regex", r"win\B", r"Write \Y"),
        ("regex", r"\<win\>", r"Write \m"),
        ("regex", r"win\>", r"Write \M"),
        ("regex", "***=literal", "cannot begin with ***"),
        ("regex", "a)(b", "not balanced"),
        ("word", "two words", "phrase"),
        ("phrase", "   ", "Give something"),
    ],
)
def test_what_cannot_be_a_term_is_refused_with_a_reason(kind: str, pattern: str, sentence: str) -> None:
    with pytest.raises(watchlist.PatternError, match=re.escape(sentence)):
        watchlist.check(kind, pattern)


def test_the_parts_that_match_are_kept_whole_and_marked() -> None:
    message = make_message(text="<b>fr33</b> money & free art for the party, free!")
    make_term(r"(f)(r)(e|3)+", "regex")
    make_term("art")
    watchlist.scan()
    hits = list(message.watch_hits.select_related("term"))
    assert sorted(hit.found for hit in hits) == [["art"], ["fr33", "free", "free"]]
    assert watchlist.mark(message.text, hits) == (
        '&lt;b&gt;<mark title="(f)(r)(e|3)+">fr33</mark>&lt;/b&gt; money &amp; '
        '<mark title="(f)(r)(e|3)+">free</mark> <mark title="art">art</mark> for the party, '
        '<mark title="(f)(r)(e|3)+">free</mark>!'
    )


def test_parts_that_overlap_are_marked_once_with_both_terms() -> None:
    message = make_message(text="click here now")
    make_term("click here", "phrase")
    make_term("here now", "phrase")
    watchlist.scan()
    hits = message.watch_hits.select_related("term").order_by("term")
    assert watchlist.mark(message.text, hits) == '<mark title="click here, here now">click here now</mark>'


def test_a_text_with_very_many_matches_is_kept_to_a_bound() -> None:
    message = make_message(text="spam " * 500 + "x" * 5_000)
    make_term("spam")
    make_term("x+", "regex")
    watchlist.scan()
    spam, long = message.watch_hits.order_by("term")
    assert spam.found == ["spam"] * matching.PARTS
    assert long.found == ["x" * matching.PART_LENGTH]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_evades_a_term(spelling: str) -> None:
    message = make_message(text=f"Best {spelling} here")
    for word in OTHER_WORDS:
        make_message(message.author, f"Best {word} here")
    terms = [make_term("casino"), make_term("best CASINO", "phrase"), make_term(r"\mcasino\M", "regex")]
    watchlist.scan()
    for term in terms:
        assert term.hits.get().message == message
        assert watchlist.preview(term.kind, term.pattern)[0] == 1
    hits = list(message.watch_hits.filter(term=terms[0]).select_related("term"))
    assert hits[0].found == [spelling]
    assert watchlist.mark(message.text, hits) == f'Best <mark title="casino">{spelling}</mark> here'


def test_an_evasive_term_finds_the_plain_word() -> None:
    assert found_by("word", "ｃａ\u200bsino", "a casino", "a cåsino") == ["a casino"]
    with pytest.raises(watchlist.PatternError, match="Give something"):
        watchlist.check("word", "\u200b")


def test_an_expression_that_matches_a_message_as_a_whole_is_found_and_marks_it() -> None:
    both = make_message(text="online & casino")
    make_message(text="only a casino")
    term = make_term("(?=.*casino)(?=.*online)", "regex")
    assert watchlist.preview(term.kind, term.pattern) == (1, 2)
    watchlist.scan()
    hit = WatchHit.objects.select_related("term").get()
    assert (hit.message, hit.found) == (both, [])
    assert watchlist.mark(both.text, [hit]) == f'<mark title="{term.pattern}">online &amp; casino</mark>'


def test_case_folds_in_a_database_with_the_locale_c(make_database: MakeDatabase) -> None:
    """There, PostgreSQL itself takes Ø and ø for no letters."""
    url = database_url(make_database(in_locale_c()))
    with closing(psycopg2.connect(url)) as session, session.cursor() as cursor:
        cursor.execute(CREATE_FUNCTIONS)
        cursor.execute("SELECT 'Ø' ~* 'ø'")
        assert cursor.fetchone() == (False,)
        for kind, pattern in (("word", "blød"), ("phrase", "ØRE blød"), ("regex", r"\mbl[öø]d\M")):
            expression = expressions.expression_of(kind, pattern)
            for text, expected in (("SKÆRE ØRE BLØD", True), ("SKÆRE ØRE BLØDØ", False)):
                statement = sql.SQL(
                    "SELECT {} FROM (SELECT %(text)s AS text, minitwit_skeleton(%(text)s) AS skeleton) m"
                )
                cursor.execute(statement.format(expression.condition), expression.values | {"text": text})
                assert cursor.fetchone() == (expected or kind == "phrase",), (pattern, text)


def test_the_example_watch_list_finds_every_spam_of_the_sample() -> None:
    call_command("loaddata", "watch_list", verbosity=0)
    for term in WatchTerm.objects.all():
        watchlist.check(term.kind, term.pattern)
    author = make_user()
    spam = {make_message(author, text).pk for text in sample_small_talk.SPAM}
    make_message(author, "The number 6 tram is late.")
    watchlist.scan()
    assert set(WatchHit.objects.values_list("message", flat=True)) == spam


@pytest.mark.parametrize("is_edited", [False, True])
def test_a_term_that_postgresql_cannot_read_is_switched_off_and_the_others_are_looked_for(is_edited: bool) -> None:
    """The form refuses such terms. Another version of PostgreSQL may read expressions in another way."""
    terms = [make_term("x", "regex"), make_term("casino")]
    message = make_message(text="bingo" if is_edited else "casino")
    if is_edited:
        watchlist.scan()
        edit(message, "casino")
    WatchTerm.objects.filter(pattern="x").update(pattern="(")
    result = watchlist.scan()
    broken, good = (WatchTerm.objects.get(pk=term.pk) for term in terms)
    assert ([term.pk for term in result.switched_off], broken.active) == ([broken.pk], False)
    assert broken.error.startswith("Switched off: PostgreSQL cannot read this: ")
    assert broken.scanned_at is not None
    assert good.hits.get().message == message
