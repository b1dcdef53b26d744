"""What a value of an old database means. Each rule is stated once; SQLite may copy only what it leaves as it is."""

import json
import sqlite3
import unicodedata
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2 import sql

from legacy_import.rules.account_columns import ActiveColumn, JoinedColumn
from legacy_import.rules.columns import (
    AccountColumn,
    Column,
    EmailColumn,
    FlaggedColumn,
    IdColumn,
    MessageTextColumn,
    Refused,
    TextId,
    UsernameColumn,
)
from legacy_import.rules.dates import DateColumn
from legacy_import.source.copy_lines import Copy
from legacy_import.source.sandbox import add_text_ids
from legacy_import.source.values import LegacyValue, as_text, needs_repair
from legacy_import.steps.lines import copied
from legacy_import.verify.ids import id_number
from legacy_import.verify.values import username_of
from MiniTwit.text_ids import number_of
from MiniTwit.validators import normalised_username
from tests.legacy_import import strategies
from tests.legacy_import.old_database import as_sqlite_reads

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# The columns of which SQLite copies most values, each with values of every form that it does.
COPIED: dict[str, tuple[Column, tuple[LegacyValue, ...]]] = {
    "id": (IdColumn(), (7, -(2**63), "123456789012345678", "-1", "3f2504e0-4f89", "a.b_c" * 50)),
    "account": (AccountColumn(find=lambda key: None, name_of=str), (0, 2**63 - 1, "42", "A", "1e5")),
    "text": (MessageTextColumn(), ("hello", "😀 \\ \n", "größe".encode())),
    "date": (DateColumn("Europe/Copenhagen", NOW), (631_152_000, 1_700_000_000)),
    "date in UTC": (
        DateColumn("UTC", NOW),
        (1_700_000_000, "2020-02-29 08:27:18", "2020-02-29T08:27:18.120Z", "2020-02-29 08:27:18.000120"),
    ),
    "flag": (FlaggedColumn(), (0, 1, "true", "false")),
    "username": (UsernameColumn(), ("ann", " Bob ~ the 2nd!")),
    "email": (EmailColumn(), ("ann@example.com", "-a.b+c_d@x-y.z-1.co", "0@0.0.00")),
    "active": (ActiveColumn(), (0, 1)),
    "joined": (
        JoinedColumn("UTC", NOW),
        (1_700_000_000, "2020-02-29 08:27:18", "2020-02-29T08:27:18.120Z", "2020-02-29 08:27:18.000120"),
    ),
}
# Values on the other side of what SQLite copies, by one step.
NEAR_MISSES: tuple[LegacyValue, ...] = (
    *(None, 0, 1.0, -1, 2, "", b"", "0", "-0", "007", "+1", "1.0", "TRUE", b"true", b"7", b"text"),
    *("1234567890123456789", "-12345678901234567", 631_151_999, int(NOW.timestamp()) + 1),
    *(
        "2021-02-29 00:00:00",
        "2021-02-29T00:00:00.000Z",
        "2021-02-29 00:00:00.000000",
        "2020-02-29 24:00:00",
        "2020-02-29 08:27:60",
        "2020-02-29",
        "2020-02-29 08:27",
        "now",
    ),
    *(
        "1989-12-31 23:59:59",
        "1990-01-01 00:00:00",
        "2026-10-31 23:59:59",
        "2026-11-01 00:00:00",
        "2026-11-02 00:00:00",
    ),
    *("2020-02-29T08:27:18Z", "2020-02-29T08:27:18.1Z", "2020-02-29 08:27:18.000Z", "2020-02-29 08:27:18.1200000"),
    *("x" * 254, "x" * 255, "größe", "a\x7f", "a\tb", "ａ", "Ann", b"ann", b"ann@example.com"),
    *("@example.com", ".a@example.com", "a.@example.com", "a..b@example.com", "a@b@example.com", "a@localhost"),
    *("a@example.c", "a@example.c-", "a@-example.com", "a@exa-.com", "a@exa_mple.com", "a@example..com", "a@.com"),
    *("a@example.com.", "a b@example.com", "a@example.-com", "a@x+y.com", "a-.b@example.com", "a@example.com\n"),
    *("2020-02-29 08:27:18.-00120", "2020-02-29 08:27:18. 00120", "2020-02-29 08:27:18+00:00", "2458908.5"),
)
values = st.one_of(
    strategies.any_value,
    strategies.dates,
    strategies.flags,
    strategies.ids,
    strategies.texts,
    strategies.usernames,
    strategies.emails,
)


def copies_of(column: Column, value: LegacyValue) -> list[tuple[Copy, bytes]]:
    """The fields of a line that SQLite writes for a value, by each way of copying that it has for it."""
    if isinstance(value, str):
        value, given = value.encode("utf-8", "surrogateescape"), "CAST(? AS TEXT)"
    else:
        given = "?"
    copies = [copy.of("value") for copy in column.copies]
    fields = ", ".join(f"CASE WHEN {copy.test} THEN CAST({copy.written} AS TEXT) END" for copy in copies)
    with closing(sqlite3.connect(":memory:")) as database:
        database.text_factory = bytes
        add_text_ids(database)
        (found,) = database.execute(f"SELECT {fields} FROM (SELECT {given} AS value)", [value])
    return [(copy, field) for copy, field in zip(copies, found, strict=True) if field is not None]


@pytest.mark.django_db
@given(value=values)
@example(value=NEAR_MISSES)
@example(value="\udc80")
@example(value=tuple(value for _, usual in COPIED.values() for value in usual))
def test_what_sqlite_copies_is_what_the_rule_gives_and_notices(value):
    for one in value if isinstance(value, tuple) else (value,):
        for name, (column, _) in COPIED.items():
            for copy, field in copies_of(column, one):
                # Texts with a NUL, or bytes that are not UTF-8, are found by looking at a whole block.
                if (column.new_type == "text" or copy.is_text_id) and needs_repair(one):
                    continue
                new, notes = column.read(one)
                assert (name, notes) == (name, copy.notes)
                if isinstance(new, TextId):
                    assert new.text == one
                    new = new.number
                assert in_postgresql(field, column) == in_postgresql(copied(new), column, unescaped=True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", COPIED)
def test_sqlite_copies_the_usual_values_and_postgresql_can_say_what_they_were(name):
    column, usual = COPIED[name]
    seen = set()
    for value in usual:
        [(copy, field)] = copies_of(column, value)
        seen.add(copy)
        if copy.is_text_id:
            continue  # the text has a field of its own
        if copy.is_kept:
            assert json.dumps(value) == f'"{value}"'
            continue
        statement = sql.SQL(f"SELECT {column.stored}").format(
            sql.SQL(f"{{}}::{column.new_type}").format(sql.Literal(field.decode())),
            notes=sql.Literal(" ".join(copy.notes)),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.fetchone()[0] == as_text(value)
    assert len(seen) == len(column.copies)  # every way of copying is among them


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


@given(st.one_of(strategies.references, strategies.ids, strategies.any_value, st.binary(max_size=16)))
def test_the_verification_derives_the_number_of_every_id_that_the_import_takes(value):
    [stored] = as_sqlite_reads([value])
    try:
        number = IdColumn().clean(stored)
    except Refused:
        return
    if isinstance(stored, int):
        assert number == stored
        return
    data = stored.encode("utf-8", "surrogateescape") if isinstance(stored, str) else stored
    assert isinstance(data, bytes)
    assert id_number("text" if isinstance(stored, str) else "blob", data) == number


def test_what_is_too_long_for_a_username_is_not_normalised_for_minutes():
    """Nothing could stop it meanwhile."""
    heap = "a" + "\u0301\u0316" * 100_000
    with pytest.raises(Refused, match="control characters") as refusal:
        UsernameColumn().read(heap)
    assert refusal.value.new == username_of(heap.encode()) == heap


# The number was worked out with the `sha256sum` of a shell.
GUID, GUID_NUMBER = "3F2504E0-4F89-41D3-9A0C-0305E82C3301", 8_453_431_663_055_695_807
FLAG, ID, ACCOUNT = FlaggedColumn(), IdColumn(), AccountColumn(find=lambda key: None, name_of=str)
TEXT, USERNAME, EMAIL = MessageTextColumn(), UsernameColumn(), EmailColumn()
# Values, what each of them becomes, and what was noticed about it.
READ: list[tuple[Column, tuple[LegacyValue, ...], object, tuple[str, ...]]] = [
    (FLAG, (1, "1"), True, ()),
    (FLAG, (0, "0"), False, ()),
    (FLAG, (-1, 2, "2", "-1", "0.5", "10", "5e3", "t", "TRUE", "y", "Yes", "on"), True, ("flagged_odd",)),
    (FLAG, ("-0", "0.0", "0e5", "0.00E1", "", "f", "no", "off", "1x", "+1"), False, ("flagged_odd",)),
    (FLAG, (None,), False, ("flagged_unknown",)),
    (ID, (7, "7", "007"), 7, ()),
    (ID, ("-7",), -7, ()),
    (ID, ("1" * 18,), int("1" * 18), ()),
    (ACCOUNT, (7, "7"), 7, ()),
    (ID, (GUID,), TextId(GUID_NUMBER, GUID), ()),
    (ID, ("1" * 19, b"1" * 19), TextId(number_of("1" * 19), "1" * 19), ()),
    (ID, ("7.0",), TextId(number_of("7.0"), "7.0"), ()),
    (ID, (b"\xff" * 16,), TextId(number_of("ff" * 16), "ff" * 16), ()),
    (ACCOUNT, (GUID,), TextId(GUID_NUMBER, GUID), ()),
    (ACCOUNT, ("bob", "ｂｏｂ"), TextId(number_of("bob"), "bob"), ()),
    (ACCOUNT, (None, ""), None, ()),
    (TEXT, ("7", b"7"), "7", ()),
    (TEXT, (7,), "7", ("number_as_text",)),
    (USERNAME, ("ann",), "ann", ()),
    (USERNAME, ("a" * 254,), "a" * 254, ()),
    (USERNAME, (7,), "7", ("number_as_text",)),
    (USERNAME, ("ｂｏｂ",), "bob", ("username_normalised",)),
    (EMAIL, (None, ""), "", ("empty_email",)),
    *((EMAIL, (mail,), mail, ()) for mail in ("a@b.cc", "a.b+c_9@x-1.y.zz", "A@localhost", "0@0.0.00", "9Z@z.9Z")),
    *(
        (EMAIL, (mail,), mail, ("invalid_email",))
        for mail in ("a", "a@b", "a@b.c", "@b.cc", ".a@b.cc", "a.@b.cc", "a@-b.cc", "a@b-.cc", "a@b.cc-", "a b@b.cc")
    ),
]
REFUSED: list[tuple[Column, LegacyValue]] = [
    *((ID, value) for value in (None, "", b"", 7.0, "x" * 255, "ｘ")),
    *((TEXT, value) for value in (None, "", b"")),
    *((USERNAME, value) for value in (None, "", "a" * 255, "a\tb", "a\x7fb")),
]


def test_each_value_is_read_as_what_it_says():
    for column, values, new, notes in READ:
        for value in values:
            assert (value, column.read(value)) == (value, (new, notes))
    for column, value in REFUSED:
        with pytest.raises(Refused):
            column.read(value)
