"""Dates that were written as text: ISO 8601, and as Go, JavaScript, Java, C#, C and mail programs write them.

As everywhere in the widgets the rule stands twice: `read_written` for one value, `written_sql` for all rows. Both
try the same patterns in the same order and put the same parts together.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from legacy_import.rules.columns import ASCII_LOWER

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds since 1970 that can be a date: from the second day of year 1 to the last but one of 9999, so that no
# time zone carries it out of the calendar.
EARLIEST, LATEST = -62_135_510_400, 253_402_214_400

# JavaScript parts the time from AM and PM by a space that must not be broken.
SPACES = str.maketrans("\u00a0\u202f", "  ")
BLANKS = " \t\r\n"

MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
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
MINUTE = timedelta(minutes=1)
FARTHEST_ZONE = timedelta(hours=14)
TOO_FAR = timedelta(days=99)  # stands for what no zone is
BEFORE_OFFSET = " (gmtuc"

# Pieces of the patterns, for text in lower case; Python and PostgreSQL read them alike. None of them captures: in
# PostgreSQL a pattern with groups takes twenty times as long as one that only matches.
YEAR_FIRST = "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
MONTH_FIRST = "[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
MONTH_NAME = "|".join(MONTHS[start : start + 3] for start in range(0, 36, 3))
TIME = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
HALF = r" ?[ap]\.?m\.?"
OFFSET = "(?:gmt|utc)?[-+][0-9]{2}:?(?:[0-9]{2})?"
_MONTH = rf"(?:{MONTH_NAME})[a-z]*\.?"
_WEEKDAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?"
_ZONE = rf"\(?(?:{OFFSET}|{'|'.join(ZONES)})\)?"
_TIME_AFTER = rf"(?:,?(?: at)? {TIME}(?:{HALF})?(?: {_ZONE})?(?: \([^()]*\))?)?"
# Where the parts of the day stand in a date.
YEAR_MONTH_DAY, MONTH_DAY_YEAR, NAMED_MONTH, YEAR_AT_END = "year-month-day", "month/day/year", "named", "year at end"

# (pattern, where the parts of the day stand)
WRITINGS: tuple[tuple[str, str], ...] = (
    # 2020-02-19, 2020-02-19T08:27:18.123456Z, 2020/02/19 08:27, 2020-02-19T09:27:18+01:00[Europe/Paris], and as
    # MiniTwit's own pages show it: 2020-02-19 @ 08:27
    (rf"{YEAR_FIRST}(?:(?:t| (?:@ )?){TIME}(?: ?{_ZONE})?(?:\[[-+a-z0-9_/]+\])?)?", YEAR_MONTH_DAY),
    # 2020-02-19 08:27:18.1 +0100 CET m=+0.1 (Go's Time.String)
    (rf"{YEAR_FIRST} {TIME} {OFFSET}(?: [a-z]+| [-+][0-9]+)?(?: m=[-+][0-9.]+)?", YEAR_MONTH_DAY),
    # 8:27:18 AM, 2/19/2020
    (rf"{TIME}{HALF},? {MONTH_FIRST}", MONTH_DAY_YEAR),
    # 2/19/2020, 8:27:18 AM; 2/19/2020 8:27:18 AM +00:00
    (rf"{MONTH_FIRST},? {TIME}{HALF}(?: {_ZONE})?", MONTH_DAY_YEAR),
    # Feb 12, 2025 at 9:01PM (UTC); Wed Feb 19 2020 08:27:18 GMT+0100 (Central European Standard Time); Feb 12, 2025
    (rf"(?:{_WEEKDAY} )?{_MONTH} [0-9]{{1,2}},? [0-9]{{4}}{_TIME_AFTER}", NAMED_MONTH),
    # Wed, 19 Feb 2020 08:27:18 GMT; 19 Feb 2020
    (rf"(?:{_WEEKDAY} )?[0-9]{{1,2}}[- ]{_MONTH}[- ][0-9]{{4}}{_TIME_AFTER}", NAMED_MONTH),
    # Wed Feb 19 08:27:18 2020, Wed Feb 19 08:27:18 CET 2020
    (rf"{_WEEKDAY} {_MONTH} +[0-9]{{1,2}} {TIME}(?: {_ZONE})? [0-9]{{4}}", YEAR_AT_END),
)


def read_written(value: str, zone: ZoneInfo) -> datetime | None:
    """Read a date in any of the ways above; None when it is in none of them, or no calendar has such a day.

    Args:
        zone: of a date that does not name one.
    """
    written = value.translate(SPACES).strip(BLANKS).translate(ASCII_LOWER)
    order = next((order for pattern, order in WRITINGS if re.fullmatch(pattern, written)), None)
    if order is None:
        return None
    time = _first(TIME, written)
    clock = re.split("[:.,]", time or "0:0")
    after = written.partition(time)[2] if time else ""
    half = _first(f"^{HALF}", after)
    distance = _distance(after.removeprefix(half))
    hour = int(clock[0])
    if (half and not 1 <= hour <= 12) or distance == TOO_FAR:
        return None
    try:
        local = datetime(
            *_day(written, order),
            hour % 12 + (12 if "p" in half else 0) if half else hour,
            int(clock[1]),
            int(clock[2]) if len(clock) > 2 else 0,
            int(clock[3][:6].ljust(6, "0")) if len(clock) > 3 else 0,
        )
    except ValueError:
        return None
    if distance is None:
        distance = _standard_offset(local, zone)
    seconds_since_epoch = (local.replace(tzinfo=UTC) - EPOCH - distance) / timedelta(seconds=1)
    return local.replace(tzinfo=UTC) - distance if EARLIEST <= seconds_since_epoch < LATEST else None


def _first(pattern: str, text: str) -> str:
    """The first place that matches, or nothing."""
    match = re.search(pattern, text)
    return match[0] if match else ""


def _day(written: str, order: str) -> tuple[int, int, int]:
    """Year, month and day."""
    if order == YEAR_MONTH_DAY:
        year, month, day = re.split("[-/]", _first(YEAR_FIRST, written))
    elif order == MONTH_DAY_YEAR:
        month, day, year = _first(MONTH_FIRST, written).split("/")
    else:
        year = written[-4:] if order == YEAR_AT_END else _first("[0-9]{4}", written)
        month = str(MONTHS.index(_first(MONTH_NAME, written)) // 3 + 1)
        day = _first("[0-9]{1,2}", written)
    return int(year), int(month), int(day)


def _distance(text: str) -> timedelta | None:
    """The distance from UTC that the text after the time names, if it does; perhaps TOO_FAR."""
    offset = _first(rf"^[ (]*{OFFSET}", text).lstrip(BEFORE_OFFSET)
    if not offset:
        hours = ZONES.get(_first("^[a-z]+", text.lstrip(" (")))
        return None if hours is None else timedelta(hours=hours)
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:].lstrip(":") or 0))
    if size > FARTHEST_ZONE or int(offset[3:].lstrip(":") or 0) > 59:
        return TOO_FAR
    return -size if offset[0] == "-" else size


def _standard_offset(local: datetime, zone: ZoneInfo) -> timedelta:
    """PostgreSQL reads a time that a clock change makes ambiguous or impossible as standard time."""
    first = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    return min(first, second)


# Each step stands on the one inside it; OFFSET 0 keeps the planner from calculating a step again wherever it is used.
WRITTEN = """
(SELECT CASE WHEN moment >= to_timestamp({earliest}) AND moment < to_timestamp({latest}) THEN moment END FROM (
    SELECT CASE WHEN distance IS NULL THEN local AT TIME ZONE {default_zone}
        ELSE local AT TIME ZONE 'UTC' - distance * interval '1 minute' END AS moment
    FROM (
        SELECT distance,
            CASE WHEN day <= extract(day FROM make_date(year, month, 1) + interval '1 month - 1 day')
                THEN make_timestamp(year, month, day, hour, minute, second) + fraction * interval '1 microsecond'
            END AS local
        FROM (
            SELECT
                CASE written_as WHEN {ymd} THEN split_part(day_text, '-', 1)
                    WHEN {mdy} THEN split_part(day_text, '/', 3) WHEN {year_at_end} THEN right(written, 4)
                    ELSE substring(written FROM '[0-9]{{4}}') END::int AS year,
                CASE written_as WHEN {ymd} THEN split_part(day_text, '-', 2)::int
                    WHEN {mdy} THEN split_part(day_text, '/', 1)::int
                    ELSE strpos({months}, substring(written FROM {month_name})) / 3 + 1 END AS month,
                CASE written_as WHEN {ymd} THEN split_part(day_text, '-', 3)
                    WHEN {mdy} THEN split_part(day_text, '/', 2)
                    ELSE substring(written FROM '[0-9]{{1,2}}') END::int AS day,
                CASE WHEN half = '' THEN split_part(clock, ':', 1)::int
                    WHEN split_part(clock, ':', 1)::int BETWEEN 1 AND 12
                    THEN mod(split_part(clock, ':', 1)::int, 12) + CASE WHEN strpos(half, 'p') > 0 THEN 12 ELSE 0 END
                    ELSE 24 END AS hour,
                split_part(clock, ':', 2)::int AS minute,
                coalesce(nullif(split_part(clock, ':', 3), ''), '0')::int AS second,
                rpad(left(split_part(clock, ':', 4), 6), 6, '0')::int AS fraction,
                CASE WHEN written_offset = '' THEN CASE zone_name {named_zones} END
                    WHEN minutes_of_offset > 59 THEN {too_far}
                    ELSE (left(written_offset, 1) || '1')::int
                        * (substr(written_offset, 2, 2)::int * 60 + minutes_of_offset) END AS distance
            FROM (
                SELECT *, coalesce(nullif(ltrim(substr(written_offset, 4), ':'), ''), '0')::int AS minutes_of_offset
                FROM (
                    SELECT written, written_as, clock, day_text, half,
                        ltrim(coalesce(substring(zone_text FROM {offset}), ''), {before_offset}) AS written_offset,
                        substring(ltrim(zone_text, ' (') FROM '^[a-z]+') AS zone_name
                    FROM (
                        SELECT *, substr(after, length(half) + 1) AS zone_text
                        FROM (
                            SELECT *, coalesce(substring(after FROM {half}), '') AS half
                            FROM (
                                SELECT written, written_as, translate(coalesce(time, '0:0'), '.,', '::') AS clock,
                                    CASE written_as
                                        WHEN {ymd} THEN split_part(translate(written, 't/', ' -'), ' ', 1)
                                        WHEN {mdy} THEN substring(written FROM {month_first}) END AS day_text,
                                    coalesce(substr(written, strpos(written, time) + length(time)), '') AS after
                                FROM (
                                    SELECT written, CASE {writings} END AS written_as,
                                        substring(written FROM {time}) AS time
                                    FROM (
                                        SELECT lower(btrim(translate({value}, {spaces}, '  '), {blanks}) COLLATE "C")
                                            AS written OFFSET 0
                                    ) AS in_lower_case OFFSET 0
                                ) AS classified WHERE written_as IS NOT NULL OFFSET 0
                            ) AS cut OFFSET 0
                        ) AS with_half OFFSET 0
                    ) AS with_zone OFFSET 0
                ) AS with_offset OFFSET 0
            ) AS with_minutes OFFSET 0
        ) AS numbers
        WHERE year >= 1 AND month BETWEEN 1 AND 12 AND day >= 1 AND hour <= 23 AND minute <= 59 AND second <= 59
            AND (distance IS NULL OR abs(distance) <= {farthest})
        OFFSET 0
    ) AS local_times OFFSET 0
) AS moments)
"""


def written_sql(value: sql.Composable, zone: str) -> sql.Composable:
    """`read_written` for all rows: NULL where it gives None."""

    def cases(template: str, pairs: Iterable[tuple[Any, Any]]) -> sql.Composable:
        return sql.SQL(" ").join(sql.SQL(template).format(*map(sql.Literal, pair)) for pair in pairs)

    literals = {
        "earliest": EARLIEST,
        "latest": LATEST,
        "default_zone": zone,
        "ymd": YEAR_MONTH_DAY,
        "mdy": MONTH_DAY_YEAR,
        "year_at_end": YEAR_AT_END,
        "months": MONTHS,
        "month_name": MONTH_NAME,
        "month_first": MONTH_FIRST,
        "time": TIME,
        "half": f"^{HALF}",
        "offset": rf"^[ (]*{OFFSET}",
        "before_offset": BEFORE_OFFSET,
        "farthest": FARTHEST_ZONE // MINUTE,
        "too_far": TOO_FAR // MINUTE,
        "spaces": "".join(map(chr, SPACES)),
        "blanks": BLANKS,
    }
    return sql.SQL(WRITTEN).format(
        value=value,
        writings=cases("WHEN written ~ {} THEN {}", ((f"^(?:{pattern})$", order) for pattern, order in WRITINGS)),
        named_zones=cases("WHEN {} THEN {}", ((name, hours * 60) for name, hours in ZONES.items())),
        **{name: sql.Literal(value) for name, value in literals.items()},
    )
