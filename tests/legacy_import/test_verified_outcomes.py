"""What an import reports as right is right for the verification, whatever was chosen and whatever happened to a row.

The old database is imported, changes, and is imported again; rows here change meanwhile. Each row is one situation.
"""

import io
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from legacy_import.verify import verify
from MiniTwit import moderation
from MiniTwit.models import Message, User
from tests.legacy_import.importing import counts, import_of
from tests.legacy_import.old_database import ANN, BOB, HASH, LOOSE_SCHEMA, MORNING, make_old_database
from tests.MiniTwit.factories import make_superuser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

OTHER_HASH = "pbkdf2:sha256:1000$Nq1fXSEO$" + "1c2ee9c7" * 8
SCHEMA = {
    "user": "user_id integer primary key, username, email, pw_hash, is_active, date_joined",
    "message": "message_id integer primary key, author_id, text, pub_date, flagged",
    "follower": "who_id, whom_id",
}
# Each user before and after: name, address, password, active, joined. None: not in that file.
USERS: dict[str, tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]] = {
    "same": (("same", "a@b.cc", HASH, 1, "2020-02-19"), ("same", "a@b.cc", HASH, 1, "2020-02-19")),
    "another address": (("address", "a@b.cc", HASH, 1, None), ("address", "b@b.cc", HASH, 1, None)),
    "another name": (("former", "", HASH, 1, None), ("latter", "", HASH, 1, None)),
    "another hash": (("hash", "", HASH, 1, None), ("hash", "", OTHER_HASH, 1, None)),
    "another plain password": (("plain", "", "correct horse", 1, None), ("plain", "", "battery staple", 1, None)),
    "the same plain password": (("still plain", "", "correct horse", 1, None),) * 2,
    "banned later": (("banned", "", "", 1, None), ("banned", "", "", 0, None)),
    "another date": (("date", "", "", 1, "2020-02-19"), ("date", "", "", 1, "2020-02-20")),
    "no longer a date": (("undated", "", "", 0, "2020-02-19"), ("undated", "", "", None, "Blub!")),
    "changed here": (("changed", "a@b.cc", "", 1, None), ("changed", "b@b.cc", "", 1, None)),
    "erased here": (("erased", "", "", 1, None), ("erased", "b@b.cc", "", 1, None)),
    "first of a name": (("twin", "", "", 1, None), ("twin", "", "", 1, None)),
    "second of a name": (("twin", "b@b.cc", "", 1, None), ("twin", "c@b.cc", "", 1, None)),
    "first of a name that changes": (("pair", "", "", 1, None), ("parted", "", "", 1, None)),
    "second of that name": (("pair", "", "", 1, None), ("pair", "", "", 1, None)),
    "takes the name of another": (("taker", "", "", 1, None), ("same", "", "", 1, None)),
    "loses its name": (("named", "", "", 1, None), ("", "", "", 1, None)),
    "takes the name of staff": (("guest", "", "", 1, None), ("chief", "", "", 1, None)),
    "vanishes": (("gone", "", "", 1, None), None),
    "comes": (None, ("newcomer", "", "plain", 0, "2020-02-19")),
    "comes without a name": (None, (None, "", "", 1, None)),
}
NUMBER = {situation: number for number, situation in enumerate(USERS, 1)}
SAME, ERASED, TWIN, PAIR = (
    NUMBER[name] for name in ("same", "erased here", "second of a name", "second of that name")
)
LOSES, NEW = NUMBER["loses its name"], NUMBER["comes"]
# Each message before and after: author, text, date, flagged.
MESSAGES: dict[str, tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]] = {
    "same": ((SAME, "same", MORNING, 0), (SAME, "same", MORNING, 0)),
    "another text": ((SAME, "one", MORNING, 0), (SAME, "two", MORNING, 0)),
    "another date": ((SAME, "date", MORNING, 0), (SAME, "date", MORNING + 1, 0)),
    "flagged later": ((SAME, "flag", MORNING, 0), (SAME, "flag", MORNING, 1)),
    "another author": ((SAME, "author", MORNING, 0), (NUMBER["another name"], "author", MORNING, 0)),
    "loses its author": ((SAME, "orphan", MORNING, 0), (999, "orphan", MORNING, 0)),
    "loses its text": ((SAME, "full", MORNING, 0), (SAME, "", MORNING, 0)),
    "loses its date": ((SAME, "dated", MORNING, 0), (SAME, "dated", "Blub!", 0)),
    "by an account that loses its name": ((LOSES, "named", MORNING, 0), (LOSES, "other", MORNING, 0)),
    "changed here": ((SAME, "ours", MORNING, 0), (SAME, "theirs", MORNING, 0)),
    "purged here": ((SAME, "purged", MORNING, 0), (SAME, "purged again", MORNING, 0)),
    "by a twin": ((TWIN, "twin", MORNING, 0), (TWIN, "twin's", MORNING, 0)),
    "by one of a pair": ((PAIR, "pair", MORNING, 0), (PAIR, "pair", MORNING, 0)),
    "by the erased": ((ERASED, "erased", MORNING, 0), (ERASED, "erased", MORNING, 0)),
    "new by the erased": (None, (ERASED, "late", MORNING, 0)),
    "new": (None, (NEW, "new", MORNING, 0)),
    "vanishes": ((SAME, "gone", MORNING, 0), None),
}
FOLLOWS = [(SAME, TWIN), (SAME, TWIN), (TWIN, TWIN), (PAIR, SAME), (ERASED, SAME), (SAME, 999)]
LATER_FOLLOWS = [*FOLLOWS[1:], (NEW, SAME), (SAME, ERASED), (LOSES, SAME)]

OPTIONS = [
    {"existing": existing, "duplicates": duplicates, "plain_passwords": plain}
    for existing, duplicates, plain in product(("keep", "update"), ("reject", "merge"), ("hash", "unusable"))
]
FEW = [(OPTIONS[0], OPTIONS[0]), (OPTIONS[0], OPTIONS[7]), (OPTIONS[7], OPTIONS[2]), (OPTIONS[2], OPTIONS[4])]
ALL = [(first, second) for first, second in product(OPTIONS[:4], OPTIONS) if (first, second) not in FEW]


def rows(table: dict[str, tuple[Any, Any]], moment: int) -> list[tuple[Any, ...]]:
    return [(number, *row[moment]) for number, row in enumerate(table.values(), 1) if row[moment] is not None]


def write(path: Path, moment: int) -> Path:
    follows = (FOLLOWS, LATER_FOLLOWS)[moment]
    tables = {"user": rows(USERS, moment), "message": rows(MESSAGES, moment), "follower": follows}
    return make_old_database(path, **tables, schema=SCHEMA)


def change_here() -> None:
    """What happens between two imports in the back office."""
    chief = make_superuser("chief")
    User.objects.filter(username="changed").update(email="here@b.cc")
    Message.objects.filter(text="ours").update(text="ours, edited")
    moderation.purge(messages=Message.objects.filter(text="purged"), actor=chief, reason="Spam")
    moderation.erase(users=User.objects.filter(username="erased"), actor=chief, reason="On request")


def check_verified(run: Any) -> None:
    assert run.verification["ok"], [table["examples"] for table in run.verification["tables"].values()]
    for table, figures in run.verification["tables"].items():
        assert figures["legacy"] == figures["arrived"] + figures["rejected"] + figures["missing"]
        assert figures["rejected"] == counts(run, table).rejected, table
        assert figures.get("kept", 0) <= counts(run, table).notes.get("kept_by_option", 0)


def import_twice(path: Path, first: dict[str, str], second: dict[str, str]) -> dict[str, Any]:
    """What `verify_legacy` says after two imports, each of which is held to its own account."""
    for moment, options in enumerate((first, second)):
        write(path, moment)
        for kind in ("users", "messages"):
            check_verified(import_of(kind, path, insist=True, **options))
        if moment == 0:
            change_here()
    output = io.StringIO()
    call_command("verify_legacy", source=str(path), json=True, stdout=output)
    verification: dict[str, Any] = json.loads(output.getvalue())
    return verification


@pytest.mark.parametrize(("first", "second"), FEW)
def test_every_outcome_is_verified(tmp_path: Path, first: dict[str, str], second: dict[str, str]) -> None:
    assert import_twice(tmp_path / "old.db", first, second)["ok"]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), ALL)
def test_every_outcome_of_all_options_is_verified(
    tmp_path: Path, first: dict[str, str], second: dict[str, str]
) -> None:
    assert import_twice(tmp_path / "old.db", first, second)["ok"]


def test_rows_that_were_kept_by_choice_are_counted_apart_and_others_are_not_excused(tmp_path: Path) -> None:
    path = make_old_database(tmp_path / "old.db", user=[ANN, BOB], message=[(1, 1, "hi", MORNING, 0)])
    import_of("users", path)
    import_of("messages", path)
    changed = [(*ANN[:2], "other@example.com", HASH), BOB]
    make_old_database(path, user=changed, message=[(1, 1, "oh", MORNING, 0)])
    users, messages = import_of("users", path), import_of("messages", path)
    for run, table in ((users, "user"), (messages, "message")):
        assert counts(run, table).notes["kept_by_option"] == 1
        assert run.verification["ok"]
        assert (run.verification["tables"][table]["kept"], run.verification["tables"][table]["altered"]) == (1, 0)
    # One more row differs than the import had kept.
    make_old_database(path, user=[changed[0], (*BOB[:2], "other@example.com", HASH)])
    verification = verify(path, tables=["user"])
    assert (verification.ok, verification.tables["user"].kept, verification.tables["user"].altered) == (False, 1, 1)
    # And what the last import brought itself has to be as the old database has it.
    make_old_database(path, user=[*changed, (3, "cleo", "cleo@example.com", HASH)])
    import_of("users", path)
    make_old_database(path, user=[ANN, BOB, (3, "cleo", "other@example.com", HASH)])
    assert verify(path, tables=["user"]).tables["user"].altered == 1


def test_an_id_that_comes_twice_where_no_key_forbids_it_is_accounted_for(tmp_path):
    messages = [(1, 1, "first", MORNING, 0), (1, 1, "second", MORNING, 0), (2, 1, "another", MORNING, 0)]
    users = [ANN, (1, ANN[1].upper(), ANN[2], HASH), (3, "eve", "", HASH)]  # the second is nobody's twin
    path = make_old_database(tmp_path / "old.db", schema=LOOSE_SCHEMA, user=users, message=messages)
    for kind, table in (("users", "user"), ("messages", "message")):
        run = import_of(kind, path)
        assert counts(run, table).reasons == {"duplicate_id": 1}
        assert (run.audit["disagreements"], run.verification["ok"]) == ([], True)
