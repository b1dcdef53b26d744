"""Databases with the right tables, and values that nobody in good faith would store."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.legacy_import.hostile.catalogue import bare, healthy, hostile, opened
from tests.legacy_import.hostile.schemas import COLUMNS, INJECTIONS
from tests.legacy_import.old_database import CANONICAL_SCHEMA, LOOSE_SCHEMA, make_old_database

ODD_NUMBERS: tuple[Any, ...] = (
    *(2**63 - 1, -(2**63), 2**53 + 1, 2**31, -1, 0, 10**18, 253402300800, -62135596801),
    *(float("inf"), float("-inf"), 1e308, 1e-320, -0.0, 0.1, 1e15, 9.3e18),
    *("1e400", "-1e400", "NaN", "nan", "inf", "-Infinity", "0x10", "9223372036854775808", "-9223372036854775809"),
    *("1_000", "１２３", "٣", "+5", " 5 ", "5.0", "1e3", "--1", "", "9" * 5000, "0." + "0" * 5000 + "1"),
)
BAD_BYTES = (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\x80" * 1000, b"ab\xe9cd")
ODD_TEXTS = (
    *(
        "\0",
        "a\0b",
        "\0" * 500,
        "\x01\x02\x03",
        "\x1b[2J\x1b[31m",
        "\x7f",
        "\x85\x9f",
        "\ufeff\ufffe\uffff",
        "\u2028",
    ),
    *("\x1c\x1d\x1e\x1f", "\\N", "\\.", "\\", "\t", "\r\n" * 50, "\u202e\u2066txt", "e" + "\u0301" * 5000),
    *("ﷺ" * 300, "İıſK", "\U000e0041" * 50, "\U0010ffff", "ᄀ" * 1000, "[" * 100_000, '{"a":' * 50_000),
    *("' OR 1=1; --", '"; DROP TABLE "MiniTwit_user"; --', "%s %(x)s {} {{ x }}", "${jndi:ldap://x}", "=1+1"),
)
ODD_HASHES = (
    *("pbkdf2:sha256:9999999999$s$" + "0" * 64, "pbkdf2:sha256:-1$s$00", "pbkdf2:nosuch:1$s$00", "pbkdf2:::::$$$$"),
    *(
        "scrypt:1073741824:99:99$s$" + "0" * 128,
        "scrypt:3:8:1$s$00",
        "scrypt:0:0:0$$",
        "scrypt:32768:8:1$" + "s" * 9999,
    ),
    *("$2b$31$" + "a" * 53, "$2b$99$x", "$2b$04$" + "é" * 30, "sha1$$", "md5$s$" + "g" * 32, "AQAAAA" + "A" * 50),
    *("$", "$$$", ":", "pbkdf2_sha256$1$s$x", "argon2$x", "!", "a\0b", "x" * 100_000, "0" * 32, "md5$" + "\0" * 99),
)
# Dates whose parts are all wrong, or too many.
ODD_DATES = (
    *("9999-12-31T23:59:59.999999999+14:00", "0000-00-00", "-4713-01-01", "2020-02-30 25:61:61", "10000-01-01"),
    *("2020-02-19 08:27:18.1 +9999 XXX m=+1e400", "Feb 99, 2025 at 99:99PM", "8:27:18 AM, 2/19/" + "9" * 500),
    *("2020-01-01T00:00:00+23:59:59", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1" * 400),
    *("2" * 100_000, "2020-" * 20_000, "2020-01-01" + " " * 50_000 + "x", "-" * 100_000, ":" * 100_000),
)


def rows_of(table: str, value: Any, count: int = 5) -> list[list[Any]]:
    """Rows with one value in every column but the id."""
    return [[number, *[value] * (len(COLUMNS[table]) - 1)] for number in range(1, count + 1)]


def filled(folder: Path, chance: random.Random, values: tuple[Any, ...]) -> Path:
    """All tables filled with some of the values, each in a random place."""
    rows = {
        name: [
            [
                n if column in ("user_id", "message_id") and chance.random() < 0.8 else chance.choice(values)
                for column in columns
            ]
            for n in range(1, 40)
        ]
        for name, columns in COLUMNS.items()
    }
    return make_old_database(folder / "minitwit.db", schema=LOOSE_SCHEMA, **rows)


@hostile(files=25)
def odd_numbers(folder: Path, chance: random.Random) -> Path:
    return filled(folder, chance, ODD_NUMBERS)


@hostile(files=25)
def odd_texts(folder: Path, chance: random.Random) -> Path:
    return filled(folder, chance, ODD_TEXTS)


@hostile(files=20)
def odd_hashes_and_dates(folder: Path, chance: random.Random) -> Path:
    users = [(n, f"user {n}", "", chance.choice(ODD_HASHES)) for n in range(1, 40)]
    messages = [
        (n, 1, "text", chance.choice([*ODD_DATES, *ODD_NUMBERS]), chance.choice(ODD_NUMBERS)) for n in range(1, 60)
    ]
    return make_old_database(folder / "minitwit.db", user=users, message=messages, schema=LOOSE_SCHEMA)


@hostile(files=25)
def everything_odd(folder: Path, chance: random.Random) -> Path:
    bad = tuple(data.decode("utf-8", "surrogateescape") for data in BAD_BYTES)
    values = (*ODD_NUMBERS, *ODD_TEXTS, *ODD_HASHES, *ODD_DATES, *INJECTIONS, *BAD_BYTES, *bad, None, b"", 1, 2, 3)
    return filled(folder, chance, values)


@hostile(files=20)
def bytes_that_are_not_utf8_in_every_column(folder: Path, chance: random.Random) -> Path:
    bad = chance.choice(BAD_BYTES).decode("utf-8", "surrogateescape")
    schema = chance.choice([LOOSE_SCHEMA, {k: v.replace(" not null", "") for k, v in CANONICAL_SCHEMA.items()}])
    rows = {table: rows_of(table, bad) for table in COLUMNS if table != "follower"}
    return make_old_database(folder / "minitwit.db", schema=schema, **rows)


@hostile(files=8)
def nul_in_every_column(folder: Path, chance: random.Random) -> Path:
    value = chance.choice(["\0", "\0\0\0", "an\0n", "ann\0", "\0ann", b"\0"])
    rows = {table: rows_of(table, value) for table in COLUMNS if table != "follower"}
    return make_old_database(folder / "minitwit.db", schema=LOOSE_SCHEMA, **rows)


@hostile(files=12)
def utf16_databases(folder: Path, chance: random.Random) -> Path:
    """With texts that UTF-16 has and UTF-8 has not: halves of pairs."""
    path = folder / "minitwit.db"
    encoding = chance.choice(["UTF-16le", "UTF-16be"])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA encoding='{encoding}'")
        for table, columns in CANONICAL_SCHEMA.items():
            connection.execute(f"CREATE TABLE {table} ({columns.replace(' not null', '')})")
        for number in range(1, 30):
            text = chance.choice([*ODD_TEXTS, "größe", "日本", f"user {number}"])
            connection.execute("INSERT INTO user VALUES (?, ?, ?, ?)", [number, f"user {number} MARK", text, text])
            connection.execute("INSERT INTO message VALUES (?, 1, ?, 5, 0)", [number, text])
        connection.commit()
    if chance.random() < 0.6:
        half = chance.choice(["\ud800", "\udc00", "\udfff\ud800"]).encode(encoding, "surrogatepass")
        mark = "MARK".encode(encoding)
        path.write_bytes(path.read_bytes().replace(mark, (half * 4)[: len(mark)]))
    return path


@hostile(files=10)
def row_ids_at_the_edges(folder: Path, chance: random.Random) -> Path:
    path = bare(folder)
    with opened(path) as connection:
        for identity in chance.sample([2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, -1, 0, 2**62], 4):
            connection.execute("INSERT INTO user VALUES (?, ?, '', '')", [identity, f"edge {identity}"])
            connection.execute("INSERT INTO message VALUES (?, ?, 'edge', 5, 0)", [identity, identity])
            connection.execute("INSERT INTO follower (rowid, who_id, whom_id) VALUES (?, ?, 1)", [identity, identity])
    return path


@hostile(files=4)
def enormous_values(folder: Path, chance: random.Random) -> Path:
    """One value of a hundred megabytes, as text or as bytes."""
    path = healthy(folder)
    size = 100 * 1024 * 1024
    value = chance.choice(["CAST(zeroblob(?) AS TEXT)", "zeroblob(?)", "printf('%.*c', ?, 'x')"])
    column = chance.choice(["text", "pub_date", "author_id"])
    with opened(path) as connection:
        connection.execute(f"UPDATE message SET {column} = {value} WHERE message_id = 77", [size])
    return path


@hostile(files=6)
def long_values(folder: Path, chance: random.Random) -> Path:
    """Many values just within the limits."""
    path = healthy(folder)
    size, count = chance.choice([(15_900_000, 3), (3_000_000, 12), (200_000, 150), (16_777_200, 2)])
    character = chance.choice(["'x'", "'\\'", "char(0x1f986)", "char(10)", "char(31)", "char(0)", "' '", "'['"])
    place, column = chance.choice(
        [("message", "text"), ("message", "pub_date"), ("user", "email"), ("user", "pw_hash")]
    )
    key = COLUMNS[place][0]
    with opened(path) as connection:
        unit = connection.execute(f"SELECT length(CAST({character} AS BLOB))").fetchone()[0]
        text = f"replace(hex(zeroblob({size // unit // 2})), '0', {character})"
        connection.execute(f"UPDATE {place} SET {column} = {text} WHERE {key} <= ?", [count])
    return path


@hostile(files=5)
def rows_too_long_together(folder: Path, chance: random.Random) -> Path:
    """Each value is within the limit, the row is not."""
    size = chance.choice([6_000_000, 9_000_000, 15_000_000])
    value = chance.choice(["x", "\\"]) * size
    return make_old_database(folder / "minitwit.db", user=[(1, "ann", value, value), (2, "bob", "", "")])


@hostile(files=8)
def one_name_for_all(folder: Path, chance: random.Random) -> Path:
    """Everything is a duplicate of everything."""
    name = chance.choice(["same", "", " ", "\0", "ſame", "x" * 3000])
    count = 3000
    return make_old_database(
        folder / "minitwit.db",
        schema=LOOSE_SCHEMA,
        user=[(1 if chance.random() < 0.5 else n, name, "a@b.cc", "x") for n in range(count)],
        message=[(n % 7, n, "same", 5, 0) for n in range(count)],
        follower=[(1, 1)] * count,
    )
