"""What a value of an old database means. Each rule is stated once; SQLite may copy only what it leaves as it is."""

import sqlite3
import unicodedata
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2 import sql

from legacy_import.rules.columns import (
    AccountColumn,
    Column,
    FlaggedColumn,
    IdColumn,
    MessageTextColumn,
    Refused,
    UsernameColumn,
)
from legacy_import.rules.dates import DateColumn
from legacy_import.source.copy_lines import ODD, LineField
from legacy_import.source.values import LegacyValue, as_text
from legacy_import.steps.lines import copied
from legacy_import.verify.values import username_of
from MiniTwit.validators import normalised_username
from tests.legacy_import import strategies
from tests.legacy_import.old_database import as_sqlite_reads

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# The columns of which SQLite copies most values, each with two that it does.
COPIED: dict[str, tuple[Column, tuple[LegacyValue, LegacyValue]]] = {
    "id": (IdColumn(), (7, -(2**63))),
    "account": (AccountColumn(find=lambda key: None, name_of=str), (0, 2**63 - 1)),
    "text": (MessageTextColumn(), ("hello", "😀 \\ \n")),
    "date": (DateColumn("Europe/Copenhagen", NOW), (631_152_000, 1_700_000_000)),
    "flag": (FlaggedColumn(), (0, 1)),
}
values = st.one_of(strategies.any_value, strategies.dates, strategies.flags, strategies.ids, strategies.texts)


def copied_by_sqlite(column: Column, value: LegacyValue) -> bytes | None:
    """The field of a line that SQLite writes for a value, None where it leaves the value to Python."""
    form, written = column.line or (None, "{0}")
    field = LineField(form, written.format("value"), "value", (column.unchanged or "false").format("value"))
    if isinstance(value, str):
        value, given = value.encode("utf-8", "surrogateescape"), "CAST(? AS TEXT)"
    else:
        given = "?"
    with closing(sqlite3.connect(":memory:")) as database:
        database.text_factory = bytes
        (copy,) = database.execute(
            f"SELECT CAST({field.alone} AS TEXT) FROM (SELECT {given} AS value)", [value]
        ).fetchone()
    return None if copy.startswith(ODD) else copy


# Values on the other side of what SQLite copies, by one.
NEAR_MISSES = (None, 0, 1.0, -1, 2, "", "0", b"text", 631_151_999, int(NOW.timestamp()) + 1)


@pytest.mark.django_db
@given(value=values)
@example(value=NEAR_MISSES)
def test_what_sqlite_copies_is_what_the_rule_gives_with_nothing_to_note(value):
    for one in value if isinstance(value, tuple) else (value,):
        for name, (column, _) in COPIED.items():
            field = copied_by_sqlite(column, one)
            # Texts with a NUL, or bytes that are not UTF-8, are found by looking at a whole block.
            if field is not None and not (name == "text" and as_text(one) != one):
                new, notes = column.read(one)
                assert (name, notes) == (name, ())
                assert in_postgresql(field, column) == in_postgresql(copied(new), column, unescaped=True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", COPIED)
def test_sqlite_copies_the_usual_values_and_postgresql_can_say_what_they_were(name):
    column, usual = COPIED[name]
    for value in usual:
        field = copied_by_sqlite(column, value)
        assert field is not None
        statement = sql.SQL(f"SELECT {column.stored}").format(sql.SQL("%s::" + column.new_type))
        with connection.cursor() as cursor:
            cursor.execute(statement, [field.decode()])
            assert cursor.fetchone()[0] == as_text(value)


def in_postgresql(field: bytes, column: Column, *, unescaped: bool = False) -> object:
    text = field.decode()
    if unescaped:
        for escape, character in (("\\\\", "\0"), ("\\n", "\n"), ("\\r", "\r"), ("\\", ""), ("\0", "\\")):
            text = text.replace(escape, character)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{column.new_type}", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ｂｏｂ", "bob"),
        ("ﬁona", "fiona"),
        ("ᴬⁿⁿ", "Ann"),
        ("e\u0301va 😀", "éva 😀"),
        ("ｂ🫠ｂ", "b🫠b"),
        ("한", "한"),
    ],
)
def test_a_username_becomes_what_signing_in_makes_of_it(typed, stored):
    assert UsernameColumn().read(typed)[0] == unicodedata.normalize("NFKC", typed) == stored


@given(strategies.usernames)
def test_the_verification_understands_every_username_that_the_import_takes(value):
    [stored] = as_sqlite_reads([value])
    try:
        username, _ = UsernameColumn().read(stored)
    except Refused:
        return
    raw = stored.encode("utf-8", "surrogateescape") if isinstance(stored, str) else stored
    assert username_of(raw) == username == normalised_username(str(username))


def test_what_is_too_long_for_a_username_is_not_normalised_for_minutes():
    """Nothing could stop it meanwhile."""
    heap = "a" + "\u0301\u0316" * 100_000
    with pytest.raises(Refused, match="control characters") as refusal:
        UsernameColumn().read(heap)
    assert refusal.value.new == username_of(heap.encode()) == heap
