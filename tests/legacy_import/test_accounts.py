"""Who was deactivated in the old application stays so, and accounts keep the date on which they were made."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.source.recognition.activity import meaning_of
from legacy_import.source.recognition.mapping import mappings_from_words
from legacy_import.verify import OldTable
from legacy_import.verify.accounts import activity_of, joined_fits
from legacy_import.verify.dates import Reading
from legacy_import.verify.values import moments_of
from MiniTwit.database.triggers import IMPORTING_SETTING
from MiniTwit.models import User
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import confirm, page_of, preview, text_of
from tests.legacy_import.importing import counts, import_of, undo
from tests.legacy_import.old_schemas import write_script

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def write_users(path: Path, columns: str, *rows: tuple[Any, ...]) -> Path:
    """A table of users who are called a, b, c …, with some columns more."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE users (id integer primary key, username, {columns})")
        marks = ", ".join("?" * (len(rows[0]) + 2))
        for number, row in enumerate(rows, 1):
            database.execute(f"INSERT INTO users VALUES ({marks})", (number, chr(ord("a") + number - 1), *row))
    database.close()
    return path


def actives() -> dict[str, bool]:
    imported = User.objects.filter(legacy_id__isnull=False).order_by("legacy_id")
    return dict(imported.values_list("username", "is_active"))


@contextmanager
def importing() -> Iterator[None]:
    """Change rows as the import does, so that they do not count as changed here."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, 'on', true)", [IMPORTING_SETTING])
        yield


@pytest.mark.parametrize(
    ("column", "good", "bad", "unclear"),
    [
        (
            "is_active",
            [1, "true", "Yes", "1", "active", 1.0],
            [0, "false", "No", "0", 0.0, b"\x00"],
            [None, "", 7, "x"],
        ),
        ("Enabled", [1, b"\x01"], [0], [None]),
        ("is_banned", [0, None, "", "false", "No", b"\x00"], [1, "true", "Yes", "1", b"\x01"], ["perhaps"]),
        ("userDisabled bool", [0, None], [1], []),
        ("LockedOut integer", [0, None], [1], []),
        ("user_suspended bool", [0, None], [1], []),
        ("deleted_at datetime", [None, "", "0001-01-01 00:00:00+00:00"], ["2024-05-01 10:00:00", 1_600_000_000], []),
        ("account_status", ["active", "OK"], ["banned", "Suspended", "deleted"], []),
    ],
)
def test_who_was_deactivated_is_not_active_here(
    old: Path, column: str, good: list[Any], bad: list[Any], unclear: list[Any]
) -> None:
    write_users(old, column, *((value,) for value in [*good, *bad]))
    # What is unclear comes after the rows by which a column is recognised.
    with sqlite3.connect(old) as database:
        for number in range(100, 150):
            database.execute("INSERT INTO users VALUES (?, ?, ?)", (number, f"filler {number}", good[0]))
        for number, value in enumerate(unclear, 200):
            database.execute("INSERT INTO users VALUES (?, ?, ?)", (number, f"unclear {number}", value))
    database.close()
    run = import_of("users", old)
    notes = counts(run, "user").notes
    assert notes.get("deactivated", 0) == len(bad)
    assert notes.get("active_unknown", 0) == len(unclear)
    here = actives()
    names = list(here)[: len(good) + len(bad)]
    assert [here[name] for name in names] == [True] * len(good) + [False] * len(bad)
    assert all(here[f"unclear {number}"] for number, _ in enumerate(unclear, 200))
    assert run.verification["ok"], run.verification
    assert counts(import_of("users", old, existing="update"), "user").unchanged == len(here)


@pytest.mark.parametrize(
    ("columns", "row", "sentence"),
    [
        ("banned", ("since Tuesday",), None),
        ("lockout_end datetime", ("2031-01-01 00:00:00",), "It holds when a lockout ends, which is not read"),
        (
            "is_active, banned",
            (0, 1),
            "By the column banned of the table users, 1 row was deactivated, banned or locked",
        ),
        ("status", ("at lunch",), None),
        ("status integer", (0,), None),
    ],
)
def test_what_is_not_plain_is_not_read_but_told(
    old: Path, columns: str, row: tuple[Any, ...], sentence: str | None
) -> None:
    write_users(old, columns, row)
    errors = io.StringIO()
    call_command("import_legacy", "users", stdout=io.StringIO(), stderr=errors)
    assert actives() == {"a": "is_active" not in columns}
    assert (sentence or "") in errors.getvalue()
    assert bool(sentence) == ("By the column" in errors.getvalue())


def test_the_preview_counts_them_and_the_mapping_can_be_switched_off(admin: Client, old: Path) -> None:
    write_users(old, "banned, created_at", (0, "2020-02-19 08:27:18"), (1, "2020-02-20"), (1, "Blub!"))
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    assert run.counts["user"]["notes"] == {
        "deactivated": 2,
        "joined_unknown": 1,
        "empty_email": 3,
        "unusable_password": 3,
    }
    for words in ("<code>deactivated</code>", "is_active (banned)", "date_joined (created_at)", "Active", "Joined"):
        assert words in page
    sent = {"user": "users", "user-shown": "users", "user-user_id": "id", "user-username": "username"}
    assert admin.post(f"{page_of(run)}mapping/", sent | {"user-is_active": ""}).status_code == 302
    off = lifecycle.stage(ImportRun.objects.latest("pk").pk)
    assert "deactivated" not in off.counts["user"]["notes"]
    assert confirm(admin, off).verification["ok"]
    assert all(actives().values())
    page = text_of(admin, page_of(off))
    assert "By the column banned of the table users, 2 rows were deactivated" in page
    assert "is_active (" not in page


def test_the_command_line_switches_it_off_or_names_another_column(old: Path) -> None:
    write_users(old, "active, geblokkeerd", (0, "no"), (1, "yes"))
    assert (
        import_legacy("users", "--map", "user=users", "--map", "user.is_active=")["notes"]["user"].get("deactivated")
        is None
    )
    assert actives() == {"a": True, "b": True}
    # Nothing is said of the accounts then, so an update leaves them as they are.
    with importing():
        User.objects.filter(username="b").update(is_active=False)
    answer = import_legacy("users", "--existing", "update")
    assert answer["tables"]["user"]["unchanged"] == 2
    answer = import_legacy("users", "--existing", "update", "--map", "user.is_active=users.active")
    assert answer["notes"]["user"]["deactivated"] == 1
    assert answer["tables"]["user"]["changed"] == 2
    assert actives() == {"a": False, "b": True}


def test_an_account_that_was_banned_later_is_updated_kept_or_undone_like_any_other_change(old: Path) -> None:
    write_users(old, "is_active, created_at", (1, "2020-02-19"), (1, None), (1, None))
    import_of("users", old)
    User.objects.filter(username="c").update(is_active=False)  # here, by hand
    write_users(old, "is_active, created_at", (0, "2020-02-20"), (0, "2020-02-21"), (1, None))
    kept = import_of("users", old)
    assert (counts(kept, "user").kept, kept.verification["ok"]) == (3, True)
    assert kept.verification["tables"]["user"]["kept"] == 2
    assert actives() == {"a": True, "b": True, "c": False}
    updated = import_of("users", old, existing="update")
    assert (counts(updated, "user").changed, counts(updated, "user").kept) == (2, 1)
    assert actives() == {"a": False, "b": False, "c": False}
    assert User.objects.get(username="b").date_joined == datetime(2020, 2, 21, tzinfo=UTC)
    undo(updated)
    assert actives() == {"a": True, "b": True, "c": False}
    joined = dict(User.objects.filter(legacy_id__isnull=False).values_list("username", "date_joined"))
    assert joined == {"a": datetime(2020, 2, 19, tzinfo=UTC), "b": None, "c": None}


def test_what_the_old_database_no_longer_says_of_an_account_stays_known_here(old: Path) -> None:
    write_users(old, "is_active, created_at", (0, "2020-02-19"))
    import_of("users", old)
    write_users(old, "is_active, created_at", (None, "Blub!"))
    assert counts(import_of("users", old, existing="update"), "user").unchanged == 1
    user = User.objects.get(username="a")
    assert (user.is_active, user.date_joined) == (False, datetime(2020, 2, 19, tzinfo=UTC))


@pytest.mark.parametrize(
    ("column", "value", "joined"),
    [
        ("joined", 1_582_100_838, datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC)),
        ("registered_at", "2020-02-19T09:27:18+01:00", datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC)),
        ("CreatedAt", 1_582_100_838_000, datetime(2020, 2, 19, 8, 27, 18, tzinfo=UTC)),
        ("date_joined", "2020-02-19", datetime(2020, 2, 19, tzinfo=UTC)),
        ("signup_date", "Feb 12, 2025 at 9:01PM", datetime(2025, 2, 12, 21, 1, tzinfo=UTC)),
        ("joined", "0001-01-01 00:00:00+00:00", None),
        ("joined", None, None),
        ("joined", 1, None),  # a yes
        ("created_at", "9999-12-31 23:59:59", None),
    ],
)
def test_accounts_keep_the_date_they_were_made(old: Path, column: str, value: Any, joined: datetime | None) -> None:
    run = import_of("users", write_users(old, column, (value,)))
    assert User.objects.get(username="a").date_joined == joined
    assert (counts(run, "user").rejected, run.verification["ok"]) == (0, True)


def test_verification_finds_an_account_that_was_imported_as_active_in_spite_of_its_ban(old: Path) -> None:
    write_users(old, "is_banned, created_at", (1, "2020-02-19"), (1, "2020-02-19"))
    import_of("users", old)
    with importing():
        User.objects.filter(username="a").update(is_active=True)
        User.objects.filter(username="b").update(date_joined=None)
    output = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_legacy", stdout=output)
    assert "should not be active here" in output.getvalue()
    assert "the date of the account was" in output.getvalue()


YES = (1, 1.0, b"1", b"1.0", b"true", b"T", b"yes", b"Y", b"on", b"\1")
NO = (0, 0.0, b"0", b"0.0", b"false", b"F", b"no", b"N", b"off", b"\0")
GOOD = (b"active", b"Enabled", b"ok")
BAD = (b"inactive", b"Disabled", b"deactivated", b"banned", b"blocked", b"locked", b"suspended", b"deleted")
AGAINST = (
    *("banned", "disabled", "blocked", "suspended", "locked", "lockedout", "deactivated", "deleted", "removed"),
    "inactive",
)
NEVER = (None, b"", b"0000-00-00", b"0001-01-01 00:00:00+00:00", *NO)


@pytest.mark.parametrize(
    ("columns", "good", "bad", "either"),
    [
        (["active", "is_active", "Enabled", "status"], YES + GOOD, NO + BAD, (None, b"", 7, -1, b"x")),
        ([*AGAINST, *(f"is_{word}" for word in AGAINST)], (None, b"", *NO, *GOOD), (7, -1, *YES, *BAD), (b"x",)),
        (
            [*(f"{word}{end}" for word in AGAINST for end in ("_at", "On", " date", "Time")), "date_deleted"],
            NEVER,
            (1_600_000_000, b"2024-05-01", b"2000-01-01", b"10001-01-01", b"yes"),
            (),
        ),
        (["user_banned", "UsersBanned", "account is banned", "accounts-banned", "Members.banned"], NO, YES, ()),
        (["member_banned", "user_suspended", "memberSuspended", "account_suspended"], NO, YES, ()),
        ([None, "not_banned", "banned_by", "member"], (), (), (7, -1, None)),
        ([None, "not_banned", "banned_by"], (), (), (0, 1)),
    ],
)
def test_the_verification_knows_who_could_be_used(
    columns: list[str | None], good: tuple[Any, ...], bad: tuple[Any, ...], either: tuple[Any, ...]
) -> None:
    table = OldTable("Members", ())
    for column in columns:
        for values, answers in ((good, {True}), (bad, {False}), (either, {True, False})):
            assert [value for value in values if activity_of(value, table, column) != answers] == [], column


@pytest.mark.parametrize(
    ("stored", "is_plain"),
    [
        *((b"2020-02-19", True), (b"2020-02-19 08:27", True), (b"2020-02-19T08:27:18", True)),
        *((b"2020-02-19 08:27:18.1", True), (b"2020-02-19 08:27:18.123456Z", True)),
        *((b"2020-02-19 08:27:18+01:00", True), (b"2020-02-19 08:27:18-01:00", True), (b"1970-01-01", True)),
        *((b"9999-12-30 23:59:59.999999", True), (123_456_789, True), (1_582_100_838, True)),
        *((None, False), (b"", False), (b"x", False), (12_345_678, False), (15_821_008_380, False)),
        *((b"2020-02-19 08:27:18.1234567", False), (b"19 Feb 2020", False), (b"2020-02-19 08:27:18.", False)),
        *((b"1969-12-31 23:59:59.999999", False), (b"9999-12-31", False), (b"9999-12-31 01:00", False)),
    ],
)
def test_the_verification_asks_for_the_date_of_an_account_where_it_is_plain(stored: Any, is_plain: bool) -> None:
    reading = Reading(ZoneInfo("UTC"))
    assert joined_fits(stored, None, reading) is (not is_plain)
    moments = moments_of(stored, reading)
    assert all(joined_fits(stored, moment, reading) for moment in moments)
    assert joined_fits(stored, 1, reading) is (not moments)


def test_a_messages_import_reads_the_users_as_they_were_imported(old: Path) -> None:
    """What was left out of the users stays left out, or the verification would compare with what was never read."""
    write_script(
        old,
        "CREATE TABLE users (id integer primary key, username, email, banned, created_at);"
        "INSERT INTO users VALUES (1, 'ann', 'ann@example.com', 1, '2020-02-19');"
        "CREATE TABLE messages (id integer primary key, author_id, text, pub_date);"
        "INSERT INTO messages VALUES (1, 1, 'hi', 1600000000);",
    )
    left_out = [f"--map=user.{column}=users." for column in ("email", "is_active", "date_joined")]
    import_legacy("users", *left_out)
    import_legacy("messages")
    call_command("verify_legacy", stdout=io.StringIO())  # ends with 1 when something is altered
    assert User.objects.get(legacy_id=1).email == ""


def test_names_are_told_apart() -> None:
    assert str(meaning_of("users", "user_is_banned")) == "banned"
    assert str(meaning_of("accounts", "AccountStatus")) == "status"
    assert meaning_of("users", "LockoutEnabled") is None
    assert meaning_of("users", "not_banned") is None
    assert mappings_from_words(["user.is_active=users.x"])["user"].columns == {"is_active": "x"}
