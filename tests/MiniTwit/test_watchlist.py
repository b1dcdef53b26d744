"""The watch-list: what a term means, what is found, and that no expression and no late commit upsets it."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django_tasks_db.models import DBTaskResult
from psycopg2 import sql

from fixtures import sample_small_talk
from MiniTwit import moderation, watchlist
from MiniTwit.database.failures import FailureKind, failure_kind
from MiniTwit.database.locks import LockNotAcquired
from MiniTwit.models import EditedMessage, Message, ModerationReason, WatchHit, WatchTerm
from MiniTwit.skeletons.function import CREATE_FUNCTIONS
from MiniTwit.watchlist import edited, expressions, matching, pieces, scanning, tasks
from tests.legacy_import.conftest import other_session
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.forms import save_on_page
from tests.MiniTwit.spellings import OTHER_WORDS, SPELLINGS

pytestmark = pytest.mark.django_db

# At each of the letters PostgreSQL looks through the rest of the text: minutes, for a long one.
SLOW = r"a(?=a*q)b"
LONG = "a" * 100_000


def make_term(pattern: str, kind: str = "word", **fields: Any) -> WatchTerm:
    return WatchTerm.objects.create(kind=kind, pattern=pattern, **fields)


def found_by(kind: str, pattern: str, *texts: str) -> list[str]:
    """Which of the texts the term is found in."""
    author = make_user()
    made = [make_message(author, text) for text in texts]
    term = make_term(pattern, kind)
    watchlist.scan()
    hits = set(WatchHit.objects.filter(term=term).values_list("message", flat=True))
    return [message.text for message in made if message.pk in hits]


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


def test_a_second_scan_looks_only_at_what_is_new() -> None:
    make_message(text="old casino")
    term = make_term("casino")
    assert watchlist.scan().hits == {term.pk: 1}
    assert watchlist.scan().hits == {}
    make_message(text="new casino")
    assert watchlist.scan().hits == {term.pk: 1}
    late = make_term("old")
    assert watchlist.scan().hits == {late.pk: 1}


def test_chunks_meet_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", 3)
    author = make_user()
    messages = [make_message(author, "casino") for _ in range(10)]
    Message.objects.filter(pk__in=[message.pk for message in messages[4:7]]).delete()  # ids have gaps
    make_term("casino")
    reached = []
    watchlist.scan(on_progress=lambda position, last: reached.append(position))
    assert WatchHit.objects.count() == 7
    assert reached == sorted(reached)
    assert len(reached) == 3


def test_a_message_that_takes_for_ever_is_passed_over_and_neither_the_term_nor_the_others_suffer(
    monkeypatch: pytest.MonkeyPatch, watcher: Client
) -> None:
    monkeypatch.setattr(matching, "CHUNK_SECONDS", 1.5)
    author = make_user()
    before, bad, after = (make_message(author, text) for text in ("aqb", LONG + " casino", "aqb"))
    for _ in range(5):
        make_message(author, "nothing")
    slow, good = make_term(SLOW.replace("b", "q"), "regex"), make_term("casino")
    result = watchlist.scan()
    assert result.finished
    assert result.switched_off == []
    assert result.skipped == {slow.pk: 1}
    assert set(slow.hits.values_list("message", flat=True)) == {before.pk, after.pk}
    assert good.hits.get().message == bad
    assert watchlist.standing().percent == 100
    slow.refresh_from_db()
    assert (slow.active, slow.error) == (True, "")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    assert "1 could not be looked through" in watcher.get(LIST).content.decode()
    page = watcher.get(f"{LIST}{slow.pk}/change/").content.decode()
    assert "1 message could not be looked through for this term" in page
    assert f'href="/admin/MiniTwit/message/{bad.pk}/change/">message {bad.pk}</a>' in page
    output = StringIO()
    WatchTerm.objects.update(scanned_through=0)
    call_command("scan_messages", stderr=output)
    assert "1 messages take too long and were passed over" in output.getvalue()
    edit(bad, "aqb now")
    assert watchlist.scan().skipped == {}
    assert not slow.skipped.exists()
    assert slow.hits.filter(message=bad).exists()


def test_heavy_messages_are_laid_out_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100_000)
    author = make_user()
    messages = [make_message(author, "x" * 30_000 + " spamword") for _ in range(9)]
    messages.append(make_message(author, "y" * 300_000 + " spamword"))
    make_term("spamword")
    reached: list[int] = []
    result = watchlist.scan(on_progress=lambda position, last: reached.append(position))
    assert (result.finished, result.switched_off, result.skipped) == (True, [], {})
    assert WatchHit.objects.count() == 10
    assert len(reached) == 4
    for message in messages:
        edit(message, message.text + " again")
    watchlist.scan()
    assert WatchHit.objects.count() == 10
    assert not EditedMessage.objects.exists()


def cancel_matching(pid: int, times: int) -> None:
    """As an administrator does, or a tool that ends long statements."""
    with other_session() as administrator:
        for _ in range(times):
            cancelled = False
            while not cancelled:
                administrator.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE pid = %s AND state = 'active' AND query LIKE '%%in_text%%'",
                    [pid],
                )
                cancelled = administrator.fetchone() is not None
                administrator.connection.rollback()
                time.sleep(0.02)


def test_a_statement_that_is_cancelled_from_outside_is_tried_again_and_blames_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "ATTEMPTS", 2)
    slow = make_term(SLOW, "regex")
    make_message(text=LONG)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    administrator = threading.Thread(target=cancel_matching, args=(pid, 2))
    administrator.start()
    with pytest.raises(OperationalError) as raised:  # after as many attempts
        watchlist.scan()
    administrator.join()
    assert failure_kind(raised.value) is FailureKind.QUERY_CANCELED
    slow.refresh_from_db()
    assert (slow.active, slow.error, slow.scanned_through) == (True, "", 0)
    assert not slow.skipped.exists()
    administrator = threading.Thread(target=cancel_matching, args=(pid, 1))
    administrator.start()
    assert watchlist.scan().skipped == {slow.pk: 1}  # by the clock
    administrator.join()


def test_an_import_that_keeps_the_messages_for_itself_is_no_fault_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LOCK_SECONDS", 0.2)
    with other_session() as importing:
        importing.execute('LOCK TABLE "MiniTwit_message" IN ACCESS EXCLUSIVE MODE')
        pieces.prepare()
        with pytest.raises(OperationalError) as raised:
            matching.lay_out([1])
    assert failure_kind(raised.value) is FailureKind.LOCK_TIMEOUT


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


def test_case_folds_in_a_database_with_the_locale_c() -> None:
    """There, PostgreSQL itself takes Ø and ø for no letters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        name = f"{cursor.fetchone()[0]}_c"
    settings = connection.get_connection_params()
    server = psycopg2.connect(**settings | {"cursor_factory": None})
    server.autocommit = True
    cursor = server.cursor()
    cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
    cursor.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        with closing(psycopg2.connect(**settings | {"dbname": name, "cursor_factory": None})) as other:
            cursor = other.cursor()
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
    finally:
        server.cursor().execute(f'DROP DATABASE "{name}"')
        server.close()


def test_a_message_that_was_reviewed_before_waits_again_when_a_new_term_finds_it() -> None:
    moderator, message = make_superuser(), make_message(text="casino and idiot")
    make_term("casino")
    watchlist.scan()
    moderation.keep(messages=[message], actor=moderator, reason="Fine")
    assert not message.watch_hits.filter(waiting=True).exists()
    make_term("idiot")
    watchlist.scan()
    assert [hit.term.pattern for hit in message.watch_hits.filter(waiting=True)] == ["idiot"]
    assert moderation.keep(messages=[message], actor=moderator, reason="Fine").changed == 1
    assert not message.watch_hits.filter(waiting=True).exists()


def edit(message: Message, text: str) -> None:
    Message.objects.filter(pk=message.pk).update(text=text)


def test_an_edited_message_is_looked_through_again() -> None:
    casino, lottery = make_term("casino"), make_term("lottery")
    message = make_message(text="The best casino in town")
    other = make_message(text="A casino, too")
    watchlist.scan()
    moderation.keep(messages=[message, other], actor=make_superuser(), reason="Nothing wrong")
    assert not watchlist.standing().is_behind
    edit(message, "The best lottery in town")
    edit(other, "A CASINO, too")
    edit(other, "A casino, too, by the sea")  # in the same words as at first
    assert watchlist.standing().is_behind
    assert watchlist.scan().hits == {casino.pk: 0, lottery.pk: 1}
    hits = WatchHit.objects.order_by("message").values_list("message", "term", "found", "waiting")
    assert list(hits) == [(message.pk, lottery.pk, ["lottery"], True), (other.pk, casino.pk, ["casino"], False)]
    assert not watchlist.standing().is_behind
    edit(other, "A CASINO")  # nobody has seen these words
    watchlist.scan()
    assert list(hits.filter(message=other)) == [(other.pk, casino.pk, ["CASINO"], True)]


def test_many_edits_are_looked_through_in_chunks_and_shifts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited, "CHUNK", 2)
    term, messages = make_term("casino"), [make_message() for _ in range(5)]
    watchlist.scan()
    for message in [*messages, messages[0]]:
        edit(message, f"casino {message.pk}")
    edit(messages[4], "nothing")
    Message.objects.filter(pk=messages[1].pk).delete()
    assert not watchlist.scan(seconds=0.000001).finished
    assert watchlist.scan().finished
    found = WatchHit.objects.filter(term=term).order_by("message").values_list("message", flat=True)
    assert list(found) == [messages[0].pk, messages[2].pk, messages[3].pk]
    assert not EditedMessage.objects.exists()


def test_an_edit_while_the_former_one_is_looked_through_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    make_term("casino")
    message = make_message()
    watchlist.scan()
    edit(message, "lottery")
    keep_hits = edited.keep_hits

    def keep_hits_late(*args: Any) -> int:
        if "lottery" in Message.objects.get(pk=message.pk).text:
            edit(message, "casino")
        return keep_hits(*args)

    monkeypatch.setattr(edited, "keep_hits", keep_hits_late)
    watchlist.scan()
    assert WatchHit.objects.get().found == ["casino"]


def test_an_edited_message_that_takes_for_ever_is_passed_over_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, author = make_term(SLOW, "regex"), make_user()
    messages = [make_message(author) for _ in range(4)]
    casino = make_term("casino")
    watchlist.scan()
    monkeypatch.setattr(matching, "CHUNK_SECONDS", 1.5)
    for message in messages:
        edit(message, f"{LONG} casino" if message == messages[2] else "a casino")
    result = watchlist.scan()
    assert (result.switched_off, result.skipped) == ([], {slow.pk: 1})
    assert slow.skipped.get().message_id == messages[2].pk
    assert casino.hits.count() == 4
    assert not EditedMessage.objects.exists()


def test_a_term_that_is_switched_on_again_misses_no_edit_made_meanwhile(watcher: Client) -> None:
    term, message = make_term("casino"), make_message(text="casino before")
    other = make_message()
    watchlist.scan()
    WatchTerm.objects.update(active=False)
    edit(other, "casino meanwhile")
    assert not EditedMessage.objects.exists()
    save_on_page(watcher, term, active="on")
    watchlist.scan()
    assert set(WatchHit.objects.values_list("message", flat=True)) == {message.pk, other.pk}


def test_an_edit_on_the_page_asks_for_a_scan(client: Client) -> None:
    make_term("casino")
    message = make_message()
    watchlist.scan()
    client.force_login(make_superuser())
    ModerationReason.objects.create(name="Typo")
    assert save_on_page(client, message, text="casino", reason="Typo").status_code == 302
    assert tasks.is_requested()
    watchlist.scan()
    hit = WatchHit.objects.get()
    # The queue's order follows the message's date.
    save_on_page(client, message, pub_date_0="2021-05-01", reason="Typo")
    hit.refresh_from_db()
    assert hit.pub_date.year == 2021


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_committed_late_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "WRITERS_SECONDS", 0.3)
    author, term = make_user(), make_term("casino")
    with other_session() as late:
        late.execute(
            'INSERT INTO "MiniTwit_message" (author_id, text) VALUES (%s, %s)', [author.pk, "casino, committed late"]
        )
        make_message(author, "casino, with a higher id, committed first")
        assert not watchlist.scan().finished
        assert term.hits.count() == 1
        late.connection.commit()
    assert watchlist.scan().finished
    assert term.hits.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_scan_waits_for_who_is_just_writing() -> None:
    author, term = make_user(), make_term("casino")
    with other_session() as late:
        late.execute('INSERT INTO "MiniTwit_message" (author_id, text) VALUES (%s, %s)', [author.pk, "casino"])
        timer = threading.Timer(0.3, late.connection.commit)
        timer.start()
        assert watchlist.scan().finished
        timer.join()
    assert term.hits.count() == 1


@pytest.fixture
def scan_elsewhere() -> Iterator[None]:
    with other_session() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", scanning.LOCK)
        yield


def test_only_one_scan_is_at_work(scan_elsewhere: None) -> None:
    make_term("casino")
    with pytest.raises(LockNotAcquired):
        watchlist.scan()
    with pytest.raises(CommandError, match="Another scan is at work"):
        call_command("scan_messages")
    tasks.scan_new_messages.call()
    assert DBTaskResult.objects.filter(status="READY").count() == 1  # it comes back later


def test_the_command_says_what_it_found() -> None:
    make_message(text="casino")
    make_term("casino")
    output = StringIO()
    call_command("scan_messages", stdout=output)
    assert output.getvalue() == "casino (word): 1 new hits\n"


def test_what_stays_undone_in_one_shift_is_done_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SHIFT_SECONDS", 0.000001)
    make_message(text="casino")
    make_term("casino")
    tasks.scan_new_messages.call()
    assert DBTaskResult.objects.get().status == "READY"


@pytest.fixture
def watcher(client: Client) -> Client:
    client.force_login(
        make_staff("view_watchterm", "add_watchterm", "change_watchterm", "view_watchhit", "view_message")
    )
    return client


FORM = {"kind": "word", "pattern": "casino", "note": "", "active": "on"}
LIST = "/admin/MiniTwit/watchterm/"


def test_a_term_is_added_and_looked_for_in_the_background(watcher: Client) -> None:
    make_message(text="a casino")
    assert watcher.post(f"{LIST}add/", FORM).status_code == 302
    term = WatchTerm.objects.get()
    assert DBTaskResult.objects.get().task_path.endswith("scan_new_messages")
    assert "0 % of the messages" in watcher.get(LIST).content.decode()
    tasks.scan_new_messages.call()
    page = watcher.get(LIST).content.decode()
    assert "Every message has been looked through." in page
    hits = watcher.get(f"/admin/MiniTwit/watchhit/?term__id__exact={term.pk}").content.decode()
    assert 'a <mark title="casino">casino</mark>' in hits
    assert DBTaskResult.objects.count() == 1


def test_a_bad_expression_is_refused_on_the_form(watcher: Client) -> None:
    page = watcher.post(f"{LIST}add/", FORM | {"kind": "regex", "pattern": "(oops"}).content.decode()
    assert "PostgreSQL cannot read this: parentheses () not balanced." in page
    assert not WatchTerm.objects.exists()


def test_another_pattern_begins_anew_and_another_note_does_not(watcher: Client) -> None:
    make_message(text="casino lottery")
    term = make_term("casino")
    watchlist.scan()
    save_on_page(watcher, term, note="why")
    assert term.hits.count() == 1
    save_on_page(watcher, term, pattern="lottery")
    assert term.hits.count() == 0
    watchlist.scan()
    assert term.hits.get().found == ["lottery"]


def test_a_scan_clears_what_a_former_pattern_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "DELETED_AT_ONCE", 2)
    author = make_user()
    for _ in range(5):
        make_message(author, "casino")
    term = make_term("casino")
    watchlist.scan()
    term.pattern = "lottery"
    term.save()
    watchlist.start_afresh(term)
    assert term.hits.count() == 3
    watchlist.scan()
    assert term.hits.count() == 0


def test_a_term_is_tried_before_it_is_saved(watcher: Client) -> None:
    make_message(text="a casino")
    make_message(text="something else")
    answer = watcher.post(f"{LIST}test/", FORM).json()
    assert answer == {"ok": True, "sentence": "Matches 1 of the newest 2 messages."}
    answer = watcher.post(f"{LIST}test/", FORM | {"kind": "regex", "pattern": "["}).json()
    assert not answer["ok"]
    assert not WatchTerm.objects.exists()


def test_trying_a_slow_expression_ends_in_time(watcher: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("MiniTwit.watchlist.expressions.PREVIEW_SECONDS", 0.2)
    make_message(text=LONG)
    answer = watcher.post(f"{LIST}test/", FORM | {"kind": "regex", "pattern": SLOW}).json()
    assert "takes longer than" in answer["sentence"]


def test_deleting_a_term_asks_and_takes_its_hits(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(make_superuser())
    author = make_user()
    for _ in range(3):
        make_message(author, "casino")
    term = make_term("casino")
    watchlist.scan()
    assert "Delete it with its hits" in client.get(f"{LIST}{term.pk}/delete/").content.decode()
    monkeypatch.setattr(tasks, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(scanning, "DELETED_AT_ONCE", 2)
    client.post(f"{LIST}{term.pk}/delete/")
    term.refresh_from_db()
    assert not term.active  # too many for one request
    tasks.delete_term_with_hits.call(term.pk)
    assert not WatchTerm.objects.exists()
    assert not WatchHit.objects.exists()
    small = make_term("lottery")
    client.post(f"{LIST}{small.pk}/delete/")
    assert not WatchTerm.objects.exists()


@pytest.mark.parametrize("address", ["", "test/", "scan/", "add/", "standing/"])
def test_staff_without_the_permission_see_nothing_of_it(client: Client, address: str) -> None:
    client.force_login(make_staff("view_message"))
    method = client.post if address in ("test/", "scan/") else client.get
    assert method(f"{LIST}{address}").status_code == 403


def test_scan_now_asks_once(watcher: Client) -> None:
    make_message(text="casino")
    make_term("casino")
    for _ in range(3):
        watcher.post(f"{LIST}scan/")
    assert DBTaskResult.objects.count() == 1


def test_the_example_watch_list_finds_every_spam_of_the_sample() -> None:
    call_command("loaddata", "watch_list", verbosity=0)
    for term in WatchTerm.objects.all():
        watchlist.check(term.kind, term.pattern)
    author = make_user()
    spam = {make_message(author, text).pk for text in sample_small_talk.SPAM}
    make_message(author, "The number 6 tram is late.")
    watchlist.scan()
    assert set(WatchHit.objects.values_list("message", flat=True)) == spam
