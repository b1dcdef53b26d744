"""Make an old MiniTwit database of any size, to measure with.

    python -m benchmarks.generate --users 100000 --messages 3000000 --follows 1000000

The same figures give the same rows. A database is made once and kept under `var/benchmarks`. With `--values` its
messages hold what old applications in other languages stored: dates as text, as SQLite or as mail programs write
them, or no value as MiniTwit stored it; or all ids are GUIDs.
"""

import argparse
import hashlib
import os
import random
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fixtures.sample_legacy_database import SCHEMA
from fixtures.sample_small_talk import post

BASE_DIR = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var") / "benchmarks"
FIRST_SECOND = 1_233_065_594  # 2009-01-27
PHRASES = 2_000
SHORTEST, LONGEST = 80, 140  # characters of a message
CANONICAL, TEXT_DATES, ODD, RARE_DATES, GUIDS = VALUES = ("canonical", "text-dates", "odd", "rare-dates", "guids")
UNTYPED = "message_id integer primary key, author_id, text, pub_date, flagged"
WITH_GUIDS = """
CREATE TABLE user (user_id text primary key, username text, email text, pw_hash text);
CREATE TABLE message (message_id text primary key, author_id text, text text, pub_date integer, flagged integer);
CREATE TABLE follower (who_id text, whom_id text);
INSERT INTO user SELECT guid('user', user_id), username, email, pw_hash FROM counted.user ORDER BY user_id;
INSERT INTO message SELECT guid('message', message_id), guid('user', author_id), text, pub_date, flagged
FROM counted.message ORDER BY message_id;
INSERT INTO follower SELECT guid('user', who_id), guid('user', whom_id) FROM counted.follower ORDER BY rowid;
"""


@dataclass(frozen=True)
class Size:
    """How many rows each old table has."""

    users: int = 100_000
    messages: int = 3_000_000
    follows: int = 1_000_000

    def __post_init__(self) -> None:
        if self.users < 2 or not 0 <= self.follows <= self.users * (self.users - 1):
            raise ValueError(f"{self.users} users cannot have {self.follows} different follows.")

    def divided(self, by: int) -> "Size":
        return Size(self.users // by, self.messages // by, self.follows // by)

    @property
    def rows(self) -> int:
        return self.users + self.messages + self.follows


def database_of(size: Size, values: str = CANONICAL) -> Path:
    """Return a database of that size, created if it does not exist.

    Args:
        values: one of VALUES: how its messages are stored.
    """
    suffix = "" if values == CANONICAL else f"_{values}"
    path = FOLDER / f"minitwit_{size.users}_{size.messages}_{size.follows}{suffix}.db"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished, isolation_level=None)
    try:
        if values == GUIDS:
            connection.create_function("guid", 2, guid)
            connection.execute("ATTACH ? AS counted", [str(database_of(size))])
            connection.executescript(
                f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {WITH_GUIDS} COMMIT"
            )
        else:
            fill(connection, size, values)
    finally:
        connection.close()
    unfinished.rename(path)
    return path


def fill(connection: sqlite3.Connection, size: Size, values: str) -> None:
    """Write the three tables, their ids counted from 1."""
    # If the machine stops meanwhile, the file is of no use, so it needs no journal.
    connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SCHEMA} BEGIN;")
    connection.executemany("INSERT INTO user VALUES (?, ?, ?, ?)", users(size))
    if values != CANONICAL:
        connection.execute("DROP TABLE message")
        connection.execute(f"CREATE TABLE message ({UNTYPED})")
    connection.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?)", stored_as(values, messages(size)))
    connection.executemany("INSERT INTO follower VALUES (?, ?)", follows(size))
    connection.execute("COMMIT")


def guid(table: str, number: int) -> str:
    """The GUID that represents a counted id, always the same."""
    return str(uuid.UUID(bytes=hashlib.md5(f"{table} {number}".encode(), usedforsecurity=False).digest(), version=4))


def users(size: Size) -> Iterator[tuple[int, str, str, str]]:
    """Yield users whose hashes have the right form; no password belongs to them."""
    for user_id in range(1, size.users + 1):
        digest = hashlib.sha256(b"%d" % user_id).hexdigest()
        name = f"Person {user_id}"
        yield user_id, name, f"person.{user_id}@example.com", f"pbkdf2:sha256:50000${digest[:8]}${digest}"


def messages(size: Size) -> Iterator[tuple[int, int, str, int, int]]:
    """Yield messages of 80 to 140 characters, each with its number in it, in the order of time."""
    chance = random.Random(1)
    phrases = [post(chance) for _ in range(PHRASES)]
    roll = chance.random  # seven times as fast as randrange
    for message_id in range(1, size.messages + 1):
        # The lower of two: early accounts wrote more.
        author_id = int(min(roll(), roll()) * size.users) + 1
        text = f"{phrases[int(roll() * PHRASES)]} ({message_id}) {phrases[int(roll() * PHRASES)]}"
        length = SHORTEST + int(roll() * (LONGEST - SHORTEST))
        flagged = int(message_id % 50 == 0)
        yield message_id, author_id, text[:length].rstrip(), FIRST_SECOND + message_id // 3, flagged


def stored_as(values: str, rows: Iterator[tuple[int, int, str, int, int]]) -> Iterator[tuple[object, ...]]:
    """Yield the same messages with other values: a date as text, as mail programs write it, or all but the key."""
    for message_id, author_id, text, pub_date, flagged in rows:
        written = datetime.fromtimestamp(pub_date, UTC)
        if values == TEXT_DATES:
            yield message_id, author_id, text, f"{written:%Y-%m-%d %H:%M:%S}", flagged
        elif values == RARE_DATES:
            yield message_id, author_id, text, f"{written:%a, %d %b %Y %H:%M:%S} GMT", flagged
        elif values == ODD:
            date = f"{written:%Y-%m-%dT%H:%M:%S.000Z}"
            yield message_id, str(author_id), text.encode(), date, "true" if flagged else "false"
        else:
            yield message_id, author_id, text, pub_date, flagged


def follows(size: Size) -> Iterator[tuple[int, int]]:
    """Yield different pairs: in round n, each account follows the one n places further on."""
    for number in range(size.follows):
        places, who = divmod(number, size.users)
        yield who + 1, (who + 1 + places) % size.users + 1


def add_size_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("users", "messages", "follows"):
        default = getattr(Size, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"how many {name} (default {default:,})")
    parser.add_argument("--values", choices=VALUES, default=CANONICAL, help="how the messages are stored")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make an old MiniTwit database to measure with.")
    add_size_arguments(parser)
    options = parser.parse_args()
    try:
        size = Size(options.users, options.messages, options.follows)
    except ValueError as error:
        parser.error(str(error))
    print(database_of(size, options.values))


if __name__ == "__main__":
    main()
