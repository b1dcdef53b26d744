"""`--duplicates merge`: users of one name become one account, with all that they wrote and whom they follow."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from legacy_import.models import ImportRun, MergedUser
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.importing import counts, import_of, undo
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

MORNING = 1_600_000_000
names = st.lists(st.sampled_from(["ann", "bob", "ｂｏｂ", "cleo"]), min_size=2, max_size=6)
authors = st.lists(st.integers(1, 6), max_size=6)
pairs = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=10)


class OldTown:
    """The rows of an old database, and what is to become of them when users are merged."""

    def __init__(self, names: list[str], authors: list[int], follows: list[tuple[int, int]]) -> None:
        self.users = [(number, name, f"{number}@example.com", "") for number, name in enumerate(names, 1)]
        self.names = {number: "bob" if name == "ｂｏｂ" else name for number, name in enumerate(names, 1)}
        self.messages = [(number, author, f"text {number}", MORNING, 0) for number, author in enumerate(authors, 1)]
        self.follows = follows

    def write(self, path: Path) -> Path:
        return make_old_database(path, user=self.users, message=self.messages, follower=self.follows)

    def expected_authors(self) -> dict[int, str]:
        return {number: self.names[author] for number, author, *_ in self.messages if author in self.names}

    def expected_follows(self) -> set[tuple[str, str]]:
        known = [(self.names[who], self.names[whom]) for who, whom in self.follows if {who, whom} <= set(self.names)]
        return {(who, whom) for who, whom in known if who != whom}


def check_everything(town: OldTown, users: Any, messages: Any) -> None:
    people = set(town.names.values())
    assert set(User.objects.values_list("username", flat=True)) == people
    assert counts(users, "user").duplicate == len(town.names) - len(people) == MergedUser.objects.count()
    assert all(town.names[merged.legacy_id] == merged.user.username for merged in MergedUser.objects.all())
    assert dict(Message.objects.values_list("legacy_id", "author__username")) == town.expected_authors()
    assert set(Follow.objects.values_list("who__username", "whom__username")) == town.expected_follows()
    follows = counts(messages, "follower")
    known = [{who, whom} <= set(town.names) for who, whom in town.follows].count(True)
    selves = follows.reasons.get("self_follow", 0)
    assert follows.new + follows.unchanged == len(town.expected_follows())
    assert follows.duplicate >= known - selves - len(town.expected_follows())
    for run in (users, messages):
        assert run.audit["disagreements"] == []
        assert run.verification["ok"] is True, run.verification


@settings(max_examples=settings.default.max_examples // 10)  # each takes seconds
@given(names=names, authors=authors, follows=pairs, later=names, later_authors=authors, later_follows=pairs)
@example(
    names=["ann", "ann", "bob"],
    authors=[1, 2, 2],
    follows=[(2, 3), (1, 3), (1, 2)],
    later=["ann", "cleo"],
    later_authors=[4],
    later_follows=[(4, 3), (2, 5)],
)
def test_the_whole_way_of_merged_accounts(tmp_path, names, authors, follows, later, later_authors, later_follows):
    town = OldTown(names, authors, follows)
    path = town.write(tmp_path / "old.db")
    done = [import_of("users", path, duplicates="merge"), import_of("messages", path, insist=True)]
    check_everything(town, *done)
    # A newer copy, and one without the option: who was merged stays merged.
    town = OldTown([*names, *later], [*authors, *later_authors], [*follows, *later_follows])
    town.write(path)
    done += [import_of("users", path, duplicates="merge"), import_of("messages", path, insist=True)]
    check_everything(town, *done[2:])
    again = [import_of("users", path), import_of("messages", path, insist=True)]
    check_everything(town, *again)
    assert counts(again[0], "user").new == counts(again[1], "message").new == 0
    for run in reversed(done):
        undo(run)
    assert [model.objects.count() for model in (User, Message, Follow, MergedUser)] == [0, 0, 0, 0]
    ImportRun.objects.all().delete()


def test_a_merged_account_that_was_renamed_in_the_old_database_gets_one_of_its_own(tmp_path):
    path = OldTown(["ann", "ann", "bob"], [1, 2], [(2, 3)]).write(tmp_path / "old.db")
    import_of("users", path, duplicates="merge")
    import_of("messages", path)
    OldTown(["ann", "anna", "bob"], [1, 2], [(2, 3)]).write(path)
    users, messages = import_of("users", path), import_of("messages", path, existing="update")
    assert set(User.objects.values_list("username", "legacy_id")) == {("ann", 1), ("anna", 2), ("bob", 3)}
    assert dict(Message.objects.values_list("legacy_id", "author__username")) == {1: "ann", 2: "anna"}
    assert users.verification["ok"] is True, users.verification
    assert messages.verification["ok"] is True, messages.verification
