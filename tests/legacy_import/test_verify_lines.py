"""Messages are compared as lines that both databases write; what a line cannot tell is compared by itself."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from legacy_import.verify import old as old_side
from legacy_import.verify import report, verify
from tests.legacy_import.old_minitwit import SECONDS, OldMiniTwit
from tests.legacy_import.verifying import MOMENT, add_message, add_user, figures

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(tmp_path: Path) -> OldMiniTwit:
    return OldMiniTwit(tmp_path / "old.db")


FORGED = "a line ends:\x1e{id} {author} 1582100838000000 0 hello"
# What an old message may hold beside its id and what it may be here, and whether that is the same.
MESSAGES: dict[str, tuple[tuple[Any, ...], dict[str, Any] | None, bool]] = {
    "the line of the next": ((1, FORGED, SECONDS, 0), {"text": FORGED}, True),
    "the next": ((1, "hello", SECONDS, 0), {"text": "good-bye"}, False),
    "the same": ((1, "hello", SECONDS, 0), {}, True),
    "another text": ((1, "hello", SECONDS, 0), {"text": "hello!"}, False),
    "another date": ((1, "hello", SECONDS, 0), {"pub_date": MOMENT.replace(microsecond=1)}, False),
    "another flag": ((1, "hello", SECONDS, 1), {}, False),
    "another author": ((2, "hello", SECONDS, 0), {}, False),
    "not here": ((1, "hello", SECONDS, 0), None, False),
    "an author who is not here": ((3, "hello", SECONDS, 0), {}, False),
    "an author by name": (("Ada", "hello", SECONDS, 0), {}, True),
    "no flag": ((1, "hello", SECONDS, None), {}, True),
    "more than a flag": ((1, "hello", SECONDS, 2), {"flagged": True}, True),
    "milliseconds": ((1, "hello", SECONDS * 1_000, 0), {}, True),
    "a written date": ((1, "hello", "2020-02-19 08:27:18", 0), {}, True),
    "a number as text": ((1, 7, SECONDS, 0), {"text": "7"}, True),
    "a NUL": ((1, "hel\0lo", SECONDS, 0), {}, True),
    "bytes that are no UTF-8": ((1, b"caf\xe9", SECONDS, 0), {"text": "caf\ufffd"}, True),
    "a long text": ((1, "é" * 100_000, SECONDS, 0), {"text": "é" * 100_000}, True),
    "another long text": ((1, "é" * 100_000, SECONDS, 0), {"text": "é" * 100_000 + "!"}, False),
}


@pytest.mark.parametrize("key", ["integer primary key", "integer"], ids=["as lines", "row by row"])
@pytest.mark.parametrize("most_rows", [2, 4_000])
def test_a_message_is_compared_alike_in_a_line_or_by_itself(
    old: OldMiniTwit, key: str, most_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables lie in the order of their ids, or not; their rows are compared as lines, or one by one."""
    monkeypatch.setattr(old_side, "MOST_ROWS", most_rows)
    monkeypatch.setattr(old_side, "BYTES_OF_BLOCK", 1_000 * most_rows)
    monkeypatch.setattr(
        old_side, "LONGEST_VALUE", 250_000
    )  # bytes; that is more than one long text, and less than two
    old.execute(f"DROP TABLE message; CREATE TABLE message (message_id {key}, author_id, text, pub_date, flagged)")
    ada, _bruno = add_user(1, "Ada"), add_user(2, "Bruno")

    def forged(text: Any, legacy_id: int) -> Any:
        return text.format(id=legacy_id + 1, author=ada.pk) if text == FORGED else text

    for legacy_id, ((author, text, *others), here, _) in enumerate(MESSAGES.values(), 1):
        old.insert("message", legacy_id, author, forged(text, legacy_id), *others)
        if here is not None:
            add_message(legacy_id, ada, **{name: forged(value, legacy_id) for name, value in here.items()})
    monkeypatch.setattr(report, "EXAMPLES", len(MESSAGES))

    verification = verify(old.path)

    wrong = [situation for situation, (_, _, is_same) in MESSAGES.items() if not is_same]
    assert figures(verification, "message") == (len(MESSAGES), len(MESSAGES) - 1, 0, 1, len(wrong) - 1)
    said = re.findall(r"^(?:Message|Row) (\d+)", "\n".join(verification.tables["message"].examples), re.MULTILINE)
    assert sorted(map(int, said)) == [[*MESSAGES].index(situation) + 1 for situation in wrong]


@pytest.mark.parametrize("legacy_id", [-(2**63), 2**63 - 1])
def test_ids_may_be_as_small_and_as_great_as_they_can(old: OldMiniTwit, legacy_id: int) -> None:
    old.add_user(1, "Ada")
    old.add_message(legacy_id)
    add_message(legacy_id, add_user(1, "Ada"))
    assert verify(old.path).ok


def test_a_comparison_that_is_cancelled_leaves_no_thread_behind(old: OldMiniTwit) -> None:
    old.add_message(1)
    before = threading.active_count()

    def cancel(table: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(old.path, tables=["message"], on_progress=cancel)
    assert threading.active_count() == before
