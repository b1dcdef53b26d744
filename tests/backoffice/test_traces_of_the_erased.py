"""After an erasure the name and the e-mail address are in no column of any table."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from psycopg2 import sql

from legacy_import.models import ImportRun, RejectedRow, ReplacedRow
from legacy_import.runs.records import Samples
from legacy_import.steps.audit import Audit, Doubt
from legacy_import.steps.identity import OtherDatabase
from legacy_import.steps.nothing_arrives import NothingArrives
from legacy_import.steps.preview import SampleRow
from MiniTwit import moderation
from MiniTwit.models import FileImport, SavedFilter, StaffNote, User
from MiniTwit.moderation.traces import Traces
from tests.MiniTwit.factories import make_follow, make_message, make_superuser, make_user

pytestmark = pytest.mark.django_db

NAME, EMAIL = "Roger Histand", "roger@example.com"
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    AND (data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'character'))
"""


def columns_that_hold(word: str) -> set[str]:
    """Every column of the database in which a word is found, however it is spelt."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        for table, column in cursor.fetchall():
            query = sql.SQL("SELECT count(*) FROM {} WHERE {}::text ILIKE %s").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            cursor.execute(query, [f"%{word}%"])
            if cursor.fetchone()[0]:
                found.add(f"{table}.{column}")
    return found


def doubts_about(name: str) -> list[Doubt]:
    return [
        OtherDatabase("user", 9, 8, [{"legacy_id": 7, "old": name, "here": "x"}]),
        NothingArrives("user", 9, 9, "bad_id", f"The user_id is read from the column {name}."),
    ]


def leave_traces(roger: User, boss: User) -> None:
    """Everything that may remember an account: what it did, what was decided, searched, imported and tried."""
    message = make_message(roger, "Hello.", legacy_id=70)
    make_follow(roger)
    moderation.warn(users=[roger], actor=boss, text=f"Stop it, {NAME}.", note=f"{NAME} wrote to us")
    moderation.flag(messages=[message], actor=boss, reason="Spam", note=NAME)
    StaffNote.objects.create(user=roger, text=f"{NAME} phoned.", author=boss, author_name="boss")
    for name, query in (("Spam by him", "q=%40%22Roger+Histand%22"), (f"{NAME}'s", "q=x"), ("Mail", f"q={EMAIL}")):
        view = SavedFilter.objects.create(name=name, screen="MiniTwit.Message", query=query, owner=boss, shared=True)
        log(boss, view, name)
    log(boss, SavedFilter.objects.create(name="Mine", owner=boss), "Mine", f"It was called {NAME}.")
    SavedFilter.objects.create(name="Others", screen="MiniTwit.Message", query="q=Roger+Histands", owner=boss)
    run = ImportRun.objects.create(
        kind="users",
        state="applied",
        samples=Samples({"user": [SampleRow(1, "new", None, "", {"user_id": "7", "email": EMAIL})]}).as_json(),
        audit={
            "disagreements": [f"User {NAME}"],
            "doubts": [doubt.as_json() for doubt in doubts_about(NAME)],
        },
        verification={"ok": False, "tables": {"user": {"examples": [f"User 7 ({NAME}) is missing."]}}},
        old_tables=[{"name": "user", "columns": [{"name": "username", "samples": [NAME, "Ada"]}]}],
        error_message=f"{NAME} is here twice.",
    )
    RejectedRow.objects.create(
        run=run, table="user", position=1, username="other", reason="x", values={"email": EMAIL}
    )
    ReplacedRow.objects.create(run=run, table="user", row_id=roger.pk, before={"email": EMAIL})
    FileImport.objects.create(
        table="user",
        owner=boss,
        file_name=f"{NAME}.csv",
        stored_as="x",
        state="done",
        report={"rows": [[NAME, EMAIL]]},
    )
    AccessAttempt.objects.create(username=NAME.lower(), failures_since_start=1, post_data="", get_data="")


def log(actor: User, about: Any, name: str, change: str = "") -> None:
    content_type = ContentType.objects.get_for_model(about)
    LogEntry.objects.create(
        user=actor,
        content_type=content_type,
        object_id=str(about.pk),
        object_repr=name,
        action_flag=CHANGE,
        change_message=change,
    )


def test_nothing_in_the_database_tells_who_it_was() -> None:
    boss = make_superuser("boss")
    roger = make_user(NAME, email=EMAIL, first_name="Roger", last_name="Histand", legacy_id=7)
    log(boss, roger, NAME)
    leave_traces(roger, boss)
    assert len(columns_that_hold(NAME)) > 12
    moderation.erase(users=[roger], actor=boss, reason="On request", messages="keep")
    assert columns_that_hold(NAME) == set()
    assert columns_that_hold(EMAIL) == set()
    assert [view.name for view in SavedFilter.objects.all()] == ["Mine", "Others"]  # which searches for another name
    tables = ImportRun.objects.get().old_tables
    assert tables == [{"name": "user", "columns": [{"name": "username", "samples": ["(erased)", "Ada"]}]}]


def test_a_name_that_is_a_word_of_the_program_breaks_nothing_of_a_run() -> None:
    user = make_user("user")
    audit = Audit(checked=1, doubts=doubts_about("Ann")).as_json()
    ImportRun.objects.create(kind="users", audit=audit, old_tables=[{"name": "user", "columns": []}])
    moderation.erase(users=[user], actor=make_superuser("boss"), reason="On request", messages="keep")
    run = ImportRun.objects.get()
    assert (run.audit, run.old_tables) == (audit, [{"name": "user", "columns": []}])


def test_a_name_is_struck_out_as_a_whole_only() -> None:
    traces = Traces("Ann", "")
    assert traces.struck_out_of({"Ann": ["ann wrote to Anna.", 1, None]}) == {
        "Ann": ["(erased) wrote to Anna.", 1, None]
    }
    assert not traces.are_in("Anna")
    assert not Traces("", "").are_in("")
