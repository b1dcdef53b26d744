"""An old MiniTwit database that grows row by row."""

import sqlite3
from pathlib import Path
from typing import Any

KEY = bytes(range(32))
WERKZEUG_HASH = f"pbkdf2:sha256:50000$salt${KEY.hex()}"
SECONDS = 1_582_100_838

SCHEMA = """
CREATE TABLE user (user_id integer primary key autoincrement, username string not null, email string not null,
                   pw_hash string not null);
CREATE TABLE follower (who_id integer, whom_id integer);
CREATE TABLE message (message_id integer primary key autoincrement, author_id integer not null, text string not null,
                      pub_date integer, flagged integer);
"""


class OldMiniTwit:
    """A small old database that a test fills row by row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.execute(SCHEMA)

    def execute(self, script: str) -> None:
        with sqlite3.connect(self.path) as database:
            database.executescript(script)
        database.close()

    def insert(self, table: str, *values: Any) -> None:
        with sqlite3.connect(self.path) as database:
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
        database.close()

    def add_user(
        self, user_id: int, username: Any, email: Any = "a@example.com", pw_hash: Any = WERKZEUG_HASH
    ) -> None:
        self.insert("user", user_id, username, email, pw_hash)

    def add_message(
        self, message_id: int, author: Any = 1, text: Any = "hello", date: Any = SECONDS, flagged: Any = 0
    ) -> None:
        self.insert("message", message_id, author, text, date, flagged)
