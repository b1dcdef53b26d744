"""`manage.py flag_messages`, the old flag tool's heir."""

import io

import pytest
from django.core.management import CommandError, call_command

from MiniTwit.models import Message, ModerationEvent, ModerationReason
from tests.MiniTwit.factories import make_message, make_staff, make_user

pytestmark = pytest.mark.django_db


def flag_messages(*arguments: object) -> str:
    output = io.StringIO()
    call_command("flag_messages", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_messages_are_flagged_and_unflagged_by_id() -> None:
    ModerationReason.objects.create(name="Spam")
    first, second, other = make_message(), make_message(), make_message()
    assert flag_messages(first.pk, second.pk, "--reason", "spam", "--note", "A wave.").startswith("2 flagged, 0 so")
    assert set(Message.objects.filter(flagged=True)) == {first, second}
    event = ModerationEvent.objects.order_by("id").first()
    assert event is not None
    assert (event.reason, event.note, event.actor_name) == ("Spam", "A wave.", "the command line")
    assert flag_messages(first.pk, "--unflag", "--reason", "Mistake").startswith("1 unflagged")
    assert list(Message.objects.filter(flagged=True)) == [second]
    assert not other.flagged


def test_an_actor_can_be_named() -> None:
    amy = make_staff("moderate_message", username="amy")
    flag_messages(make_message().pk, "--reason", "Spam", "--actor", "amy")
    assert ModerationEvent.objects.get().actor == amy


def test_an_unknown_id_is_named_and_nothing_is_half_done() -> None:
    message = make_message()
    for unknown in (message.pk + 100, 2**70, 0):
        with pytest.raises(CommandError, match=f"there is no message {unknown}") as refused:
            flag_messages(message.pk, unknown, "--reason", "Spam")
        assert refused.value.returncode == 1
    assert not Message.objects.filter(flagged=True).exists()
    assert not ModerationEvent.objects.exists()


def test_an_unknown_actor_is_named() -> None:
    message = make_message()
    with pytest.raises(CommandError, match="there is no account nobody") as refused:
        flag_messages(message.pk, "--reason", "Spam", "--actor", "nobody")
    assert refused.value.returncode == 1
    make_user("reader")
    with pytest.raises(CommandError, match="reader may not"):
        flag_messages(message.pk, "--reason", "Spam", "--actor", "reader")
    assert not ModerationEvent.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("1",), ("1", "--reason", " "), ("1", "--list"), ("1", "--limit", "2"), ("--list", "--limit=-1")],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    make_message()
    with pytest.raises(CommandError) as refused:
        flag_messages(*arguments)
    assert refused.value.returncode == 2


def test_messages_are_listed_with_id_author_and_text_in_a_line_each() -> None:
    amy = make_user("amy")
    old, new = make_message(amy, "two\nlines\x1b[31m"), make_message(amy, "hello", flagged=True)
    assert flag_messages("--list").splitlines() == [
        f"{new.pk}\tflagged\tamy\thello",
        f"{old.pk}\t-\tamy\ttwo lines [31m",
    ]
    assert flag_messages("--list", "--flagged").splitlines() == [f"{new.pk}\tflagged\tamy\thello"]
    assert len(flag_messages("--list", "--limit", "1").splitlines()) == 1


def test_an_actor_cannot_unflag_a_message_of_their_own() -> None:
    amy = make_staff("moderate_message", username="amy")
    own, other = make_message(amy, flagged=True), make_message(flagged=True)
    for ids in ([own.pk], [own.pk, other.pk]):
        with pytest.raises(CommandError, match="You cannot moderate your own message") as refused:
            flag_messages(*ids, "--unflag", "--reason", "Mistake", "--actor", "amy")
        assert refused.value.returncode == 2
    assert Message.objects.filter(flagged=True).count() == 2
