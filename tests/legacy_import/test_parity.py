"""The set-based rules and import-export's row-by-row path come to the same outcome on every row.

The stock path is the oracle: `Resource.import_data` on the same file, in a dry run that only reads.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection, transaction
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow
from legacy_import.rules.old_tables import OLD_TABLES, OldTable
from legacy_import.rules.options import ImportOptions
from legacy_import.rules.passwords import PasswordColumn
from legacy_import.source import SQLiteSource, source_at
from legacy_import.source.copy_lines import EVERYWHERE
from legacy_import.source.recognition.mapping import TableMapping, TableMappings
from legacy_import.source.recognition.matching import Recognition, recognise
from legacy_import.source.recognition.row_queries import RowQueries
from legacy_import.source.recognition.table_profile import FoundTable
from legacy_import.steps import staging
from legacy_import.steps.classify import Check
from legacy_import.tables import Models
from MiniTwit.hashers import hardened, is_weak
from MiniTwit.hashers.hardened import HardenedPasswordHasher
from MiniTwit.models import Follow, Message, User
from tests.legacy_import import strategies
from tests.legacy_import.old_database import LOOSE_SCHEMA, NULLABLE_SCHEMA, make_old_database

NOW = datetime(2026, 11, 1, tzinfo=UTC)
COPENHAGEN = "Europe/Copenhagen"  # has hours that come twice and hours that never come
RUN = 77
JOINED = datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC)

pytestmark = pytest.mark.django_db

Outcome = tuple[str, str | None, frozenset[str]]


class LazyDataset:
    """What `Resource.import_data` needs of a dataset."""

    def __init__(self, table: str, source: SQLiteSource) -> None:
        self.headers = ["position", *OLD_TABLES[table].columns]
        self.rows = [(row.position, *row.values) for row in source.rows(table)]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)


def outcomes_of_both(
    path: Path, table: str, options: ImportOptions, users_run: int | None = None, wishes: TableMappings | None = None
):
    """Position -> outcome, once in SQL for all rows and once row by row."""

    def choose(found: Sequence[FoundTable], rows: RowQueries) -> Recognition:
        return recognise(found, rows, label="old.db", required=(table,), wishes=wishes)

    with SQLiteSource.open(
        source_at(str(path)), path.with_suffix(".snapshot"), required=(table,), choose=choose
    ) as source:
        staging.discard_unneeded(Models())  # of the round before: no run has this number
        resource = OLD_TABLES[table].resource(options=options, now=NOW, users_run=users_run)
        check = Check(RUN, OLD_TABLES[table], resource, source.tables[table].unique_ids)
        staging.create(check.staged, check.lines)
        staging.stage_part(check.staged, 1, check.lines, source, table, EVERYWHERE, lambda rows: None)
        check.create()
        check.write_part(1)
        set_based = read_checked(check)
        dataset = LazyDataset(table, source)
        again = OLD_TABLES[table].resource(options=options, now=NOW, users_run=users_run)
        result = again.import_data(dataset, dry_run=True)
    assert not result.base_errors, result.base_errors[0].traceback
    row_by_row = {}
    for row, outcome in zip(dataset.rows, result.rows, strict=True):
        assert not outcome.errors, outcome.errors[0].traceback
        row_by_row[row[0]] = (outcome.outcome, outcome.reason, frozenset(outcome.notes.split()))
    return set_based, row_by_row


def read_checked(check: Check) -> dict[int, Outcome]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT position, outcome, reason, notes FROM {}").format(check.checked))
        return {
            position: (outcome, reason, frozenset(notes.split() if reason is None else ()))
            for position, outcome, reason, notes in cursor.fetchall()
        }


class rolled_back:  # noqa: N801
    """A transaction that leaves nothing behind, for each example of hypothesis."""

    def __enter__(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def __exit__(self, *error: object) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(*error)


@pytest.mark.parametrize("table", OLD_TABLES.values(), ids=OLD_TABLES)
def test_a_table_has_the_columns_of_its_resource_in_their_order(table: OldTable) -> None:
    """A row of values is read by the resource's columns, one after the other."""
    assert [field.column_name for field in table.resource().get_import_fields()] == [*table.columns]


@pytest.fixture(autouse=True)
def danish_time(settings):
    settings.LEGACY_TIME_ZONE = COPENHAGEN


@pytest.fixture(autouse=True)
def quick_hardening(monkeypatch):
    monkeypatch.setattr(HardenedPasswordHasher, "iterations", 1)


@pytest.fixture
def users_run() -> ImportRun:
    return ImportRun.objects.create(kind="users", state="applied")


@pytest.fixture
def accounts(users_run) -> dict[str, User]:
    """Ann and Bob were imported, Refused was not, old id 5 was merged into Bob; Taken was born here. Another import
    had refused old id 4."""
    ann = User.objects.create(username="ann", email="ann@example.com", legacy_id=1)
    bob = User.objects.create(username="bob", legacy_id=3)
    User.objects.create(username="taken")
    MergedUser.objects.create(legacy_id=5, user=bob, import_run=users_run.pk)
    RejectedRow.objects.create(
        run=users_run, table="user", position=6, legacy_id=6, username="refused", reason="username_taken"
    )
    another = ImportRun.objects.create(kind="users", state="applied")
    RejectedRow.objects.create(
        run=another, table="user", position=4, legacy_id=4, username="b", reason="username_taken"
    )
    return {"ann": ann, "bob": bob}


options = st.builds(
    ImportOptions,
    existing=st.sampled_from(["keep", "update"]),
    duplicates=st.sampled_from(["reject", "merge"]),
    plain_passwords=st.sampled_from(["hash", "unusable"]),
)


@given(rows=strategies.keyed(strategies.users), options=options, changed_here=st.booleans())
@example(
    rows=[(1, "ann", "x@y.zz", None), (2, "ann", "", None), (3, "ann", None, "plain")],
    options=ImportOptions(duplicates="merge"),
    changed_here=False,
)
def test_users(tmp_path, accounts, rows, options, changed_here):
    path = make_old_database(tmp_path / "old.db", user=rows)
    with rolled_back():
        if changed_here:
            User.objects.filter(username="bob").update(email="new@example.com")
        set_based, row_by_row = outcomes_of_both(path, "user", options)
    assert set_based == row_by_row


@given(
    pw_hash=strategies.passwords,
    arriving=strategies.passwords,
    options=options,
    state=st.sampled_from(["as it was", "hardened", "another e-mail", "changed here"]),
)
def test_users_who_are_here_already(tmp_path, pw_hash, arriving, options, state):
    """Whatever the old value is, one that did not change says "unchanged"; and hardening is no change."""
    with rolled_back():
        password = PasswordColumn().clean(pw_hash, {"user_id": 1})
        user = User.objects.create(legacy_id=1, username="ann", email="", password=password)
        weak = is_weak(password)
        if state == "hardened" and weak:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL minitwit.importing = 'on'")
                User.objects.update(password=hardened(password))
                cursor.execute("SET LOCAL minitwit.importing = 'off'")
        if state == "changed here":
            User.objects.update(first_name="Ann")
        email = "ann@example.com" if state == "another e-mail" else ""
        for value in (pw_hash, arriving):
            path = make_old_database(tmp_path / "old.db", user=[(1, "ann", email, value)], schema=LOOSE_SCHEMA)
            set_based, row_by_row = outcomes_of_both(path, "user", options)
            assert set_based == row_by_row
            if value is pw_hash and not email and options.plain_passwords == "hash":
                assert set_based[1][0] == "unchanged", user.password


@given(
    rows=strategies.keyed(strategies.accounts),
    options=options,
    column=st.sampled_from(["is_active", "is_banned", "banned_at", "status"]),
    existing=st.none() | st.tuples(st.booleans(), st.none() | st.just(JOINED)),
)
def test_users_who_were_active_or_not_and_when_they_came(tmp_path, rows, options, column, existing):
    """Whatever the two columns hold, be it odd; and whatever is known of an account that is here already."""
    schema = {"user": f"user_id integer primary key, username, email, pw_hash, {column}, created_at"}
    rows = [*rows, (100, "here", "", "plain", *((rows[0][4], rows[0][5]) if rows else (1, JOINED.isoformat())))]
    path = make_old_database(tmp_path / "old.db", user=rows, schema=schema)
    columns = {"username": "username", "is_active": column, "date_joined": "created_at"}
    with rolled_back():
        if existing:
            password = PasswordColumn(options.plain_passwords).clean("plain", {"user_id": 100})
            User.objects.create(
                legacy_id=100, username="here", password=password, is_active=existing[0], date_joined=existing[1]
            )
        set_based, row_by_row = outcomes_of_both(
            path, "user", options, wishes={"user": TableMapping("user", columns)}
        )
    assert set_based == row_by_row


@given(rows=strategies.loosely_keyed(strategies.users), options=options)
def test_users_of_a_table_without_keys_or_types(tmp_path, accounts, rows, options):
    path = make_old_database(tmp_path / "old.db", user=rows, schema=LOOSE_SCHEMA)
    with rolled_back():
        set_based, row_by_row = outcomes_of_both(path, "user", options)
    assert set_based == row_by_row


@given(
    rows=strategies.keyed(strategies.messages),
    options=options,
    existing=st.none() | st.sampled_from(["same", "different", "changed here"]),
)
@example(rows=[(1, 9.223372036854776e18, "by no account", 5, 0)], options=ImportOptions(), existing=None)
def test_messages(tmp_path, accounts, users_run, rows, options, existing):
    rows = [*rows, (100, 1, "hello", 1_600_000_000, 0)]
    path = make_old_database(tmp_path / "old.db", message=rows)
    with rolled_back():
        if existing:
            message = Message.objects.create(
                legacy_id=100,
                author=accounts["ann"],
                text="hello" if existing == "same" else "bye",
                pub_date=datetime.fromtimestamp(1_600_000_000, UTC),
            )
            if existing == "changed here":
                Message.objects.filter(pk=message.pk).update(flagged=True)
        set_based, row_by_row = outcomes_of_both(path, "message", options, users_run.pk)
    assert set_based == row_by_row


@given(rows=strategies.loosely_keyed(strategies.messages), options=options)
def test_messages_of_a_table_without_keys_or_types(tmp_path, accounts, users_run, rows, options):
    path = make_old_database(tmp_path / "old.db", message=rows, schema=LOOSE_SCHEMA)
    with rolled_back():
        set_based, row_by_row = outcomes_of_both(path, "message", options, users_run.pk)
    assert set_based == row_by_row


@given(rows=strategies.follows, options=options, schema=st.sampled_from([NULLABLE_SCHEMA, LOOSE_SCHEMA]))
def test_follows(tmp_path, accounts, users_run, rows, options, schema):
    path = make_old_database(tmp_path / "old.db", follower=[*rows, (1, 3)], schema=schema)
    with rolled_back():
        Follow.objects.create(who=accounts["ann"], whom=accounts["bob"])
        set_based, row_by_row = outcomes_of_both(path, "follower", options, users_run.pk)
    assert set_based == row_by_row


@given(database=strategies.old_databases(), options=options)
def test_whole_databases(tmp_path, accounts, users_run, database, options):
    """Every layout, with every quirk in it, alone and mixed."""
    path = database.write(tmp_path / "old.db")
    with rolled_back():
        for table in ("user", "message", "follower"):
            set_based, row_by_row = outcomes_of_both(path, table, options, users_run.pk)
            assert set_based == row_by_row
