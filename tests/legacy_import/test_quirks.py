"""Each thing that is found in real old databases ends as `quirks.py` says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from psycopg2 import sql

from legacy_import.models import ImportRun, RejectedRow
from legacy_import.rules.outcomes import REASONS
from legacy_import.runs import lifecycle
from legacy_import.tables import checked_table
from MiniTwit.models import Message, User
from tests.legacy_import import quirks
from tests.legacy_import.importing import counts, import_of, preview_of, undo
from tests.legacy_import.old_database import NULLABLE_SCHEMA, make_old_database

Outcome = tuple[str, frozenset[str], dict[str, Any]]


def checked_rows(run: Any, table: str) -> list[tuple[str, frozenset[str]]]:
    """Outcome and notes of every row, in the order of the old table."""
    query = sql.SQL(
        "SELECT coalesce(reason, outcome), CASE WHEN reason IS NULL THEN notes END FROM {} ORDER BY position"
    )
    with connection.cursor() as cursor:
        cursor.execute(query.format(checked_table(run.pk, table)))
        return [(outcome, frozenset((notes or "").split())) for outcome, notes in cursor.fetchall()]


def confirm(run: Any) -> Any:
    lifecycle.confirm(run.pk)
    return lifecycle.apply(run.pk)


def stored(table: str) -> dict[int, dict[str, Any]]:
    if table == "user":
        return {user.legacy_id: vars(user) for user in User.objects.filter(legacy_id__isnull=False)}
    messages = Message.objects.select_related("author")
    return {message.legacy_id: vars(message) | {"author": message.author.username} for message in messages}


@pytest.fixture(scope="module")
def outcomes(django_db_setup, django_db_blocker, tmp_path_factory) -> dict[str, Outcome]:
    """All the odd rows in one database, imported once; then everything is taken out again."""
    folder: Path = tmp_path_factory.mktemp("quirks")
    path = make_old_database(
        folder / "old.db", user=quirks.user_rows(), message=quirks.message_rows(), follower=quirks.follow_rows()
    )
    found: dict[str, Outcome] = {}
    with django_db_blocker.unblock(), override_settings(LEGACY_IMPORT_DIR=folder, LEGACY_TIME_ZONE="UTC"):
        staff = User.objects.create(username="staff")
        done = []
        for kind, tables in (("users", {"user": quirks.USERS}), ("messages", {"message": quirks.MESSAGES})):
            run = preview_of(kind, path)
            rows = {table: checked_rows(run, table) for table in run.counts}
            done.append(confirm(run))
            for table, odd_rows in tables.items():
                here = stored(table)
                for number, (odd, row) in enumerate(zip(odd_rows, rows[table], strict=True), 1):
                    found[f"{table}: {odd.found}"] = (*row, here.get(number, {}))
            if kind == "messages":
                for odd, row in zip(quirks.FOLLOWS, rows["follower"], strict=True):
                    found[f"follower: {odd.found}"] = (*row, {})
        found["runs"] = (
            "",
            frozenset(),
            {"audits": [run.audit for run in done], "verified": [run.verification for run in done]},
        )
        for run in reversed(done):
            undo(run)
        staff.delete()
        ImportRun.objects.all().delete()
    return found


CASES = [
    pytest.param(f"{table}: {odd.found}", odd, id=f"{table}: {odd.found}")
    for table, odd_rows in (("user", quirks.USERS), ("message", quirks.MESSAGES), ("follower", quirks.FOLLOWS))
    for odd in odd_rows
]


@pytest.mark.parametrize(("name", "odd"), CASES)
def test_what_becomes_of_it(outcomes, name, odd):
    outcome, notes, here = outcomes[name]
    assert (outcome, notes) == (odd.outcome, odd.notes)
    assert {attribute: here.get(attribute) for attribute in odd.stored} == odd.stored
    if odd.outcome in REASONS:
        assert here == {}


def test_all_of_them_pass_the_audit_and_the_verification(outcomes):
    _, _, whole = outcomes["runs"]
    assert [audit["disagreements"] for audit in whole["audits"]] == [[], []]
    assert [verification["ok"] for verification in whole["verified"]] == [True, True], whole["verified"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("import_dir")
def test_a_message_table_without_the_flagged_column_is_imported_as_not_flagged(tmp_path):
    schema = NULLABLE_SCHEMA | {
        "message": "message_id integer primary key, author_id integer, text, pub_date integer"
    }
    path = make_old_database(
        tmp_path / "old.db",
        user=[(1, "ann", "a@b.cc", quirks.HASH)],
        message=[(1, 1, "hi", 1_582_100_838)],
        schema=schema,
    )
    import_of("users", path)
    run = import_of("messages", path)
    assert counts(run, "message").notes == {"flagged_unknown": 1}
    assert Message.objects.get().flagged is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("import_dir")
@pytest.mark.parametrize("date", ["2020-02-19 08:27:18", "2020-02-19T08:27:18.000Z", "2020-02-19 08:27:18.000000"])
def test_the_same_becomes_of_it_in_a_table_of_which_no_value_is_as_minitwit_stored_it(outcomes, tmp_path, date):
    """SQLite copies the rows in the table's own usual form; of the others Python reads what it cannot copy."""
    usual = [(-number, 1, b"hello", date, "true") for number in range(1, 601)]
    path = make_old_database(
        tmp_path / "old.db",
        user=quirks.user_rows(),
        message=[*usual, (-601, 404, b"hello", date, "false"), *quirks.message_rows()],
    )
    import_of("users", path)
    run = preview_of("messages", path)
    rows = checked_rows(run, "message")
    run = confirm(run)
    assert rows[1:601] == [("new", frozenset({"date_as_text", "flagged_odd"}))] * 600
    assert rows[601:] == [outcomes[f"message: {odd.found}"][:2] for odd in quirks.MESSAGES]
    copied = Message.objects.filter(legacy_id__lt=0).values_list("text", "pub_date", "flagged", "author__legacy_id")
    assert set(copied) == {("hello", datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC), True, 1)}
    assert run.verification["ok"]
    old = {"message_id": "-601", "author_id": "404", "text": "hello", "pub_date": date, "flagged": "false"}
    assert RejectedRow.objects.get(run=run, position=-601).values == old


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("import_dir")
def test_a_column_that_takes_different_texts_for_the_same_is_read_as_it_is(tmp_path):
    """Neither is "1 " the id 1 nor "true " true, though the column's own comparison says so."""
    columns = "author_id text, text, pub_date text, flagged text".replace(" text,", " text COLLATE rtrim,")
    path = make_old_database(
        tmp_path / "old.db",
        user=[quirks.user_rows()[0], (900, "1 ", "", "")],
        message=[
            (1, "1 ", "hello", "2020-02-19 08:27:18", "true "),
            (2, "1", "hello", "2020-02-19 08:27:18", "true"),
        ],
        schema=NULLABLE_SCHEMA
        | {
            "user": "user_id, username, email, pw_hash",
            "message": f"message_id integer primary key, {columns} COLLATE rtrim",
        },
    )
    import_of("users", path)
    run = import_of("messages", path)
    assert run.verification["ok"]
    written = Message.objects.order_by("legacy_id").values_list("author__legacy_id", "flagged")
    assert list(written) == [(900, False), (1, True)]
