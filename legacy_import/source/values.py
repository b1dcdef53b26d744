"""Values as SQLite stores them, which is not always what the column was declared to hold.

SQLite gives every value a storage class of its own: null, integer, real, text or blob. The import needs it (a
username that was stored as a number is noted), so it comes with the value, as its type in Python.
"""

from collections.abc import Sequence
from typing import NamedTuple


class StoredReal(str):
    """A floating-point number, in the spelling SQLite itself gives it when read as text."""

    __slots__ = ()


# None, int, StoredReal (a float is taken too), str (lone surrogates stand for bytes that are not UTF-8), bytes.
TYPE_LETTERS = {type(None): "n", int: "i", bool: "i", StoredReal: "r", float: "r", str: "t", bytes: "b"}

LegacyValue = None | int | float | str | bytes


class LegacyRow(NamedTuple):
    """One row of an old table: its position in the table, from 1, and its values in canonical order."""

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
    if isinstance(value, str):
        return "\0" in value or not (value.isascii() or _has_utf8(value))
    return isinstance(value, bytes) and (b"\0" in value or not _is_utf8(value))


def as_text(value: LegacyValue) -> str | None:
    """Read any value as text, repaired; None stays None."""
    if value is None or (type(value) is str and not needs_repair(value)):
        return value
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return data.replace(b"\0", b"").decode("utf-8", "replace")


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
