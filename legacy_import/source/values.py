"""Values as SQLite stores them, which is not always what the column was declared to hold.

SQLite gives every value a storage class of its own: null, integer, real, text or blob. The import needs it (a
username that was stored as a number is noted), so it travels with the value: as the value's type in Python, and as
one letter per column in the staging tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class StoredReal(str):
    """A floating-point number, in the spelling SQLite itself gives it when read as text."""

    __slots__ = ()


# None, int, StoredReal (a float is taken too), str (lone surrogates stand for bytes that are not UTF-8), bytes.
TYPE_LETTERS = {type(None): "n", int: "i", bool: "i", StoredReal: "r", float: "r", str: "t", bytes: "b"}

LegacyValue = None | int | float | str | bytes


@dataclass(frozen=True)
class LegacyRow:
    """One row of an old table: its place in the table, from 1, and its values in canonical order."""

    position: int
    values: tuple[LegacyValue, ...]

    def named(self, columns: Sequence[str]) -> dict[str, LegacyValue]:
        return dict(zip(columns, self.values, strict=True))


def storage_letter(value: LegacyValue) -> str:
    """Return n, i, r, t or b; as a capital letter when the value's text needs repair."""
    letter = TYPE_LETTERS[type(value)]
    return letter.upper() if letter in "tb" and needs_repair(value) else letter


def needs_repair(value: LegacyValue) -> bool:
    """Whether PostgreSQL could not store the value as text: NUL characters, or bytes that are not UTF-8."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return b"\0" in data or not _is_utf8(data)


def repaired(data: bytes) -> bytes:
    """Drop NUL characters and replace what is not UTF-8 by U+FFFD."""
    return data.replace(b"\0", b"").decode("utf-8", "replace").encode()


def as_text(value: LegacyValue) -> str | None:
    """Read any value as text, repaired; None stays None."""
    if value is None or isinstance(value, StoredReal):
        return value
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return repaired(data).decode()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
