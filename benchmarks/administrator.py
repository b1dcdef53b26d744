"""What a careful administrator would do without the product, with PostgreSQL's own means and pgloader.

pgloader copies the old tables as they are; SQL writes them into the product's own tables, which have no index, key or
foreign key meanwhile; then all of those are made, two at a time; and EXCEPT compares old and new in both directions.
The server, the tables and the indexes are the same as the product's, and the settings for building indexes are those
that a textbook recommends. Nothing is previewed, nothing is checked before it is written, an odd value ends it, and
nothing can be undone.

The floor under every import, this one and the product's, is what PostgreSQL needs for finished lines: COPY into the
same tables, and the same indexes and keys.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import extensions

from benchmarks import pgloader
from benchmarks.processes import manage, server_url, throwaway_database

DATABASE = "minitwit_benchmark_administrator"
AT_A_TIME = 2  # statements; the measured machines have two cores
SETTINGS = """
SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET max_parallel_maintenance_workers = 2; SET jit = off
"""

RAW_TABLES = """
CREATE SCHEMA raw;
ALTER TABLE "user" SET SCHEMA raw; ALTER TABLE message SET SCHEMA raw; ALTER TABLE follower SET SCHEMA raw
"""
# Definitions are read while the search path holds the product's tables, so that they can be run as they are.
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY indrelid <> '"MiniTwit_message"'::regclass, (
    SELECT amname <> 'gin' FROM pg_class JOIN pg_am ON pg_am.oid = relam WHERE pg_class.oid = indexrelid)
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint
WHERE contype IN ('p', 'u', 'f')
    AND (conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[]))
ORDER BY contype = 'f' DESC
"""
TABLES = ['"MiniTwit_user"', '"MiniTwit_message"', '"MiniTwit_follow"']

PASSWORD = r"""
regexp_replace(split_part(pw_hash, '$', 1), '^pbkdf2:sha256:', 'pbkdf2_sha256$') || '$' || split_part(pw_hash, '$', 2)
    || '$' || encode(decode(split_part(pw_hash, '$', 3), 'hex'), 'base64')
"""
WRITE_USERS = f"""
INSERT INTO "MiniTwit_user" (legacy_id, username, email, password, first_name, last_name, is_staff, is_superuser,
    is_active, date_joined)
SELECT user_id, username, email, {PASSWORD}, '', '', false, false, true, NULL FROM raw."user" ORDER BY user_id;
ANALYZE "MiniTwit_user"
"""
WRITE_MESSAGES = """
INSERT INTO "MiniTwit_message" (legacy_id, author_id, text, pub_date, flagged)
SELECT message_id, author.id, text, to_timestamp(pub_date), flagged <> 0
FROM raw.message JOIN "MiniTwit_user" AS author ON author.legacy_id = author_id;
ANALYZE "MiniTwit_message"
"""
WRITE_FOLLOWS = """
INSERT INTO "MiniTwit_follow" (who_id, whom_id)
SELECT DISTINCT follower.id, followed.id FROM raw.follower AS old
JOIN "MiniTwit_user" AS follower ON follower.legacy_id = old.who_id
JOIN "MiniTwit_user" AS followed ON followed.legacy_id = old.whom_id;
ANALYZE "MiniTwit_follow"
"""
OLD_AND_NEW = {
    "users": (
        f'SELECT user_id::bigint, username, email, {PASSWORD} FROM raw."user"',
        'SELECT legacy_id, username, email, password FROM "MiniTwit_user"',
    ),
    "messages": (
        "SELECT message_id::bigint, author_id::bigint, text, to_timestamp(pub_date), flagged <> 0 FROM raw.message",
        "SELECT message.legacy_id, author.legacy_id, text, pub_date, flagged"
        ' FROM "MiniTwit_message" AS message JOIN "MiniTwit_user" AS author ON author.id = author_id',
    ),
    "follows": (
        "SELECT who_id::bigint, whom_id::bigint FROM raw.follower",
        "SELECT follower.legacy_id, followed.legacy_id"
        ' FROM "MiniTwit_follow" JOIN "MiniTwit_user" AS follower ON follower.id = who_id'
        ' JOIN "MiniTwit_user" AS followed ON followed.id = whom_id',
    ),
}


@dataclass(frozen=True)
class Statement:
    """An index, a key or a foreign key: what drops it, and what makes it again."""

    drop: str
    create: str


class Stopwatch(dict[str, float]):
    """The seconds of each step, by name."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self[name] = time.monotonic() - began


@contextmanager
def brought_over(source: Path) -> Iterator[Stopwatch]:
    """Bring an old database over; the new one exists as long as the block lasts."""
    watch = Stopwatch()
    with throwaway_database(DATABASE):
        watch["pgloader"] = pgloader.load(source, DATABASE).seconds
        run([RAW_TABLES])
        manage(DATABASE, "migrate", "--verbosity", "0")
        with without_indexes(watch), watch.step("SQL into the new tables"):
            run([WRITE_USERS])
            run([WRITE_MESSAGES, WRITE_FOLLOWS])
        with watch.step("EXCEPT as verification"):
            run([differences(*pair) for pair in OLD_AND_NEW.values()], check=nothing_differs)
        yield watch


def copied_again() -> Stopwatch:
    """Empty the new tables and fill them with the same rows, from files that have them as COPY takes them."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        files = {table: Path(folder) / str(number) for number, table in enumerate(TABLES)}
        for table, path in files.items():
            with connected() as connection, connection.cursor() as cursor, path.open("wb") as file:
                cursor.copy_expert(f"COPY {table} TO STDOUT", file)
        with without_indexes(watch), watch.step("COPY"), ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(copy_file, files.items()))
    return watch


def copy_file(table_and_file: tuple[str, Path]) -> None:
    """Fill an empty table; one that the same transaction empties is not logged, where the server logs the least."""
    table, path = table_and_file
    with connected() as connection, connection.cursor() as cursor, path.open("rb") as file:
        cursor.execute("BEGIN")
        cursor.execute(f"TRUNCATE {table}")
        cursor.copy_expert(f"COPY {table} FROM STDIN", file)
        cursor.execute(f"COMMIT; ANALYZE {table}")


@contextmanager
def without_indexes(watch: Stopwatch) -> Iterator[None]:
    """Drop all indexes and keys of the three tables while the block fills them, then make them again."""
    indexes, keys, foreign_keys = dropped()
    yield
    with watch.step("indexes and keys"):
        run([statement.create for statement in [*indexes, *keys]])
    with watch.step("foreign keys"):
        run([statement.create for statement in foreign_keys], at_a_time=1)  # each locks both of its tables


def dropped() -> tuple[list[Statement], list[Statement], list[Statement]]:
    """Drop all indexes, all keys, and all foreign keys to and from the three tables."""
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS, {"tables": TABLES})
        constraints = [
            (
                Statement(
                    f"ALTER TABLE {table} DROP CONSTRAINT {name}", f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}"
                ),
                is_foreign,
            )
            for table, name, text, is_foreign in cursor.fetchall()
        ]
        cursor.execute(INDEXES, [TABLES])
        indexes = [Statement(f"DROP INDEX {name}", definition) for name, definition in cursor.fetchall()]
    foreign_keys = [statement for statement, is_foreign in constraints if is_foreign]
    keys = [statement for statement, is_foreign in constraints if not is_foreign]
    run([statement.drop for statement in [*foreign_keys, *keys, *indexes]], at_a_time=1)
    return indexes, keys, foreign_keys


def differences(old: str, new: str) -> str:
    """SQL that counts the rows that only one side has."""
    return f"SELECT count(*) FROM (({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old})) AS different"


def nothing_differs(connection: extensions.connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        [count] = cursor.fetchone() or [None]
    if count != 0:
        raise RuntimeError(f"The administrator's script did not bring every row over; {count} differ: {statement}")


def execute(connection: extensions.connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def run(
    statements: Sequence[str],
    *,
    at_a_time: int = AT_A_TIME,
    check: Callable[[extensions.connection, str], None] = execute,
) -> None:
    """Run statements, each on a connection of its own."""

    def run_one(statement: str) -> None:
        with connected() as connection:
            execute(connection, SETTINGS)
            check(connection, statement)

    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(run_one, statements))


@contextmanager
def connected() -> Iterator[extensions.connection]:
    connection = psycopg2.connect(server_url(DATABASE))
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
