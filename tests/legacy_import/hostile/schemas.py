"""Databases that are sound to SQLite, with schemas that nobody in good faith would make."""

import random
from pathlib import Path

from tests.legacy_import.hostile.catalogue import bare, forge_schema, healthy, hostile, opened, script

COLUMNS = {
    "user": ("user_id", "username", "email", "pw_hash"),
    "message": ("message_id", "author_id", "text", "pub_date", "flagged"),
    "follower": ("who_id", "whom_id"),
}
ENDLESS = "WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)"
EXPLODING = "printf('%.*c', 900000000, 'x')"
INJECTIONS = (
    'x"; DROP TABLE "MiniTwit_user"; --',
    "x'); DELETE FROM legacy_import_importrun; --",
    "%(run_id)s %s %% {} {table}",
    "\\copy; \\N \t \x1f\x1e\x1d\x1c",
    "<script>alert(1)</script>{{ 7|add:7 }}",
    "user\u202egnp.exe",
    "two\nlines\r\nand three",
    "a" * 60_000,
    "",
    " ",
    "🦆" * 100,
)
KEYWORDS = ("select", "from", "where", "table", "order", "group", "null", "default", "index", "limit", "rowid")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def replace_table(path: Path, table: str, *statements: str) -> Path:
    return script(path, f"ALTER TABLE {table} RENAME TO was_{table}", *statements)


@hostile(files=15)
def views_named_as_tables(folder: Path, chance: random.Random) -> Path:
    table = chance.choice([*COLUMNS])
    columns = ", ".join(f"1 AS {column}" for column in COLUMNS[table])
    views = [
        f"{ENDLESS} SELECT {columns} FROM endless",
        f"SELECT {columns}, {EXPLODING} AS more",
        f"SELECT * FROM was_{table}",
        "SELECT load_extension('/tmp/x'), writefile('/tmp/x', 'y')",
        "SELECT a.* FROM was_user a, was_user b, was_user c, was_user d, was_user e",
    ]
    path = bare(folder)
    script(path, "ALTER TABLE user RENAME TO was_user") if table != "user" else None
    return replace_table(path, table, f"CREATE VIEW {table} AS {chance.choice(views)}")


@hostile(files=4)
def views_of_each_other(folder: Path, chance: random.Random) -> Path:
    path = replace_table(
        bare(folder), "user", "CREATE VIEW user AS SELECT 1 AS a", "CREATE VIEW b AS SELECT * FROM user"
    )
    return forge_schema(
        path, "UPDATE sqlite_master SET sql = 'CREATE VIEW user AS SELECT * FROM b' WHERE name = 'user'"
    )


@hostile(files=10)
def triggers(folder: Path, chance: random.Random) -> Path:
    table, event = chance.choice([*COLUMNS]), chance.choice(["INSERT", "UPDATE", "DELETE"])
    body = chance.choice(["DELETE FROM user", "INSERT INTO user SELECT * FROM user", f"SELECT {EXPLODING}"])
    return script(
        healthy(folder),
        f"CREATE TRIGGER trap AFTER {event} ON {table} BEGIN {body}; SELECT randomblob(100000000); END",
    )


@hostile(files=12)
def computed_columns(folder: Path, chance: random.Random) -> Path:
    table = chance.choice([*COLUMNS])
    what = chance.choice(
        [EXPLODING, "zeroblob(1000000000)", "hex(zeroblob(400000000))", "replace(zeroblob(9000), x'00', '')"]
    )
    name = chance.choice(["trap", "sqlite", "more"])
    return script(bare(folder), f"ALTER TABLE {table} ADD COLUMN {name} TEXT AS ({what}) VIRTUAL")


@hostile(files=8)
def computed_canonical_columns(folder: Path, chance: random.Random) -> Path:
    table = chance.choice(["user", "message"])
    computed = chance.choice(COLUMNS[table][1:])
    columns = ", ".join(
        f"{column} TEXT AS ({EXPLODING}) {chance.choice(['VIRTUAL', 'STORED'])}" if column == computed else column
        for column in COLUMNS[table]
    )
    return replace_table(bare(folder), table, f"CREATE TABLE {table} ({columns})")


@hostile(files=8)
def hostile_constraints_and_indexes(folder: Path, chance: random.Random) -> Path:
    """SQLite's check of a table calculates its CHECKs and the expressions of its indexes."""
    long = "length(replace(hex(zeroblob(8000000)), '0', 'aaa'))"
    endless = "instr(printf('%.*c', 9000000, 'a'), printf('%.*c', 4000000, 'a') || 'b')"
    path = bare(folder)
    trap = chance.choice(
        [
            f"username TEXT CHECK ({long} > 0)",
            f"username TEXT CHECK ({endless} >= 0)",
            f"username TEXT DEFAULT ({long})",
            "username TEXT COLLATE nosuch",
        ]
    )
    forge_schema(path, "UPDATE sqlite_master SET sql = replace(sql, 'username string', ?) WHERE name = 'user'", trap)
    return path


@hostile(files=4)
def hostile_indexes(folder: Path, chance: random.Random) -> Path:
    path = script(bare(folder), "CREATE INDEX trap ON user (lower(username)) WHERE username > 'a'")
    endless = "instr(printf(''%.*c'', 9000000, ''a''), printf(''%.*c'', 4000000, ''a'') || ''b'')"
    return forge_schema(path, f"UPDATE sqlite_master SET sql = replace(sql, 'lower(username)', '{endless}')")


@hostile(files=50)
def forged_schemas(folder: Path, chance: random.Random) -> Path:
    """Entries in SQLite's own list of tables that SQLite would not write."""
    path = healthy(folder)
    column, values = chance.choice(
        [
            ("rootpage", [0, 1, 2, 3, 4, 5, -1, 99999, 2**31, 2**63 - 1, None, "x", 1.5]),
            ("type", ["view", "index", "trigger", "TABLE", "", None, b"\xff", 7]),
            ("name", ["user", "sqlite_user", "sqlite_sequence", "", None, "us\0er", b"\xff\xfe", 5, *INJECTIONS]),
            ("tbl_name", ["user", "message", "", None, "sqlite_master"]),
            (
                "sql",
                [
                    None,
                    "",
                    "nonsense",
                    "CREATE TABLE user (",
                    "CREATE TABLE user AS SELECT 1",
                    "CREATE VIEW user AS SELECT 1 AS user_id, 'x' AS username",
                    "CREATE VIRTUAL TABLE user USING fts5(username)",
                    "CREATE VIRTUAL TABLE user USING nosuch(username)",
                    "CREATE TABLE user (user_id INTEGER PRIMARY KEY, username, username, email)",
                    "CREATE TABLE user (user_id, username, email, pw_hash, more DEFAULT (randomblob(900000000)))",
                    "CREATE TABLE user (user_id INTEGER PRIMARY KEY, username, email, pw_hash) WITHOUT ROWID",
                    "CREATE TABLE user (username PRIMARY KEY, user_id, email, pw_hash) WITHOUT ROWID",
                    "CREATE TABLE user (user_id INTEGER PRIMARY KEY, username TEXT, email TEXT, pw_hash TEXT) STRICT",
                    "CREATE TABLE user (user_id INTEGER PRIMARY KEY, username, email AS (username), pw_hash)",
                    "CREATE TABLE user (user_id, username REFERENCES user ON DELETE CASCADE, email, pw_hash)",
                    'CREATE TABLE user (user_id, "username\nx", "" , "a\x01b")',
                ],
            ),
        ]
    )
    table = chance.choice(["user", "user", "message", "follower"])
    return forge_schema(path, f"UPDATE sqlite_master SET {column} = ? WHERE name = ?", chance.choice(values), table)


@hostile(files=20)
def forged_schemas_at_random(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    row = [
        chance.choice(["table", "index", "view", "trigger"]),
        chance.choice(["user", "message", "sqlite_autoindex_user_1", "sqlite_stat1", "more"]),
        chance.choice(["user", "message", "more"]),
        chance.choice([0, 1, 2, 3, 4, 7]),
        chance.choice(
            [
                "CREATE TABLE user (user_id, username)",
                "CREATE TABLE more (user_id, username)",
                "CREATE INDEX more ON user (username)",
                "CREATE TRIGGER more AFTER INSERT ON user BEGIN DELETE FROM user; END",
                "",
                None,
            ]
        ),
    ]
    return forge_schema(path, "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", *row)


@hostile(files=10)
def tables_without_row_ids(folder: Path, chance: random.Random) -> Path:
    table = chance.choice([*COLUMNS])
    key = chance.sample(COLUMNS[table], chance.randint(1, len(COLUMNS[table])))
    rows = ", ".join("(" + ", ".join(f"'{n} {column}'" for column in COLUMNS[table]) + ")" for n in range(500))
    return replace_table(
        bare(folder),
        table,
        f"CREATE TABLE {table} ({', '.join(COLUMNS[table])}, PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID",
        f"INSERT INTO {table} VALUES {rows}",
    )


@hostile(files=10)
def columns_named_like_keywords(folder: Path, chance: random.Random) -> Path:
    table = chance.choice([*COLUMNS])
    names = chance.sample([*KEYWORDS, "_rowid_", "oid", *COLUMNS[table]], 12)
    columns = [*COLUMNS[table], *(name for name in names if name not in COLUMNS[table])]
    chance.shuffle(columns)
    return replace_table(
        bare(folder),
        table,
        f"CREATE TABLE {table} ({', '.join(map(quoted, columns))})",
        f"INSERT INTO {table} VALUES ({', '.join(map(str, range(len(columns))))})",
    )


@hostile(files=len(INJECTIONS) * 2)
def names_that_are_sql(folder: Path, chance: random.Random) -> Path:
    """In table and column names that are ignored, shown, offered, or read."""
    name = chance.choice(INJECTIONS)
    path = bare(folder)
    extra = quoted(f"{name} message")
    match chance.randrange(4):
        case 0:
            script(path, f"CREATE TABLE {extra} ({quoted(name + 'text')}, author_id, pub_date, b)")
        case 1:
            script(path, f"ALTER TABLE user ADD COLUMN {extra} DEFAULT 'x'")
        case 2:  # then it is refused, with the name in the sentence
            script(path, f"ALTER TABLE user RENAME TO {extra}", f"ALTER TABLE message RENAME COLUMN text TO {extra}")
        case _:
            script(path, f"ALTER TABLE message RENAME TO {quoted(name + ' messages')}")
    return path


@hostile(files=12)
def names_that_are_not_text(folder: Path, chance: random.Random) -> Path:
    """NUL, control characters and bytes that are not UTF-8, put over a name in the file."""
    path = script(bare(folder), "CREATE TABLE placeholder (PLACE_ONE, b)", "ALTER TABLE user ADD COLUMN PLACE_TWO")
    bad = chance.choice([b"\xff", b"\xc3", b"\x01", b"\x1f", b"\xed\xa0\x80", b"\x7f", b"\0", b"\n"])
    place = chance.choice([b"placeholder", b"PLACE_ONE", b"PLACE_TWO", b"message_id", b"username", b"follower"])
    data = path.read_bytes()
    path.write_bytes(data.replace(place, place[:3] + bad * (len(place) - 3)))
    return path


@hostile(files=12)
def references_to_anything(folder: Path, chance: random.Random) -> Path:
    """Declared to what is not there, to themselves, to a view, and under names that are SQL."""
    target = chance.choice(["message", "user", "nosuch", "people", "sqlite_master", *INJECTIONS])
    column = chance.choice(["user_id", "username", "nosuch", *INJECTIONS])
    references = f"REFERENCES {quoted(target)} ({quoted(column)})"
    return replace_table(
        bare(folder),
        "message",
        "CREATE VIEW people AS SELECT * FROM user",
        f"CREATE TABLE message (message_id, author_id {references}, text, pub_date, flagged, more {references})",
        "INSERT INTO message VALUES (1, 1, 'hi', 1600000000, 0, 1)",
    )


@hostile(files=2)
def too_many_tables(folder: Path, chance: random.Random) -> Path:
    columns = ", ".join(f"c{n}" for n in range(300))
    word = chance.choice(["thing", "messages"])
    return script(bare(folder), *(f"CREATE TABLE {word}_{n} ({columns})" for n in range(3000)))


@hostile(files=3)
def too_many_columns(folder: Path, chance: random.Random) -> Path:
    columns = [f"c{n}" for n in range(1990)]
    columns[chance.randrange(1000) : 1] = COLUMNS["message"]
    row = ", ".join(str(n) for n in range(len(columns)))
    return replace_table(
        bare(folder),
        "message",
        f"CREATE TABLE message ({', '.join(columns)})",
        *[f"INSERT INTO message VALUES ({row})"] * 200,
    )


def filled_with_nothing(folder: Path, table: str, rows: int) -> Path:
    path = bare(folder)
    with opened(path) as connection:
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"CREATE TABLE {table} ({', '.join(COLUMNS[table])})")
        nothing = ", ".join("NULL" for _ in COLUMNS[table])
        connection.execute(f"INSERT INTO {table} {ENDLESS} SELECT {nothing} FROM endless LIMIT {rows}")
    return path


@hostile(files=1, for_real=False)
def a_million_rows_of_nothing(folder: Path, chance: random.Random) -> Path:
    return filled_with_nothing(folder, "user", 1_000_000)


@hostile(files=3)
def many_rows_of_nothing(folder: Path, chance: random.Random) -> Path:
    return filled_with_nothing(folder, chance.choice([*COLUMNS]), 100_000)


@hostile(files=6)
def tables_of_extensions(folder: Path, chance: random.Random) -> Path:
    table = chance.choice([*COLUMNS])
    module = chance.choice(["fts5", "fts4", "rtree"])
    columns = COLUMNS["message"] if module == "rtree" else COLUMNS[table]
    return replace_table(bare(folder), table, f"CREATE VIRTUAL TABLE {table} USING {module}({', '.join(columns)})")
