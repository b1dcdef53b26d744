"""Follows that the table of users holds as lists: a column `follows` with `["bob", 7]`."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from legacy_import.models import RejectedRow
from legacy_import.runs import lifecycle
from legacy_import.source.recognition.follow_lists import ITEM, ITEMS
from legacy_import.verify.follow_lists import items_of
from MiniTwit.models import Follow
from tests.legacy_import.commands import verification
from tests.legacy_import.conftest import page_of, text_of
from tests.legacy_import.hostile.side_tables import ODD_LISTS
from tests.legacy_import.importing import counts, import_of, preview_of, undo
from tests.legacy_import.old_database import MORNING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

PEOPLE = ("ann", "bob", "eve", "dan")


def file_with(folder: Path, *lists: Any, column: str = "follows", key: str = "id integer primary key") -> Path:
    """An old database of PEOPLE, of whom each has what is given in that column."""
    path = folder / "old.db"
    path.unlink(missing_ok=True)
    rows = [
        (number, name, f"{name}@example.com", value)
        for number, (name, value) in enumerate(zip(PEOPLE, lists, strict=False), 1)
    ]
    with closing(sqlite3.connect(path)) as old:
        old.execute(f"CREATE TABLE users ({key}, username text, email text, {column} text)")
        old.execute("CREATE TABLE messages (id integer primary key, user_id integer, text text, pub_date integer)")
        old.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
        old.execute("INSERT INTO messages VALUES (1, 1, 'hello', ?)", [MORNING])
        old.commit()
    return path


def imported(path: Path) -> Any:
    import_of("users", path)
    run = import_of("messages", path)
    assert run.verification["ok"], run.verification
    assert not run.audit["disagreements"]
    return run


def follows() -> set[tuple[str, str]]:
    return set(Follow.objects.values_list("who__username", "whom__username"))


def test_each_element_of_a_list_is_a_follow(tmp_path: Path) -> None:
    path = file_with(tmp_path, '["bob", "eve"]', "[1, 3]", " [] ", None)
    run = imported(path)
    assert follows() == {("ann", "bob"), ("ann", "eve"), ("bob", "ann"), ("bob", "eve")}
    assert (counts(run, "follower").read, counts(run, "follower").new) == (4, 4)
    again = import_of("messages", path)
    assert (counts(again, "follower").unchanged, again.verification["ok"]) == (4, True)
    undo(run)
    assert not follows()


@pytest.mark.parametrize("column", ["following", "user_follows", "Followed"])
def test_the_column_has_one_of_several_names(tmp_path: Path, column: str) -> None:
    imported(file_with(tmp_path, "[2]", "[]", '["ann"]', column=column))
    assert follows() == {("ann", "bob"), ("eve", "ann")}


def test_a_list_of_followers_is_read_the_other_way_round(tmp_path: Path) -> None:
    imported(file_with(tmp_path, "[2]", '["eve"]', "[]", column="followers"))
    assert follows() == {("bob", "ann"), ("eve", "bob")}


def test_a_table_without_row_ids_holds_lists_as_well(tmp_path: Path) -> None:
    path = file_with(tmp_path, "[2]", '["eve"]', "[]")
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE people (id integer primary key, username, email, follows) WITHOUT ROWID;"
            "INSERT INTO people SELECT * FROM users ORDER BY id DESC;"
            "DROP TABLE users; ALTER TABLE people RENAME TO users;"
        )
    imported(path)
    assert follows() == {("ann", "bob"), ("bob", "eve")}


def test_the_place_of_a_follow_is_its_number_in_the_order_of_the_users(tmp_path: Path) -> None:
    path = file_with(tmp_path, '["bob", 99]', "[]", "[1, 2, 98]", "[97]")
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE INDEX by_name ON users (username DESC, id, follows)")  # holds all that is read
        old.commit()
    import_of("users", path)
    run = import_of("messages", path, insist=True)
    rejected = RejectedRow.objects.filter(run=run, table="follower").order_by("position")
    assert [(row.position, row.values["whom_id"]) for row in rejected] == [(2, "99"), (5, "98"), (6, "97")]
    assert run.verification["ok"], run.verification


NO_FOLLOWS: Sequence[tuple[str, dict[str, int]]] = (
    ('["nobody", 99]', {"followed_missing": 2}),
    ('["ann", 1]', {"self_follow": 2}),
    ('[null, true, 1.5, ["bob"], {"id": 2}, ""]', {"incomplete_follow": 6}),
    ('["bob"', {"incomplete_follow": 1}),
    ('{"bob": "bob"}', {"incomplete_follow": 1}),
    ("bob", {"incomplete_follow": 1}),
    ("[NaN]", {"incomplete_follow": 1}),
    ("[" * 5_000, {"incomplete_follow": 1}),
    (json.dumps(["bob"] * 200_000), {"incomplete_follow": 1}),
    ("null", {}),
    ("", {}),
)


@pytest.mark.parametrize(("stored", "reasons"), NO_FOLLOWS, ids=[stored[:20] for stored, _ in NO_FOLLOWS])
def test_what_is_no_list_of_accounts_is_refused_with_a_reason(
    tmp_path: Path, stored: str, reasons: dict[str, int]
) -> None:
    path = file_with(tmp_path, "[]", "[]", "[]", "[1]")
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE users SET follows = ? WHERE id = 1", [stored])
        old.execute("INSERT INTO users SELECT id + 4, username || '2', email, '[]' FROM users")  # a column of lists
        old.commit()
    import_of("users", path)
    run = import_of("messages", path, insist=True)
    assert counts(run, "follower").reasons == reasons
    assert follows() == {("dan", "ann")}
    assert run.verification["ok"], run.verification
    assert not run.audit["disagreements"]


def test_the_verification_takes_every_odd_list_apart_as_the_import_does() -> None:
    with closing(sqlite3.connect(":memory:")) as old:
        old.text_factory = bytes
        for stored in (*ODD_LISTS, *(stored for stored, _ in NO_FOLLOWS)):
            text = "CAST(person.follows AS TEXT)"
            items = old.execute(
                f"SELECT {ITEM} FROM (SELECT ? AS follows) AS person, json_each({ITEMS.format(text)}) AS item",
                [stored],
            )
            stored_so = stored.encode() if isinstance(stored, str) else stored
            assert len([*items_of(stored_so)]) == len(items.fetchall()), repr(stored)[:100]


def test_the_preview_says_where_the_follows_are_from(tmp_path: Path, admin: Client) -> None:
    path = file_with(tmp_path, "[2]", "[]", "[]")
    import_of("users", path)
    run = preview_of("messages", path)
    page = text_of(admin, page_of(run))
    assert "follows of users" in page
    assert "whom_id (follows)" in page
    lifecycle.confirm(run.pk)
    lifecycle.apply(run.pk)
    assert follows() == {("ann", "bob")}


def test_a_follow_that_is_gone_is_missed(tmp_path: Path, settings: Any) -> None:
    path = file_with(tmp_path, "[2, 3]", "[]", '["ann"]')
    imported(path)
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path}"
    assert verification()["ok"]
    Follow.objects.filter(whom__username="ann").delete()
    answer = verification()
    assert (answer["ok"], answer["tables"]["follower"]["missing"]) == (False, 1)


def test_a_table_of_follows_comes_before_lists(tmp_path: Path) -> None:
    path = file_with(tmp_path, "[2]", "[]", "[]")
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "CREATE TABLE follower (who_id integer, whom_id integer); INSERT INTO follower VALUES (3, 4), (4, 3);"
            "INSERT INTO users VALUES (4, 'dan', '', '[]');"
        )
    imported(path)
    assert follows() == {("eve", "dan"), ("dan", "eve")}
