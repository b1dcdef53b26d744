"""Every way in which old databases hold a date, one value at a time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_import.rules.dates import DateColumn
from legacy_import.rules.day_order import DayOrder
from legacy_import.rules.text_dates import USUAL, numbers_of, read_text_date
from legacy_import.source.values import LegacyValue, storage_letter
from legacy_import.verify.dates import (
    FIRST_MOMENT,
    LAST_MOMENT,
    Reading,
    beginnings_of,
    date_in_words,
    microseconds_of,
)
from legacy_import.verify.values import moments_of
from tests.legacy_import import strategies
from tests.legacy_import.old_database import as_sqlite_reads

COPENHAGEN = "Europe/Copenhagen"  # has hours that come twice and hours that never come
COLUMN = DateColumn(COPENHAGEN, datetime(2026, 11, 1, tzinfo=UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@settings(max_examples=settings.default.max_examples * 20)  # each takes a millisecond
@given(value=strategies.dates, begins_with=st.frozensets(st.sampled_from(["day", "month"])))
def test_the_verification_understands_every_date_that_the_import_does(value, begins_with):
    [stored] = as_sqlite_reads([value])
    order = DayOrder(**{f"{beginning}_first": "some date" for beginning in begins_with})
    moment, _ = DateColumn(COPENHAGEN, COLUMN.now, order).moment(stored)
    if moment is not None:
        raw = float(stored) if storage_letter(stored) == "r" else stored
        raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
        microseconds = (moment - EPOCH) // (datetime.resolution)
        assert microseconds in moments_of(raw, Reading(ZoneInfo(COPENHAGEN), begins_with))


@given(text=st.from_regex(USUAL, fullmatch=True) | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"))
def test_the_usual_spelling_is_read_by_the_shorter_way_as_by_the_general_one(text):
    """What is behind a Z in brackets is not read, but takes the general way."""
    general = f"{text}[z]" if text.endswith("Z") else f"{text} "
    assert read_text_date(text, ZoneInfo(COPENHAGEN)) == read_text_date(general, ZoneInfo(COPENHAGEN))


# What a date says, by how it is written; Copenhagen is an hour before UTC in winter.
WRITTEN: dict[str, tuple[LegacyValue, ...]] = {
    "2020-02-19T08:27:18": (
        *("2020-02-19T08:27:18Z", "2020-02-19 09:27:18", "2020-2-19 9:27:18", "2020/02/19 09:27:18"),
        *("2020-02/19 9:27:18", "2020-02-19t08:27:18z", "2020-02-19 08:27:18 utc", " 2020-02-19T08:27:18Z\n"),
        *("2020-02-19T09:27:18+01:00[Europe/Paris]", "2020-02-19 09:27:18 +0100 CET m=+0.1"),
        *("2020-02-19 08:27:18 +0000 UTC", "2020-02-19 11:27:18 +0300 +03", "9:27:18 AM, 2/19/2020"),
        *("2/19/2020, 9:27:18 AM", "2/19/2020 9:27:18\u202fa.m.", "2/19/2020 8:27:18 AM +00:00"),
        *("Feb 19, 2020 9:27:18 AM", "February 19 2020 at 09:27:18", "Feb. 19, 2020, 8:27:18am (UTC)"),
        *("Wed Feb 19 2020 09:27:18 GMT+0100 (Central European Standard Time)", "Wed, 19 Feb 2020 08:27:18 GMT"),
        *("19-Feb-2020 09:27:18", "Wednesday, 19 February 2020 09:27:18", "Wed Feb 19 09:27:18 2020"),
        *("Wed Feb  19 09:27:18 CET 2020", "2020-02-19T09:27:18+01:00[etc/gmt-10]"),
        *(
            "19-02-2020 09:27:18",
            "19.2.2020, 9:27:18",
            "02/19/2020 09:27:18",
            "19.02.2020 09.27.18",
            "19/02/2020T08:27:18Z",
            "9:27:18 19.2.2020",
        ),
        *("19/2/2020, 9:27:18 am", "2-19-2020 09:27:18 CET", " 19-02-2020 08:27:18 +0000"),
        *("2020-02-19 09:27:18 +0100", "2020-02-19 09:26:18 +0059 zz m=+0", "2/19/2020 9:27:18\u00a0AM"),
    ),
    "2020-02-18T23:00:00": (
        "2020-02-19",
        "2020/2/19",
        "Feb 19, 2020",
        "19 Feb 2020",
        "February 19, 2020 12:00 AM",
        "19-02-2020",
    ),
    "2020-02-01T23:00:00": ("02-02-2020", "2/2/2020", "2.2.2020 00:00", "2020-2-2", "2 Feb 2020"),
    "2020-12-12T23:00:00": ("13-12-2020", "12-13-2020", "2020-12-13"),
    "2020-03-02T08:27:00": ("3/2/2020 9:27 AM", "9:27 AM, 3/2/2020"),
    "2020-02-19T08:27:00": ("2020-02-19 @ 09:27", "Feb 19, 2020 at 9:27AM", "Wed, 19 Feb 2020 08:27 GMT"),
    "2020-02-19T08:27:18.250000": ("2020-02-19 09:27:18.25", "2020-02-19T08:27:18,25Z"),
    "2020-02-19T08:27:18.123456": (
        *("2020-02-19 09:27:18.123456", "2020-02-19 09:27:18.1234569", 637_176_976_381_234_564),
        1_582_100_838_123_456_000,
    ),
    "2020-02-19T00:27:00": ("2/19/2020 1:27 AM",),
    "2020-02-19T11:27:00": ("2/19/2020 12:27 PM", "2/19/2020 12:27PM"),
    "2020-02-19T12:27:00": ("2/19/2020 1:27PM",),
    "2020-02-19T22:27:00": ("2/19/2020 11:27 PM",),
    "2020-07-19T08:27:00": ("2020-07-19 10:27",),
    # Clocks showed this hour twice, and that one never.
    "2020-10-25T01:30:00": ("2020-10-25 02:30",),
    "2020-03-29T01:30:00": ("2020-03-29 02:30",),
    # The calendar's ends.
    "0001-01-02T00:00:00": ("0001-01-02T00:00:00Z", "0001-01-02 00:00 UTC", -62_135_510_400),
    "9999-12-30T23:59:59": ("9999-12-30T23:59:59Z", "9999-12-30 23:59:59 GMT", 253_402_214_399),
    "9999-12-30T23:59:59.123456": ("253402214399.12345649999999999",),
    # Numbers: of seconds, or else of what gives a date between 1980 and 2100.
    "1970-01-01T00:00:00": (0, "0", b"0", "-0.0000001", "1e-10"),
    "1970-01-29T19:07:49.500000": (2_488_069.5,),
    "1969-12-31T23:59:59": (-1, "-1", " -1.0 "),
    "2001-09-09T01:46:40": (1_000_000_000, "1e9", 1_000_000_000.0, 1_000_000_000_000_000_000),
    "2020-02-19T08:27:18.123000": (1_582_100_838_123,),
    "2020-02-19T08:27:18.123457": (1_582_100_838_123_457, 637_176_976_381_234_565),
    "1980-01-01T00:00:00": (315_532_800_000_000, 624_511_296_000_000_000, 2_444_239.5),
    "2099-12-31T23:59:59.999000": (4_102_444_799_999,),
}
NO_DATE: tuple[LegacyValue, ...] = (
    *(None, "", "X", "now", "2020-02-30", "2021-02-29 08:27", "2020-13-01", "2020-02-19 24:00", "2020-02-19 08:60"),
    *("13:27 PM, 2/19/2020", "0:27 AM, 2/19/2020", "2020-02-19 08:27 XYZ"),
    *("12.5.2020", "12/5/2020", "12-5-2020 09:27", "9:27 AM 12.5.2020", "2/19-2020", "2/19/20", "32/1/2020"),
    *(
        "13/13/2020",
        "0/1/2020",
        "1/0/2020",
        "19/2/2020 09:27 X",
        "19.2.2020 09.27",
        "19.2.2020 9.61.00",
        "31/2/2020",
        "19,2,2020",
    ),
    *("2020-02-19 08:27 +14:01", "2020-02-19 08:27 +0160", "0001-01-01T23:59:59Z", "9999-12-31T00:00:00Z"),
    *(253_402_214_400, -62_135_510_401, 999_999_999_999_999_999, 315_532_799_999_999, 4_102_444_800_000, "1e400"),
    *(
        "-" + "1" * 20,
        "1." + "1" * 18,
        "1.",
        "1e",
        "X2020-02-19",
        "9999-12-31T23:59:59Z",
        "2020-02-19T08:27:18.Z",
        "2020-02-19T08:27Z[]",
    ),
)
HOURS_FROM_UTC = {
    0: "Z UTC UT GMT WET",
    1: "CET WEST BST +01",
    2: "CEST EET",
    3: "EEST MSK",
    -3: "-03:00 -03",
    -4: "EDT",
    -5: "EST CDT",
    -6: "CST MDT",
    -7: "MST PDT",
    -8: "PST (PST)",
    14: "+14:00",
    5.5: "GMT+0530",
    -0.5: "-00:30",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# The verification takes two moments for right: around what is finer than a microsecond, and where clocks changed.
TWO_MOMENTS = {
    *("2020-02-19 09:27:18.1234569", 637_176_976_381_234_564, 637_176_976_381_234_565, "1e-10", "-0.0000001"),
    *("253402214399.12345649999999999", "2020-10-25 02:30", "2020-03-29 02:30"),
}


def verified(value: LegacyValue, zone: str = COPENHAGEN) -> list[datetime]:
    """The moments that a date can mean for the verification."""
    raw = value.encode() if isinstance(value, str) else value
    return [EPOCH + timedelta(microseconds=moment) for moment in moments_of(raw, Reading(ZoneInfo(zone)))]


def test_a_date_is_the_same_whichever_way_it_is_written():
    for said, values in WRITTEN.items():
        moment = datetime.fromisoformat(f"{said}Z")
        for value in values:
            assert (value, COLUMN.moment(value)[0]) == (value, moment)
            assert (value, moment in verified(value)) == (value, True)
            assert (value, len(verified(value))) == (value, 2 if value in TWO_MOMENTS else 1)
    assert [value for value in NO_DATE if COLUMN.moment(value)[0] is not None] == []
    first, second = verified("2020-02-19 09:27:18.1234569")
    assert second - first == datetime.resolution
    for value in (
        *("", "+", "1.", "1e", "now", "19 Feb", "Feb 2020", "19 2020", "12-11-2020", "11.12.2020"),
        *(999_999_999_999_999_999, 315_532_799_999_999, 4_102_444_800_000),
    ):
        assert (value, verified(value)) == (value, [])


def test_the_verification_writes_any_moment_of_the_calendar_as_a_date_and_no_other():
    for moment, words in (
        *((0, "1970-01-01T00:00:00+00:00"), (-1, "1969-12-31T23:59:59.999999+00:00")),
        *((FIRST_MOMENT, "0001-01-01T00:00:00+00:00"), (LAST_MOMENT, "9999-12-31T23:59:59.999999+00:00")),
    ):
        assert date_in_words(moment) == words
        assert microseconds_of(datetime.fromisoformat(words)) == moment
    for moment in (FIRST_MOMENT - 1, LAST_MOMENT + 1):
        assert date_in_words(moment) == f"{moment} microseconds since 1970"


def test_zones_and_months_are_known_by_their_usual_names():
    for hours, zones in HOURS_FROM_UTC.items():
        said = datetime(2020, 2, 19, 8, 27, tzinfo=UTC) - timedelta(hours=hours)
        for zone in zones.split():
            assert (zone, COLUMN.moment(f"2020-02-19 08:27 {zone}")[0]) == (zone, said)
            assert (zone, verified(f"2020-02-19 08:27 {zone}")) == (zone, [said])
    for day in ("Mon", "Tuesday", "Wed.", "Thu,", "Friday,", "Sat", "Sun"):  # whichever day it was
        assert COLUMN.moment(f"{day} 19 Feb 2020 08:27 GMT")[0] == datetime(2020, 2, 19, 8, 27, tzinfo=UTC), day
        assert verified(f"{day} 19 Feb 2020 08:27 GMT") == [datetime(2020, 2, 19, 8, 27, tzinfo=UTC)], day
    for number, month in enumerate(MONTHS, 1):
        assert COLUMN.moment(f"19 {month} 2020 08:27 GMT")[0] == datetime(2020, number, 19, 8, 27, tzinfo=UTC), month
        assert verified(f"19 {month} 2020 08:27 GMT") == [datetime(2020, number, 19, 8, 27, tzinfo=UTC)], month


def test_a_date_without_a_zone_is_in_the_zone_of_the_old_site():
    for zone, hour in ((COPENHAGEN, 7), ("UTC", 8), ("Etc/GMT+5", 13)):
        column = DateColumn(zone, COLUMN.now)
        for text in ("2020-02-19 08:27:18", "19 Feb 2020 08:27:18"):
            assert column.moment(text)[0] == datetime(2020, 2, 19, hour, 27, 18, tzinfo=UTC)
            assert verified(text, zone) == [datetime(2020, 2, 19, hour, 27, 18, tzinfo=UTC)]


def test_what_is_odd_about_a_date_is_noted():
    now = int(COLUMN.now.timestamp())
    assert COLUMN.moment(now)[1] == COLUMN.moment(631_152_000)[1] == ()
    assert COLUMN.moment(now + 1)[1] == COLUMN.moment(631_151_999)[1] == ("suspicious_date",)
    assert COLUMN.moment("1990-01-01T00:00:00Z")[1] == COLUMN.moment(b"1990-01-01T00:00:00Z")[1] == ("date_as_text",)
    assert COLUMN.moment(1_582_100_838_123)[1] == COLUMN.moment(2_458_898.5)[1] == ("date_unit",)
    assert COLUMN.moment("315532800000")[1] == ("date_as_text", "date_unit", "suspicious_date")


DAY_FIRST, MONTH_FIRST = DayOrder(day_first="18-02-2022"), DayOrder(month_first="02/18/2022")
BOTH = DayOrder(day_first="18-02-2022", month_first="02/18/2022")
SECOND_OF_MARCH, THIRD_OF_FEBRUARY = datetime(2022, 3, 2, tzinfo=UTC), datetime(2022, 2, 3, tzinfo=UTC)
EIGHTEENTH = datetime(2022, 2, 18, tzinfo=UTC)


def test_the_other_dates_of_a_column_tell_the_day_from_the_month():
    """Whatever stands between the numbers, with a time and without one."""
    for mark in "-/.":
        for before, after in (
            ("", ""),
            ("", " 00:00"),
            ("", ", 12:00:00 AM"),
            ("12:00 AM, ", ""),
            ("", " 01:00 CET"),
        ):
            text, sure = (f"{before}{numbers}{after}".replace("-", mark) for numbers in ("02-03-2022", "18-02-2022"))
            for order, said in (
                (DAY_FIRST, SECOND_OF_MARCH),
                (MONTH_FIRST, THIRD_OF_FEBRUARY),
                (BOTH, None),
                (DayOrder(), THIRD_OF_FEBRUARY if "AM" in text and mark == "/" else None),
            ):
                column = DateColumn("UTC", COLUMN.now, order)
                assert (text, order, column.moment(text)[0]) == (text, order, said)
                assert (sure, order, column.moment(sure)[0]) == (sure, order, EIGHTEENTH)
                begins = {"day": order.day_first, "month": order.month_first}
                reading = Reading(ZoneInfo("UTC"), frozenset(name for name, date in begins.items() if date))
                moments = {(moment - EPOCH) // datetime.resolution for moment in (said,) if moment}
                assert (text, order, moments_of(text.encode(), reading)) == (text, order, moments)


def test_what_tells_the_order_is_the_same_for_the_import_and_for_the_verification():
    for text, numbers, beginning in (
        *(
            ("18-02-2022", (18, 2), "day"),
            (" 31.1.2022 10:00\n", (31, 1), "day"),
            ("9:27 AM, 13/12/2022", (13, 12), "day"),
        ),
        *(
            ("02/18/2022, 1:00 PM", (2, 18), "month"),
            ("12-31-2022 10:00:00.5 +01:00", (12, 31), "month"),
            ("31.12.2022 9.05.00", (31, 12), "day"),
        ),
        *(("18-02-2022T10:00Z", (18, 2), "day"), ("02-03-2022", (2, 3), ""), ("13-13-2022", (13, 13), "")),
        *(("32-01-2022", (32, 1), ""), ("00-18-2022", (0, 18), ""), ("18-00-2022", (18, 0), "")),
        *(
            ("18-02-2022 or so", None, ""),
            ("118-02-2022", None, ""),
            ("18-02-20222", None, ""),
            ("18-02.2022", None, ""),
        ),
        *(("2022-02-18", None, ""), ("18-02-22", None, ""), ("version 18.02.2022", None, "")),
        *(("12-12-2022", (12, 12), ""), ("11-12-2022", (11, 12), ""), ("01-13-2022", (1, 13), "month")),
        *(
            ("18-02-2022 10:00 11:00", None, ""),
            ("18-02-2022 19-02-2022", None, ""),
            ("18-02-2022 10:00 GMT+0100", (18, 2), "day"),
        ),
    ):
        assert (text, numbers_of(text)) == (text, numbers)
        assert (text, beginnings_of([text])) == (text, frozenset({beginning} - {""}))
    assert beginnings_of(["hello", "18-02-2022", "02/18/2022"]) == {"day", "month"}
