"""An old MiniTwit whose database is on a server: PostgreSQL, or MySQL where a MariaDB is installed."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from django.db import connection

from tests.legacy_import import mariadb
from tests.legacy_import.conftest import database_url
from tests.legacy_import.old_database import ANN, HASH

USERS = [
    ANN,
    (2, "o'brien \\ \t größe 🎉", "no address", "plain text"),
    (3, "ann", "ann@example.com", None),
    (7, "", None, "\\N"),
    (8, "back\\slash\\n", "x@example.com", HASH),
]
MESSAGES = [
    (1, 1, "first\nline\r\nand \\t tabs\t", 1_600_000_000, 0),
    (2, 2, "<script>", 1_600_000_001, 1),
    (3, 99, "nobody's", 1_600_000_002, None),
    (4, 1, None, 1_600_000_003, 0),
    (9, 8, "\\.", None, 0),
]
FOLLOWS = [(1, 2), (1, 2), (1, 1), (None, 2), (8, 99)]
ROWS = {"user": USERS, "message": MESSAGES, "follower": FOLLOWS}
# {flag} is what the server calls a truth value.
SCHEMA = """
CREATE TABLE {q}user{q} (user_id {key}, username text, email varchar(100), pw_hash varchar(200));
CREATE TABLE message (message_id {key}, author_id bigint, text text, pub_date bigint, flagged {flag});
CREATE TABLE follower (who_id int, whom_id int);
CREATE TABLE audit (line text);
CREATE VIEW users AS SELECT username FROM {q}user{q};
"""
Execute = Callable[..., None]


class OldSite:
    """An old database on a server, and what a test does to it."""

    def __init__(self, url: str, execute: Execute, quote: str) -> None:
        self.url = url
        self.execute = execute
        self.quote = quote

    @property
    def password(self) -> str:
        password = urlsplit(self.url).password
        assert password
        return password

    def fill(self, flag: str) -> None:
        for statement in SCHEMA.format(q=self.quote, key="integer primary key", flag=flag).split(";")[:-1]:
            self.execute(statement)
        for table, rows in ROWS.items():
            name = f"{self.quote}{table}{self.quote}"
            for row in rows:
                values = [
                    bool(value) if index == 4 and value is not None else value for index, value in enumerate(row)
                ]
                self.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})", values)


@contextmanager
def postgresql_site() -> Iterator[OldSite]:
    """A database of its own on the tests' PostgreSQL, read by an account of its own; one at a time on the server."""
    # A lock is of one database, so all worker processes take it in the same one.
    with closing(psycopg2.connect(**connection.get_connection_params() | {"dbname": "postgres"})) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(1)")
            cursor.execute("DROP DATABASE IF EXISTS old_minitwit")
            cursor.execute("CREATE DATABASE old_minitwit")
            cursor.execute("DROP ROLE IF EXISTS old_reader")
            cursor.execute("CREATE ROLE old_reader LOGIN PASSWORD 'r3ad-0nly' IN ROLE pg_read_all_data")
        url = database_url("old_minitwit")
        with closing(psycopg2.connect(url)) as old:
            old.autocommit = True

            def execute(statement: str, parameters: Any = None) -> None:
                with old.cursor() as cursor:
                    cursor.execute(statement, parameters)

            yield OldSite(f"postgresql://old_reader:r3ad-0nly@{url.partition('@')[2]}", execute, '"')
        with server.cursor() as cursor:
            cursor.execute("DROP DATABASE old_minitwit WITH (FORCE)")
            cursor.execute("DROP ROLE old_reader")


@contextmanager
def mysql_site(server: mariadb.MariaDB) -> Iterator[OldSite]:
    with closing(server.connect()) as old, old.cursor() as cursor:
        cursor.execute("CREATE DATABASE old_minitwit CHARACTER SET utf8mb4")
        cursor.execute("USE old_minitwit")
        yield OldSite(server.url("old_minitwit"), cursor.execute, "`")
        cursor.execute("DROP DATABASE old_minitwit")
