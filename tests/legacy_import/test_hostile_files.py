"""A thousand old databases that are damaged or were made to do harm: each is refused, or accounted for, in seconds.

Each file is made from its kind and its number alone, so one of them can be tried again by itself:

    HOSTILE_FILE=flipped_bits-17 python -m pytest tests/legacy_import/test_hostile_files.py -m slow -s
"""

import html
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from legacy_import.errors import RunError
from legacy_import.runs import lifecycle
from legacy_import.source import SourceError, sandbox
from legacy_import.verify import verify
from MiniTwit.models import Message
from tests.legacy_import.conftest import newest_run, page_of, text_of
from tests.legacy_import.hostile.catalogue import KINDS, HostileFile, Kind, files_of
from tests.legacy_import.hostile.trial import Trial, attempt
from tests.legacy_import.importing import import_of, preview_of
from tests.legacy_import.old_database import LOOSE_SCHEMA, make_old_database

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]

ONE_FILE = os.environ.get("HOSTILE_FILE", "")
START_USERS = "/admin/legacy_import/importrun/users/"
# What takes seconds to make or to read is left to the slow test.
HEAVY = {
    *(
        "too_many_tables",
        "too_many_columns",
        "a_million_rows_of_nothing",
        "many_rows_of_nothing",
        "sparse_files",
        "enormous_values",
        "bombs",
    ),
    *("long_values", "rows_too_long_together", "dumps_that_are_programs", "odd_archives"),
    *("foreign_dumps_that_are_programs", "zips_of_parts", "csv_with_traps"),
}
LIGHT = [kind for name, kind in KINDS.items() if name not in HEAVY]
UPLOADED = (
    *("flipped_bits", "flipped_header", "flipped_schema", "truncated", "overwritten_pages", "endless_trees"),
    *("noise_behind_the_magic", "views_named_as_tables", "computed_canonical_columns", "forged_schemas"),
    *("names_that_are_sql", "names_that_are_not_text", "everything_odd", "bytes_that_are_not_utf8_in_every_column"),
    *("utf16_databases", "flipped_dumps", "truncated_dumps", "flipped_zips", "zips_with_paths", "odd_archives"),
    *("truncated_foreign_dumps", "damaged_postgresql_archives", "flipped_and_truncated_csv"),
)


def report(trials: list[Trial]) -> str:
    return "\n".join(str(trial) for trial in trials if trial.faults)


def test_there_are_more_than_a_thousand() -> None:
    assert sum(kind.files for kind in KINDS.values()) >= 1000


def test_a_file_is_made_the_same_again(tmp_path: Path) -> None:
    made = [HostileFile(KINDS["flipped_bits"], 7).make(tmp_path / str(n)).read_bytes() for n in range(2)]
    assert made[0] == made[1]
    assert made[0] != HostileFile(KINDS["flipped_bits"], 8).make(tmp_path / "other").read_bytes()


def trials_of(kinds: list[Kind], folder: Path) -> list[Trial]:
    return [attempt(HostileFile(kind, 0), folder) for kind in kinds]


def test_one_file_of_every_fourth_kind_is_refused_or_accounted_for(tmp_path: Path, import_dir: Path) -> None:
    trials = trials_of(LIGHT[::4], tmp_path)
    assert len(trials) > 10
    assert not report(trials), report(trials)


@pytest.mark.slow
def test_one_file_of_each_kind_is_refused_or_accounted_for(tmp_path: Path, import_dir: Path) -> None:
    trials = trials_of(LIGHT, tmp_path)
    assert len(trials) > 40
    assert not report(trials), report(trials)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_file_is_refused_or_accounted_for(kind: Kind, tmp_path: Path, import_dir: Path) -> None:
    trials = []
    for file in files_of(kind):
        if ONE_FILE in ("", file.name):
            trials.append(trial := attempt(file, tmp_path))
            print(f"{file.name:45}{trial.seconds:6.2f} s {trial.megabytes:5.0f} MB  {trial}", flush=True)  # noqa: T201 -- with -s
    assert not report(trials), report(trials)


def test_what_ended_the_reading_is_said_and_not_called_a_cancellation(tmp_path: Path, import_dir: Path) -> None:
    """PostgreSQL is told to cancel its COPY when the old database cannot be read on."""
    value = "x" * 9_000_000
    path = make_old_database(tmp_path / "old.db", user=[(1, "ann", value, value)])
    with pytest.raises(RunError) as refusal:
        preview_of("users", path)
    assert refusal.value.code == "value_too_long"
    assert newest_run().state == "failed"


def test_the_verification_says_that_a_file_is_damaged(tmp_path: Path) -> None:
    path = make_old_database(tmp_path / "old.db", user=[(number, f"user {number}", "", "") for number in range(500)])
    content = bytearray(path.read_bytes())
    content[-4_096:] = b"\xff" * 4_096
    path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read: SQLite says") as error:
        verify(path)
    assert error.value.code == "damaged_file"


def test_flags_so_large_or_small_that_sqlite_writes_them_with_an_exponent(tmp_path: Path, import_dir: Path) -> None:
    messages = [(1, 1, "a", 5, 9.3e18), (2, 1, "b", 5, 1e-300), (3, 1, "c", 5, 0.0), (4, 1, "d", 5, "0e9")]
    path = make_old_database(tmp_path / "old.db", user=[(1, "ann", "", "")], message=messages, schema=LOOSE_SCHEMA)
    import_of("users", path)
    assert import_of("messages", path).verification["ok"]
    assert dict(Message.objects.values_list("text", "flagged")) == {"a": True, "b": True, "c": False, "d": False}


@pytest.mark.parametrize("name", UPLOADED)
def test_an_uploaded_file_ends_on_a_page_that_says_how(
    name: str, admin: Client, import_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "SILENCE_LIMIT", 1.0)
    path = HostileFile(KINDS[name], 1).make(tmp_path / name)
    choices = {"source": "upload", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    upload = SimpleUploadedFile("minitwit.db", path.read_bytes())
    response = admin.post(START_USERS, {**choices, "upload": upload})
    if response.status_code == 200:  # refused by its first bytes, on the form
        [sentence] = response.context["form"].non_field_errors()
        assert "minitwit.db" in sentence
        assert not list(import_dir.iterdir())
        return
    check_page(admin, newest_run())


def check_page(admin: Client, run: Any) -> None:
    """The page of a run that a worker has taken up."""
    with suppress(RunError):
        lifecycle.stage(run.pk)
    run.refresh_from_db()
    page = text_of(admin, page_of(run))
    if run.state == "previewed":
        assert "Nothing has been written yet" in page
        lifecycle.cancel(run.pk)
    else:
        assert "minitwit.db" in run.error_message
        assert html.escape(run.error_message) in page
