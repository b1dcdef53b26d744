"""Every way in which old databases hold a date, one value at a time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_import.rules.dates import DateColumn
from legacy_import.rules.text_dates import USUAL, read_text_date
from legacy_import.source.values import storage_letter
from legacy_import.verify.values import moments_of
from tests.legacy_import import strategies
from tests.legacy_import.old_database import as_sqlite_reads

COPENHAGEN = "Europe/Copenhagen"  # has hours that come twice and hours that never come
COLUMN = DateColumn(COPENHAGEN, datetime(2026, 11, 1, tzinfo=UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@settings(max_examples=settings.default.max_examples * 20)  # each takes a millisecond
@given(value=strategies.dates)
def test_the_verification_understands_every_date_that_the_import_does(value):
    [stored] = as_sqlite_reads([value])
    moment, _ = COLUMN.moment(stored)
    if moment is not None:
        raw = float(stored) if storage_letter(stored) == "r" else stored
        raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
        microseconds = (moment - EPOCH) // (datetime.resolution)
        assert microseconds in moments_of(raw, ZoneInfo(COPENHAGEN))


@given(text=st.from_regex(USUAL, fullmatch=True) | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"))
def test_the_usual_spelling_is_read_by_the_shorter_way_as_by_the_general_one(text):
    """What is behind a Z in brackets is not read, but takes the general way."""
    general = f"{text}[z]" if text.endswith("Z") else f"{text} "
    assert read_text_date(text, ZoneInfo(COPENHAGEN)) == read_text_date(general, ZoneInfo(COPENHAGEN))
