"""Which number an old id is, and which one represents an id that is a text. Stated a second time, on purpose."""

import hashlib
import re

WHOLE_NUMBER = re.compile(r"(?=.{1,18}\Z)-?[0-9]+")


def id_number(kind: str, data: bytes | None) -> int | None:
    """The number of an id that SQLite does not keep as one.

    Args:
        kind: SQLite's storage class. data: the bytes of the value.
    """
    if data is None or kind not in {"text", "blob"}:
        return None
    text = data.replace(b"\0", b"").decode("utf-8", "replace")
    is_intact = text.encode() == data
    if kind == "blob" and not is_intact:
        return number_for(data.hex())
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return number_for(text) if text else None


def number_for(text: str) -> int:
    """The number that represents a text: a 1 and the beginning of its SHA-256, 63 bits together."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return 2**62 + int(digest[:16], 16) // 4


def numbers_for(data: bytes, username: str) -> set[int]:
    """The numbers that can be meant by a text or a BLOB that refers to an account, which may be a username."""
    return {number_for(username), number_for(data.hex())}
