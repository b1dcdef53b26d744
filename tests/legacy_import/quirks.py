"""What is found in real old databases, one case each, with what the import makes of it.

`test_quirks.py` imports all of them at once and looks at each; `strategies.py` mixes them with everything else.
What is wrong with whole files and how tables and columns may be called is not here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.legacy_import.old_database import HASH

MORNING = 1_582_100_838  # 2020-02-19 08:27:18 UTC


def at(hour: int, minute: int, second: int, microsecond: int = 0) -> datetime:
    """A time of that day."""
    return datetime(2020, 2, 19, hour, minute, second, microsecond, tzinfo=UTC)


@dataclass(frozen=True)
class Quirk:
    """One odd row.

    Attributes:
        found: what is odd. values: of the columns that matter to the case; the others are as usual.
        outcome: the outcome, or the reason of a rejection. notes: the codes.
        stored: what stands here afterwards, by attribute.
    """

    found: str
    values: dict[str, Any]
    outcome: str = "new"
    notes: frozenset[str] = frozenset()
    stored: dict[str, Any] = field(default_factory=dict)


def quirk(found: str, values: dict[str, Any], outcome: str = "new", notes: str = "", **stored: Any) -> Quirk:
    return Quirk(found, values, outcome, frozenset(notes.split()), stored)


def user(found: str, name: Any, outcome: str = "new", notes: str = "", **stored: Any) -> Quirk:
    return quirk(found, {"username": name}, outcome, notes, **stored)


USERS: tuple[Quirk, ...] = (
    user("username stored as INTEGER", "90210", notes="number_as_text", username="90210"),
    user("username stored as REAL", "3.25", notes="number_as_text", username="3.25"),
    user("username with spaces and signs", " O'Brien & <b>Sons</b> ", username=" O'Brien & <b>Sons</b> "),
    user("username of emoji", "Sunny ☀️ 😀", username="Sunny ☀️ 😀"),
    user("username of another script", "李小龍", username="李小龍"),
    user("username stored as BLOB", b"blob bella", username="blob bella"),
    user("control character in a username", "bell\x07", "bad_username"),
    user("line break in a username", "two\nlines", "bad_username"),
    user("username longer than sign-in takes", "n" * 255, "bad_username"),
    user("username that changes under NFKC", "ﬁona", notes="username_normalised", username="fiona"),
    user("username with a letter newer than both", "neo\U0001ccd6", username="neo\U0001ccd6"),
    user("NUL in a username", "nul\0norbert", notes="repaired_text", username="nulnorbert"),
    user("username that is not UTF-8", "caf\udce9", notes="repaired_text", username="caf\ufffd"),
    user("username that stands twice: the first", "lotte", username="lotte"),
    user("username that stands twice: the second", "lotte", "duplicate_username"),
    user("username that stands twice after NFKC", "ｌｏｔｔｅ", "duplicate_username"),
    user("username in other capitals: one", "Maya", notes="case_twin", username="Maya"),
    user("username in other capitals: the other", "maya", notes="case_twin", username="maya"),
    user("empty username", "", "empty_username"),
    user("NULL for a username", None, "empty_username"),
    user("username of a staff account", "staff", "username_taken"),
    quirk(
        "address shared: one", {"email": "shared@example.com"}, notes="duplicate_email", email="shared@example.com"
    ),
    quirk("address shared: other", {"email": "shared@example.com"}, notes="duplicate_email"),
    quirk("address that is none", {"email": "not an address"}, notes="invalid_email", email="not an address"),
    quirk("empty address", {"email": ""}, notes="empty_email", email=""),
    quirk("NULL for an address", {"email": None}, notes="empty_email", email=""),
    quirk("address stored as INTEGER", {"email": "5551234"}, notes="number_as_text invalid_email", email="5551234"),
    quirk("address not UTF-8", {"email": "a\udce9@b.cc"}, notes="repaired_text invalid_email", email="a\ufffd@b.cc"),
)


def text(found: str, value: Any, outcome: str = "new", notes: str = "", stored: str | None = None) -> Quirk:
    return quirk(found, {"text": value}, outcome, notes, **({} if outcome != "new" else {"text": stored or value}))


def date(found: str, value: Any, moment: datetime | None, notes: str = "") -> Quirk:
    if moment is None:
        return quirk(found, {"pub_date": value}, "bad_date")
    return quirk(found, {"pub_date": value}, "new", notes, pub_date=moment)


def written(found: str, value: str, moment: datetime) -> Quirk:
    return date(found, value, moment, "date_as_text")


def flag(found: str, value: Any, flagged: bool, notes: str = "") -> Quirk:
    return quirk(found, {"flagged": value}, "new", notes, flagged=flagged)


MESSAGES: tuple[Quirk, ...] = (
    quirk("author that is not there", {"author_id": 9_999}, "author_missing"),
    quirk("author that was rejected", {"author_id": "ID of empty username"}, "author_rejected"),
    quirk("NULL for an author", {"author_id": None}, "author_missing"),
    quirk("author given by name", {"author_id": "lotte"}, notes="author_by_name", author="lotte"),
    quirk("author by a name that nobody has", {"author_id": "nobody at all"}, "author_missing"),
    text("NULL for a text", None, "empty_text"),
    text("empty text", "", "empty_text"),
    text("text stored as INTEGER", "42", notes="number_as_text"),
    text("text stored as REAL", "3.50", notes="number_as_text", stored="3.5"),
    text("text stored as BLOB", b"from the byte farm", stored="from the byte farm"),
    text("markup and script", "<b>bold</b> <script>alert(1)</script>"),
    text("emoji and newlines", "🏖️👨‍👩‍👧‍👦\r\nbest week\n\tof the year"),
    text("a very long text", "so it went on. " * 292 + "End.👍"),
    text("byte order mark", "\ufeffpasted"),
    text("control characters", "\x07ding \x1b[31mred\x1d\x1e\x1f"),
    text("NUL in a text", "cut \0here", notes="repaired_text", stored="cut here"),
    text("text that is not UTF-8", "caf\udce9 cr\udce8me", notes="repaired_text", stored="caf\ufffd cr\ufffdme"),
    date("seconds", MORNING, at(8, 27, 18)),
    date("seconds with a fraction", MORNING + 0.25, at(8, 27, 18, 250_000)),
    date("seconds as text", "1582100838 ", at(8, 27, 18)),
    date("milliseconds", MORNING * 1_000 + 123, at(8, 27, 18, 123_000), "date_unit"),
    date("microseconds", MORNING * 1_000_000 + 123_456, at(8, 27, 18, 123_456), "date_unit"),
    date("nanoseconds", MORNING * 1_000_000_000 + 123_456_000, at(8, 27, 18, 123_456), "date_unit"),
    date(".NET ticks", 637_176_976_381_234_560, at(8, 27, 18, 123_456), "date_unit"),
    date("Julian day", 2_458_898.852_5, at(8, 27, 36), "date_unit"),
    written("ISO text", "2020-02-19 08:27:18", at(8, 27, 18)),
    written("ISO text with T and Z", "2020-02-19T08:27:18.123456789Z", at(8, 27, 18, 123_456)),
    written("ISO text with an offset", "2020-02-19T09:27:18.5+01:00", at(8, 27, 18, 500_000)),
    written("ISO text of a day", "2020-02-19", at(0, 0, 0)),
    written("as MiniTwit's pages show it", "2020-02-19 @ 08:27", at(8, 27, 0)),
    written("Go", "2020-02-19 08:27:18.1 +0100 CET m=+0.1", at(7, 27, 18, 100_000)),
    written("Go, UTC", "2020-02-19 08:27:18.123456789 +0000 UTC", at(8, 27, 18, 123_456)),
    written("American", "8:27:18 AM, 2/19/2020", at(8, 27, 18)),
    written("American, in the evening", "8:27:18 PM, 2/19/2020", at(20, 27, 18)),
    written("American, at noon", "12:00:00 PM, 2/19/2020", at(12, 0, 0)),
    written("American, at midnight", "12:00:00 AM, 2/19/2020", at(0, 0, 0)),
    written("spelt out", "Feb 19, 2020 at 9:01PM", at(21, 1, 0)),
    written("spelt out, with a zone", "Feb 19, 2020 at 9:01PM (CET)", at(20, 1, 0)),
    written("spelt out, without a time", "Wed Feb 19 2020", at(0, 0, 0)),
    written("American, with an offset", "2/19/2020 8:27:18 AM +01:00", at(7, 27, 18)),
    written("RFC 1123", "Wed, 19 Feb 2020 08:27:18 GMT", at(8, 27, 18)),
    written("RFC 2822", "Wed, 19 Feb 2020 08:27:18 +0100", at(7, 27, 18)),
    written("ctime", "Wed Feb 19 08:27:18 2020", at(8, 27, 18)),
    written("Java", "Wed Feb 19 08:27:18 CET 2020", at(7, 27, 18)),
    written("JavaScript", "Wed Feb 19 2020 08:27:18 GMT+0100 (Central European Standard Time)", at(7, 27, 18)),
    date("NULL for a date", None, None),
    date("a letter for a date", "X", None),
    date("a word for a date", "Blub!", None),
    date("empty date", "", None),
    date("a day that no calendar has", "2020-02-30 10:00:00", None),
    date("beyond the year 9999", 999_999_999_999_999_999, None),
    date("beyond the year 9999, as text", "10000-01-01 00:00:00", None),
    date("date 0", 0, datetime(1970, 1, 1, tzinfo=UTC), "suspicious_date"),
    date("date 1", 1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "suspicious_date"),
    date("date 123", 123, datetime(1970, 1, 1, 0, 2, 3, tzinfo=UTC), "suspicious_date"),
    date("in the future", 4_070_908_800, datetime(2099, 1, 1, tzinfo=UTC), "suspicious_date"),
    flag("NULL for flagged", None, False, "flagged_unknown"),
    flag("flagged", 1, True),
    flag("flagged is 2", 2, True, "flagged_odd"),
    flag("flagged is -1", -1, True, "flagged_odd"),
    flag("flagged is a word", "yes", True, "flagged_odd"),
)

# Who follows whom; usernames stand for their ids.
FOLLOWS: tuple[Quirk, ...] = (
    quirk("a follow", {"who_id": "lotte", "whom_id": "Maya"}),
    quirk("a repeated follow", {"who_id": "lotte", "whom_id": "Maya"}, "duplicate"),
    quirk("itself", {"who_id": "lotte", "whom_id": "lotte"}, "self_follow"),
    quirk("NULL for the follower", {"who_id": None, "whom_id": "lotte"}, "incomplete_follow"),
    quirk("NULL for the followed", {"who_id": "lotte", "whom_id": None}, "incomplete_follow"),
    quirk("NULL for both", {"who_id": None, "whom_id": None}, "incomplete_follow"),
    quirk("a follower that is not there", {"who_id": 9_999, "whom_id": "lotte"}, "follower_missing"),
    quirk("a followed that is not there", {"who_id": "lotte", "whom_id": 9_999}, "followed_missing"),
    quirk("a followed that was rejected", {"who_id": "lotte", "whom_id": ""}, "followed_missing"),
)


def user_rows() -> list[tuple]:
    """The odd users, by ids from 1."""
    return [
        (
            number,
            odd.values.get("username", f"mailbox {number}"),
            odd.values.get("email", f"user{number}@example.com"),
            odd.values.get("pw_hash", HASH),
        )
        for number, odd in enumerate(USERS, 1)
    ]


IDS = {odd.values.get("username", ""): number for number, odd in reversed(list(enumerate(USERS, 1)))}
IDS[""] = next(number for number, odd in enumerate(USERS, 1) if odd.found == "empty username")


def message_rows() -> list[tuple]:
    """The odd messages, by ids from 1. Their author is the first user, unless it is the author that is odd."""
    usual = {"author_id": 1, "text": "hello", "pub_date": MORNING, "flagged": 0}
    rows = []
    for number, odd in enumerate(MESSAGES, 1):
        values = usual | odd.values
        if values["author_id"] == "ID of empty username":
            values["author_id"] = IDS[""]
        rows.append((number, *values.values()))
    return rows


def follow_rows() -> list[tuple]:
    return [
        tuple(IDS[value] if isinstance(value, str) else value for value in odd.values.values()) for odd in FOLLOWS
    ]
