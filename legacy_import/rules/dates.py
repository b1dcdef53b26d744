"""When an old message was published. The old column was meant for seconds since 1970, and holds more than that."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from legacy_import.rules.columns import Column, Read, Refused, Row
from legacy_import.rules.day_order import NOTHING_TOLD, DayOrder
from legacy_import.rules.text_dates import BLANKS, EARLIEST, EPOCH, LATEST, NO_DISTANCE, read_text_date
from legacy_import.source.copy_lines import Copy
from legacy_import.source.values import LegacyValue, as_text

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
SUSPICIOUS_BEFORE = datetime(1990, 1, 1, tzinfo=UTC)

# Julian days of 1980 and 2100. As seconds such a number would be in January 1970, and with a fraction.
JULIAN_FROM, JULIAN_TO = Decimal("2444239.5"), Decimal("2488069.5")
JULIAN_AT_EPOCH = Decimal("2440587.5")
DAY = 86_400 * SECOND

# How SQLite's CURRENT_TIMESTAMP, JavaScript and Python write a date in UTC: SQLite's test of it, the format in which
# PostgreSQL is given it, and whether the text is kept. Adding no days makes SQLite look whether the month has such a
# day. The first is by far the commonest, and `DateColumn.stored` gives it from the date.
TEXT_FORMS = (
    ("datetime({0}, '+0 days') = {0}", "%s+00", False),
    ("strftime('%Y-%m-%dT%H:%M:%fZ', {0}, '+0 days') = {0}", "%s", True),
    (
        "datetime(substr({0}, 1, 19), '+0 days') || printf('.%06u', CAST(substr({0}, 21) AS INTEGER)) = {0}",
        "%s+00",
        True,
    ),
)

NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,17})?(e[+-]?[0-9]{1,2})?")
DIGITS = 60  # more than any calculation needs


class DateColumn(Column):
    """Seconds, milli-, micro- or nanoseconds, .NET ticks, Julian days; or a date as text, see `text_dates`.

    Args:
        zone: of text that does not name one.
        now: later dates are suspicious: the moment the run began.
        order: whether the day or the month comes first in the dates of this column.
    """

    new_type = "timestamptz"
    stored = (
        "CASE WHEN strpos({notes}, 'date_as_text') > 0 THEN to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        " ELSE extract(epoch FROM {0})::bigint::text END"
    )

    def __init__(self, zone: str, now: datetime, order: DayOrder = NOTHING_TOLD) -> None:
        super().__init__()
        self.zone = ZoneInfo(zone)
        self.now = now
        self.order = order
        first, last = int(SUSPICIOUS_BEFORE.timestamp()), min(int(now.timestamp()), PLAUSIBLE_TO)
        seconds = f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN {first} AND {last}"
        self.copies = (Copy("%s+00", "datetime({0}, 'unixepoch')", seconds),)
        if self.zone.utcoffset(None) == NO_DISTANCE:
            last_day = now.astimezone(UTC)
            usual = (
                f"typeof({{0}}) = 'text' AND {{0}} BETWEEN '{SUSPICIOUS_BEFORE:%Y-%m-%d}' AND '{last_day:%Y-%m-%d}'"
            )
            self.copies += tuple(
                Copy(form, test=f"{usual} AND {test}", notes=("date_as_text",), is_kept=is_kept)
                for test, form, is_kept in TEXT_FORMS
            )

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        moment, notes = self.moment(value)
        if moment is None:
            raise Refused("bad_date")
        return moment, notes

    def moment(self, value: LegacyValue) -> tuple[datetime | None, tuple[str, ...]]:
        """The date that a value says, None if it says none, with the codes of what was noticed."""
        text = as_text(value)
        if text is None:
            return None, ()
        number = text.strip(BLANKS)
        if NUMBER.fullmatch(number):
            moment, is_other_unit = from_number(number)
        else:
            moment, is_other_unit = read_text_date(text, self.zone, self.order), False
        if moment is None:
            return None, ()
        notes: tuple[str, ...] = ("date_as_text",) if type(value) in (str, bytes) else ()
        if is_other_unit:
            notes += ("date_unit",)
        if not SUSPICIOUS_BEFORE <= moment <= self.now:
            notes += ("suspicious_date",)
        return moment, notes


def from_number(text: str) -> tuple[datetime | None, bool]:
    """Read a number of seconds, or of another unit where only that gives a plausible date; and whether it is one."""
    number = Decimal(text)
    with localcontext(prec=DIGITS):
        if "." in text and JULIAN_FROM <= number < JULIAN_TO:
            return _from_microseconds((number - JULIAN_AT_EPOCH) * DAY), True
        if EARLIEST <= number < LATEST:
            return _from_microseconds(number * SECOND), False
        for start, unit, earliest in OTHER_UNITS:
            microseconds = (number - start) * unit
            if earliest * SECOND <= microseconds < PLAUSIBLE_TO * SECOND:
                return _from_microseconds(microseconds), True
    return None, False


def _from_microseconds(microseconds: Decimal) -> datetime:
    return EPOCH + timedelta(microseconds=int(microseconds.to_integral_value(ROUND_HALF_UP)))
