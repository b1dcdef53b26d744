"""What a text, a username and a flag of the old database mean. Stated a second time, on purpose."""

import atexit
import re
import sqlite3
import unicodedata
from decimal import Decimal
from functools import cache

from legacy_import.verify.dates import Reading, moments_of_text
from legacy_import.verify.old import OldValue

FLAG = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")  # as SQLite spells numbers


def text_of(value: OldValue) -> str:
    """Any value as text: NUL characters dropped, bytes that are not UTF-8 replaced, nothing for NULL."""
    if isinstance(value, bytes):
        return value.replace(b"\0", b"").decode("utf-8", "replace")
    if isinstance(value, float):
        [(text,)] = _scratch_database().execute("SELECT CAST(? AS TEXT)", [value])
        return str(text)
    return "" if value is None else str(value)


@cache
def _scratch_database() -> sqlite3.Connection:
    """Only SQLite itself spells a floating-point number as the old application saw it."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    atexit.register(connection.close)
    return connection


def is_mangled(value: OldValue) -> bool:
    """Whether `text_of` had to drop or replace something."""
    return isinstance(value, bytes) and text_of(value).encode() != value


def username_of(value: OldValue) -> str:
    """A username as signing in with it brings it about; what is far too long for one stays as it is."""
    text = text_of(value)
    return unicodedata.normalize("NFKC", text) if len(text) <= 1_016 else text


def flags_of(value: OldValue) -> set[bool]:
    """Whether a message was flagged; both answers where the old value is a word, of which nothing is said."""
    if value is None:
        return {False}
    text = text_of(value)
    return {Decimal(text) != 0} if FLAG.fullmatch(text) else {False, True}


def moments_of(value: OldValue, reading: Reading) -> set[int]:
    """The moments that a date can mean, in microseconds since 1970; see `dates`."""
    return moments_of_text(text_of(value), reading)
