"""Moderators at the review queue at the same moment: each gets a message of their own, and none waits for another."""

from collections import Counter
from collections.abc import Iterator

import pytest

from MiniTwit import review
from MiniTwit.models import Message, ModerationEvent, ReviewClaim, User
from tests.legacy_import.conftest import other_session
from tests.MiniTwit.factories import make_superuser, make_user
from tests.MiniTwit.test_review import make_waiting
from tests.MiniTwit.threads import at_the_same_time

pytestmark = pytest.mark.django_db


@pytest.fixture
def flagged_messages(transactional_db: None) -> list[Message]:
    author = make_user()
    return [make_waiting(number, author=author) for number in range(60)]


@pytest.mark.django_db(transaction=True)
def test_moderators_at_the_same_moment_never_get_the_same_message(flagged_messages: list[Message]) -> None:
    moderators = [make_superuser(f"moderator {number}") for number in range(4)]
    decided: list[int] = []

    def work_through(moderator: User) -> None:
        while message := review.claim_next(moderator=moderator):
            held = ReviewClaim.objects.filter(message=message.pk).values_list("moderator", flat=True)
            assert list(held) == [moderator.pk]
            review.decide(
                moderator=moderator,
                message_id=message.pk,
                verb="flag",
                version=review.version_of(message),
                reason="Spam",
            )
            decided.append(message.pk)

    at_the_same_time(*[lambda moderator=moderator: work_through(moderator) for moderator in moderators])
    assert Counter(decided) == Counter(message.pk for message in flagged_messages)
    assert ModerationEvent.objects.count() == len(flagged_messages)
    assert not ReviewClaim.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_message_claimed_by_many_at_once_goes_to_one(flagged_messages: list[Message]) -> None:
    moderators = [make_superuser(f"moderator {number}") for number in range(6)]
    winners: list[User] = []

    def grab(moderator: User) -> None:
        if review.claim(moderator=moderator, message_id=flagged_messages[0].pk):
            winners.append(moderator)

    at_the_same_time(*[lambda moderator=moderator: grab(moderator) for moderator in moderators])
    assert len(winners) == 1
    assert review.claimed_by(flagged_messages[0].pk) == winners[0]


@pytest.fixture
def decided_elsewhere(flagged_messages: list[Message]) -> Iterator[Message]:
    with other_session() as other:
        other.execute('SELECT FROM "MiniTwit_message" WHERE id = %s FOR UPDATE', [flagged_messages[0].pk])
        yield flagged_messages[0]


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_message_that_is_being_decided(
    decided_elsewhere: Message, flagged_messages: list[Message]
) -> None:
    assert review.claim_next(moderator=make_superuser()) == flagged_messages[1]
