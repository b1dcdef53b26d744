"""Every way in which old databases hold a date, read in SQL as in Python, one value at a time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from legacy_import.rules.columns import StagedColumn
from legacy_import.rules.dates import PubDateWidget
from legacy_import.source.values import as_text, storage_letter
from legacy_import.verify.values import moments_of
from tests.legacy_import import strategies
from tests.legacy_import.old_database import as_sqlite_reads

COPENHAGEN = "Europe/Copenhagen"  # has hours that come twice and hours that never come
WIDGET = PubDateWidget(COPENHAGEN, datetime(2026, 11, 1, tzinfo=UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_in_sql(values: list) -> list[datetime | None]:
    """All values at once, as `checks.py` cleans a staging table."""
    statement = sql.SQL(
        "SELECT {moment} FROM (SELECT place, pub_date, storage,"
        " CASE storage WHEN 'i' THEN pub_date::bigint END AS pub_date_number"
        " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS v (pub_date, storage, place))"
        " AS staged ORDER BY place"
    ).format(moment=WIDGET.value_sql(StagedColumn.of("pub_date", 0)))
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(map(as_text, values)), list(map(storage_letter, values))])
        return [moment for (moment,) in cursor.fetchall()]


@pytest.mark.django_db
@settings(max_examples=settings.default.max_examples * 2)
@given(values=st.lists(strategies.dates, min_size=20, max_size=60))
def test_sql_and_python_read_the_same_moments(values):
    values = as_sqlite_reads(values)
    expected = [WIDGET.moment(value) for value in values]
    assert list(zip(values, read_in_sql(values), strict=True)) == list(zip(values, expected, strict=True))


@settings(max_examples=settings.default.max_examples * 20)  # each takes a millisecond
@given(value=strategies.dates)
def test_the_verification_understands_every_date_that_the_import_does(value):
    [stored] = as_sqlite_reads([value])
    moment = WIDGET.moment(stored)
    if moment is not None:
        raw = float(stored) if storage_letter(stored) == "r" else stored
        raw = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
        microseconds = (moment - EPOCH) // (datetime.resolution)
        assert microseconds in moments_of(raw, ZoneInfo(COPENHAGEN))
