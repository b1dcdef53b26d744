"""Dumps: programs in SQL that somebody else wrote."""

import random
from functools import cache
from pathlib import Path

from tests.legacy_import.hostile.catalogue import dump_of, healthy, hostile
from tests.legacy_import.hostile.damage import changed, flip
from tests.legacy_import.hostile.schemas import ENDLESS

TABLE = "CREATE TABLE user (user_id INTEGER PRIMARY KEY, username, email, pw_hash);\n"
ROW = "INSERT INTO user VALUES(1,'ann','','');\n"
DOUBLING = "INSERT INTO user (username) SELECT username FROM user;\n"


@cache
def traps() -> tuple[str, ...]:
    """What no dump of SQLite's has in it."""
    return (
        f"INSERT INTO user (username) {ENDLESS} SELECT n FROM endless;\n",
        f"CREATE TABLE more AS {ENDLESS} SELECT n FROM endless;\n",
        "INSERT INTO user (username) SELECT a.username FROM user a, user b, user c;\n",
        ROW + DOUBLING * 60,
        "ATTACH DATABASE '/tmp/hostile-attached.db' AS other;\nCREATE TABLE other.x (a);\n",
        "INSERT INTO user VALUES(2, load_extension('/tmp/x'), '', '');\n",
        "INSERT INTO user VALUES(2, readfile('/etc/passwd'), '', '');\n",
        "INSERT INTO user VALUES(2, randomblob(1000000000), '', '');\n",
        "INSERT INTO user VALUES(2, printf('%.*c', 900000000, 'x'), '', '');\n",
        "INSERT INTO user VALUES(2, replace(replace('aaaaaaaaaa','a','bbbbbbbbbb'),'b',zeroblob(9000000)), 1, 1);\n",
        "PRAGMA writable_schema=ON;\nINSERT INTO sqlite_master VALUES('table','x','x',1,'CREATE TABLE x(a)');\n",
        "UPDATE user SET username = 'x';\n",
        "DELETE FROM user;\nDROP TABLE user;\n",
        "CREATE TRIGGER trap AFTER INSERT ON user BEGIN INSERT INTO user (username) VALUES ('x'); END;\n" + ROW,
        "CREATE TRIGGER trap AFTER INSERT ON user BEGIN " + "SELECT 1; " * 5000,
        "CREATE VIEW user AS SELECT 1 AS user_id;\n",
        "INSERT INTO user VALUES(2," + "(" * 5000 + "1" + ")" * 5000 + ",'','');\n",
        "INSERT INTO user VALUES(2," + "-" * 100_001 + "1,'','');\n",
        "INSERT INTO user VALUES(2,'" + "x" * 20_000_000 + "','','');\n",
        "INSERT INTO user VALUES(2," + "||".join(["'x'"] * 5000) + ",'','');\n",
        "INSERT INTO user VALUES" + ",".join("(NULL,'x','','')" for _ in range(40_000)) + ";\n",
        "INSERT INTO user VALUES(2,'never closed,'','');\n" + ROW * 20_000,
        "/*" * 300_000 + "\n",
        "'" * 1_000_001 + "\n",
        "--" * 1_000_000 + "\n",
        ";" * 2_000_000 + "\n",
        "CREATE TABLE a (b);\nDROP TABLE a;\n" * 3000,
        "".join(f"CREATE TABLE t{n} ({','.join(f'c{m}' for m in range(500))});\n" for n in range(990)),
        "CREATE TABLE w (" + ",".join(f"c{n} CHECK (c{n} > 0)" for n in range(1990)) + ");\n",
        "ROLLBACK;\n",
        "CREATE TABLE message (message_id, author_id, text, pub_date AS (randomblob(900000000)), flagged);\n",
        "BEGIN;" * 100_000 + "\n",
        "INSERT INTO follows (a," + " " * 900_000 + "b) VALUES (1, 2);\n",
        "INSERT INTO follows VALUES (" + "," * 900_000 + ");\n",
        "\0" * 100 + ROW,
        "INSERT INTO user VALUES(2,unistr('\\uD800\\u0000\\+FFFFFF\\UFFFFFFFF'),'','');\n",
        "SAVEPOINT a;\n" * 50_000,
        "INSERT INTO user VALUES(9223372036854775807,1e400,-9e999,x'ff');\n",
        "INSERT OR REPLACE INTO user SELECT * FROM pragma_database_list;\n",
        "INSERT INTO user (username) SELECT value FROM json_each('[1,2,3]');\n",
        "SELECT writefile('/tmp/hostile-written', 'x');\n.shell touch /tmp/hostile-written\n",
        ".shell touch /tmp/hostile-written\n",
    )


def written(folder: Path, text: str | bytes) -> Path:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return changed(folder / "minitwit.sql", data)


@hostile(files=50)
def flipped_dumps(folder: Path, chance: random.Random) -> Path:
    data = bytearray(dump_of(healthy(folder)).encode())
    flip(data, chance, 0, len(data), most=chance.choice([1, 5, 50]))
    return written(folder, bytes(data))


@hostile(files=30)
def truncated_dumps(folder: Path, chance: random.Random) -> Path:
    text = dump_of(healthy(folder))
    return written(folder, text[: chance.randrange(len(text))])


@hostile(files=20)
def dumps_with_noise(folder: Path, chance: random.Random) -> Path:
    data = dump_of(healthy(folder)).encode()
    place = chance.randrange(len(data))
    noise = chance.choice(
        [chance.randbytes(50), b"\0" * 20, b"\xff\xfe", b"'" * 5, b'"', b"/*", b"--", b";;;", b"\xef\xbb\xbf"]
    )
    return written(folder, data[:place] + noise + data[place:])


@hostile(files=10)
def dumps_in_other_encodings(folder: Path, chance: random.Random) -> Path:
    text = dump_of(healthy(folder))
    data = bytearray(text.encode(chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32", "cp500"])))
    if chance.random() < 0.6:
        flip(data, chance, 0, len(data), most=10)
    return written(folder, bytes(data)[: len(data) - chance.randrange(3)])


@hostile(files=80)
def dumps_that_are_programs(folder: Path, chance: random.Random) -> Path:
    trap = chance.choice(traps())
    around = dump_of(healthy(folder))
    return written(folder, chance.choice([TABLE + trap, around + trap, "BEGIN;\n" + TABLE + trap + "COMMIT;\n"]))
