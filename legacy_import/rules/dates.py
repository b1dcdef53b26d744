"""When an old message was published. The old column was meant for seconds since 1970, and holds more than that."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from legacy_import.rules.columns import LegacyWidget, StagedColumn, refuse
from legacy_import.rules.text_dates import BLANKS, EARLIEST, EPOCH, LATEST, read_written, written_sql
from legacy_import.source.values import LegacyValue, as_text, storage_letter

# Other units are believed only where they give a date between 1980 and 2100.
PLAUSIBLE_FROM, PLAUSIBLE_TO = 315_532_800, 4_102_444_800
# .NET counts ticks of 100 nanoseconds from the year 1.
TICKS_AT_EPOCH = 621_355_968_000_000_000
SECOND = Decimal(1_000_000)  # in microseconds
# (how much to subtract, microseconds in one of the unit, the first second that is believed)
OTHER_UNITS: tuple[tuple[int, Decimal, int], ...] = (
    (0, Decimal(1000), PLAUSIBLE_FROM),
    (0, Decimal(1), PLAUSIBLE_FROM),
    (TICKS_AT_EPOCH, Decimal("0.1"), PLAUSIBLE_FROM),
    (0, Decimal("0.001"), 1_000_000_000),  # nanoseconds have 19 digits since 2001; eighteen nines are no date
)
SUSPICIOUS_BEFORE = 631_152_000  # 1990

# Julian days of 1980 and 2100. As seconds such a number would be in January 1970, and with a fraction.
JULIAN_FROM, JULIAN_TO = Decimal("2444239.5"), Decimal("2488069.5")
JULIAN_AT_EPOCH = Decimal("2440587.5")
DAY = 86_400 * SECOND

NUMBER = r"-?[0-9]{1,19}(\.[0-9]{1,17})?(e[+-]?[0-9]{1,2})?"
DIGITS = 60  # more than any calculation here needs, so that Python is as exact as PostgreSQL


class PubDateWidget(LegacyWidget):
    """Seconds, milli-, micro- or nanoseconds, .NET ticks, Julian days; or a date as text, see `written_dates`.

    Args:
        zone: of text that does not name one.
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
        number = text.strip(BLANKS)
        return from_number(number) if re.fullmatch(NUMBER, number) else read_written(text, self.zone)

    def notes(self, value: LegacyValue) -> Iterator[str]:
        moment = self.moment(value)
        if moment is None:
            return
        if storage_letter(value) not in "ir":
            yield "date_as_text"
        number = (as_text(value) or "").strip(BLANKS)
        if re.fullmatch(NUMBER, number) and (is_julian(number) or not EARLIEST <= Decimal(number) < LATEST):
            yield "date_unit"
        if moment < EPOCH + timedelta(seconds=SUSPICIOUS_BEFORE) or moment > self.now:
            yield "suspicious_date"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        # The first case is the usual one and spares it the arithmetic of the others.
        number = trimmed(column)
        return sql.SQL(
            "CASE WHEN {seconds} BETWEEN 0 AND {usual_latest} THEN to_timestamp({seconds})"
            " WHEN {is_number} THEN {from_number} ELSE {written} END"
        ).format(
            seconds=column.number,
            usual_latest=sql.Literal(PLAUSIBLE_TO),
            is_number=number.matches(NUMBER),
            from_number=from_number_sql(number.value),
            written=written_sql(column.value, self.zone.key),
        )

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("CASE WHEN {} IS NULL THEN 'bad_date' END").format(column.cleaned)

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        number = trimmed(column)
        other_unit = sql.SQL(
            "CASE WHEN {storage} = 'i' AND length({value}) <= 10 THEN false WHEN {is_number}"
            " THEN {is_julian} OR NOT ({value}::numeric >= {earliest} AND {value}::numeric < {latest}) END"
        ).format(
            storage=column.storage,
            value=number.value,
            is_number=number.matches(NUMBER),
            is_julian=is_julian_sql(number.value),
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


def trimmed(column: StagedColumn) -> StagedColumn:
    return replace(column, value=sql.SQL("btrim({}, {})").format(column.value, sql.Literal(BLANKS)))


def is_julian(number: str) -> bool:
    return "." in number and JULIAN_FROM <= Decimal(number) < JULIAN_TO


def is_julian_sql(number: sql.Composable) -> sql.Composable:
    """`is_julian` for all rows."""
    return sql.SQL(
        "(strpos({number}, '.') > 0 AND {number}::numeric >= {low} AND {number}::numeric < {high})"
    ).format(number=number, low=sql.Literal(JULIAN_FROM), high=sql.Literal(JULIAN_TO))


def from_number(text: str) -> datetime | None:
    """Read a number of seconds, or of another unit where only that gives a plausible date."""
    number = Decimal(text)
    with localcontext(prec=DIGITS):
        if is_julian(text):
            return _from_microseconds((number - JULIAN_AT_EPOCH) * DAY)
        if EARLIEST <= number < LATEST:
            return _from_microseconds(number * SECOND)
        for start, unit, earliest in OTHER_UNITS:
            microseconds = (number - start) * unit
            if earliest * SECOND <= microseconds < PLAUSIBLE_TO * SECOND:
                return _from_microseconds(microseconds)
    return None


def _from_microseconds(microseconds: Decimal) -> datetime:
    return EPOCH + timedelta(microseconds=int(microseconds.to_integral_value(ROUND_HALF_UP)))


def from_number_sql(number: sql.Composable) -> sql.Composable:
    """`from_number` for all rows."""
    julian = sql.SQL("(({}::numeric - {}) * {})").format(number, sql.Literal(JULIAN_AT_EPOCH), sql.Literal(DAY))
    cases = [sql.SQL("WHEN {} THEN {}").format(is_julian_sql(number), _from_microseconds_sql(julian))]
    ranges = [(0, SECOND, EARLIEST, LATEST)]
    ranges += [(start, unit, earliest, PLAUSIBLE_TO) for start, unit, earliest in OTHER_UNITS]
    for start, unit, low, high in ranges:
        microseconds = sql.SQL("(({}::numeric - {}) * {})").format(number, sql.Literal(start), sql.Literal(unit))
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
