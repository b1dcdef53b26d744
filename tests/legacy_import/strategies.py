"""Rows of old databases as they are found in the wild, alone and mixed at random."""

import base64
import struct

from hypothesis import strategies as st

# Not surrogates, and nothing that only newer versions of Unicode know.
characters = st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs", "Cn", "Co"])
broken_text = st.binary(max_size=8).map(lambda data: data.decode("utf-8", "surrogateescape"))
any_text = st.one_of(
    st.text(characters, max_size=12),
    broken_text,
    st.sampled_from(
        ["\x1d", "\x1e", "\x1f", "a\x1fb", "\\N", "\\", "a\tb\nc\r\n", "nul\0inside", "😀", "\ufeffx", "12"]
    ),
)
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
whole_hashes = st.one_of(
    st.tuples(st.sampled_from([1, 50000, 5_000_000, 5_000_001, 10**9, 10**12]), _hashes(64)).map(
        lambda parts: f"pbkdf2:sha256:{parts[0]}$salt${parts[1]}"
    ),
    _hashes(40).map("pbkdf2:sha1:1000$a b${}".format),
    _hashes(128).map("pbkdf2:sha512:1000$ø${}".format),
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
    st.integers(624_511_296_000_000_000, 662_380_416_000_000_000),
    st.floats(0, 4e9, allow_nan=False),
    st.datetimes(allow_imaginary=True).map(lambda moment: moment.isoformat(" ")),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.tuples(st.datetimes(), st.sampled_from(["+01:00", "-0530", " +14:00", "+15:00"])).map(
        lambda parts: parts[0].isoformat("T", "minutes") + parts[1]
    ),
    st.sampled_from(
        [
            "2024-02-30 10:00",
            "2023-02-29T10:00:00",
            "2024-02-29T10:00:00.1234567Z",
            "0000-01-01 00:00",
            "2024-01-01",
            "2024-03-31 02:30:00",
            "2024-10-27 02:30:00",
            "X",
            "Blub!",
            "",
            "1233065594",
            "1233065594.5",
            "1e9",
            None,
        ]
    ),
    any_value,
)
flags = st.one_of(st.sampled_from([0, 1, 2, -1, 0.0, 0.5, None, "yes", "YES", "no", "", "0.0", b"1"]), any_value)
ids = st.integers(-2, 9)
references = st.one_of(
    st.integers(-2, 12), st.sampled_from(["ann", "bob", "ｂｏｂ", "refused", "", None, "3"]), any_value
)

users = st.tuples(usernames, emails, passwords)
messages = st.tuples(references, any_value, dates, flags)
follows = st.lists(st.tuples(references, references), max_size=15)


def keyed(rows: st.SearchStrategy, max_size: int = 8) -> st.SearchStrategy:
    """Rows under unique whole numbers, as an INTEGER PRIMARY KEY gives them."""
    return st.dictionaries(ids, rows, max_size=max_size).map(
        lambda found: [(key, *row) for key, row in found.items()]
    )


def loosely_keyed(rows: st.SearchStrategy, max_size: int = 8) -> st.SearchStrategy:
    """Rows whose ids may be anything, and stand several times."""
    keys = st.one_of(ids, st.sampled_from([None, "3", "x", 2.0, "4"]))
    return st.lists(st.tuples(keys, rows).map(lambda pair: (pair[0], *pair[1])), max_size=max_size)
