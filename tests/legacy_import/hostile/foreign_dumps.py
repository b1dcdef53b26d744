"""Dumps of PostgreSQL and MySQL: cut short, damaged, or programs; and the rows of a dump without its schema."""

import random
import sqlite3
import subprocess
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.legacy_import.conftest import database_url
from tests.legacy_import.hostile.archives import zipped
from tests.legacy_import.hostile.catalogue import dump_of, healthy, hostile
from tests.legacy_import.hostile.damage import changed, flip
from tests.legacy_import.hostile.dumps import written
from tests.legacy_import.old_site import postgresql_site

COLUMNS = {
    "user": "user_id integer NOT NULL, username text, email text, pw_hash text",
    "message": "message_id integer NOT NULL, author_id integer, text text, pub_date bigint, flagged integer",
    "follower": "who_id integer, whom_id integer",
}
KEYS = {"user": "user_id", "message": "message_id"}
MEGABYTE = 1024 * 1024
PROGRAM = "touch /tmp/hostile-written"

POSTGRESQL_TRAPS = (
    f"\\! {PROGRAM}\n",
    f"\\o |{PROGRAM}\nSELECT 1;\n",
    f"SELECT '{PROGRAM}' \\gexec\n",
    f"\\copy message from program '{PROGRAM}'\n",
    "\\i /etc/passwd\n",
    "\\connect postgres\n",
    "\\.\n" * 1000,
    "\\" * MEGABYTE + "\n",
    f"COPY message FROM PROGRAM '{PROGRAM}';\n",
    "COPY message FROM '/etc/passwd';\n",
    "COPY message FROM stdin WITH (FORMAT csv);\n1,2,3\n\\.\n",
    "COPY message FROM stdin;\n1\t2\n\\.\n",
    "COPY message FROM stdin;\n" + "\t" * MEGABYTE + "\n\\.\n",
    "COPY message FROM stdin;\n" + "x" * 17 * MEGABYTE + "\n\\.\n",
    "COPY message FROM stdin;\n900\t1\tnever ended\t5\t0\n",
    "COPY message FROM stdin;\n" + "\n" * 100_000 + "\\.\n",
    "COPY message (text, text) FROM stdin;\na\tb\n\\.\n",
    "COPY nobody (a) FROM stdin;\n" + "1\n" * 100_000 + "\\.\n",
    f"DO $$BEGIN COPY (SELECT 1) TO PROGRAM '{PROGRAM}'; END$$;\n",
    "CREATE FUNCTION f() RETURNS int AS $never$ closed;\n" * 100,
    "$a$" * 100_000 + ";\n",
    "CREATE TABLE huge (" + ", ".join(f"c{n} text" for n in range(100_000)) + ");\n",
    "ALTER TABLE message" + " ADD FOREIGN KEY (text) REFERENCES a(b)," * 100_000 + ";\n",
    "INSERT INTO message (text," + " " * MEGABYTE + "flagged) VALUES ('x', 1);\n",
    "INSERT INTO follows VALUES (" + "," * MEGABYTE + ");\n",
    "CREATE TABLE account ("
    + ", ".join(f"c{n} integer" for n in range(1500))
    + ");\n"
    + "INSERT INTO account (c0) VALUES "
    + ",".join(["(1)"] * 30_000)
    + ";\n",
    "".join(f"CREATE TABLE user_{n} (id integer, username text);\n" for n in range(1200)),
    "CREATE TABLE " + '"a.b".' * 1000 + "user (id integer);\n",
    "CREATE TABLE message_more (" + "(" * 50_000 + ");\n",
    "ALTER TABLE message ADD PRIMARY KEY (nothing), ADD PRIMARY KEY (text), ADD PRIMARY KEY (message_id);\n",
    "ALTER TABLE message ATTACH PARTITION message_2 DEFAULT;\n",
    "INSERT INTO message VALUES (900, 1, pg_read_file('/etc/passwd'), 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, 'a'" + "::text" * 50_000 + ", 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, E'" + "\\'" * 500_000 + "', 5, 0);\n",
    "INSERT INTO message VALUES " + ",".join(f"({n}, 1, 'x', 5, 0)" for n in range(900, 60_000)) + ";\n",
    "INSERT INTO message VALUES (900, 1, '\0', 5, 0);\n",
    "INSERT INTO message VALUES (99999999999999999999999, 1e999, '', 5, 0);\n",
    "INSERT INTO message SELECT generate_series(1, 1000000000);\n",
    "UPDATE message SET author_id = 1;\n",
    "DROP TABLE message;\n",
    "DROP TABLE message; CREATE TABLE message (a integer); INSERT INTO message VALUES (1);\n",
    "SET search_path = other;\nCREATE TABLE message (a integer);\n",
)
MYSQL_TRAPS = (
    f"\\! {PROGRAM}\n",
    f"system {PROGRAM}\n",
    "source /etc/passwd\n",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE message;\n",
    "INSERT INTO message VALUES (900, 1, LOAD_FILE('/etc/passwd'), 5, 0);\n",
    "INSERT INTO message SET text = 'x';\n",
    "DELIMITER ;;\nCREATE TRIGGER t AFTER INSERT ON message FOR EACH ROW DELETE FROM message;;\n",
    "DELIMITER ;;\n" + "SELECT 1;;\n" * 100_000 + "DELIMITER ;\n",
    "DELIMITER\nDELIMITER  \nDELIMITER ; ;\n",
    "/*!50001 " * 1000 + "\n",
    "/*!40000 INSERT INTO message VALUES (900, 1, 'x', 5, 0) */;\n",
    "CREATE TABLE `a``b` (`c` int) ENGINE=FEDERATED CONNECTION='mysql://root@127.0.0.1/x';\n",
    "CREATE TABLE more SELECT * FROM message;\n",
    "CREATE TABLE user2 (`id` int, `a` enum('" + "','".join("x" * 20 for _ in range(20_000)) + "'));\n",
    "INSERT INTO message VALUES (900, 1, 'never closed, 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, '" + "\\\\" * MEGABYTE + "\\', 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, 0x" + "f" * 3 * MEGABYTE + ", 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, b'" + "1" * 100_000 + "', 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, x'f', 5, 0);\n",
    "INSERT INTO message VALUES (900, 1, _binary '\\0\\Z\\%', 5, 0), (901);\n",
    "INSERT INTO message VALUES (900,,,,);\n",
    "INSERT INTO message VALUES ();\n" * 1000,
    "INSERT INTO message VALUES " + "(" * 50_000 + ";\n",
    "REPLACE INTO message VALUES (1, 1, 'again', 5, 0);\n",
    "USE other;\nCREATE TABLE message (a int);\nINSERT INTO message VALUES (1);\n",
    "SET NAMES latin1;\nINSERT INTO message VALUES (900, 1, '\udcff\udcfe', 5, 0);\n",
    "ALTER TABLE message /* ' */ ADD INDEX " + '"' + "\\'" * 500_000 + '";\n',
    "#" * MEGABYTE + "\n",
    "`" * 1_000_001 + "\n",
    "TRUNCATE TABLE message;\n",
)


def rows_of(path: Path, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f'SELECT * FROM "{table}"').fetchall()


def postgresql_dump(path: Path) -> str:
    lines = ["--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';"]
    lines += [f'CREATE TABLE public."{table}" ({columns});' for table, columns in COLUMNS.items()]
    for table in COLUMNS:
        lines.append(f'COPY public."{table}" FROM stdin;')
        lines += ["\t".join("\\N" if value is None else str(value) for value in row) for row in rows_of(path, table)]
        lines.append("\\.")
    lines += [f'ALTER TABLE ONLY public."{table}" ADD PRIMARY KEY ({key});' for table, key in KEYS.items()]
    return "\n".join([*lines, "-- PostgreSQL database dump complete", ""])


def mysql_dump(path: Path) -> str:
    lines = ["-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;"]
    for table, columns in COLUMNS.items():
        key = f", PRIMARY KEY (`{KEYS[table]}`)" if table in KEYS else ""
        lines.append(f"CREATE TABLE `{table}` ({columns}{key}) ENGINE=InnoDB;")
        rows = [", ".join(map(mysql_literal, row)) for row in rows_of(path, table)]
        lines.append(f"INSERT INTO `{table}` VALUES ({'),('.join(rows)});")
    return "\n".join([*lines, "-- Dump completed", ""])


def mysql_literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "NULL" if value is None else str(value)


def rows_alone(path: Path) -> str:
    return "".join(line for line in dump_of(path).splitlines(keepends=True) if line.startswith("INSERT"))


def foreign(folder: Path, chance: random.Random) -> str:
    return chance.choice([postgresql_dump, mysql_dump, rows_alone])(healthy(folder))


@hostile(files=40)
def flipped_foreign_dumps(folder: Path, chance: random.Random) -> Path:
    data = bytearray(foreign(folder, chance).encode())
    flip(data, chance, 0, len(data), most=chance.choice([1, 5, 50]))
    return written(folder, bytes(data))


@hostile(files=40)
def truncated_foreign_dumps(folder: Path, chance: random.Random) -> Path:
    text = foreign(folder, chance)
    return written(folder, text[: chance.randrange(len(text))])


@hostile(files=20)
def foreign_dumps_in_other_encodings(folder: Path, chance: random.Random) -> Path:
    text = (
        foreign(folder, chance).replace("message 1", "mæssage 1").replace("utf8mb4", chance.choice(["latin1", "x"]))
    )
    data = bytearray(text.encode(chance.choice(["utf-16", "utf-16-be", "utf-8-sig", "utf-32", "cp1252", "cp500"])))
    if chance.random() < 0.5:
        flip(data, chance, 0, len(data), most=10)
    return written(folder, bytes(data)[: len(data) - chance.randrange(3)])


@hostile(files=90)
def foreign_dumps_that_are_programs(folder: Path, chance: random.Random) -> Path:
    traps, dump = chance.choice([(POSTGRESQL_TRAPS, postgresql_dump), (MYSQL_TRAPS, mysql_dump)])
    before, mark, after = dump(healthy(folder)).partition(chance.choice(["ALTER TABLE", "CREATE TABLE", "\n-- "]))
    return written(folder, before + chance.choice(["\n", ""]) + chance.choice(traps) + mark + after)


@cache
def custom_archive(form: str) -> bytes:
    """What pg_dump writes in its custom format, or as tar, of an old MiniTwit."""
    with postgresql_site() as site:
        site.fill("boolean")
        command = [Path(settings.PG_RESTORE).with_name("pg_dump"), f"--format={form}", database_url("old_minitwit")]
        return subprocess.run(command, capture_output=True, check=True).stdout


@hostile(files=40)
def damaged_postgresql_archives(folder: Path, chance: random.Random) -> Path:
    data = bytearray(custom_archive(chance.choice(["custom", "tar"])))
    if chance.random() < 0.6:
        flip(data, chance, 0, len(data), most=chance.choice([1, 5, 50]))
    else:
        del data[chance.randrange(len(data)) :]
    return changed(folder / "minitwit.dump", data)


@hostile(files=25)
def zips_of_parts(folder: Path, chance: random.Random) -> Path:
    """A schema and its rows, of which one is missing, damaged, there twice, another database's, or a bomb."""
    database = healthy(folder)
    dump = dump_of(database)
    schema = "".join(part + ";\n" for part in dump.split(";\n") if "CREATE TABLE" in part).replace("BEGIN", "--")
    rows = rows_alone(database)
    others = {
        "again.sql": rows,
        "schema2.sql": schema,
        "dump.sql": dump,
        "mysql.sql": mysql_dump(database),
        "pg.sql": postgresql_dump(database),
        "bomb.sql": "INSERT INTO user VALUES(1,'" + " " * 60 * MEGABYTE,
        "broken.sql": rows[: chance.randrange(len(rows))],
        "empty.sql": "BEGIN;\nCOMMIT;\n",
    }
    files = {"schema.sql": schema, "rows.sql": rows}
    files |= {name: others[name] for name in chance.sample([*others], chance.choice([1, 2]))}
    if chance.random() < 0.3:
        del files[chance.choice(["schema.sql", "rows.sql"])]
    return zipped(folder / "minitwit.zip", {name: text.encode() for name, text in files.items()})
