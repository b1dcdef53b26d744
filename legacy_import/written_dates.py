"""Dates that were written as text: ISO 8601, and as Go, JavaScript, Java, C#, C and mail programs write them.

As everywhere in the widgets the rule stands twice: `read_written` for one value, `written_sql` for all rows. Both
try the same patterns in the same order and put the same parts together.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg2 import sql

from legacy_import.widgets import ASCII_LOWER

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
    **dict.fromkeys(("z", "utc", "ut", "gmt", "wet"), 0),
    **dict.fromkeys(("cet", "west", "bst"), 1),
    **dict.fromkeys(("cest", "eet"), 2),
    **dict.fromkeys(("eest", "msk"), 3),
    **{"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8},
}
FARTHEST_ZONE = 14  # hours

PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction", "half", "zone")

# Pieces of the patterns, for text in lower case; Python and PostgreSQL read them alike.
YEAR, TWO_DIGITS, NUMBER = "([0-9]{4})", "([0-9]{2})", "([0-9]{1,2})"
MONTH_NAME = rf"({'|'.join(MONTHS[start : start + 3] for start in range(0, 36, 3))})[a-z]*\.?"
WEEKDAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?"
TIME = rf"{NUMBER}:{TWO_DIGITS}(?::{TWO_DIGITS}(?:[.,]([0-9]+))?)?"
HALF = r" ?([ap])\.?m\.?"
OFFSET = "[+-][0-9]{2}:?(?:[0-9]{2})?"
ZONE = rf"\(?(?:(?:gmt|utc)(?=[+-]))?({OFFSET}|{'|'.join(ZONES)})\)?"
COMMENT = r"(?: \([^()]*\))?"
DAY_OF_YEAR = rf"{YEAR}([-/]){NUMBER}\2{NUMBER}"


@dataclass(frozen=True)
class Writing:
    """One way to write a date.

    Attributes:
        pattern: of the whole text.
        groups: which of PARTS each group holds; "" for one that only helps.
    """

    pattern: str
    groups: str

    def numbers(self) -> dict[str, int]:
        """Part -> the number of its group."""
        return {part: number for number, part in enumerate(self.groups.split(","), 1) if part}


CLOCK = "hour,minute,second,fraction"
WRITINGS = (
    # 2020-02-19T08:27:18.123456Z, 2020-02-19 08:27:18+01, 2020/02/19 08:27, 2020-02-19T09:27:18+01:00[Europe/Paris]
    Writing(rf"{DAY_OF_YEAR}[t ]{TIME}(?: ?{ZONE})?(?:\[[-+a-z0-9_/]+\])?", f"year,,month,day,{CLOCK},zone"),
    # 2020-02-19
    Writing(DAY_OF_YEAR, "year,,month,day"),
    # 2020-02-19 08:27:18.1 +0100 CET m=+0.1 (Go's Time.String)
    Writing(
        rf"{DAY_OF_YEAR} {TIME} ({OFFSET})(?: [a-z]+| [+-][0-9]+)?(?: m=[+-][0-9.]+)?",
        f"year,,month,day,{CLOCK},zone",
    ),
    # 8:27:18 AM, 2/19/2020
    Writing(rf"{TIME}{HALF},? {NUMBER}/{NUMBER}/{YEAR}", f"{CLOCK},half,month,day,year"),
    # 2/19/2020, 8:27:18 AM
    Writing(rf"{NUMBER}/{NUMBER}/{YEAR},? {TIME}{HALF}", f"month,day,year,{CLOCK},half"),
    # Feb 12, 2025 at 9:01PM (UTC); Wed Feb 19 2020 08:27:18 GMT+0100 (Central European Standard Time)
    Writing(
        rf"(?:{WEEKDAY} )?{MONTH_NAME} {NUMBER},? {YEAR},?(?: at)? {TIME}(?:{HALF})?(?: {ZONE})?{COMMENT}",
        f"month,day,year,{CLOCK},half,zone",
    ),
    # Wed, 19 Feb 2020 08:27:18 GMT
    Writing(
        rf"(?:{WEEKDAY} )?{NUMBER}[- ]{MONTH_NAME}[- ]{YEAR},?(?: at)? {TIME}(?:{HALF})?(?: {ZONE})?{COMMENT}",
        f"day,month,year,{CLOCK},half,zone",
    ),
    # Wed Feb 19 08:27:18 2020, Wed Feb 19 08:27:18 CET 2020
    Writing(rf"{WEEKDAY} {MONTH_NAME} +{NUMBER} {TIME}(?: {ZONE})? {YEAR}", f"month,day,{CLOCK},zone,year"),
)


def read_written(value: str, zone: ZoneInfo) -> datetime | None:
    """Read a date in any of the ways above; None when it is in none of them, or no calendar has such a day.

    Args:
        zone: of a date that does not name one.
    """
    text = value.translate(SPACES).strip(BLANKS).translate(ASCII_LOWER)
    for writing in WRITINGS:
        if match := re.fullmatch(writing.pattern, text):
            parts = {part: match[number] for part, number in writing.numbers().items() if match[number]}
            return _moment(parts, zone)
    return None


def _moment(parts: dict[str, str], zone: ZoneInfo) -> datetime | None:
    """Put the parts together."""
    month = parts["month"]
    hour, half = int(parts.get("hour", 0)), parts.get("half")
    offset = _offset(parts["zone"]) if "zone" in parts else None
    if (half and not 1 <= hour <= 12) or ("zone" in parts and offset is None):
        return None
    try:
        local = datetime(
            int(parts["year"]),
            int(month) if month.isdigit() else MONTHS.index(month) // 3 + 1,
            int(parts["day"]),
            hour % 12 + 12 * (half == "p") if half else hour,
            int(parts.get("minute", 0)),
            int(parts.get("second", 0)),
            int(parts.get("fraction", "")[:6].ljust(6, "0")),
        )
    except ValueError:
        return None
    difference = _standard_offset(local, zone) if offset is None else offset
    seconds_since_epoch = (local.replace(tzinfo=UTC) - EPOCH - difference) / timedelta(seconds=1)
    return local.replace(tzinfo=UTC) - difference if EARLIEST <= seconds_since_epoch < LATEST else None


def _offset(text: str) -> timedelta | None:
    """A zone's distance from UTC; None where no place on Earth is so far away."""
    if text in ZONES:
        return timedelta(hours=ZONES[text])
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > FARTHEST_ZONE or minutes > 59:
        return None
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[0] == "-" else size


def _standard_offset(local: datetime, zone: ZoneInfo) -> timedelta:
    """PostgreSQL reads a time that a clock change makes ambiguous or impossible as standard time."""
    first = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    return min(first, second)


# Each step stands on the one inside it; OFFSET 0 keeps the planner from calculating a step again wherever it is used.
WRITTEN = """
(SELECT CASE WHEN moment >= to_timestamp({earliest}) AND moment < to_timestamp({latest}) THEN moment END FROM (
    SELECT CASE WHEN zone IS NULL THEN local AT TIME ZONE {default_zone}
        ELSE local AT TIME ZONE 'UTC' - zone_minutes * interval '1 minute' END AS moment
    FROM (
        SELECT zone, zone_minutes,
            CASE WHEN day <= extract(day FROM make_date(year, month, 1) + interval '1 month - 1 day')
                THEN make_timestamp(year, month, day, hour, minute, second) + fraction * interval '1 microsecond'
            END AS local
        FROM (
            SELECT parts[1]::int AS year,
                CASE WHEN parts[2] ~ '^[0-9]' THEN parts[2]::int ELSE strpos({months}, parts[2]) / 3 + 1 END AS month,
                parts[3]::int AS day,
                CASE WHEN parts[8] IS NULL THEN coalesce(parts[4]::int, 0)
                    WHEN parts[4]::int BETWEEN 1 AND 12 THEN mod(parts[4]::int, 12) + 12 * (parts[8] = 'p')::int
                    ELSE 24 END AS hour,
                coalesce(parts[5]::int, 0) AS minute, coalesce(parts[6]::int, 0) AS second,
                rpad(left(coalesce(parts[7], ''), 6), 6, '0')::int AS fraction,
                parts[9] AS zone,
                CASE {named_zones}
                    WHEN substr(parts[9], 2, 2)::int <= {farthest_zone} AND {zone_minutes} <= 59
                    THEN (left(parts[9], 1) || '1')::int * (substr(parts[9], 2, 2)::int * 60 + {zone_minutes})
                END AS zone_minutes
            FROM (
                SELECT coalesce({readings}) AS parts
                FROM (SELECT lower(btrim(translate({value}, {spaces}, '  '), {blanks}) COLLATE "C") AS written OFFSET 0)
                    AS in_lower_case OFFSET 0
            ) AS found WHERE parts IS NOT NULL OFFSET 0
        ) AS numbers
        WHERE year >= 1 AND month BETWEEN 1 AND 12 AND day >= 1 AND hour <= 23 AND minute <= 59 AND second <= 59
            AND (zone IS NULL OR zone_minutes IS NOT NULL)
        OFFSET 0
    ) AS local_times OFFSET 0
) AS moments)
"""


def written_sql(value: sql.Composable, zone: str) -> sql.Composable:
    """`read_written` for all rows: NULL where it gives None."""
    named_zones = [
        sql.SQL("WHEN parts[9] = {} THEN {}").format(sql.Literal(name), sql.Literal(hours * 60))
        for name, hours in ZONES.items()
    ]
    return sql.SQL(WRITTEN).format(
        value=value,
        earliest=sql.Literal(EARLIEST),
        latest=sql.Literal(LATEST),
        default_zone=sql.Literal(zone),
        months=sql.Literal(MONTHS),
        named_zones=sql.SQL(" ").join(named_zones),
        farthest_zone=sql.Literal(FARTHEST_ZONE),
        zone_minutes=sql.SQL("coalesce(nullif(ltrim(substr(parts[9], 4), ':'), ''), '0')::int"),
        readings=sql.SQL(", ").join(map(_reading_sql, WRITINGS)),
        spaces=sql.Literal("".join(map(chr, SPACES))),
        blanks=sql.Literal(BLANKS),
    )


def _reading_sql(writing: Writing) -> sql.Composable:
    """The parts of a date in one writing, in the order of PARTS; NULL where it is not written so."""
    numbers = writing.numbers()
    parts = [
        sql.SQL("nullif(parts[{}], '')").format(sql.Literal(numbers[part])) if part in numbers else sql.SQL("NULL")
        for part in PARTS
    ]
    return sql.SQL(
        "(SELECT ARRAY[{parts}]::text[] FROM regexp_match(written, {pattern}) AS parts WHERE parts IS NOT NULL)"
    ).format(parts=sql.SQL(", ").join(parts), pattern=sql.Literal(f"^(?:{writing.pattern})$"))
