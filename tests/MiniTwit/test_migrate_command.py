"""`migrate` takes a migration's name as the old manual writes it, and is Django's own otherwise."""

import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from MiniTwit import moderation
from MiniTwit.models import ModerationEvent
from tests.database_copies import database_copy, working_in
from tests.MiniTwit.factories import make_message, make_superuser

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def _in_a_copy() -> Iterator[None]:
    """To migrate all the way again afterwards would take longer than the test."""
    with database_copy() as copy, working_in(copy):
        yield


def is_applied(name: str) -> bool:
    return ("MiniTwit", name) in MigrationRecorder(connection).applied_migrations()


@pytest.mark.usefixtures("_in_a_copy")
def test_both_spellings_go_back_and_forth() -> None:
    for suffix in ("", ".py"):
        call_command("migrate", "MiniTwit", f"0001_user_model{suffix}", verbosity=0)
        assert not is_applied("0002_message_model")
        assert "MiniTwit_message" not in connection.introspection.table_names()

        call_command("migrate", "MiniTwit", f"0002_message_model{suffix}", verbosity=0)
        assert is_applied("0002_message_model")
        assert "MiniTwit_message" in connection.introspection.table_names()


@pytest.mark.usefixtures("_in_a_copy")
def test_a_site_at_work_does_not_go_back_to_before_its_decisions() -> None:
    moderation.flag(messages=[make_message()], actor=make_superuser(), reason="Spam")
    with pytest.raises(CommandError, match=r"would delete the log and its entries \(1\)"):
        call_command("migrate", "MiniTwit", "0004_migratemessages", verbosity=0)
    assert is_applied("0005_moderation")
    assert ModerationEvent.objects.count() == 1


def test_a_name_that_is_none_is_refused_as_django_does() -> None:
    with pytest.raises(CommandError, match="Cannot find a migration matching '0099_nothing' from app 'MiniTwit'"):
        call_command("migrate", "MiniTwit", "0099_nothing.py", verbosity=0)


def test_the_other_options_are_django_s() -> None:
    plan = io.StringIO()
    call_command("migrate", "MiniTwit", "0001_user_model.py", "--plan", stdout=plan)
    assert "MiniTwit.0002_message_model" in plan.getvalue()
    assert is_applied("0002_message_model"), "a plan changes nothing"
    call_command("migrate", "--check", verbosity=0)
