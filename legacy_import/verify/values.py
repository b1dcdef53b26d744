"""What a text, a username, a flag and a date of the old database mean. Stated here a second time, on purpose."""

import atexit
import re
import sqlite3
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import ceil, floor
from zoneinfo import ZoneInfo

from legacy_import.verify.old import OldValue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_MOMENT = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_MOMENT = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
# Dates of a MiniTwit lie in between; a number that does so in one unit only is in that unit.
EARLIEST = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
UNITS = (1, 1_000, 1_000_000)  # per second
TICKS = 10_000_000  # per second, .NET's, counted from the year 1
TICKS_AT_EPOCH = 621_355_968_000_000_000

NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")
GO_DATE = re.compile(r"(?P<date>[\d-]+ [\d:.]+ [+-]\d{4})( [A-Z]+| [+-]\d+)?( m=[+-][\d.]+)?")
OTHER_DATES = ("%I:%M:%S %p, %m/%d/%Y", "%b %d, %Y at %I:%M%p")
FINER_THAN_MICROSECONDS = re.compile(r"\.\d{7}")


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
    """A username as signing in with it brings it about."""
    return unicodedata.normalize("NFKC", text_of(value))


def flags_of(value: OldValue) -> set[bool]:
    """Whether a message was flagged; both answers where the old value is a word, of which nothing is said."""
    if value is None:
        return {False}
    text = text_of(value).strip()
    return {Decimal(text) != 0} if NUMBER.fullmatch(text) else {False, True}


def moments_of(value: OldValue, zone: ZoneInfo) -> set[int]:
    """The moments that a date can mean, in microseconds since 1970; none for what is no date.

    More than one only where the last digit has to be rounded, or where a clock without an offset was set back.
    """
    text = text_of(value).strip()
    moments = _moments_of_number(Decimal(text)) if NUMBER.fullmatch(text) else _moments_of_writing(text, zone)
    return {moment for moment in moments if FIRST_MOMENT <= moment <= LAST_MOMENT}


def _moments_of_number(number: Decimal) -> set[int]:
    readings = [number / unit for unit in UNITS]
    readings.append((number - TICKS_AT_EPOCH) / TICKS)
    seconds = next((reading for reading in readings if EARLIEST <= reading < LATEST), number)
    return {floor(seconds * 1_000_000), ceil(seconds * 1_000_000)}


def _moments_of_writing(text: str, zone: ZoneInfo) -> set[int]:
    written = _written_date(text)
    if written is None:
        return set()
    readings = [written] if written.tzinfo else [written.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    moments = {(reading - EPOCH) // MICROSECOND for reading in readings}
    if FINER_THAN_MICROSECONDS.search(text):
        moments |= {moment + 1 for moment in moments}
    return moments


def _written_date(text: str) -> datetime | None:
    """ISO 8601, or one of the ways in which other programs of the old databases wrote dates."""
    if go_date := GO_DATE.fullmatch(text):
        text = go_date["date"].replace(" +", "+").replace(" -", "-")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for pattern in OTHER_DATES:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    return None


def date_in_words(moment: int) -> str:
    """Microseconds since 1970 as an ISO date, or as they are where no calendar reaches."""
    if FIRST_MOMENT <= moment <= LAST_MOMENT:
        return (EPOCH + moment * MICROSECOND).isoformat()
    return f"{moment} microseconds since 1970"
