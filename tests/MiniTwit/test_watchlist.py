"""The watch-list: what a term means, what is found, and that no expression and no late commit upsets it."""

import threading
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django_tasks_db.models import DBTaskResult

from MiniTwit import moderation, watchlist
from MiniTwit.database.failures import FailureKind, failure_kind
from MiniTwit.database.locks import LockNotAcquired
from MiniTwit.models import EditedMessage, Message, WatchHit, WatchTerm
from MiniTwit.watchlist import edited, matching, pieces, scanning, tasks
from tests.legacy_import.conftest import other_session, wait_for
from tests.MiniTwit.factories import make_message, make_superuser, make_user
from tests.MiniTwit.threads import in_threads
from tests.MiniTwit.watching import LIST, LONG, SLOW, edit, make_term

pytestmark = pytest.mark.django_db


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


def cancelled_from_outside(words: str, *, times: int) -> Any:
    """While the block runs, cancel its statements with these words, as a tool does that ends long statements."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

    def cancel() -> None:
        with other_session() as administrator:

            def is_cancelled() -> bool:
                administrator.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE pid = %s AND state = 'active' AND query LIKE %s",
                    [pid, f"%{words}%"],
                )
                found = administrator.fetchone() is not None
                administrator.connection.rollback()
                return found

            for _ in range(times):
                wait_for(is_cancelled)
                time.sleep(0.02)

    return in_threads(cancel)


def test_a_statement_that_is_cancelled_from_outside_is_tried_again_and_blames_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "ATTEMPTS", 2)
    slow = make_term(SLOW, "regex")
    make_message(text=LONG)
    with cancelled_from_outside("in_text", times=2), pytest.raises(OperationalError) as raised:
        watchlist.scan()  # gives up after as many attempts
    assert failure_kind(raised.value) is FailureKind.QUERY_CANCELED
    slow.refresh_from_db()
    assert (slow.active, slow.error, slow.scanned_through) == (True, "", 0)
    assert not slow.skipped.exists()
    with cancelled_from_outside("in_text", times=1):
        assert watchlist.scan().skipped == {slow.pk: 1}  # by the clock


def test_what_is_cancelled_from_outside_comes_back_or_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "ATTEMPTS", 1)
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0)
    slow = make_term(SLOW, "regex")
    make_message(text=LONG)
    with cancelled_from_outside("in_text", times=1):
        tasks.scan_new_messages.call()
    assert DBTaskResult.objects.get().status == "READY"
    trial = pytest.raises(watchlist.PatternError, match="an administrator asked for it")
    with cancelled_from_outside("FILTER", times=1), trial:
        watchlist.preview("regex", slow.pattern)


def test_an_import_that_keeps_the_messages_for_itself_is_no_fault_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LOCK_SECONDS", 0.2)
    with other_session() as importing:
        importing.execute('LOCK TABLE "MiniTwit_message" IN ACCESS EXCLUSIVE MODE')
        pieces.prepare()
        with pytest.raises(OperationalError) as raised:
            matching.lay_out([1])
    assert failure_kind(raised.value) is FailureKind.LOCK_TIMEOUT


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
    with pytest.raises(CommandError, match="Another scan is running"):
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
