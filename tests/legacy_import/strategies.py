"""Rows of old databases as they are found in the wild, alone and mixed at random.

`quirks.py` has each of them once; here they are joined by whatever else a SQLite column can hold.
"""

import base64
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.legacy_import import quirks
from tests.legacy_import.date_strategies import julian_days, written_dates
from tests.legacy_import.layouts import LAYOUTS, Layout
from tests.legacy_import.old_database import make_old_database

# Python and PostgreSQL bring different editions of Unicode: these came with 14, 15, 16 and 17, or are to come.
NEWER_CHARACTERS = "\u0898\U00010781\U00010f82\U0001e030\U0001e4ec\U0001ccd6\U000105d2\U00010eda\u1acf\u0378"
characters = st.characters(min_codepoint=1, exclude_categories=["Cs"]) | st.sampled_from(NEWER_CHARACTERS)
composing = st.text(st.sampled_from("eEｅﬁ①ᴬ\u0301\u0327\u0345가각ㄱ한\u1100\u1161" + NEWER_CHARACTERS), max_size=8)
broken_text = st.binary(max_size=8).map(lambda data: data.decode("utf-8", "surrogateescape"))
any_text = st.one_of(
    st.text(characters, max_size=12),
    composing,
    broken_text,
    st.sampled_from(
        ["\x1d", "\x1e", "\x1f", "a\x1fb", "\\N", "\\", "a\tb\nc\r\n", "nul\0inside", "😀", "\ufeffx", "12"]
    ),
)


def quirky(column: str, cases: tuple[quirks.Quirk, ...]) -> st.SearchStrategy:
    """The odd values of one column."""
    return st.sampled_from([case.values[column] for case in cases if column in case.values])


small_numbers = st.integers(-3, 12)
reals = st.floats(allow_nan=False, allow_infinity=False, width=64)
any_value = st.one_of(
    st.none(), small_numbers, st.integers(-(2**63), 2**63 - 1), reals, any_text, st.binary(max_size=6)
)

# Few names, so that they meet: the same, in another case, of the same NFKC form, as numbers, taken here.
usernames = st.one_of(
    st.sampled_from(
        ["ann", "Ann", "ANN", "bob", "ｂｏｂ", "ﬁnn", "finn", "taken", "", " ", "7", 7, 3.5, None, b"ann"]
    ),
    st.sampled_from(["ｂｏｂ\U0001ccd6", "bob\U0001ccd6"]),
    st.sampled_from(["bell\x07", "line\u2028break", "nul\0name", "n" * 254, "n" * 255, "tab\tname"]),
    any_value,
)
emails = st.one_of(
    st.sampled_from(
        ["ann@example.com", "Ann@example.com", "", None, "nobody", "a@b", "a@localhost", "a@b.cc", "ü@x.dk", 5]
    ),
    any_value,
)
hexadecimal = "0123456789abcdef"


def _hashes(digits: int) -> st.SearchStrategy[str]:
    return st.text(hexadecimal, min_size=digits, max_size=digits)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


aspnet_hashes = st.builds(
    lambda version, digest, rounds, salt, key: _base64(
        struct.pack(">B3I", version, digest, rounds, len(salt)) + salt + key
    ),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 3),
    st.sampled_from([1, 10_000, 5_000_001, 2**32 - 1]),
    st.sampled_from([b"", b"s" * 16, b"t" * 100]),
    st.sampled_from([b"", b"k" * 32, b"k" * 33]),
)


def _bare(data: bytes) -> str:
    """Base64 as passlib writes it."""
    return _base64(data).rstrip("=").replace("+", ".")


whole_hashes = st.one_of(
    st.tuples(st.sampled_from([1, 50000, 5_000_000, 5_000_001, 10**9, 10**12]), _hashes(64)).map(
        lambda parts: f"pbkdf2:sha256:{parts[0]}$salt${parts[1]}"
    ),
    _hashes(40).map("pbkdf2:sha1:1000$a b${}".format),
    _hashes(128).map("pbkdf2:sha512:1000$ø${}".format),
    st.tuples(st.sampled_from(["0F" * 8, "0f" * 16, "0F" * 7, "0f" * 7 + "0F", "0f" * 513]), _hashes(64)).map(
        lambda parts: f"pbkdf2:sha256:1000${parts[0]}${parts[1].upper()}"
    ),
    st.tuples(
        st.sampled_from(
            ["pbkdf2$1000", "pbkdf2-sha256$i=1000,l=32", "pbkdf2-sha512$2500001", "pbkdf2-sha512$9000000"]
        ),
        st.binary(min_size=1, max_size=20),
        st.sampled_from([20, 32, 64]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    ).map(lambda parts: f"${parts[0]}${_bare(parts[1])}${_bare(parts[2])}"),
    _hashes(128).map("scrypt:32768:8:1$Ab9${}".format),
    *(
        st.tuples(st.sampled_from(["", "salt", "\x1f\n\\"]), _hashes(digits)).map(
            lambda parts, name=name: f"{name}${parts[0]}${parts[1]}"
        )
        for name, digits in (
            ("md5", 32),
            ("sha1", 40),
            ("sha224", 56),
            ("sha256", 64),
            ("sha384", 96),
            ("sha512", 128),
        )
    ),
    _hashes(32),
    _hashes(32).map(str.upper),
    *(_hashes(digits) for digits in (40, 56, 64, 128)),
    st.tuples(st.sampled_from(["2a", "2b", "2y", "2x"]), st.integers(0, 31)).map(
        lambda parts: f"${parts[0]}${parts[1]:02}${'N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11BaAVEwaZcNldEhj/6O'}"
    ),
    aspnet_hashes,
    st.binary(min_size=48, max_size=48).map(lambda data: _base64(b"\0" + data)),
    st.binary(min_size=32, max_size=32).map(lambda key: f"pbkdf2_sha256$1000$salt${_base64(key)}"),
    st.binary(min_size=64, max_size=64).map(lambda key: f"scrypt$16384$salt$8$5${_base64(key)}"),
    st.just("bcrypt$$2b$04$N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11BaAVEwaZcNldEhj/6O"),
)


@st.composite
def mangled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with a piece cut out, or replaced by something else."""
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    return text[:start] + draw(st.text(max_size=3)) + text[end:]


plain_passwords = st.one_of(
    st.sampled_from(["plain", "correct horse", "pass\\word", "\x1fodd", "pässwörd", "12$34", "plain:", "$", "12345"]),
    st.text(characters, min_size=1, max_size=12),
)
passwords = st.one_of(
    whole_hashes,
    whole_hashes.map(str.encode),
    mangled(whole_hashes),
    plain_passwords,
    st.sampled_from(["", "NULL", None, 5, 3.5, b"$2b$12$x", "!", "plain:!x", f"werkzeug_sha1$s${'0' * 40}"]),
    any_value,
)

dates = st.one_of(
    st.integers(0, 2_000_000_000),
    st.sampled_from([0, 1, 123, -1, -62135510401, -62135510400, 253402214399, 253402214400, 4102444800, 99999999999]),
    st.integers(315_532_800_000, 4_102_444_799_999),
    st.integers(315_532_800_000_000, 4_102_444_799_999_999),
    st.integers(990_000_000_000_000_000, 4_102_444_799_999_999_999),
    st.integers(624_511_296_000_000_000, 662_380_416_000_000_000),
    st.floats(0, 4e9, allow_nan=False),
    julian_days,
    julian_days.map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    written_dates,
    written_dates.map(lambda text: f" {text}\n"),
    written_dates.map(str.encode),
    st.sampled_from(
        [
            "2024-02-30 10:00",
            "2023-02-29T10:00:00",
            "0000-01-01 00:00",
            "0001-01-01 00:00",
            "9999-12-31 23:59:59",
            "10000-01-01 00:00:00",
            "2024-03-31 02:30:00",
            "2024-10-27 02:30:00",
            "2024-13-01",
            "13:00 PM, 2/19/2020",
            "2024-01-01 24:00",
            "2024-01-01 10:60",
            "Feb 30, 2025 at 9:01PM",
            "X",
            "Blub!",
            "",
            "1233065594",
            " 1233065594 ",
            "1233065594.5",
            "1e9",
            None,
        ]
    ),
    any_value,
)
flags = st.one_of(
    st.sampled_from([0, 1, 2, -1, 0.0, 0.5, 9.3e18, 1e-300, "0e9", None, "yes", "YES", "no", "", "0.0", b"1"]),
    any_value,
)
ids = st.integers(-2, 9)
references = st.one_of(
    st.integers(-2, 12), st.sampled_from(["ann", "bob", "ｂｏｂ", "refused", "", None, "3"]), any_value
)

texts = st.one_of(quirky("text", quirks.MESSAGES), any_value)

users = st.tuples(quirky("username", quirks.USERS) | usernames, quirky("email", quirks.USERS) | emails, passwords)
activity = st.one_of(
    st.sampled_from(
        [0, 1, None, "", "true", "FALSE", "no", "Banned", "active", 2, 0.0, b"\x01", "2024-05-01", "fAlSe"]
    ),
    any_value,
)
accounts = st.tuples(usernames, emails, plain_passwords, activity, dates)
messages = st.tuples(
    quirky("author_id", quirks.MESSAGES) | references,
    texts,
    quirky("pub_date", quirks.MESSAGES) | dates,
    quirky("flagged", quirks.MESSAGES) | flags,
)
follows = st.lists(st.tuples(references, references), max_size=15)


def keyed(rows: st.SearchStrategy, max_size: int = 8) -> st.SearchStrategy:
    """Rows under unique whole numbers, as an INTEGER PRIMARY KEY gives them."""
    return st.dictionaries(ids, rows, max_size=max_size).map(
        lambda found: [(key, *row) for key, row in found.items()]
    )


def loosely_keyed(rows: st.SearchStrategy, max_size: int = 8) -> st.SearchStrategy:
    """Rows whose ids may be anything, and occur several times."""
    keys = st.one_of(ids, st.sampled_from([None, "3", "x", 2.0, "4"]))
    return st.lists(st.tuples(keys, rows).map(lambda pair: (pair[0], *pair[1])), max_size=max_size)


@dataclass(frozen=True)
class OldDatabase:
    """A whole old database, with anything that is found in the wild."""

    layout: Layout
    user: list[tuple]
    message: list[tuple]
    follower: list[tuple]

    def write(self, path: Path) -> Path:
        rows = {name: self.layout.shaped(name, getattr(self, name)) for name in ("user", "message", "follower")}
        make_old_database(path, **rows, schema=self.layout.schema)
        with closing(sqlite3.connect(path)) as database:
            for table, name in self.layout.called.items():
                database.execute(f"ALTER TABLE {table} RENAME TO {name}")
        return path


@st.composite
def old_databases(draw: st.DrawFn) -> OldDatabase:
    layout = draw(st.sampled_from(LAYOUTS))
    keys = keyed if layout.keyed else loosely_keyed
    return OldDatabase(layout, draw(keys(users)), draw(keys(messages)), draw(follows))
