"""Decisions and other ways to save the same row at the same moment, in real threads."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, connection, transaction
from django.test import Client

from MiniTwit import moderation
from MiniTwit.models import Message, ModerationEvent, ModerationReason, User
from MiniTwit.moderation.accounts import states
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.files import MESSAGE_COLUMNS, confirm, preview, table
from tests.MiniTwit.forms import form_at
from tests.MiniTwit.threads import in_threads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kept_uploads", "quick_hashing")]

ROUNDS = int(os.environ.get("ROUNDS", "200"))
PASSWORD = "the old password"
NEW_PASSWORD = "quite another 1"

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Save = Callable[[], Any]
Prepare = Callable[[Any], Save]  # opens the form, and returns what saves it


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def boss() -> Client:
    return browser_of(User.objects.filter(username="boss").first() or make_superuser("boss"))


# Ways to save an account


def by_its_form(user: User) -> Save:
    client, address = boss(), f"/admin/MiniTwit/user/{user.pk}/change/"
    form = form_at(client, address, "user_form") | {"first_name": "Typed"}
    return lambda: client.post(address, form)


def by_a_password_for_it(user: User) -> Save:
    client, address = boss(), f"/admin/MiniTwit/user/{user.pk}/password/"
    form = form_at(client, address, "user_form")
    form |= {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    return lambda: client.post(address, form)


def by_its_own_password(user: User) -> Save:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = browser_of(User.objects.get(pk=user.pk))
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return lambda: client.post("/admin/password_change/", form)


def by_signing_in(user: User) -> Save:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    form = {"username": user.username, "password": PASSWORD}
    return lambda: Client().post("/admin/login/", form)


def by_a_file_of_users(user: User) -> Save:
    client = boss()
    previewed = preview(client, "user", table(["username", "first_name"], [user.username, "Typed"]))
    return lambda: confirm(client, "user", previewed)


def by_a_program(user: User) -> Save:
    stale = User.objects.get(pk=user.pk)
    stale.first_name = "Typed"
    return stale.save


# Ways to save a message, or a reason


def by_the_form_of_the_message(message: Message) -> Save:
    ModerationReason.objects.get_or_create(name="Spam")
    client, address = boss(), f"/admin/MiniTwit/message/{message.pk}/change/"
    form = form_at(client, address, "message_form") | {"text": "Typed", "reason": "Spam"}
    return lambda: client.post(address, form)


def by_a_file_of_messages(message: Message) -> Save:
    client = boss()
    row = [message.pk, message.author.username, "Typed", message.pub_date.isoformat(), ""]
    previewed = preview(client, "message", table(MESSAGE_COLUMNS, row))
    return lambda: confirm(client, "message", previewed)


def by_a_program_of_messages(message: Message) -> Save:
    stale = Message.objects.get(pk=message.pk)
    stale.text = "Typed"

    def save() -> None:
        with suppress(DatabaseError):  # the message was deleted meanwhile, and is not written anew
            stale.save()

    return save


def by_the_list_of_reasons(reason: ModerationReason) -> Save:
    client, address = boss(), "/admin/MiniTwit/moderationreason/"
    form = form_at(client, address, "grp-changelist-form") | {"_save": "Save"}
    row = next(name.removesuffix("-id") for name, value in form.items() if value == str(reason.pk))
    return lambda: client.post(address, form | {f"{row}-position": "5"})


WAYS_OF_USERS: list[Prepare] = [
    by_its_form, by_a_password_for_it, by_its_own_password, by_signing_in, by_a_file_of_users, by_a_program,
]  # fmt: skip
WAYS_OF_MESSAGES: list[Prepare] = [
    by_the_form_of_the_message, by_a_file_of_messages, by_a_program_of_messages,
]  # fmt: skip


def make_account() -> User:
    """An account whose hash is replaced at sign-in."""
    user = make_user(email="old@example.org")
    hashed = make_password(PASSWORD, hasher="werkzeug_sha1")
    User.objects.filter(pk=user.pk).update(password=hashed)
    return User.objects.get(pk=user.pk)


def wait_for_a_waiting_one() -> None:
    """Until a connection to this database waits for a lock."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("Nothing waits: the save did not meet the decision.")


def test_whatever_waits_for_a_suspension_leaves_it_as_it_is() -> None:
    for prepare in WAYS_OF_USERS:
        user = make_account()
        save = prepare(user)
        with in_threads_after_the_block(save):
            moderation.suspend(users=[user], actor=None, reason="Spam")
        user.refresh_from_db()
        assert user.is_suspended, prepare.__name__
        assert user.first_name == "Typed" or prepare not in (by_its_form, by_a_program)


def test_whatever_waits_for_a_flag_leaves_it_as_it_is() -> None:
    for prepare in WAYS_OF_MESSAGES:
        message = make_message()
        save = prepare(message)
        with in_threads_after_the_block(save):
            moderation.flag(messages=[message], actor=None, reason="Spam")
        message.refresh_from_db()
        assert (message.flagged, message.decision) == (True, "flag"), prepare.__name__
        # The file's preview was of another version: it is previewed again.
        assert message.text == ("Hello." if prepare is by_a_file_of_messages else "Typed")


def test_an_erasure_waits_for_a_change_of_the_account_and_sees_it() -> None:
    clerk, user = make_staff(username="clerk"), make_account()

    def erase() -> None:
        with pytest.raises(moderation.ModerationError, match="It is a staff account"):
            moderation.erase(users=[user], actor=clerk, reason="On request")

    with in_threads_after_the_block(erase):
        User.objects.filter(pk=user.pk).update(is_staff=True)
    user.refresh_from_db()
    assert user.erased_at is None


def test_who_saves_at_the_same_moment_as_another_replaces_nothing_unseen() -> None:
    """The later one waits for the earlier one, and only then compares what was opened with what is stored."""
    theirs = {"first_name": "Theirs", "password": make_password("theirs")}
    for prepare in WAYS_OF_USERS:
        if prepare is not by_a_program:  # it looks at no version
            assert what_stays_of(theirs, make_account(), prepare) == theirs, prepare.__name__
    for prepare in (by_the_form_of_the_message, by_a_file_of_messages):
        assert what_stays_of({"text": "Theirs"}, make_message(), prepare) == {"text": "Theirs"}, prepare.__name__
    reason = ModerationReason.objects.create(name="Insult")
    assert what_stays_of({"position": 7}, reason, by_the_list_of_reasons) == {"position": 7}


def what_stays_of(theirs: dict[str, Any], row: Any, prepare: Prepare) -> dict[str, Any]:
    """The values that another transaction writes while the save waits for its end, as they are after both."""
    stored = type(row).objects.filter(pk=row.pk)
    with in_threads_after_the_block(prepare(row)):
        stored.update(**theirs)
    return dict(stored.values(*theirs).get())


@contextmanager
def in_threads_after_the_block(save: Save) -> Iterator[None]:
    """Save in another thread between what the block does and its commit."""
    with ExitStack() as threads, transaction.atomic():
        yield
        threads.enter_context(in_threads(save))
        wait_for_a_waiting_one()


# Every decision with every way to save, over and over


def suspend(user: User) -> None:
    moderation.suspend(users=[user], actor=None, reason="Spam")


def suspend_and_flag(user: User) -> None:
    moderation.suspend(users=[user], actor=None, reason="Spam", flag_messages=True)


def reinstate(user: User) -> None:
    moderation.reinstate(users=[user], actor=None, reason="Spam")


def warn(user: User) -> None:
    moderation.warn(users=[user], actor=None, text="Stop.")


def erase(user: User) -> None:
    moderation.erase(users=[user], actor=User.objects.get(username="boss"), reason="Spam")


def undo_the_suspension(user: User) -> None:
    moderation.undo(batch=user.events.latest("pk").batch, actor=None, reason="Spam")


def flag(message: Message) -> None:
    moderation.flag(messages=[message], actor=None, reason="Spam")


def unflag(message: Message) -> None:
    moderation.unflag(messages=[message], actor=None, reason="Spam")


def keep(message: Message) -> None:
    moderation.keep(messages=[message], actor=None, reason="Spam")


def edit(message: Message) -> None:
    moderation.edit(messages=[message], actor=None, reason="Typo", text="Decided")


def purge(message: Message) -> None:
    moderation.purge(messages=[message], actor=None, reason="Spam")


def undo_the_flag(message: Message) -> None:
    moderation.undo(batch=message.events.latest("pk").batch, actor=None, reason="Spam")


DECISIONS_ABOUT_USERS = [suspend, suspend_and_flag, reinstate, warn, erase, undo_the_suspension]
DECISIONS_ABOUT_MESSAGES = [flag, unflag, keep, edit, purge, undo_the_flag]


def at_once(decide: Callable[[], None], save: Save) -> None:
    """Both at the same moment, the one or the other a little earlier."""
    start = threading.Barrier(2)

    def after_a_moment(work: Callable[[], Any]) -> Callable[[], None]:
        delay = random.uniform(0, 0.02)

        def run() -> None:
            start.wait()
            time.sleep(delay)
            work()

        return run

    with in_threads(after_a_moment(decide), after_a_moment(save)):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("decide", DECISIONS_ABOUT_USERS, ids=lambda decide: decide.__name__)
@pytest.mark.parametrize("prepare", WAYS_OF_USERS, ids=lambda prepare: prepare.__name__)
def test_no_decision_about_an_account_is_lost(prepare: Prepare, decide: Callable[[User], None]) -> None:
    if decide is erase and prepare in (by_its_own_password, by_signing_in, by_a_program):
        pytest.skip("A program looks at no version, and staff accounts are erased in another way.")
    for _ in range(ROUNDS):
        user = make_account()
        make_message(user)
        if decide in (reinstate, undo_the_suspension):
            suspend(user)
            user.refresh_from_db()
        at_once(lambda user=user: decide(user), prepare(user))  # type: ignore[misc]
        user.refresh_from_db()
        event = ModerationEvent.objects.filter(user=user, message=None).latest("pk")
        if decide is erase:
            assert (user.email, user.first_name, user.is_active) == ("", "", False)
            assert user.username.startswith("erased-")
            assert not user.has_usable_password()
        else:
            assert states([user.pk])[user.pk] == event.after
            assert user.is_suspended == (decide in (suspend, suspend_and_flag))
        if decide is suspend_and_flag:
            assert user.messages.get().flagged


@pytest.mark.slow
@pytest.mark.parametrize("decide", DECISIONS_ABOUT_MESSAGES, ids=lambda decide: decide.__name__)
@pytest.mark.parametrize("prepare", WAYS_OF_MESSAGES, ids=lambda prepare: prepare.__name__)
def test_no_decision_about_a_message_is_lost(prepare: Prepare, decide: Callable[[Message], None]) -> None:
    if decide is edit and prepare is by_a_program_of_messages:
        pytest.skip("A program that means to write the text writes it.")
    for _ in range(ROUNDS):
        message = make_message()
        if decide in (unflag, undo_the_flag):
            flag(message)
            message.refresh_from_db()
        at_once(lambda message=message: decide(message), prepare(message))  # type: ignore[misc]
        events = ModerationEvent.objects.filter(message=message.pk)
        found = Message.objects.filter(pk=message.pk).values("text", "flagged", "decision", "decided_at").first()
        if found and (last_edit := events.filter(verb="edit").order_by("pk").last()):
            assert found["text"] == (last_edit.after or {})["text"]
        if decide is edit:
            assert events.filter(after__text="Decided").exists()
            continue
        event = events.exclude(verb="edit").latest("pk")
        if decide is purge:
            assert found is None
            continue
        assert found is not None
        after = event.after or {}
        assert (found["flagged"], found["decision"]) == (after["flagged"], after["decision"])
        assert (found["decided_at"] is None) == (after["decided_at"] is None)
