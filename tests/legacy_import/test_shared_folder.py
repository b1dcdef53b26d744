"""Two databases share a VAR_DIR: a site and its copy for trials. Neither touches the files of the other."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.runs import lifecycle
from legacy_import.runs.files import import_dir as folder_of_this_database
from legacy_import.runs.leftovers import discard_leftovers
from MiniTwit.admin.files.uploads import discard_forgotten, upload_directory
from MiniTwit.models import User
from tests.database_copies import database_copy, working_in
from tests.legacy_import.importing import preview_of
from tests.legacy_import.old_database import ANN, BOB, make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture
def copy() -> Iterator[str]:
    """A copy of this test's database: it gives its runs the same numbers."""
    with database_copy() as name:
        yield name


def test_each_database_imports_what_it_previewed(tmp_path: Path, copy: str) -> None:
    one = make_old_database(tmp_path / "one.db", user=[ANN])
    two = make_old_database(tmp_path / "two.db", user=[ANN, BOB])
    here = preview_of("users", one)
    with working_in(copy):
        there = preview_of("users", two)
        assert there.pk == here.pk
    lifecycle.confirm(here.pk)
    assert lifecycle.apply(here.pk).verification["ok"]
    assert list(User.objects.values_list("username", flat=True)) == ["ann"]
    with working_in(copy):
        lifecycle.confirm(there.pk)
        assert lifecycle.apply(there.pk).verification["ok"]
        assert User.objects.count() == 2


def test_a_database_clears_away_its_own_files_and_those_of_a_dropped_one(
    tmp_path: Path, copy: str, settings: Any
) -> None:
    settings.VAR_DIR = tmp_path
    path = make_old_database(tmp_path / "one.db", user=[ANN])
    with working_in(copy):
        preview_of("users", path)
        folder = folder_of_this_database()
        (folder / "snapshot-7-left.sqlite3-journal").touch()
        kept = set(folder.iterdir())
        uploads = upload_directory()
    lifecycle.cancel(preview_of("users", path).pk)
    discard_leftovers()
    assert set(folder.iterdir()) == kept
    with working_in(copy):
        discard_leftovers()
        assert len(list(folder.iterdir())) == 1
    with working_in("postgres"), connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(copy)))
    discard_leftovers()
    discard_forgotten()
    assert not folder.exists()
    assert not uploads.exists()


@pytest.mark.parametrize(("damage", "code"), [("replaced", "snapshot_changed"), ("removed", "snapshot_lost")])
def test_only_the_file_that_was_previewed_is_imported(
    tmp_path: Path, import_dir: Path, damage: str, code: str
) -> None:
    run = preview_of("users", make_old_database(tmp_path / "one.db", user=[ANN]))
    (snapshot,) = import_dir.iterdir()
    if damage == "replaced":
        os.replace(make_old_database(tmp_path / "two.db", user=[BOB]), snapshot)
    else:
        snapshot.unlink()
    lifecycle.confirm(run.pk)
    with pytest.raises(RunError, match="Make a new preview") as error:
        lifecycle.apply(run.pk)
    assert error.value.code == code
    assert not User.objects.exists()
