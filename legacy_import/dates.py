"""When an old message was published. The old column was meant for seconds since 1970, and holds more than that."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from legacy_import.sources.values import LegacyValue, as_text, storage_letter
from legacy_import.widgets import LegacyWidget, StagedColumn, refuse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds since 1970 that can be a date: from the second day of year 1 to the last but one of 9999, so that no
# time zone carries it out of the calendar.
EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
# Other units are believed only where they give a date between 1980 and 2100.
PLAUSIBLE_FROM, PLAUSIBLE_TO = 315_532_800, 4_102_444_800
# .NET counts ticks of 100 nanoseconds from the year 1.
TICKS_AT_EPOCH = 621_355_968_000_000_000
SECOND = Decimal(1_000_000)  # in microseconds
# (how much to subtract, microseconds in one of the unit)
OTHER_UNITS: tuple[tuple[int, Decimal], ...] = (
    (0, Decimal(1000)),
    (0, Decimal(1)),
    (TICKS_AT_EPOCH, Decimal("0.1")),
)
SUSPICIOUS_BEFORE = 631_152_000  # 1990

# No more digits than Decimal keeps (28), so that both sides calculate exactly.
NUMBER = r"-?[0-9]{1,19}(\.[0-9]{1,9})?(e[+-]?[0-9]{1,2})?"
# Date, time, seconds and fraction if any, offset if any.
ISO = (
    r"((?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))"
    r"[ T]((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6})[0-9]*)?)?"
    r" ?(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
)


class PubDateWidget(LegacyWidget):
    """Seconds, milliseconds, microseconds or .NET ticks; or ISO text, with or without an offset.

    Args:
        zone: of text without an offset.
        now: later dates are suspicious. The moment the run began, so that both rules mean the same.
    """

    def __init__(self, zone: str, now: datetime) -> None:
        super().__init__()
        self.zone = ZoneInfo(zone)
        self.now = now

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> datetime:
        moment = self.moment(value)
        if moment is None:
            raise refuse("bad_date")
        return moment

    def moment(self, value: LegacyValue) -> datetime | None:
        text = as_text(value)
        if text is None:
            return None
        if re.fullmatch(NUMBER, text):
            return from_number(Decimal(text))
        if match := re.fullmatch(ISO, text):
            return from_iso(match, self.zone)
        return None

    def notes(self, value: LegacyValue) -> Iterator[str]:
        moment = self.moment(value)
        if moment is None:
            return
        if storage_letter(value) not in "ir":
            yield "date_as_text"
        text = as_text(value) or ""
        if re.fullmatch(NUMBER, text) and not EARLIEST <= Decimal(text) < LATEST:
            yield "date_unit"
        if moment < EPOCH + timedelta(seconds=SUSPICIOUS_BEFORE) or moment > self.now:
            yield "suspicious_date"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        # The first case is the usual one and spares it the arithmetic of the others.
        return sql.SQL(
            "CASE WHEN {number} BETWEEN 0 AND {usual_latest} THEN to_timestamp({number})"
            " WHEN {is_number} THEN {from_number} WHEN {is_iso} THEN {from_iso} END"
        ).format(
            number=column.number,
            usual_latest=sql.Literal(PLAUSIBLE_TO),
            is_number=column.matches(NUMBER),
            from_number=from_number_sql(column),
            is_iso=column.matches(ISO),
            from_iso=from_iso_sql(column, self.zone.key),
        )

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("CASE WHEN {} IS NULL THEN 'bad_date' END").format(column.cleaned)

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        other_unit = sql.SQL(
            "CASE WHEN {storage} = 'i' AND length({value}) <= 10 THEN false"
            " WHEN {is_number} THEN NOT ({value}::numeric >= {earliest} AND {value}::numeric < {latest}) END"
        ).format(
            storage=column.storage,
            value=column.value,
            is_number=column.matches(NUMBER),
            earliest=sql.Literal(EARLIEST),
            latest=sql.Literal(LATEST),
        )
        suspicious = sql.SQL("{moment} < to_timestamp({old}) OR {moment} > {now}").format(
            moment=column.cleaned, old=sql.Literal(SUSPICIOUS_BEFORE), now=sql.Literal(self.now)
        )
        return {
            "date_as_text": sql.SQL("NOT ({})").format(column.is_one_of("ir")),
            "date_unit": other_unit,
            "suspicious_date": suspicious,
        }

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("{} BETWEEN {} AND {}").format(
            column.number, sql.Literal(SUSPICIOUS_BEFORE), sql.Literal(min(int(self.now.timestamp()), PLAUSIBLE_TO))
        )


def from_number(number: Decimal) -> datetime | None:
    """Read a number of seconds, or of another unit where only that gives a plausible date."""
    if EARLIEST <= number < LATEST:
        return _from_microseconds(number * SECOND)
    for start, unit in OTHER_UNITS:
        microseconds = (number - start) * unit
        if PLAUSIBLE_FROM * SECOND <= microseconds < PLAUSIBLE_TO * SECOND:
            return _from_microseconds(microseconds)
    return None


def _from_microseconds(microseconds: Decimal) -> datetime:
    return EPOCH + timedelta(microseconds=int(microseconds.to_integral_value(ROUND_HALF_UP)))


def from_number_sql(column: StagedColumn) -> sql.Composable:
    """`from_number` for all rows."""
    ranges = [(0, SECOND, EARLIEST, LATEST)]
    ranges += [(start, unit, PLAUSIBLE_FROM, PLAUSIBLE_TO) for start, unit in OTHER_UNITS]
    cases = []
    for start, unit, low, high in ranges:
        microseconds = sql.SQL("(({}::numeric - {}) * {})").format(
            column.value, sql.Literal(start), sql.Literal(unit)
        )
        cases.append(
            sql.SQL("WHEN {n} >= {low} AND {n} < {high} THEN {moment}").format(
                n=microseconds,
                low=sql.Literal(low * SECOND),
                high=sql.Literal(high * SECOND),
                moment=_from_microseconds_sql(microseconds),
            )
        )
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))


def _from_microseconds_sql(microseconds: sql.Composable) -> sql.Composable:
    """Whole seconds and the rest apart: a double cannot hold both for every year."""
    whole = sql.SQL("round({})").format(microseconds)
    return sql.SQL(
        "to_timestamp(div({n}, 1000000)::bigint) + mod({n}, 1000000)::int * interval '1 microsecond'"
    ).format(n=whole)


def from_iso(match: re.Match[str], zone: ZoneInfo) -> datetime | None:
    """Put the parts of an ISO date together; None when the calendar has no such day."""
    day, time, seconds, fraction, offset = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{time}:{seconds or '00'}.{(fraction or '').ljust(6, '0')}")
    except ValueError:
        return None
    difference = _offset(offset) if offset else _standard_offset(local, zone)
    seconds_since_epoch = (local.replace(tzinfo=UTC) - EPOCH - difference) / timedelta(seconds=1)
    if not EARLIEST <= seconds_since_epoch < LATEST:
        return None
    return local.replace(tzinfo=UTC) - difference


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    size = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -size if text[0] == "-" else size


def _standard_offset(local: datetime, zone: ZoneInfo) -> timedelta:
    """PostgreSQL reads a time that a clock change makes ambiguous or impossible as standard time."""
    first = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    return min(first, second)


def from_iso_sql(column: StagedColumn, zone: str) -> sql.Composable:
    """`from_iso` for all rows."""
    groups = sql.SQL("regexp_match({}, {})").format(column.value, sql.Literal(f"^{ISO}$"))

    def group(number: int) -> sql.Composable:
        return sql.SQL("({})[{}]").format(groups, sql.Literal(number))

    days_in_month = sql.SQL("extract(day FROM (left({day}, 8) || '01')::date + interval '1 month - 1 day')").format(
        day=group(1)
    )
    local = sql.SQL("({} || ' ' || {} || ':' || coalesce({}, '00') || '.' || coalesce({}, '0'))::timestamp").format(
        *map(group, (1, 2, 3, 4))
    )
    moment = sql.SQL(
        "CASE WHEN {offset} IS NULL THEN {local} AT TIME ZONE {zone}"
        " WHEN {offset} = 'Z' THEN {local} AT TIME ZONE 'UTC'"
        " ELSE ({local} AT TIME ZONE 'UTC')"
        " - (left({offset}, 3) || ' hours')::interval"
        " - (left({offset}, 1) || right({offset}, 2) || ' minutes')::interval"
        " END"
    ).format(offset=group(5), local=local, zone=sql.Literal(zone))
    return sql.SQL(
        "CASE WHEN right({day}, 2)::int <= {days_in_month} AND"
        " {moment} >= to_timestamp({earliest}) AND {moment} < to_timestamp({latest}) THEN {moment} END"
    ).format(
        day=group(1),
        days_in_month=days_in_month,
        moment=moment,
        earliest=sql.Literal(EARLIEST),
        latest=sql.Literal(LATEST),
    )
