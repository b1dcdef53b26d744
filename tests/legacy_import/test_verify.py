"""After an import, staff ask: is everything here, and as it was?"""

import base64
import hashlib
import json
import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from legacy_import.models import ImportRun, MergedUser, RejectedRow
from legacy_import.source import SourceError
from legacy_import.verify import OldTable, compare, verify
from legacy_import.verify.old import _open
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.old_minitwit import KEY, SECONDS, OldMiniTwit
from tests.legacy_import.verifying import DJANGO_HASH, MOMENT, add_message, add_user, figures

pytestmark = pytest.mark.django_db
BCRYPT_HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11BaAVEwaZcNldEhj/6O"
SALT_64, KEY_64 = (base64.b64encode(data).decode() for data in (KEY[:16], KEY))
ASPNET_2 = base64.b64encode(b"\0" + KEY[:16] + KEY).decode()
ASPNET_3 = base64.b64encode(b"\1" + struct.pack(">3I", 1, 10_000, 16) + KEY[:16] + KEY).decode()
HASH_OF_OPEN_SESAME = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"open sesame", b"salt", 7)).decode()


@pytest.fixture
def old(tmp_path: Path) -> OldMiniTwit:
    return OldMiniTwit(tmp_path / "old.db")


def reject(table: str, position: int, *, state: str = ImportRun.State.APPLIED) -> None:
    kind = ImportRun.Kind.USERS if table == "user" else ImportRun.Kind.MESSAGES
    run = ImportRun.objects.create(kind=kind, state=state)
    RejectedRow.objects.create(run=run, table=table, position=position, reason="some_reason")


def test_everything_arrived(old: OldMiniTwit) -> None:
    old.add_user(1, "Ada")
    old.add_user(2, "Bruno")
    old.add_message(10, author=2, flagged=1)
    old.insert("follower", 1, 2)
    ada, bruno = add_user(1, "Ada"), add_user(2, "Bruno")
    add_message(10, bruno, flagged=True)
    Follow.objects.create(who=ada, whom=bruno)
    # Somebody who never was in the old database does not disturb.
    add_message(None, User.objects.create(username="admin"), text="Welcome!")  # type: ignore[arg-type]

    verification = verify(old.path)

    assert verification.as_json() == {
        "ok": True,
        "tables": {
            "user": {"legacy": 2, "arrived": 2, "rejected": 0, "missing": 0, "altered": 0},
            "message": {"legacy": 1, "arrived": 1, "rejected": 0, "missing": 0, "altered": 0},
            "follower": {"legacy": 1, "arrived": 1, "rejected": 0, "missing": 0, "altered": 0},
        },
    }


def test_a_row_that_is_nowhere_is_missing(old: OldMiniTwit) -> None:
    old.add_user(1, "Ada")
    old.add_message(1)
    old.add_message(2)
    old.add_message(5)
    ada = add_user(1, "Ada")
    add_message(1, ada)
    add_message(5, ada)

    verification = verify(old.path)

    assert not verification.ok
    assert figures(verification, "message") == (3, 2, 0, 1, 0)
    assert verification.tables["message"].examples == [
        "Row 2 of the old table message is neither here nor among the rows that were rejected."
    ]


def test_rows_that_the_import_refused_are_not_missing(old: OldMiniTwit) -> None:
    old.add_user(1, "")
    old.insert("follower", 1, 1)
    old.insert("follower", 1, None)
    for table, position in (("user", 1), ("follower", 1), ("follower", 2)):
        reject(table, position)

    verification = verify(old.path, tables=["user"])
    assert figures(verification, "user") == (1, 0, 1, 0, 0)

    # Only the latest applied run counts: it has read the whole table, and refused one of the two.
    assert figures(verify(old.path), "follower") == (2, 0, 1, 1, 0)


def test_a_preview_refuses_nothing(old: OldMiniTwit) -> None:
    old.add_user(1, "")
    reject("user", 1, state=ImportRun.State.PREVIEWED)
    assert figures(verify(old.path), "user") == (1, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ({"text": "hello!"}, "the text was “hello” and is “hello!” here"),
        ({"flagged": True}, "the flag was “0” and is “1” here"),
        ({"pub_date": MOMENT.replace(microsecond=1)}, "is “2020-02-19T08:27:18.000001+00:00” here"),
    ],
)
def test_a_message_that_is_not_what_it_was_is_altered(old: OldMiniTwit, here: dict[str, Any], said: str) -> None:
    old.add_user(1, "Ada")
    old.add_message(7)
    message = add_message(7, add_user(1, "Ada"), **here)

    verification = verify(old.path)
    assert figures(verification, "message") == (1, 1, 0, 0, 1)
    assert said in verification.tables["message"].examples[0]

    # Once a moderator has had it in hand, it may differ.
    Message.objects.filter(pk=message.pk).update(text="[removed]")
    assert verify(old.path).ok


def test_a_message_under_another_name_is_altered(old: OldMiniTwit) -> None:
    old.add_user(1, "Ada")
    old.add_user(2, "Bruno")
    old.add_message(7, author=1)
    add_user(1, "Ada")
    add_message(7, add_user(2, "Bruno"))
    assert "another account" in verify(old.path).tables["message"].examples[0]


@pytest.mark.parametrize(
    "here",
    [
        {"username": "ada"},
        {"email": "other@example.com"},
        {"password": DJANGO_HASH.replace("50000", "50001")},
        {"password": "!unusable"},
        {"is_staff": True},
        {"is_superuser": True},
    ],
)
def test_an_account_that_is_not_what_it_was_is_altered(old: OldMiniTwit, here: dict[str, Any]) -> None:
    old.add_user(1, "Ada")
    add_user(**{"legacy_id": 1, "username": "Ada"} | here)
    assert figures(verify(old.path), "user") == (1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("stored", "here", "right"),
    [
        (f"pbkdf2:sha1:7$s${KEY[:20].hex()}", f"pbkdf2_sha1$7$s${base64.b64encode(KEY[:20]).decode()}", True),
        (f"pbkdf2:sha512:7$s${(KEY * 2).hex()}", f"pbkdf2_sha512$7$s${base64.b64encode(KEY * 2).decode()}", True),
        (f"scrypt:32768:8:1$s${(KEY * 2).hex()}", f"scrypt$32768$s$8$1${base64.b64encode(KEY * 2).decode()}", True),
        (f"pbkdf2:sha256:4000000000$s${KEY.hex()}", "!unusable", True),
        (f"pbkdf2:sha256:4000000000$s${KEY.hex()}", DJANGO_HASH.replace("50000", "4000000000"), False),
        ("pbkdf2:sha256:50000$s$abcdef", "!unusable", True),
        ("", "!unusable", True),
        (123456, "!unusable", True),
        (BCRYPT_HASH, f"bcrypt${BCRYPT_HASH}", True),
        (BCRYPT_HASH.encode(), f"bcrypt${BCRYPT_HASH}", True),
        (BCRYPT_HASH, "!unusable", False),
        (BCRYPT_HASH[:-1], f"bcrypt${BCRYPT_HASH[:-1]}", False),
        (f"sha1$s${KEY[:20].hex()}", f"werkzeug_sha1$s${KEY[:20].hex()}", True),
        (f"sha1$s${KEY[:20].hex()}", f"sha1$s${KEY[:20].hex()}", False),
        (f"sha1$s${KEY[:20].hex()}", f"pbkdf2_sha256_over$1000000$t${'A' * 43}=$werkzeug_sha1$s", True),
        (f"sha1$s${KEY[:20].hex()}", f"pbkdf2_sha256_over$1000000$t${'A' * 43}=$werkzeug_sha1$x", False),
        (f"sha1$s${KEY[:20].hex()}", f"pbkdf2_sha256_over$1000$t${'A' * 43}=$werkzeug_sha1$s", False),
        (KEY[:16].hex().upper(), f"werkzeug_md5$${KEY[:16].hex()}", True),
        (KEY[:16].hex(), "!unusable", False),
        (ASPNET_3, f"aspnet_identity$sha256$10000${SALT_64}${KEY_64}", True),
        (ASPNET_3, f"aspnet_identity$sha512$10000${SALT_64}${KEY_64}", False),
        (ASPNET_2, f"aspnet_identity$sha1$1000${SALT_64}${KEY_64}", True),
        ("open sesame", f"pbkdf2_sha256$7$salt${HASH_OF_OPEN_SESAME}", True),
        ("open sesamé", f"pbkdf2_sha256$7$salt${HASH_OF_OPEN_SESAME}", False),
        ("open sesame", f"pbkdf2_sha256_over$1000000$t${'A' * 43}=$pbkdf2_sha256$7$salt", True),
        (DJANGO_HASH, DJANGO_HASH, True),
        ("open sesame", "!unusable", True),
        ("open sesame", "open sesame", False),
        ("!secret", "!secret", False),
    ],
)
def test_a_password_is_right_when_the_owner_can_sign_in_or_nobody_can(
    old: OldMiniTwit, stored: Any, here: str, right: bool
) -> None:
    old.add_user(1, "Ada", pw_hash=stored)
    add_user(1, "Ada", password=here)
    verification = verify(old.path)
    assert verification.ok is right
    # Whatever is said about it, the old password is not.
    assert "open sesame" not in "".join(verification.tables["user"].examples)


@pytest.mark.parametrize(
    ("stored", "here"),
    [
        ("007", "7"),
        ("3.140", "3.14"),
        (b"caf\xe9", "caf\ufffd"),
        (b"a\0b", "ab"),
        ("ﬁnn", "finn"),
        ("  two words ", "  two words "),
    ],
)
def test_usernames_are_compared_as_they_are_read(old: OldMiniTwit, stored: Any, here: str) -> None:
    old.add_user(1, stored)
    add_user(1, here)
    assert verify(old.path).ok


@pytest.mark.parametrize(
    ("stored", "here"),
    [
        (SECONDS * 1_000 + 123, MOMENT.replace(microsecond=123_000)),
        (SECONDS * 1_000_000 + 123_456, MOMENT.replace(microsecond=123_456)),
        (637_176_976_381_234_560, MOMENT.replace(hour=8, minute=27, second=18, microsecond=123_456)),
        (SECONDS + 0.25, MOMENT.replace(microsecond=250_000)),
        ("2020-02-19 08:27:18", MOMENT),
        ("2020-02-19T09:27:18+01:00", MOMENT),
        ("2020-02-19 09:27:18 +0100 CET m=+0.1", MOMENT),
        ("8:27:18 AM, 2/19/2020", MOMENT),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (123, datetime(1970, 1, 1, 0, 2, 3, tzinfo=UTC)),
    ],
)
def test_dates_are_compared_in_the_unit_they_were_written_in(old: OldMiniTwit, stored: Any, here: datetime) -> None:
    old.add_user(1, "Ada")
    old.add_message(1, date=stored)
    message = add_message(1, add_user(1, "Ada"), pub_date=here)
    assert verify(old.path).ok

    # A second off, written by something that leaves no trace, is noticed.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL minitwit.importing = 'on'")
        cursor.execute(
            "UPDATE \"MiniTwit_message\" SET pub_date = pub_date + interval '1 s' WHERE id = %s", [message.pk]
        )
    assert figures(verify(old.path), "message") == (1, 1, 0, 0, 1)


def test_a_date_without_an_offset_is_in_the_old_sites_zone(old: OldMiniTwit, settings: Any) -> None:
    settings.LEGACY_TIME_ZONE = "Europe/Copenhagen"
    old.add_user(1, "Ada")
    old.add_message(1, date="2020-02-19 09:27:18")
    add_message(1, add_user(1, "Ada"))
    assert verify(old.path).ok


def test_an_author_may_be_given_as_a_username(old: OldMiniTwit) -> None:
    old.add_user(1, "Ada")
    old.add_message(1, author="Ada")
    add_message(1, add_user(1, "Ada"))
    assert verify(old.path).ok


def test_what_a_merged_account_wrote_and_followed_belongs_to_the_survivor(old: OldMiniTwit) -> None:
    for user_id, name in ((1, "Lotte"), (2, "Lotte"), (3, "Nils")):
        old.add_user(user_id, name)
    old.add_message(1, author=2)
    old.insert("follower", 2, 3)
    old.insert("follower", 3, 2)
    lotte, nils = add_user(1, "Lotte"), add_user(3, "Nils")
    MergedUser.objects.create(legacy_id=2, user=lotte, import_run=1)
    add_message(1, lotte)
    Follow.objects.create(who=lotte, whom=nils)

    verification = verify(old.path)

    assert figures(verification, "user") == (3, 3, 0, 0, 0)
    assert figures(verification, "message") == (1, 1, 0, 0, 0)
    assert figures(verification, "follower") == (2, 1, 0, 1, 0)


def test_every_repetition_of_a_follow_has_arrived(old: OldMiniTwit) -> None:
    users = [add_user(user_id, f"Person {user_id}") for user_id in (1, 2, 3)]
    for user in users:
        old.add_user(user.legacy_id or 0, user.username)
    for pair in ((3, 1), (1, 2), (3, 1), (1, 2), (1, 2), (2, 3)):
        old.insert("follower", *pair)
    Follow.objects.create(who=users[0], whom=users[1])
    Follow.objects.create(who=users[2], whom=users[0])
    assert figures(verify(old.path), "follower") == (6, 5, 0, 1, 0)


def test_a_followed_account_that_is_no_number_is_not_taken_for_several(old: OldMiniTwit) -> None:
    ada, bruno, carla = (add_user(number, name) for number, name in ((1, "Ada"), (2, "Bruno"), (3, "Carla")))
    Follow.objects.create(who=ada, whom=bruno)
    Follow.objects.create(who=ada, whom=carla)
    old.execute("DROP TABLE follower; CREATE TABLE follower (who_id, whom_id)")
    for pair in ((1, "2 3"), (1, None), (1, 2.0), (1.0, 3), (1, 2)):
        old.insert("follower", *pair)
    assert figures(verify(old.path), "follower") == (5, 1, 0, 4, 0)


def test_tables_may_have_other_names(old: OldMiniTwit) -> None:
    old.execute('CREATE TABLE "Old ""Messages" (id integer primary key, author, body, "when")')
    old.insert('"Old ""Messages"', 4, 1, "hello", SECONDS)
    add_message(4, add_user(1, "Ada"))
    layout = {"message": OldTable('Old "Messages', ("id", "author", "body", "when", None))}
    assert figures(verify(old.path, tables=["message"], layout=layout), "message") == (1, 1, 0, 0, 0)


def test_progress_is_told_now_and_then_and_ends_with_every_row(
    old: OldMiniTwit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "ROWS_BETWEEN_PROGRESS", 2)
    for user_id, name in ((1, "Ada"), (2, "Bruno"), (3, "Carla")):
        old.add_user(user_id, name)
    seen: list[tuple[str, int, int]] = []
    verify(old.path, on_progress=lambda *step: seen.append(step))
    assert seen == [("user", 2, 3), ("user", 3, 3), ("message", 0, 0), ("follower", 0, 0)]


def test_a_view_in_place_of_a_table_is_not_read(old: OldMiniTwit) -> None:
    old.execute(
        "DROP TABLE user; CREATE VIEW user AS SELECT 1 AS user_id, 'a' AS username, '' AS email, '' AS pw_hash"
    )
    with pytest.raises(SourceError, match="no table user"):
        verify(old.path)


def test_the_command_prints_figures_and_ends_with_the_outcome(old: OldMiniTwit, settings: Any) -> None:
    old.add_user(1, "Ada")
    settings.LEGACY_DATABASE_URL = f"sqlite:///{old.path}"
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_legacy", stdout=output)
    assert ended.value.code == 1
    assert "Row 1 of the old table user" in output.getvalue()

    add_user(1, "Ada")
    output = StringIO()
    call_command("verify_legacy", json=True, stdout=output)
    assert json.loads(output.getvalue()) == verify(old.path).as_json()


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda path: None, "no_such_file"),
        (lambda path: path.write_text("no database"), "not_sqlite"),
        (
            lambda path: sqlite3.connect(path).executescript("CREATE TABLE other (a)").connection.close(),
            "missing_table",
        ),
        (
            lambda path: sqlite3.connect(path).executescript("CREATE TABLE user (a)").connection.close(),
            "missing_column",
        ),
    ],
)
def test_the_command_says_what_is_wrong_with_the_source(tmp_path: Path, prepare: Any, code: str) -> None:
    path = tmp_path / "some.db"
    prepare(path)
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("verify_legacy", source=str(path), json=True, stdout=output)
    assert error.value.returncode not in {0, 1}
    assert str(path) in str(error.value)
    said = json.loads(output.getvalue())["error"]
    assert said == {"code": code, "message": str(error.value)}


def test_the_command_asks_for_a_source(settings: Any) -> None:
    settings.LEGACY_DATABASE_URL = ""
    with pytest.raises(CommandError, match="--source"):
        call_command("verify_legacy")


def test_the_old_file_can_make_sqlite_do_nothing_but_read(old: OldMiniTwit) -> None:
    old.add_user(1, "Ada")
    refused = (
        "DELETE FROM user",
        "PRAGMA journal_mode",
        "SELECT upper(username) FROM user",
        "ATTACH ':memory:' AS x",
    )
    with closing(_open(old.path, "old")) as connection:
        assert connection.execute("SELECT count(*) FROM user").fetchall() == [(1,)]
        assert len(connection.execute("PRAGMA table_info(user)").fetchall()) >= 4
        for statement in refused:
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                connection.execute(statement)
