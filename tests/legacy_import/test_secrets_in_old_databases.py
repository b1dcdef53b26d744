"""What looks like passwords is never shown, and never read as anything but passwords, whatever a column is called."""

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.source.recognition.known_names import COLUMN_NAMES
from legacy_import.source.recognition.table_profile import is_secret_name
from MiniTwit.models import User
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import confirm, page_of, preview, text_of
from tests.legacy_import.old_database import HASH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
CLEAR = "correct horse battery"


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    with sqlite3.connect(tmp_path / "old.db") as database:
        database.execute("CREATE TABLE users (id integer primary key, username, email, credential, legacy_md5, door)")
        for number, name in enumerate(("ann", "bob", "", ""), 1):
            database.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)",
                (number, name, f"{number}@example.com", HASH, MD5, f"{CLEAR} {number}"),
            )
    database.close()
    return tmp_path / "old.db"


def everything_stored(run: ImportRun) -> str:
    """All that the run and its rejected rows keep."""
    run.refresh_from_db()
    kept = [run.source, run.options, run.samples, run.old_tables, run.audit, run.verification]
    return json.dumps([*kept, list(run.rejected_rows.values_list("values", flat=True))])


@pytest.mark.parametrize("column", ["credential", "legacy_md5"])
@pytest.mark.parametrize("target", ["email", "username", "is_active", "date_joined", "user_id"])
def test_hashes_are_read_as_nothing_but_passwords(old: Path, column: str, target: str) -> None:
    errors = io.StringIO()
    with pytest.raises(CommandError, match=r"looks like passwords|not integers"):
        call_command("import_legacy", "users", "--map", f"user.{target}=users.{column}", stderr=errors)
    assert not User.objects.exists()
    assert HASH not in errors.getvalue()
    assert MD5 not in errors.getvalue()


def test_the_page_refuses_it_beside_the_select_box(admin: Client, old: Path) -> None:
    run = preview(admin, "users")
    sent = {"user": "users", "user-shown": "users", "user-user_id": "id", "user-username": "username"}
    response = admin.post(f"{page_of(run)}mapping/", sent | {"user-email": "credential"})
    page = response.content.decode()
    assert "It can only be mapped to pw_hash" in page
    for hidden in (HASH[:20], MD5[:20]):  # a sample of a longer value would be its beginning
        assert hidden not in page
        assert hidden not in everything_stored(run)


def test_a_column_of_hashes_under_the_name_of_another_is_left_out(old: Path) -> None:
    """As where addresses were replaced by their hashes."""
    with sqlite3.connect(old) as database:
        database.execute("UPDATE users SET email = credential")
    database.close()
    assert import_legacy("users")["notes"]["user"]["empty_email"] == 2
    assert set(User.objects.values_list("email", flat=True)) == {""}


def test_one_text_that_looks_like_a_hash_is_a_text_all_the_same(old: Path) -> None:
    with sqlite3.connect(old) as database:
        database.execute("UPDATE users SET email = ? WHERE id = 1", [MD5])
    database.close()
    import_legacy("users", "--map", "user.email=users.email")
    assert User.objects.get(username="ann").email == MD5


def test_what_was_chosen_as_the_password_is_shown_no_more(admin: Client, old: Path) -> None:
    """Passwords in clear in a column of any name: only staff can tell."""
    first = preview(admin, "users")
    assert CLEAR in text_of(admin, page_of(first)), "nothing tells that these are passwords"
    sent = {"user": "users", "user-shown": "users", "user-user_id": "id", "user-username": "username"}
    admin.post(f"{page_of(first)}mapping/", sent | {"user-pw_hash": "door"})
    second = lifecycle.stage(ImportRun.objects.latest("pk").pk)
    pages = [text_of(admin, page_of(second))]
    confirm(admin, second)
    pages += [text_of(admin, page_of(run)) for run in (first, second)]
    pages.append(b"".join(admin.get(f"{page_of(second)}rejected/user.csv")).decode())  # type: ignore[arg-type]
    pages += [everything_stored(first), everything_stored(second)]
    assert second.counts["user"]["rejected"] == 2
    for page in pages:
        assert CLEAR not in page
        assert HASH not in page
    assert User.objects.get(username="ann").check_password(f"{CLEAR} 1")


SECRET_NAMES = """
passwd Adgangskode contraseña api_key apiKey APIKey SecurityStamp concurrency_stamp password_salt credentials pass
Pass user_pass userPass userpass loginpass PASS pass1 passHash passhash passphrase passcode PassKey passe mot_de_passe
userpassword PasswordHash otp OTP otp_secret userOtp totp otpcode mdp userMdp usermdp pw userPW pw_hash pwh pwd
UserPwd hash secretWord resetToken tokens senha haslo hasło heslo
"""
OTHER_NAMES = """
passport PassPort passport_number hashtag hashTag timestamp ti_mestamp datestamp author email nickname spelling
footprint compass passenger passengers passage passed passing passive bypass overpass rootpath hotplate cmdpath
secretary hasLocation haslogin desenhado
"""


@pytest.mark.parametrize("name", [*SECRET_NAMES.split(), *COLUMN_NAMES["user", "pw_hash"]])
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", OTHER_NAMES.split())
def test_names_in_which_the_letters_of_a_secret_are_part_of_another_word_are_none(name: str) -> None:
    assert not is_secret_name(name)
