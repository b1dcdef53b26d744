"""Whose dump a file is, whatever its case, and what is read, left out or refused of dumps of PostgreSQL and MySQL."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError
from legacy_import.source.snapshot.dumps import sql_splitter
from legacy_import.source.snapshot.file_types import HEAD_BYTES, Kind, recognise_head
from tests.legacy_import.packed import LARGE_BLOCK, open_source, refusal, write

POSTGRESQL = r"""--
-- PostgreSQL database dump
--
\restrict x7
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TYPE public.mood AS ENUM ('a;b', 'it''s');
CREATE TABLE public."user" (
    user_id integer NOT NULL, -- the key, (of course)
    username character varying(50) DEFAULT 'a,(b'::character varying,
    email text,
    pw_hash text,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT long CHECK ((length((username)::text) > 0))
);
ALTER TABLE public."user" OWNER TO postgres;
CREATE TABLE public.message (
    message_id bigint NOT NULL, author_id integer, text text, pub_date timestamp with time zone,
    flagged numeric(3,1)[]
);
CREATE TABLE auth.users (id uuid);
COPY public."user" (user_id, username, is_active, pw_hash, email) FROM stdin;
1	ann\\\t\nlast	t	\N	ann@x
3	007	f		\\.
\.

COPY public.message (message_id, author_id, text, pub_date) FROM stdin;
5	1	it's -- no comment; \\restrict	2020-02-19 08:27:18.5+02
\.
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY public.message ADD CONSTRAINT fk FOREIGN KEY (author_id) REFERENCES public."user"(user_id) NOT VALID;
\unrestrict x7
-- PostgreSQL database dump complete
"""
MYSQL = r"""-- MySQL dump 10.13
/*!40101 SET NAMES utf8 */;
/*!40103 SET TIME_ZONE='+00:00' */;
DROP TABLE IF EXISTS `user`;
CREATE TABLE `user` (
  `user_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(50) COLLATE utf8_bin NOT NULL DEFAULT 'it\'s, (odd)' COMMENT 'PRIMARY KEY; ''quoted''',
  `email` varchar(50), `pw_hash` blob, `key` enum('a','b),') DEFAULT NULL,
  PRIMARY KEY (`user_id`), UNIQUE KEY `u` (`username`(10)), KEY `k` (`email`),
  CONSTRAINT `c` CHECK (json_valid(`email`))
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8;
LOCK TABLES `user` WRITE;
/*!40000 ALTER TABLE `user` DISABLE KEYS */;
INSERT INTO `user` VALUES (1,'it\'s; \"ann\" \\',NULL,_binary 'a\0b\'','a'),(3,"bo''b","b@x",0x41ff, 'b),');
UNLOCK TABLES;
CREATE TABLE message (id serial, author_id int, body text, created_at timestamp, flagged bit(1), day date);
INSERT INTO `message` (`id`, `author_id`, `body`, `created_at`, `flagged`, `day`) VALUES
(1, 3, 'one\nline', '2020-02-19 08:27:18', b'1', '2020-02-19'), # a comment; 'here
(2, -1, _utf8mb4'two', NULL, '\0', NULL);
DELIMITER ;;
/*!50003 CREATE*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `user` FOR EACH ROW BEGIN DELETE FROM `user`; END */;;
DELIMITER ;
-- Dump completed on 2020-01-01
"""
ROW = "INSERT INTO `user` VALUES (9,'x','x','x','a');\n"


def read(text: str, tmp_path: Path, encoding: str = "utf-8") -> tuple[dict[str, list[Any]], list[str]]:
    path = write(tmp_path / "old.sql", text, encoding)
    with open_source(path, tmp_path, required=("user", "message")) as source:
        rows = {table: [row.values for row in source.rows(table)] for table in ("user", "message")}
        return rows, source.description.warnings


def test_what_a_dump_of_postgresql_holds(tmp_path: Path) -> None:
    rows, warnings = read(POSTGRESQL, tmp_path)
    assert rows["user"] == [(1, "ann\\\t\nlast", "ann@x", None, 1, None), (3, "007", "\\.", "", 0, None)]
    assert rows["message"] == [(5, 1, "it's -- no comment; \\restrict", "2020-02-19 08:27:18.5+02:00", None)]
    assert warnings == []


@pytest.mark.parametrize("text", [POSTGRESQL, MYSQL.replace("author_id int,", "author_id int REFERENCES user,")])
def test_what_a_column_was_declared_to_refer_to_is_kept(tmp_path: Path, text: str) -> None:
    with open_source(write(tmp_path / "old.sql", text), tmp_path, required=("user",)) as source:
        path = source.path
    with closing(sqlite3.connect(path)) as snapshot:
        ((_, _, table, own, other, *_),) = snapshot.execute("PRAGMA foreign_key_list(message)")
    assert (table, own, other) == ("user", "author_id", "user_id")


def test_what_a_dump_of_mysql_holds(tmp_path: Path) -> None:
    rows, warnings = read(MYSQL, tmp_path)
    assert rows["user"] == [
        (1, 'it\'s; "ann" \\', None, b"a\0b'", None, None),
        (3, "bo''b", "b@x", b"A\xff", None, None),
    ]
    assert rows["message"] == [(1, 3, "one\nline", "2020-02-19 08:27:18+00:00", 1), (2, -1, "two", None, 0)]
    assert len(warnings) == 1
    assert "TRIGGER `t`" in warnings[0]


@pytest.mark.parametrize("characters", [1, 3, 50])
@pytest.mark.parametrize("text", [POSTGRESQL, MYSQL], ids=["PostgreSQL", "MySQL"])
def test_where_a_block_of_the_dump_ends_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, characters: int
) -> None:
    expected = read(text, tmp_path)
    monkeypatch.setattr(sql_splitter, "BLOCK_CHARACTERS", characters)
    assert read(text, tmp_path) == expected
    assert read(text.rstrip(), tmp_path) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("text", [POSTGRESQL, MYSQL], ids=["PostgreSQL", "MySQL"])
def test_a_dump_as_powershell_redirects_it(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(text.replace("\n", "\r\n"), tmp_path, encoding) == read(text, tmp_path)


@pytest.mark.parametrize("text", [POSTGRESQL, MYSQL], ids=["PostgreSQL", "MySQL"])
def test_a_dump_in_the_encoding_that_it_names(tmp_path: Path, text: str) -> None:
    text = text.replace("ann", "größe").replace("'UTF8'", "'LATIN1'").replace("NAMES utf8", "NAMES latin1")
    rows, _ = read(text, tmp_path, "iso8859-1")
    assert "größe" in rows["user"][0][1]


@pytest.mark.parametrize("text", [POSTGRESQL, MYSQL], ids=["PostgreSQL", "MySQL"])
def test_a_dump_cut_short_anywhere_is_refused_or_its_end_is_missed(tmp_path: Path, text: str) -> None:
    whole, _ = read(text, tmp_path)
    seen = set()
    for length in range(text.index("CREATE TABLE"), len(text) - 40, 7):
        try:
            rows, warnings = read(text[:length], tmp_path)
        except SourceError as error:
            seen.add(error.code)
        else:
            seen.add("warned")
            assert any("may be cut short" in warning for warning in warnings)
            assert all(set(rows[table]) <= set(whole[table]) for table in rows if "PRIMARY KEY" in text[:length])
    assert seen <= {"warned", "cut_short", "missing_table", "missing_column", "missing_schema", "unknown_statement"}
    assert {"warned", "cut_short"} <= seen


@pytest.mark.parametrize(
    "trap",
    [
        "\\! touch /tmp/hostile-written\n",
        "\\o |touch /tmp/hostile-written\n",
        "SELECT 1 \\g |touch /tmp/hostile-written\n",
        "DO $x$BEGIN COPY (SELECT 1) TO PROGRAM 'touch /tmp/hostile-written'; END$x$;\n",
        "CREATE FUNCTION f() RETURNS int AS $$ DELETE FROM message; 'never $$ LANGUAGE sql;\n",
        "SELECT lo_import('/etc/passwd');\n",
        "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f();\n",
    ],
)
def test_what_is_more_than_tables_and_rows_is_left_out_and_named(tmp_path: Path, trap: str) -> None:
    rows, warnings = read(POSTGRESQL.replace("ALTER TABLE ONLY", trap + "ALTER TABLE ONLY", 1), tmp_path)
    assert len(rows["user"]) == 2
    assert trap.split("\n")[0][:30] in warnings[0]
    assert not Path("/tmp/hostile-written").exists()


@pytest.mark.parametrize(
    ("statement", "code", "sentence"),
    [
        ("COPY message FROM PROGRAM 'cat /etc/passwd';", "unknown_statement", "psql old -f dump.sql"),
        ("COPY public.message FROM '/etc/passwd';", "unknown_statement", "more than tables and rows"),
        ("\\copy message from program 'id'", "unknown_statement", "takes rows from another file"),
        ("\\i /etc/passwd", "unknown_statement", "takes rows from another file"),
        ("UPDATE message SET text = '';", "unknown_statement", "postgresql://USER:PASSWORD@HOST/old"),
        ("INSERT INTO message SELECT 1;", "unknown_statement", "more than tables and rows"),
        ("INSERT INTO message VALUES (1, 2, now());", "unknown_statement", "“now());” is no row of plain values"),
        ("INSERT INTO message VALUES (1, 2, pg_read_file('x'));", "unknown_statement", "no row of plain values"),
        ("INSERT INTO message VALUES (1, 2, 'x' || 'y');", "unknown_statement", "no row of plain values"),
        ("INSERT INTO message VALUES (1, 2);", "damaged_file", "2 values for 5 columns"),
        ("INSERT INTO message VALUES (1, 2, 'x', 'y', NULL) RETURNING 1;", "unknown_statement", "RETURNING"),
        ("COPY message FROM stdin;\n1\t2\n\\.", "damaged_file", "2 values for 5 columns"),
        ("COPY message (nothing) FROM stdin;\n1\n\\.", "missing_schema", "has no column nothing"),
        ("ALTER TABLE message ADD COLUMN more int;", "unknown_statement", "more than tables and rows"),
        ("CREATE TABLE public.message (a int);", "damaged_file", "a second time"),
        ("COPY followers FROM stdin;\n1\t2\n\\.", "missing_schema", "no CREATE TABLE for followers"),
        ("COPY message (text) FROM stdin;\n" + "x" * 17_000_000 + "\n\\.", "value_too_long", "longer than 16 MiB"),
        ("INSERT INTO message (text) VALUES ('" + "x" * 36_000_000 + "');", "statement_too_long", "too long"),
        ("INSERT INTO message (text) VALUES ('never closed;", "cut_short", "ends in the middle"),
        ("DO $never$ closed;", "cut_short", "ends in the middle"),
    ],
)
def test_what_would_have_to_be_executed_is_refused_with_its_line_and_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, code: str, sentence: str
) -> None:
    monkeypatch.setattr(sql_splitter, "BLOCK_CHARACTERS", LARGE_BLOCK)
    text = POSTGRESQL.replace("\\unrestrict x7", statement)
    error = refusal(write(tmp_path / "old.sql", text), tmp_path)
    assert error.code == code
    assert sentence in error.message
    assert "line " in error.message


def test_rows_of_tables_that_are_not_known_say_what_is_missing(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "old.sql", "SET NAMES utf8;\nINSERT INTO things VALUES (1,2);\n"), tmp_path)
    assert error.code == "missing_schema"
    assert "line 2: there is no CREATE TABLE for things" in error.message


def test_a_key_that_comes_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "old.sql", POSTGRESQL.replace("3\t007", "1\t007")), tmp_path)
    assert error.code == "damaged_file"
    assert "line 25:" in error.message


def test_the_tables_of_two_databases_are_not_mixed(tmp_path: Path) -> None:
    two = MYSQL.replace("DROP TABLE", "USE one;\nDROP TABLE", 1) + "USE two;\n" + MYSQL
    error = refusal(write(tmp_path / "old.sql", two), tmp_path)
    assert error.code == "several_databases"
    assert "one and two" in error.message
    of_server = MYSQL + "USE mysql;\nCREATE TABLE user (Host char(60), User char(80)) ENGINE=MyISAM;\n"
    rows, _ = read(of_server, tmp_path)
    assert len(rows["user"]) == 2


def test_the_tables_of_the_public_schema_are_meant_before_others_of_their_names(tmp_path: Path) -> None:
    text = POSTGRESQL.replace("CREATE TABLE auth.users", 'CREATE TABLE auth."user"')
    rows, warnings = read(
        text + "INSERT INTO auth.user VALUES ('0-0-0');\n-- PostgreSQL database dump complete", tmp_path
    )
    assert [row[0] for row in rows["user"]] == [1, 3]
    assert warnings == ["Tables that are nothing of a MiniTwit were not read: user."]


def test_rows_alone_of_a_server_name_their_columns(tmp_path: Path) -> None:
    text = MYSQL[: MYSQL.index("DROP TABLE")] + (
        "INSERT INTO `users` (`id`, `name`, `password`) VALUES (1,'007','x'),(2,'bo',NULL);\n"
        "INSERT INTO `message` VALUES (1,1,'it\\'s',5,0);\n-- Dump completed"
    )
    rows, warnings = read(text, tmp_path)
    assert [row[:2] for row in rows["user"]] == [(1, "007"), (2, "bo")]
    assert rows["message"] == [(1, 1, "it's", 5, 0)]
    assert "its rows name (id, name, password)" in warnings[0]
    assert "taken for MiniTwit's own columns" in warnings[1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("create database old;\nuse old;\ncreate table user (id int);\n", Kind.MYSQL_DUMP),
        ("create table user (id int auto_increment primary key);\n", Kind.MYSQL_DUMP),
        ("CREATE TABLE `user` (`id` int) engine=innodb;\n", Kind.MYSQL_DUMP),
        ("INSERT INTO message VALUES (1, 1, 'it\\'s', 5, 0);\n", Kind.MYSQL_DUMP),
        ("insert user values (1, 'ann', 'a@x', 'hash');\n", Kind.MYSQL_DUMP),
        ("INSERT INTO message VALUES (1, 1, 'C:\\', 'it''s');\n", Kind.DUMP),
        ("# phpMyAdmin SQL Dump\n# a comment\nCREATE TABLE user (id int);\n", Kind.MYSQL_DUMP),
        ("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n", Kind.MYSQL_DUMP),
        ("drop table if exists user cascade;\ncreate table user (id serial);\n", Kind.POSTGRESQL_DUMP),
        ('copy "user" (id) from stdin;\n1\n\\.\n', Kind.POSTGRESQL_DUMP),
        ("CREATE DATABASE old;\n\\connect old\n", Kind.POSTGRESQL_DUMP),
        ("set search_path = old;\ncreate table user (id int);\n", Kind.POSTGRESQL_DUMP),
        ("create table message (at timestamp with time zone);\n", Kind.POSTGRESQL_DUMP),
        ("\ufeff-- a schema\nALTER TABLE ONLY x ADD y;\n", Kind.POSTGRESQL_DUMP),
        ("PRAGMA foreign_keys=OFF;\nCREATE TABLE t (id serial, at timestamptz);\n", Kind.DUMP),
        ("drop table if exists user;\ncreate table user (user_id integer primary key autoincrement);\n", Kind.DUMP),
        ("INSERT INTO message VALUES(1,1,'ENGINE=InnoDB AUTO_INCREMENT; COPY x FROM stdin;',5,0);\n", Kind.DUMP),
    ],
)
def test_whose_dump_it_is(text: str, kind: Kind) -> None:
    assert recognise_head(text.encode(), "old.sql") is kind


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (b"CREATE TABLE [dbo].[user] (id int IDENTITY(1,1))\nGO\n", "a dump of Microsoft SQL Server"),
        (b"Engine=InnoDB is what MySQL has.\n", "a text file"),
        (b"SELECT * FROM user;\n", "a text file"),
    ],
)
def test_what_is_no_dump_that_can_be_read(head: bytes, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        recognise_head(head, "old.sql")


@pytest.mark.parametrize("end", ["INSERT I", "INSERT INTO t (serial", "-- ENGINE = I"])
def test_a_word_that_the_end_of_the_head_cuts_tells_nothing(end: str) -> None:
    rows = "INSERT INTO user VALUES(1,'ann','a@x','hash');\n" * 2000
    head = rows[: HEAD_BYTES - len(end)].rpartition("\n")[0] + "\n"
    head += "-" * (HEAD_BYTES - len(end) - len(head) - 1) + "\n" + end
    assert recognise_head(head.encode(), "old.sql") is Kind.DUMP
