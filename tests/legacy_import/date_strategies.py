"""Dates as the programs of old databases write them: in every spelling, with and without a zone."""

from datetime import datetime

from hypothesis import strategies as st

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NAMED_ZONES = ["Z", "UTC", "GMT", "CET", "cest", "PST", "(MST)", "XYZ", ""]
OFFSETS = ["+01:00", "-0530", "+14", "+15:00", "+0160", "-00:30"]
zones = st.sampled_from([*NAMED_ZONES, *OFFSETS, "GMT+0100", "utc-03:00"])
fractions = st.sampled_from(["", ".5", ".123456", ".1234567", ".999999999", ",25"])


def _written(moment: datetime, form: str, zone: str, fraction: str, half: str) -> str:
    """A date as the programs of old databases write it; not always a sound one."""
    hour = f"{moment.hour % 12 or 12}"
    return form.format(
        moment=moment,
        month=MONTHS[moment.month - 1],
        weekday=DAYS[moment.weekday()],
        time=f"{moment:%H:%M:%S}{fraction}",
        minutes=f"{hour}:{moment:%M}",
        twelve=f"{hour}:{moment:%M:%S}",
        half=half,
        zone=zone,
        offset=zone if zone in OFFSETS else "+0100",
        year=f"{moment.year:04}",
    ).strip()


DATE_FORMS = [
    "{moment:%Y-%m-%d} {time}",
    "{year}-{moment:%m-%d} {time}",
    "{year}-{moment:%m-%d}T{time}{zone}",
    "{year}-{moment:%m-%d} {time} {zone}",
    "{year}/{moment:%m/%d} {time}",
    "{year}-{moment:%m/%d} {time}",
    "{year}-{moment:%m-%d}",
    "{year}-{moment:%m-%d} @ {minutes}",
    "{year}-{moment.month}-{moment.day} {minutes}",
    "{year}-{moment:%m-%d} {time} {offset} CET m=+0.1",
    "{year}-{moment:%m-%d} {time} {offset} +03 m=-12.5",
    "{year}-{moment:%m-%d} {time} +0000 UTC",
    "{twelve} {half}, {moment.month}/{moment.day}/{year}",
    "{moment.month}/{moment.day}/{year}, {twelve}\u202f{half}",
    "{moment.day}/{moment.month}/{year} {time}",
    "{moment:%d-%m}-{year} {time} {zone}",
    "{moment:%m.%d}.{year}, {twelve} {half}",
    "{moment:%d.%m}.{year} {moment:%H.%M.%S}",
    "{minutes} {half} {moment.day}.{moment.month}.{year}",
    "{moment:%H:%M:%S} {half}, {moment:%m/%d}/{year}",
    "{moment.month}/{moment.day}/{year} {twelve} {half} {zone}",
    "{month} {moment.day}, {year}",
    "{weekday}, {moment.day} {month} {year}",
    "{month} {moment.day}, {year} at {minutes}{half}",
    "{month} {moment.day}, {year} at {minutes}{half} ({zone})",
    "{month}uary {moment.day}, {year}, {twelve} {half} {zone}",
    "{weekday} {month} {moment:%d} {year} {time} GMT+0100 (Central European Standard Time)",
    "{weekday}, {moment:%d} {month} {year} {time} {zone}",
    "{moment.day} {month} {year} {time} {offset} (CET)",
    "{weekday} {month} {moment.day:2} {time} {year}",
    "{weekday} {month} {moment:%d} {time} {zone} {year}",
    "{weekday} {month} {moment.day} {time} {offset} {year}",
]
written_dates = st.builds(
    _written,
    # Before 1970 the books of time zones differ.
    st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(DATE_FORMS),
    zones,
    fractions,
    st.sampled_from(["AM", "PM", "am", "p.m.", ""]),
)
julian_days = st.floats(2_444_000, 2_489_000, allow_nan=False)
