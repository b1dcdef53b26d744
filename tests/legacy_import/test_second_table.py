"""The hashes of users are in a second table, as ASP.NET Identity keeps them beside an application's own `Authors`."""

import base64
import hashlib
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client

from legacy_import.models import RejectedRow
from legacy_import.source.record import SourceRecord
from MiniTwit.models import User
from tests.legacy_import.commands import import_legacy, verification
from tests.legacy_import.conftest import page_of, text_of
from tests.legacy_import.importing import counts, import_of, preview_of
from tests.legacy_import.old_database import MORNING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

SALT = bytes(range(16))
PEOPLE = {"a1-ann": "ann", "b2-bob": "bob", "c3-eve": "eve"}
BY_IDENTITY = "PasswordHash of AspNetUsers by IdentityUserId"
IDENTITIES = "CREATE TABLE AspNetUsers (Id TEXT NOT NULL CONSTRAINT PK PRIMARY KEY, UserName TEXT, PasswordHash TEXT)"
AUTHORS = (
    "CREATE TABLE Authors (AuthorId INTEGER PRIMARY KEY, Name TEXT, Email TEXT, IdentityUserId TEXT"
    " REFERENCES AspNetUsers (Id))"
)


def hash_of(name: str) -> str:
    """As ASP.NET Identity 3 hashes the password `name's`."""
    key = hashlib.pbkdf2_hmac("sha512", f"{name}'s".encode(), SALT, 1_000, 32)
    return base64.b64encode(struct.pack(">B3I", 1, 2, 1_000, len(SALT)) + SALT + key).decode()


def file_with(folder: Path, identities: str = IDENTITIES, authors: str = AUTHORS) -> Path:
    """An old database of PEOPLE, of whom the second has no identity."""
    path = folder / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute(identities)
        old.execute(authors)
        old.execute("CREATE TABLE Cheeps (CheepId INTEGER PRIMARY KEY, AuthorId INTEGER, Text TEXT, TimeStamp TEXT)")
        for number, (identity, name) in enumerate(PEOPLE.items(), 1):
            linked = None if name == "bob" else identity
            old.execute("INSERT INTO AspNetUsers VALUES (?, ?, ?)", [identity, f"{name}@example.com", hash_of(name)])
            old.execute("INSERT INTO Authors VALUES (?, ?, ?, ?)", [number, name, f"{name}@example.com", linked])
        old.execute("INSERT INTO Cheeps VALUES (1, 1, 'hello', ?)", [MORNING])
        old.commit()
    return path


def who_signs_in() -> set[str]:
    return {user.username for user in User.objects.all() if check_password(f"{user.username}'s", user.password)}


def test_the_passwords_are_read_from_the_table_that_the_users_refer_to(tmp_path: Path, admin: Client) -> None:
    path = file_with(tmp_path)
    run = preview_of("users", path)
    page = text_of(admin, page_of(run))
    assert f"pw_hash ({BY_IDENTITY})" in page
    assert hash_of("ann") not in page
    source = SourceRecord.from_json(run.source)
    assert (source.mapping["user"].table, "AspNetUsers" in source.ignored) == ("Authors", False)

    run = import_of("users", path)
    assert who_signs_in() == {"ann", "eve"}
    assert counts(run, "user").notes == {"unusable_password": 1}
    assert run.verification["ok"], run.verification
    assert counts(import_of("users", path), "user").unchanged == 3
    assert import_of("messages", path).verification["ok"]


def test_a_password_of_another_one_is_noticed(tmp_path: Path, settings: Any) -> None:
    path = file_with(tmp_path)
    import_of("users", path)
    import_of("messages", path)
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path}"
    assert verification()["ok"]
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE AspNetUsers SET PasswordHash = ? WHERE Id = 'a1-ann'", [hash_of("eve")])
        old.commit()
    assert verification()["tables"]["user"]["altered"] == 1


def test_names_and_values_tell_where_nothing_is_declared(tmp_path: Path) -> None:
    run = import_of("users", file_with(tmp_path, authors=AUTHORS.replace(" REFERENCES AspNetUsers (Id)", "")))
    assert who_signs_in() == {"ann", "eve"}
    assert run.verification["ok"], run.verification


@pytest.mark.parametrize(
    ("identities", "authors"),
    [
        (IDENTITIES.replace("CONSTRAINT PK PRIMARY KEY", ""), AUTHORS),  # no index to look them up by
        (IDENTITIES.replace("Id TEXT", "Id TEXT, Other TEXT AS ('x')"), AUTHORS),
        (IDENTITIES, AUTHORS.replace("IdentityUserId TEXT REFERENCES AspNetUsers (Id)", "Favourite TEXT")),
        (IDENTITIES, AUTHORS.replace("REFERENCES AspNetUsers (Id)", "REFERENCES Elsewhere (Id)")),
        (IDENTITIES, AUTHORS.replace("REFERENCES AspNetUsers (Id)", "REFERENCES AspNetUsers (UserName)")),
    ],
)
def test_passwords_are_looked_up_by_nothing_but_a_key(tmp_path: Path, identities: str, authors: str) -> None:
    if "AS ('x')" in identities:
        identities = identities.replace("Id TEXT, Other TEXT AS ('x')", "Id TEXT").replace(
            "PasswordHash TEXT)", "PasswordHash TEXT, Other TEXT AS ('x'))"
        )
    run = import_of("users", file_with(tmp_path, identities, authors))
    assert who_signs_in() == set()
    assert counts(run, "user").notes == {"unusable_password": 3}
    assert run.verification["ok"], run.verification


def test_an_account_whose_own_table_has_its_password_keeps_that(tmp_path: Path) -> None:
    path = file_with(tmp_path)
    with closing(sqlite3.connect(path)) as old:
        old.execute("ALTER TABLE Authors ADD COLUMN PasswordHash TEXT")
        old.execute("UPDATE Authors SET PasswordHash = ?", [hash_of("bob")])
        old.commit()
    import_of("users", path)
    assert who_signs_in() == {"bob"}


def test_the_column_can_be_chosen_and_left_out(tmp_path: Path, settings: Any) -> None:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{file_with(tmp_path)}"
    import_legacy("users", "--map", "user.pw_hash=Authors.")
    assert who_signs_in() == set()
    import_legacy("users", "--map", f"user.pw_hash=Authors.{BY_IDENTITY}", "--existing", "update")
    assert who_signs_in() == {"ann", "eve"}


def test_a_rejected_row_keeps_no_password(tmp_path: Path) -> None:
    path = file_with(tmp_path)
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE Authors SET Name = '' WHERE AuthorId = 3")
        old.commit()
    import_of("users", path)
    assert RejectedRow.objects.get().values == {"user_id": "3", "username": "", "email": "eve@example.com"}


def test_an_identity_of_another_type_is_found_by_the_index_as_well(tmp_path: Path) -> None:
    """Numbers that one table has as text."""
    path = file_with(tmp_path, IDENTITIES, AUTHORS.replace("IdentityUserId TEXT", "IdentityUserId INTEGER"))
    with closing(sqlite3.connect(path)) as old:
        for number, identity in enumerate(PEOPLE, 10):
            old.execute("UPDATE AspNetUsers SET Id = ? WHERE Id = ?", [str(number), identity])
            old.execute("UPDATE Authors SET IdentityUserId = ? WHERE IdentityUserId = ?", [number, identity])
        old.commit()
        plan = old.execute(
            "EXPLAIN QUERY PLAN SELECT (SELECT second.PasswordHash FROM AspNetUsers AS second"
            " WHERE second.Id = +Authors.IdentityUserId) FROM Authors"
        )
        assert any("SEARCH second USING INDEX" in step for *_, step in plan)
    assert import_of("users", path).verification["ok"]
    assert who_signs_in() == {"ann", "eve"}
