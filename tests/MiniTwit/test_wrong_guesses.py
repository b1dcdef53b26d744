"""Decisions about many where PostgreSQL expects a single row: in tables that were filled since their last ANALYZE."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from MiniTwit import moderation
from MiniTwit.models import Message, ModerationBatch, ModerationEvent, Strike, User, WatchHit, WatchTerm
from MiniTwit.moderation import MessageEdit
from tests.MiniTwit.factories import make_user

pytestmark = pytest.mark.django_db

Decide = Callable[[list[Message]], ModerationBatch]

MANY = 300
MOST_READ = 200 * MANY  # rows and entries of indexes, for a decision and two undos; every pair would be 300 * MANY

# What ANALYZE leaves behind where it found rows of a transaction that was rolled back, and nothing else.
EXPECT_ONE_ROW = "UPDATE pg_class SET relpages = 100, reltuples = 0 WHERE oid = ANY(%s::text[]::regclass[])"
READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""


@pytest.fixture
def messages() -> list[Message]:
    """Messages of as many accounts, each with a hit, where PostgreSQL expects one row in each table."""
    names = [f'"{model._meta.db_table}"' for model in (User, Message, ModerationEvent, WatchHit, Strike)]
    with connection.cursor() as cursor:
        cursor.execute(EXPECT_ONE_ROW, [names])
    authors = User.objects.bulk_create(User(username=f"author {n}", password="!") for n in range(MANY))
    messages = Message.objects.bulk_create(Message(author=author, text="Hello.") for author in authors)
    term = WatchTerm.objects.create(pattern="hello")
    WatchHit.objects.bulk_create(
        WatchHit(term=term, message=message, found=["Hello"], pub_date=message.pub_date) for message in messages
    )
    return messages


def rows_read() -> int:
    """How many rows and entries of indexes the present transaction has read."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return int(cursor.fetchone()[0])


def flag(messages: list[Message]) -> ModerationBatch:
    return moderation.flag(messages=messages, actor=None, reason="Spam")


def edit(messages: list[Message]) -> ModerationBatch:
    author = make_user()
    edits = [
        MessageEdit(message.pk, author_id=author.pk, text="Goodbye.", pub_date=timezone.now()) for message in messages
    ]
    return moderation.edit_each(edits=edits, actor=None, reason="Spam")


def suspend(messages: list[Message]) -> ModerationBatch:
    users = [message.author_id for message in messages]
    return moderation.suspend(users=users, actor=None, reason="Spam", flag_messages=True)


def warn(messages: list[Message]) -> ModerationBatch:
    return moderation.warn(users=[message.author_id for message in messages], actor=None, text="Stop.")


@pytest.mark.parametrize("decide", [flag, edit, suspend, warn])
def test_no_decision_and_no_undo_compares_every_row_with_every_other(messages: list[Message], decide: Decide) -> None:
    before = rows_read()
    batch = decide(messages)
    undone = moderation.undo(batch=batch, actor=None, reason="Spam")
    done_again = moderation.undo(batch=undone, actor=None, reason="Spam")
    assert batch.changed == undone.changed == done_again.changed >= MANY
    assert rows_read() - before < MOST_READ
