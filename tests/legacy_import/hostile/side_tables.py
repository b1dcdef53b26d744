"""Databases that keep follows in lists, or passwords in a second table, as nobody in good faith would."""

import json
import random
from pathlib import Path
from typing import Any

from tests.legacy_import.hostile.catalogue import forge_schema, hostile, opened
from tests.legacy_import.hostile.values import ODD_DATES, ODD_TEXTS

PEOPLE = 40
ODD_LISTS: tuple[Any, ...] = (
    *("[" * 100_000, "[" * 900 + "]" * 900, '["a"' * 1_000, "[1e999, -1e999, 1e-999]", "[" + "9" * 5_000 + "]"),
    *(
        '["\\u0000", "\\ud800", "\ufeff"]',
        '["a\tb"]',
        "[1,]",
        "[,]",
        "[NaN, Infinity]",
        "[01, 0x1, +1]",
        "{}",
        "[[]]",
    ),
    *("[null, null]", '["1", " 1 ", "1.0"]', "[true]", "[9223372036854775807, -9223372036854775808, 2e63]", "null"),
    *(
        b"[1]",
        b"\xff[1]",
        b"[1]\0",
        5,
        1.5,
        "[" + "1," * 29_999 + "1]",
        "[" + "1," * 600_000 + "1]",
        json.dumps("[1]"),
    ),
    *ODD_TEXTS,
)


def lists_in(folder: Path, values: list[Any], *more: str, schema: str = "id integer primary key") -> Path:
    path = folder / "minitwit.db"
    with opened(path) as old:
        old.execute(f"CREATE TABLE users ({schema}, username, email, follows)")
        old.execute("CREATE TABLE messages (id integer primary key, user_id, text, created_at)")
        rows = [(number, f"user {number}", "", value) for number, value in enumerate(values, 1)]
        old.executemany("INSERT INTO users VALUES (?, ?, ?, CAST(? AS BLOB))", rows[:1])
        old.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows[1:])
        old.execute("INSERT INTO messages VALUES (1, 1, 'hello', 1300000000)")
        for statement in more:
            old.execute(statement)
    return path


@hostile(files=15)
def lists_that_are_none(folder: Path, chance: random.Random) -> Path:
    lists = [f"[{number}, {number + 1}]" for number in range(4)]  # by these the column is known
    return lists_in(folder, [*lists, *chance.choices(ODD_LISTS, k=PEOPLE)])


@hostile(files=6)
def lists_of_odd_tables(folder: Path, chance: random.Random) -> Path:
    lists = [f"[{number}]" for number in range(1, PEOPLE)]
    more = chance.choice(
        [
            "CREATE TABLE json_each (value, type, key)",
            'CREATE TABLE "follows of users" (id, follows)',
            "CREATE VIEW json_each AS SELECT 1",
            "CREATE TABLE follower (follows)",
            "ALTER TABLE users ADD COLUMN followers DEFAULT '[1]'",
            "ALTER TABLE users ADD COLUMN item DEFAULT '[1]'",
        ]
    )
    schema = chance.choice(["id integer primary key", "id", "id unique", "id text primary key"])
    return lists_in(folder, lists, more, "ALTER TABLE users ADD COLUMN rowid DEFAULT 'x'", schema=schema)


@hostile(files=18)
def odd_second_tables(folder: Path, chance: random.Random) -> Path:
    second = chance.choice(
        [
            "Id TEXT PRIMARY KEY, PasswordHash",
            "Id TEXT PRIMARY KEY COLLATE RTRIM, PasswordHash",
            "Id BLOB PRIMARY KEY, PasswordHash REFERENCES Authors",
            "Id INTEGER PRIMARY KEY, PasswordHash",
            "Id, PasswordHash, PRIMARY KEY (Id, PasswordHash)",
            'Id PRIMARY KEY, "PasswordHash of AspNetUsers by x" AS (1), PasswordHash',
            'Id PRIMARY KEY, Name, PasswordHash, "Password of X by Y"',
        ]
    )
    reference = chance.choice(["AspNetUsers", "AspNetUsers (Id)", "AspNetUsers (PasswordHash)", "Authors", "Nobody"])
    path = folder / "minitwit.db"
    hashes = [f"md5$salt${number:032x}" for number in range(PEOPLE)]
    with opened(path) as old:
        old.execute("PRAGMA foreign_keys=OFF")
        old.execute(f"CREATE TABLE AspNetUsers ({second})")
        old.execute(
            f"CREATE TABLE Authors (Id INTEGER PRIMARY KEY, Name, Email, IdentityUserId {chance.choice(['', 'TEXT'])}"
            f" REFERENCES {reference})"
        )
        old.execute("CREATE TABLE Cheeps (Id INTEGER PRIMARY KEY, AuthorId, Text, TimeStamp)")
        for number, stored in enumerate(hashes):
            key: Any = chance.choice([number, str(number), f"{number}-guid"])
            if "INTEGER" in second:
                key = number
            old.execute("INSERT INTO AspNetUsers (Id, PasswordHash) VALUES (?, ?)", [key, stored])
            own = chance.choice([key, key, None, "", 0, b"\xff", number + 1])
            old.execute("INSERT INTO Authors VALUES (?, ?, '', ?)", [number, f"user {number}", own])
        old.execute("INSERT INTO Cheeps VALUES (1, 1, 'hello', 1300000000)")
    # A collation that only its application has.
    return forge_schema(path, "UPDATE sqlite_master SET sql = replace(sql, 'RTRIM', 'unheard_of')")


@hostile(files=10)
def dates_in_every_order(folder: Path, chance: random.Random) -> Path:
    """Very many dates of which none tells the order, some that do, and what only begins as they do."""
    path = folder / "minitwit.db"
    forms = [
        "{0:02}-{1:02}-2020",
        "{1}/{0}/2020",
        " {0}.{1}.2020",
        "8:27 AM, {0}/{1}/2020",
        "{0}-{1}-2020-{0}",
        "{0}-",
    ]
    most = chance.choice([3, 12, 31])
    rows = [
        (number, 1, "x", chance.choice(forms).format(chance.randint(0, most), chance.randint(0, 12)))
        for number in range(chance.choice([50, 20_000]))
    ]
    odd = [f"1-{value}" for value in ODD_DATES if isinstance(value, str)] + ["1-" + "1" * 1_000_000, "13/13/2020"]
    with opened(path) as old:
        old.execute("CREATE TABLE user (user_id integer primary key, username, email, pw_hash, date_joined)")
        old.execute("CREATE TABLE message (message_id integer primary key, author_id, text, pub_date)")
        old.execute("CREATE TABLE follower (who_id, whom_id)")
        old.execute("INSERT INTO user VALUES (1, 'ann', '', '', ?)", [chance.choice(odd)])
        old.executemany("INSERT INTO message VALUES (?, ?, ?, ?)", rows)
        old.executemany(
            "INSERT INTO message (author_id, text, pub_date) VALUES (1, 'y', ?)", [[value] for value in odd]
        )
    return path
