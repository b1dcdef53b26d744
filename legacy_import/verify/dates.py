"""What a date of the old database means. Stated a second time, and in another way, on purpose.

The import tries one pattern after another. This module looks for the parts of a date anywhere in
the text: the day, the time, the zone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from math import ceil, floor
from zoneinfo import ZoneInfo

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
NANOSECONDS = 1_000_000_000
FIRST_NANOSECONDS = 10**18  # in 2001; with fewer digits it is rather a number without a meaning
JULIAN_AT_EPOCH = Decimal("2440587.5")  # days; only a number with a decimal point counts days

NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")
TIME = re.compile(
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d+))?)?( ?(?P<half>[ap])\.?m)?"
)
YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-/](?P<month>\d\d?)[-/](?P<day>\d\d?)(t(?=\d))?")
YEAR_LAST = re.compile(r"(?<!\d)(\d\d?)([-/.])(\d\d?)\2(\d{4})(?!\d)")
OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
HOURS_EAST = {
    name: hours
    for hours, names in (
        (0, "z ut utc gmt wet"),
        (1, "west bst cet"),
        (2, "cest eet"),
        (3, "eest msk"),
        (-4, "edt"),
        (-5, "est cdt"),
        (-6, "cst mdt"),
        (-7, "mst pdt"),
        (-8, "pst"),
    )
    for name in names.split()
}


@dataclass(frozen=True)
class Reading:
    """How the dates of one column are to be read.

    Attributes:
        zone: of a date that names none.
        begins_with: "day", "month" or both: what dates such as 31-12-2022 and 12-31-2022 in the column begin with.
    """

    zone: ZoneInfo
    begins_with: frozenset[str] = frozenset()


def beginnings_of(texts: Iterable[str]) -> frozenset[str]:
    """What the dates of a column begin with, by those with a number over 12; see `Reading`."""
    found: set[str] = set()
    for text in texts:
        match = YEAR_LAST.search(text)
        if match is None:
            continue
        first, second = int(match[1]), int(match[3])
        beginning = "day" if first > 12 else "month" if second > 12 else ""
        is_possible = 1 <= min(first, second) <= 12 and max(first, second) <= 31
        if beginning and beginning not in found and is_possible and _is_nothing_but_a_date(text):
            found.add(beginning)
    return frozenset(found)


def _is_nothing_but_a_date(text: str) -> bool:
    """Whether beside the day there is a time and a zone at most."""
    rest = YEAR_LAST.sub(" ", _in_one_spelling(text), count=1)
    rest = TIME.sub(" ", rest, count=1).strip(" ,t()") if TIME.search(rest) else rest.strip()
    return not rest or rest in HOURS_EAST or re.fullmatch(rf"(gmt|utc)?{OFFSET.pattern}", rest) is not None


def moments_of_text(text: str, reading: Reading) -> set[int]:
    """The moments that a date can mean, in microseconds since 1970; none for what is no date.

    More than one only where the last digit has to be rounded, or where a clock without an offset was set back.
    """
    text = text.strip()
    moments = _moments_of_number(text) if NUMBER.fullmatch(text) else _moments_of_writing(text, reading)
    return {moment for moment in moments if FIRST_MOMENT <= moment <= LAST_MOMENT}


def _moments_of_number(text: str) -> set[int]:
    number = Decimal(text)
    readings = [(number - JULIAN_AT_EPOCH) * 86_400] if "." in text else []
    readings += [number / unit for unit in UNITS]
    readings += [(number - TICKS_AT_EPOCH) / TICKS]
    readings += [number / NANOSECONDS] if number >= FIRST_NANOSECONDS else []
    seconds = next((reading for reading in readings if EARLIEST <= reading < LATEST), number)
    return {floor(seconds * 1_000_000), ceil(seconds * 1_000_000)}


def _moments_of_writing(text: str, reading: Reading) -> set[int]:
    text = _in_one_spelling(text)
    text = re.sub(r" m=[-+\d.]+|\[[^]]*\]", "", text)  # Go's monotonic clock, Java's name of the zone
    text = re.sub(r"(\d)-([a-z]+)-(\d{4})", r"\1 \2 \3", text)  # 19-Feb-2020
    time = TIME.search(text)
    rest = f"{text[: time.start()]} {text[time.end() :]}" if time else text
    try:
        local, rest = _day(rest, reading.begins_with, has_half=bool(time and time["half"]))
        if time:
            local += _time_of_day(time)
        distance = _distance_from_utc(rest) if time else None
        in_zones = (
            [local.replace(tzinfo=timezone(distance))]
            if distance is not None
            else [local.replace(tzinfo=reading.zone, fold=fold) for fold in (0, 1)]
        )
        moments = {(moment - EPOCH) // MICROSECOND for moment in in_zones}
    except (ValueError, OverflowError):
        return set()
    finer_than_microseconds = time is not None and len(time["fraction"] or "") > 6
    return moments | {moment + 1 for moment in moments} if finer_than_microseconds else moments


def _in_one_spelling(text: str) -> str:
    """Small letters, single blanks, and colons in a time such as 08.27.18 behind the year."""
    return re.sub(r"(?<=\d{4} )(\d\d?)\.(\d\d)\.(\d\d)$", r"\1:\2:\3", " ".join(text.lower().split()))


def _day(text: str, begins_with: frozenset[str], *, has_half: bool) -> tuple[datetime, str]:
    """The calendar day, and the text without it. Raises ValueError when there is none."""
    if match := YEAR_FIRST.search(text):
        day = datetime(int(match["year"]), int(match["month"]), int(match["day"]))
        return day, f"{text[: match.start()]} {text[match.end() :]}"
    if match := YEAR_LAST.search(text):
        numbers = int(match[1]), int(match[3])
        if max(numbers) <= 12 and numbers[0] != numbers[1]:
            # The other dates of the column tell; if none does, AM and PM with slashes are of Americans.
            beginning = begins_with or ({"month"} if has_half and match[2] == "/" else set())
            if len(beginning) != 1:
                raise ValueError("The day and the month cannot be told apart.")
            is_day_first = "day" in beginning
        else:
            is_day_first = numbers[1] <= 12
        day_of_month, month_number = numbers if is_day_first else numbers[::-1]
        day = datetime(int(match[4]), month_number, day_of_month)
        return day, f"{text[: match.start()]} {text[match.end() :]}"
    month = next((word[:3] for word in re.findall("[a-z]+", text) if word[:3] in MONTHS), "")
    year = re.search(r"(?<![-+\d])\d{4}(?!\d)", text)
    day_number = re.search(r"(?<![-+\d:.])\d\d?(?![\d:.])", text)
    if not (month and year and day_number):
        raise ValueError("There is no day.")
    return datetime(int(year[0]), MONTHS.index(month) + 1, int(day_number[0])), text


def _time_of_day(time: re.Match[str]) -> timedelta:
    hour = int(time["hour"])
    if time["half"]:
        hour = hour % 12 + (12 if time["half"] == "p" else 0)
    return timedelta(
        hours=hour,
        minutes=int(time["minute"]),
        seconds=int(time["second"] or 0),
        microseconds=int((time["fraction"] or "")[:6].ljust(6, "0")),
    )


def _distance_from_utc(text: str) -> timedelta | None:
    """What the rest of the text says of the zone; None when it says nothing."""
    if offset := OFFSET.search(text):
        distance = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return -distance if offset["sign"] == "-" else distance
    named = [HOURS_EAST[word] for word in re.findall("[a-z]+", text) if word in HOURS_EAST]
    return timedelta(hours=named[0]) if named else None


def microseconds_of(moment: datetime) -> int:
    """A moment in microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def date_in_words(moment: int) -> str:
    """Microseconds since 1970 as an ISO date, or as they are where no calendar reaches."""
    if FIRST_MOMENT <= moment <= LAST_MOMENT:
        return (EPOCH + moment * MICROSECOND).isoformat()
    return f"{moment} microseconds since 1970"
