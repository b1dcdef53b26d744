"""An old database comes to the same outcomes whatever its tables and columns are called."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.source import CANONICAL_TABLES
from legacy_import.source.recognition.known_names import COLUMN_NAMES, WELL_KNOWN_TABLES
from legacy_import.source.schema import EXTRA_COLUMNS
from MiniTwit.models import User
from tests.legacy_import import strategies
from tests.legacy_import.old_database import make_old_database
from tests.legacy_import.test_parity import accounts, outcomes_of_both, rolled_back, users_run

__all__ = ["accounts", "users_run"]

pytestmark = pytest.mark.django_db
OWN_COLUMNS = {
    name: [column for column in table.columns if column not in EXTRA_COLUMNS]
    for name, table in CANONICAL_TABLES.items()
}
fewer = settings(max_examples=settings.default.max_examples // 2)  # each is four imports
spellings = st.sampled_from([str, str.upper, str.title, "_".join, lambda name: f"{name[:2]}_{name[2:]}"])


@st.composite
def renamings(draw: Any, table: str) -> tuple[str, list[str]]:
    """A table's name and its columns' names, any that are known in any spelling."""

    def spelt(name: str) -> str:
        return str(draw(spellings)(name))

    columns = [spelt(draw(st.sampled_from([column, *COLUMN_NAMES[table, column]]))) for column in OWN_COLUMNS[table]]
    return spelt(draw(st.sampled_from([table, *WELL_KNOWN_TABLES[table]]))), columns


def both_outcomes(folder: Path, table: str, rows: list[Any], renaming: tuple[str, list[str]], run_id: int) -> Any:
    """What becomes of the rows under their canonical names, and under others, set-based and row by row."""
    canonical = make_old_database(folder / "canonical.db", **{table: rows})
    other = folder / "other.db"
    shutil.copy(canonical, other)
    rename(other, table, *renaming)
    outcomes = []
    for path in (canonical, other):
        with rolled_back():
            outcomes.extend(outcomes_of_both(path, table, ImportOptions(), run_id))
    return outcomes


def rename(path: Path, table: str, name: str, columns: list[str]) -> None:
    with closing(sqlite3.connect(path)) as database:
        for old, new in zip(OWN_COLUMNS[table], columns, strict=True):
            database.execute(f'ALTER TABLE {table} RENAME COLUMN "{old}" TO "{new}"')
        database.execute(f"ALTER TABLE {table} RENAME TO on_the_way")  # for the same name in another case
        database.execute(f'ALTER TABLE on_the_way RENAME TO "{name}"')


@fewer
@given(rows=strategies.keyed(strategies.users), renaming=renamings("user"))
def test_users(
    tmp_path: Path,
    accounts: dict[str, User],
    users_run: ImportRun,
    rows: Any,
    renaming: Any,
) -> None:
    expected, *others = both_outcomes(tmp_path, "user", rows, renaming, users_run.pk)
    assert others == [expected] * 3


@fewer
@given(rows=strategies.keyed(strategies.messages), renaming=renamings("message"))
def test_messages(
    tmp_path: Path,
    accounts: dict[str, User],
    users_run: ImportRun,
    rows: Any,
    renaming: Any,
) -> None:
    expected, *others = both_outcomes(tmp_path, "message", rows, renaming, users_run.pk)
    assert others == [expected] * 3


@fewer
@given(rows=strategies.follows, renaming=renamings("follower"))
def test_follows(
    tmp_path: Path,
    accounts: dict[str, User],
    users_run: ImportRun,
    rows: Any,
    renaming: Any,
) -> None:
    expected, *others = both_outcomes(tmp_path, "follower", rows, renaming, users_run.pk)
    assert others == [expected] * 3
