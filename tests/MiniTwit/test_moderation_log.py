"""The log can be trusted: it cannot be altered, and it holds what happened when many decide at once."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from MiniTwit import moderation
from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import Message, ModerationBatch, ModerationEvent, User
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.threads import at_the_same_time

EVENTS = ModerationEvent._meta.db_table


def state_of(message: Message) -> dict[str, Any]:
    message.refresh_from_db()
    return {"flagged": message.flagged, "decision": message.decision, "decided_at": message.decided_at}


def parsed(state: dict[str, Any]) -> dict[str, Any]:
    moment = state["decided_at"]
    return state | {"decided_at": datetime.fromisoformat(moment) if moment else None}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rounds", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_two_moderators_decide_about_the_same_messages_again_and_again(rounds: int) -> None:
    amy, bob, author = make_staff(username="amy"), make_staff(username="bob"), make_user()
    messages = [make_message(author) for _ in range(5)]
    ids = [message.pk for message in messages]

    def decide(verb: Callable[..., ModerationBatch], actor: User, order: list[int]) -> Callable[[], None]:
        def again_and_again() -> None:
            for _ in range(rounds):
                verb(messages=order, actor=actor, reason="Spam")

        return again_and_again

    at_the_same_time(decide(moderation.flag, amy, ids), decide(moderation.unflag, bob, ids[::-1]))
    for message in messages:
        chain = list(ModerationEvent.objects.filter(message=message).order_by("id"))
        assert chain[0].before == {"flagged": False, "decision": "", "decided_at": None}
        for event, later in pairwise(chain):
            assert later.before == event.after
            assert later.verb != event.verb
        assert chain[-1].after is not None
        assert parsed(chain[-1].after) == state_of(message)
    assert ModerationBatch.objects.count() == 2 * rounds
    for batch in ModerationBatch.objects.all():
        assert batch.changed + batch.unchanged == batch.selected == len(ids)
        assert batch.changed == batch.events.count()


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_undone_once_even_by_two_at_the_same_time() -> None:
    amy, bob, message = make_staff(username="amy"), make_staff(username="bob"), make_message()
    batch = moderation.flag(messages=[message], actor=amy, reason="Spam")
    refused: list[str] = []

    def undo(actor: User) -> Callable[[], None]:
        def attempt() -> None:
            try:
                moderation.undo(batch=ModerationBatch.objects.get(pk=batch.pk), actor=actor, reason="Mistake")
            except moderation.ModerationError as error:
                refused.append(error.code)

        return attempt

    at_the_same_time(undo(amy), undo(bob))
    assert refused == ["not_undoable"]
    assert ModerationBatch.objects.filter(verb="undo").count() == 1
    assert message.events.count() == 2


@pytest.mark.django_db(transaction=True)
def test_suspending_and_flagging_never_wait_for_each_other() -> None:
    amy, bob = make_staff(username="amy"), make_staff(username="bob")
    authors = [make_user() for _ in range(3)]
    ids = [make_message(author).pk for author in authors for _ in range(3)]

    def suspend() -> None:
        for _ in range(20):
            batch = moderation.suspend(users=authors, actor=amy, reason="Spam", flag_messages=True)
            moderation.undo(batch=batch, actor=amy, reason="Mistake")

    def keep() -> None:
        for _ in range(40):
            moderation.keep(messages=ids[::-1], actor=bob, reason="Fine")
            moderation.unflag(messages=ids, actor=bob, reason="Fine")

    at_the_same_time(suspend, keep)
    for author in authors:
        author.refresh_from_db()
        assert author.suspended_at is None
        chain = list(ModerationEvent.objects.filter(user=author, message=None).order_by("id"))
        assert len(chain) == 40
        assert all(later.before == event.after for event, later in pairwise(chain))


ALTERATIONS = {
    "an update by SQL": f"""UPDATE "{EVENTS}" SET actor_name = 'nobody'""",
    "an update of the note by SQL": f"""UPDATE "{EVENTS}" SET note = 'something else'""",
    "the erasure with something else": f"""UPDATE "{EVENTS}" SET note = '{ERASED_NOTE}', verb = 'keep'""",
    "a deletion by SQL": f'DELETE FROM "{EVENTS}"',
    "emptying the table": f'TRUNCATE "{EVENTS}"',
    "emptying the batches": f'TRUNCATE "{ModerationBatch._meta.db_table}" CASCADE',
}


@pytest.fixture
def event(db: None) -> ModerationEvent:
    """A decision of a superuser, whom the database has no reason to obey."""
    batch = moderation.flag(messages=[make_message()], actor=make_superuser(), reason="Spam", note="He is my uncle.")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # checks that wait for the end would keep TRUNCATE out, too
    return ModerationEvent.objects.get(batch=batch)


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_the_log_cannot_be_altered_by_sql(event: ModerationEvent, alteration: str) -> None:
    refused = pytest.raises(IntegrityError, match="cannot be changed or deleted")
    with connection.cursor() as cursor, refused, transaction.atomic():
        cursor.execute(ALTERATIONS[alteration])
    event.refresh_from_db()
    assert (event.actor_name, event.note, event.verb) == ("admin", "He is my uncle.", "flag")


def test_the_log_cannot_be_altered_by_the_orm(event: ModerationEvent) -> None:
    event.reason = "Something else"
    for alteration in (event.save, event.delete, ModerationEvent.objects.all().delete):
        with pytest.raises(IntegrityError, match="cannot be changed or deleted"), transaction.atomic():
            alteration()
    with pytest.raises(IntegrityError, match="cannot be changed or deleted"), transaction.atomic():
        ModerationEvent.objects.update(reason="Something else")
    assert ModerationEvent.objects.get().reason == "Spam"


def test_a_note_can_be_struck_out_on_request_and_nothing_else(event: ModerationEvent) -> None:
    before = ModerationEvent.objects.values().get()
    ModerationEvent.objects.update(note=ERASED_NOTE)
    assert ModerationEvent.objects.values().get() == before | {"note": ERASED_NOTE}
