"""Dates that were written as text: ISO 8601, and as Go, JavaScript, Java, C#, C and mail programs write them.

To add a spelling, add a pattern to `SPELLINGS`. Its groups say where the parts of the date are.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from legacy_import.rules.columns import ASCII_LOWER
from legacy_import.rules.day_order import NOTHING_TOLD, NUMBERS, DayOrder, day_and_month

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds since 1970 that can be a date: from the second day of year 1 to the last but one of 9999, so that no
# time zone carries it out of the calendar.
EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
FIRST_MOMENT, END = EPOCH + timedelta(seconds=EARLIEST), EPOCH + timedelta(seconds=LATEST)

# JavaScript puts a space that does not break between the time and AM or PM.
SPACES = {0xA0: 0x20, 0x202F: 0x20}
BLANKS = " \t\r\n"

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
# Hours from UTC, of the abbreviations of RFC 822 and of Europe. No other has one meaning.
ZONES = {
    name: hours
    for hours, names in {
        0: ("z", "utc", "ut", "gmt", "wet"),
        1: ("cet", "west", "bst"),
        2: ("cest", "eet"),
        3: ("eest", "msk"),
        -4: ("edt",),
        -5: ("est", "cdt"),
        -6: ("cst", "mdt"),
        -7: ("mst", "pdt"),
        -8: ("pst",),
    }.items()
    for name in names
}
FARTHEST_ZONE = timedelta(hours=14)
NO_DISTANCE = timedelta()

# Pieces of the patterns, for text in lower case.
_YEAR_FIRST = "(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})[-/](?P<day>[0-9]{1,2})"
_TIME = "(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second_of_minute>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
_TIME_WITH_DOTS = r"(?P<hour>[0-9]{1,2})\.(?P<minute>[0-9]{2})\.(?P<second_of_minute>[0-9]{2})"
_HALF = r" ?(?P<half>[ap])\.?m\.?"
_OFFSET = "(?:gmt|utc)?(?P<offset>[-+][0-9]{2}:?(?:[0-9]{2})?)"
_ZONE = rf"\(?(?:{_OFFSET}|(?P<zone>{'|'.join(ZONES)}))\)?"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})[a-z]*\.?"
_DAY = "(?P<day>[0-9]{1,2})"
_YEAR = "(?P<year>[0-9]{4})"
_WEEKDAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?"
_TIME_AFTER = rf"(?:,?(?: at)? {_TIME}(?:{_HALF})?(?: {_ZONE})?(?: \([^()]*\))?)?"

SPELLINGS = tuple(
    re.compile(pattern)
    for pattern in (
        # 2020-02-19, 2020-02-19T08:27:18.123456Z, 2020/02/19 08:27, 2020-02-19T09:27:18+01:00[Europe/Paris], and as
        # MiniTwit's own pages show it: 2020-02-19 @ 08:27
        rf"{_YEAR_FIRST}(?:(?:t| (?:@ )?){_TIME}(?: ?{_ZONE})?(?:\[[-+a-z0-9_/]+\])?)?",
        # 2020-02-19 08:27:18.1 +0100 CET m=+0.1 (Go's Time.String)
        rf"{_YEAR_FIRST} {_TIME} {_OFFSET}(?: [a-z]+| [-+][0-9]+)?(?: m=[-+][0-9.]+)?",
        # 8:27:18 AM, 2/19/2020; 08:27 19.02.2020
        rf"{_TIME}(?:{_HALF})?,? {NUMBERS}",
        # 2/19/2020, 8:27:18 AM; 2/19/2020 8:27:18 AM +00:00; 19-02-2020
        rf"{NUMBERS}(?:(?:t|,? ){_TIME}(?:{_HALF})?(?: ?{_ZONE})?)?",
        # 19.02.2020 08.27.18, as .NET writes it in Danish and Finnish
        rf"{NUMBERS} {_TIME_WITH_DOTS}",
        # Feb 12, 2025 at 9:01PM (UTC); Wed Feb 19 2020 08:27:18 GMT+0100 (Central European Standard Time)
        rf"(?:{_WEEKDAY} )?{_MONTH} {_DAY},? {_YEAR}{_TIME_AFTER}",
        # Wed, 19 Feb 2020 08:27:18 GMT; 19 Feb 2020
        rf"(?:{_WEEKDAY} )?{_DAY}[- ]{_MONTH}[- ]{_YEAR}{_TIME_AFTER}",
        # Wed Feb 19 08:27:18 2020, Wed Feb 19 08:27:18 CET 2020
        rf"{_WEEKDAY} {_MONTH} +{_DAY} {_TIME}(?: {_ZONE})? {_YEAR}",
    )
)


# The first of the spellings as far as Python reads it in the same way, several times as fast.
USUAL = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,6})?Z?")


def read_text_date(text: str, zone: ZoneInfo, order: DayOrder = NOTHING_TOLD) -> datetime | None:
    """Read a date in any of the spellings; None when it is in none of them, or no calendar has such a day.

    Args:
        zone: of a date that does not name one.
        order: whether the day or the month comes first where both are numbers before the year.
    """
    try:
        if USUAL.fullmatch(text):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = _in_utc(moment.replace(tzinfo=UTC), zone)
        else:
            moment = _in_any_spelling(text, zone, order)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_MOMENT <= moment < END else None


def numbers_of(text: str) -> tuple[int, int] | None:
    """The day and the month of a date that has both as numbers before the year, as they come."""
    parts = _parts_of(text)
    return (int(parts["first"]), int(parts["second"])) if parts and "first" in parts else None


def _parts_of(text: str) -> dict[str, str]:
    """The parts of a date in any of the spellings; none when it is in none of them."""
    written = (text.lower() if text.isascii() else text.translate(SPACES | ASCII_LOWER)).strip(BLANKS)
    match = next(filter(None, (spelling.fullmatch(written) for spelling in SPELLINGS)), None)
    return {name: part for name, part in match.groupdict().items() if part} if match else {}


def _in_any_spelling(text: str, zone: ZoneInfo, order: DayOrder) -> datetime:
    """Raises ValueError if it is none of them, or there is no such day or time."""
    parts = _parts_of(text)
    if not parts:
        raise ValueError(text)
    distance = _distance(parts)
    local = _local(parts, order)
    return _in_utc(local, zone) if distance is None else local - distance


def _local(parts: dict[str, str], order: DayOrder) -> datetime:
    """The date and time as they are written, as if in UTC. Raises ValueError if there is no such day or time."""
    day, month = _day_and_month(parts, order)
    hour, half = int(parts.get("hour", 0)), parts.get("half")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} {half}m")
        hour = hour % 12 + (12 if half == "p" else 0)
    return datetime(
        int(parts["year"]),
        month,
        day,
        hour,
        int(parts.get("minute", 0)),
        int(parts.get("second_of_minute", 0)),
        int(parts.get("fraction", "")[:6].ljust(6, "0")),
        UTC,
    )


def _day_and_month(parts: dict[str, str], order: DayOrder) -> tuple[int, int]:
    if "first" in parts:
        is_american = parts["mark"] == "/" and "half" in parts
        return day_and_month(int(parts["first"]), int(parts["second"]), order, is_american=is_american)
    month = parts["month"]
    return int(parts["day"]), MONTHS.index(month) + 1 if month.isalpha() else int(month)


def _distance(parts: dict[str, str]) -> timedelta | None:
    """The distance from UTC that the date names, if it does. Raises ValueError if no zone is so far."""
    offset = parts.get("offset")
    if not offset:
        hours = ZONES.get(parts.get("zone", ""))
        return None if hours is None else timedelta(hours=hours)
    minutes = int(offset[3:].lstrip(":") or 0)
    size = timedelta(hours=int(offset[1:3]), minutes=minutes)
    if size > FARTHEST_ZONE or minutes > 59:
        raise ValueError(offset)
    return -size if offset[0] == "-" else size


def _in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment when clocks of a zone show a time that is given as if in UTC.

    A time that a clock change makes ambiguous or impossible is read as standard time.
    """
    always = zone.utcoffset(None)
    if always is not None:
        return local - always
    first, second = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    return local - min(first or NO_DISTANCE, second or NO_DISTANCE)
