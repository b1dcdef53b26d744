"""Old databases whose ids are texts or bytes: which columns and tables are read, and that their messages follow."""

from pathlib import Path
from typing import Any

import pytest

from MiniTwit.models import Follow, Message, User
from tests.legacy_import.commands import import_legacy, refusal, verification
from tests.legacy_import.old_schemas import write_script
from tests.legacy_import.test_recognition_by_content import recognised

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

ANN, BOB = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
NEVER = "00000000-0000-0000-0000-000000000000"
CHIRP = f"""
CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, AuthorId INTEGER, Name TEXT, UserName TEXT, Email TEXT, PasswordHash);
CREATE TABLE Cheeps (CheepId INTEGER PRIMARY KEY, Text TEXT, TimeStamp TEXT, AuthorId, AuthorId1 TEXT {{declared}});
CREATE TABLE AuthorAuthor (FollowersId TEXT, FollowingId TEXT);
INSERT INTO AspNetUsers VALUES ('{ANN}', {{ids}}, 'ann', NULL, 'a@b.cc', ''), ('{BOB}', 2, 'bob', NULL, 'b@b.cc', '');
INSERT INTO Cheeps VALUES (1, 'from ann', '2023-10-01 08:00:00', {{first}}, '{ANN}'),
    (2, 'from bob', '2023-10-01 08:00:00', {{second}}, '{BOB}');
INSERT INTO AuthorAuthor VALUES ('{ANN}', '{BOB}');
"""
REFERENCES = "REFERENCES AspNetUsers (Id)"


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def imported_and_verified() -> dict[str, str]:
    """Import users and messages, and give the author of each text."""
    import_legacy("users")
    import_legacy("messages")
    assert verification()["ok"]
    return dict(Message.objects.values_list("text", "author__username"))


@pytest.mark.parametrize(
    ("ids", "declared", "first", "second"),
    [
        ("2", REFERENCES, "0", "0"),  # no number of its own
        ("1", REFERENCES, "2", "1"),  # numbers that were left over from before
        ("1", "REFERENCES AspNetUsers", "2", "1"),
        ("2", "", "0", "0"),
        ("2", "", "NULL", "NULL"),
        ("2", "", f"'{NEVER}'", f"'{NEVER}'"),
    ],
)
def test_the_author_of_a_chirp_is_the_text_that_refers_to_the_user(
    old: Path, ids: str, declared: str, first: str, second: str
) -> None:
    write_script(old, CHIRP.format(ids=ids, declared=declared, first=first, second=second))
    assert imported_and_verified() == {"from ann": "ann", "from bob": "bob"}
    assert list(Follow.objects.values_list("who__username", "whom__username")) == [("ann", "bob")]


@pytest.mark.parametrize(
    ("kind", "ann", "bob"),
    [
        ("char(32)", f"'{ANN.replace('-', '')}'", f"'{BOB.replace('-', '')}'"),  # Django's
        ("BLOB", f"x'{ANN.replace('-', '')}'", f"x'{BOB.replace('-', '')}'"),
        ("TEXT", "'u1'", "'u2'"),
        ("TEXT", "'665f1c2e9b1d8a0012345678'", "'665f1c2e9b1d8a0012345679'"),  # MongoDB's
        ("TEXT", "'clx1a2b3c0000'", "'clx1a2b3c0001'"),  # Prisma's
    ],
)
def test_ids_of_any_text_are_ids(old: Path, kind: str, ann: str, bob: str) -> None:
    write_script(
        old,
        f"""
        CREATE TABLE users (id {kind} PRIMARY KEY, username, email, password);
        CREATE TABLE posts (id {kind} PRIMARY KEY, author_id {kind}, text, created_at);
        INSERT INTO users VALUES ({ann}, 'ann', '', ''), ({bob}, 'bob', '', '');
        INSERT INTO posts VALUES ({bob}, {ann}, 'from ann', 1600000000), ({ann}, {bob}, 'from bob', 1600000000);
        """,
    )
    assert imported_and_verified() == {"from ann": "ann", "from bob": "bob"}


def test_a_whole_number_is_the_id_rather_than_a_text(tmp_path: Path) -> None:
    script = "CREATE TABLE users (user_id TEXT UNIQUE, id INTEGER PRIMARY KEY, username TEXT);"
    found = recognised(tmp_path, f"{script} INSERT INTO users VALUES ('{ANN}', 7, 'ann'), ('{BOB}', 8, 'bob')")
    assert found["user"].columns["user_id"] == "id"


def test_people_with_texts_are_read_where_the_messages_are_theirs(old: Path) -> None:
    write_script(
        old,
        f"""
        CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, UserName TEXT, Email TEXT);
        CREATE TABLE Authors (AuthorId INTEGER PRIMARY KEY, Name TEXT, Email TEXT);
        CREATE TABLE Cheeps (CheepId INTEGER PRIMARY KEY, AuthorId TEXT, Text TEXT, TimeStamp TEXT);
        INSERT INTO AspNetUsers VALUES ('{ANN}', 'ann', ''), ('{BOB}', 'bob', '');
        INSERT INTO Authors VALUES (1, 'zoe', '');
        INSERT INTO Cheeps VALUES (1, '{ANN}', 'from ann', 1600000000), (2, '{BOB}', 'from bob', 1600000000);
        """,
    )
    assert imported_and_verified() == {"from ann": "ann", "from bob": "bob"}
    assert not User.objects.filter(username="zoe").exists()


def test_two_tables_of_people_of_which_neither_wrote_are_asked_for(old: Path) -> None:
    write_script(
        old,
        f"""
        CREATE TABLE AspNetUsers (Id TEXT PRIMARY KEY, UserName TEXT);
        CREATE TABLE Authors (AuthorId INTEGER PRIMARY KEY, Name TEXT);
        INSERT INTO AspNetUsers VALUES ('{ANN}', 'ann'); INSERT INTO Authors VALUES (1, 'zoe');
        """,
    )
    assert "Authors with 1 row, AspNetUsers with 1 row" in refusal("users")["message"]
