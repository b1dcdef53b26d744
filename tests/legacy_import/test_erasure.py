"""Who was erased, and what was deleted permanently, does not come back with the next import of the old database."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from legacy_import.models import ImportRun, MergedUser, RejectedRow, ReplacedRow
from MiniTwit import moderation
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.old_database import make_old_database
from tests.MiniTwit.factories import make_superuser

pytestmark = pytest.mark.django_db(transaction=True)

# Roger is here twice: the second account is merged into the first.
USERS = [
    (1, "Roger Histand", "roger@example.com", "plain"),
    (2, "Ada", "ada@example.com", "plain"),
    (3, "Roger Histand", "roger.two@example.com", "plain"),
]
MESSAGES = [
    (10, 1, "Roger was here.", 1_300_000_000, 0),
    (11, 2, "Ada, too.", 1_300_000_001, 0),
    (12, 1, "Roger wrote this without a date.", None, 0),
]
FOLLOWS = [(1, 2), (2, 1)]


def write_old(path: Path, suffix: str = "", more: Any = ()) -> Path:
    users = [(number, name, f"{suffix}{email}", password) for number, name, email, password in USERS]
    messages = [(number, author, f"{text}{suffix}", date, flag) for number, author, text, date, flag in MESSAGES]
    return make_old_database(path, user=users, message=[*messages, *more], follower=FOLLOWS)


def import_all(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, int]]:
    """Both imports of a file; returns what became of the messages' and follows' rows."""
    options = ["--source", str(path), "--existing", "update", "--duplicates", "merge", "--json"]
    for kind in ("users", "messages"):
        capsys.readouterr()
        call_command("import_legacy", kind, *options)
        outcome = json.loads(capsys.readouterr().out)
    tables: dict[str, dict[str, int]] = outcome["tables"]
    return tables


def kept_by_the_import() -> str:
    """All that the import itself remembers of rows and their values."""
    kept = [
        list(RejectedRow.objects.values_list("username", "values")),
        list(ReplacedRow.objects.values_list("before")),
        list(ImportRun.objects.values_list("samples")),
    ]
    return repr(kept)


@pytest.mark.usefixtures("import_dir")
@pytest.mark.parametrize("messages", ["keep", "purge"])
def test_no_later_import_brings_an_erased_person_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], messages: str
) -> None:
    import_all(write_old(tmp_path / "old.db"), capsys)
    import_all(write_old(tmp_path / "old.db", suffix="x"), capsys)  # so that former values are kept for an undo
    assert MergedUser.objects.filter(legacy_id=3).exists()
    roger = User.objects.get(legacy_id=1)
    assert "Roger" in kept_by_the_import()

    moderation.erase(users=[roger], actor=make_superuser(), reason="On request", messages=messages)
    assert "roger" not in kept_by_the_import().lower().replace("roger was here.", "" if messages == "keep" else "!")

    later = [(13, 1, "Roger came back.", 1_400_000_000, 0), (14, 2, "Ada stays.", 1_400_000_000, 0)]
    tables = import_all(write_old(tmp_path / "old.db", suffix="y", more=later), capsys)
    roger.refresh_from_db()
    assert (roger.username, roger.email, roger.legacy_id) == (f"erased-{roger.pk}", "", 1)
    assert not User.objects.filter(username__icontains="roger").exists()
    assert not User.objects.filter(email__icontains="roger").exists()
    assert not Follow.objects.exists()
    texts = set(Message.objects.values_list("text", flat=True))
    assert texts - {"Roger was here.x", "Roger was here.y"} == {"Ada, too.y", "Ada stays."}
    assert (len(texts) == 3) is (messages == "keep")
    assert tables["follower"]["kept"] == 2
    assert tables["message"]["new"] == 1

    call_command("verify_legacy", "--source", str(tmp_path / "old.db"), "--json")
    assert json.loads(capsys.readouterr().out)["ok"]


@pytest.mark.usefixtures("import_dir")
def test_a_purged_message_stays_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write_old(tmp_path / "old.db")
    import_all(old, capsys)
    moderation.purge(messages=Message.objects.filter(legacy_id=11), actor=make_superuser(), reason="Illegal")
    assert import_all(old, capsys)["message"] | {"rejected": 1} == {
        "read": 3, "new": 0, "changed": 0, "unchanged": 1, "kept": 1, "duplicate": 0, "rejected": 1,
    }  # fmt: skip
    assert not Message.objects.filter(legacy_id=11).exists()
    call_command("verify_legacy", "--source", str(old), "--json")
    assert json.loads(capsys.readouterr().out)["ok"]
