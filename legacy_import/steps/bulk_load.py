"""Write many rows into a table quickly: without its indexes and foreign keys, which come back at the end.

Building an index over finished rows is several times as fast as keeping it through every insert, and a foreign key
that is added afterwards is checked by one join. All of it happens in the caller's transaction: if that fails, nothing
was ever dropped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from MiniTwit.database.session_settings import set_for_transaction
from MiniTwit.database.triggers import IMPORTING_SETTING

SMALL_BATCH = 20_000  # rows; below it, keeping the indexes costs less than building them again
ANY_ROW = sql.SQL("true")
NUMBERS_AT_ONCE = 10_000  # taken from a sequence; one by one takes a fifth of the time of writing a row

# The settings of a transaction that moves millions of rows.
SETTINGS = {
    IMPORTING_SETTING: "on",
    "jit": "off",
    "enable_mergejoin": "off",  # it would sort millions of wide rows where hashing the small side does
    "work_mem": "128MB",
    "maintenance_work_mem": "256MB",
    "lock_timeout": "30s",
}

CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint AS own
WHERE conrelid = %(table)s::regclass AND (contype = 'f' OR contype IN ('p', 'u') AND (%(keys)s OR NOT EXISTS (
    SELECT FROM pg_constraint AS referring WHERE referring.contype = 'f' AND referring.conindid = own.conindid)))
ORDER BY contype = 'f', conname
"""
REFERRING = """
SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'f' AND confrelid = %(table)s::regclass AND conrelid <> confrelid
ORDER BY relname, conname
"""
OTHER_ENDS = """
SELECT DISTINCT relname FROM pg_constraint
JOIN pg_class ON pg_class.oid = CASE WHEN conrelid = %(table)s::regclass THEN confrelid ELSE conrelid END
WHERE contype = 'f' AND conrelid <> confrelid
    AND (conrelid = %(table)s::regclass OR %(referred_keys)s AND confrelid = %(table)s::regclass)
"""
# Those on a part of the rows stay: building one reads the whole table, and few rows are written to it.
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %(table)s::regclass AND indpred IS NULL
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY 1
"""
IDENTITIES = """
SELECT attname, seqcache FROM pg_attribute
JOIN pg_sequence ON seqrelid = pg_get_serial_sequence(%(table)s, attname)::regclass
WHERE attrelid = %(table)s::regclass AND attidentity <> ''
"""
PRIMARY_KEY_INDEX = """
SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = %(table)s::regclass AND indisprimary AND current_setting('wal_level') = 'minimal'
"""


@dataclass(frozen=True)
class Dropped:
    """An index or constraint: what drops it, and what makes it again."""

    drop: sql.Composable
    create: sql.Composable


def prepare_transaction(cursor: CursorWrapper) -> None:
    """Set what SETTINGS says, for this transaction only."""
    for name, value in SETTINGS.items():
        set_for_transaction(cursor, name, value)


def is_worth_rebuilding(cursor: CursorWrapper, table: sql.Identifier, batch: int) -> bool:
    """Whether the table is empty or small against the batch."""
    return is_large(batch) and has_fewer_rows(cursor, table, batch)


def is_large(batch: int) -> bool:
    """Whether so many rows are worth the work of dropping what is kept with every row, and making it again."""
    return batch >= SMALL_BATCH


def is_all_of_run(cursor: CursorWrapper, table: sql.Identifier, run_id: int) -> bool:
    """Whether a run brought all rows of the table but a few."""
    others = sql.SQL("import_run IS DISTINCT FROM {}").format(sql.Literal(run_id))
    return has_fewer_rows(cursor, table, SMALL_BATCH, others)


def has_fewer_rows(
    cursor: CursorWrapper, table: sql.Identifier, rows: int, condition: sql.Composable = ANY_ROW
) -> bool:
    """Whether fewer than so many rows of the table meet a condition, without counting more than those."""
    statement = sql.SQL("SELECT count(*) FROM (SELECT FROM {} WHERE {} LIMIT %s) AS first_rows")
    cursor.execute(statement.format(table, condition), [rows])
    return bool(cursor.fetchone()[0] < rows)


def tables_locked_with(cursor: CursorWrapper, table: sql.Identifier, *, referred_keys: bool) -> list[str]:
    """The other tables that `without_indexes` keeps all else from: a foreign key goes at both of its ends."""
    cursor.execute(OTHER_ENDS, {"table": table.as_string(cursor.cursor), "referred_keys": referred_keys})
    return [name for (name,) in cursor.fetchall()]


@contextmanager
def without_indexes(
    cursor: CursorWrapper, table: sql.Identifier, on_progress: Callable[[int, int], None], *, referred_keys: bool
) -> Iterator[None]:
    """Drop the table's indexes, keys and foreign keys, and make them again from their own definitions.

    Args:
        referred_keys: whether a key goes, too, that other tables refer to. It stays if one of them is large.
        on_progress: called before each is built, with its number and how many there are.
    """
    begin_new_file(cursor, table)
    dropped = _dropped(cursor, table, referred_keys)
    for one in reversed(dropped):
        cursor.execute(one.drop)
    with numbered_in_blocks(cursor, table):
        yield
    for number, one in enumerate(dropped, 1):
        on_progress(number, len(dropped))
        cursor.execute(one.create)


@contextmanager
def without_referring_keys(cursor: CursorWrapper, table: sql.Identifier) -> Iterator[None]:
    """Drop the foreign keys of other tables to this one, and make them again at the end.

    While they are there, each deleted row is looked for in each of those tables. No check may be deferred meanwhile.
    """
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    keys = [_constraint(sql.Identifier(other), *key) for other, *key in referring_keys(cursor, table)]
    for key in keys:
        cursor.execute(key.drop)
    yield
    for key in keys:
        cursor.execute(key.create)


def referring_keys(cursor: CursorWrapper, table: sql.Identifier) -> list[tuple[str, str, str]]:
    """The foreign keys of other tables to this one: whose, their names and definitions."""
    cursor.execute(REFERRING, {"table": table.as_string(cursor.cursor)})
    return cast("list[tuple[str, str, str]]", cursor.fetchall())


@contextmanager
def numbered_in_blocks(cursor: CursorWrapper, table: sql.Identifier) -> Iterator[None]:
    """Take the numbers of the new rows from their sequence in large blocks. The rest of the last one stays unused."""
    cursor.execute(IDENTITIES, {"table": table.as_string(cursor.cursor)})
    found = cursor.fetchall()
    statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET CACHE {}")
    for column, usual in found:
        at_once = sql.Literal(max(usual, NUMBERS_AT_ONCE))
        cursor.execute(statement.format(table, sql.Identifier(column), at_once))
    yield
    for column, usual in found:
        cursor.execute(statement.format(table, sql.Identifier(column), sql.Literal(usual)))


def begin_new_file(cursor: CursorWrapper, table: sql.Identifier) -> None:
    """Rewrite the table if it holds few rows, so that its file is of this transaction.

    Where the server's log is minimal, PostgreSQL does not log what goes into such a file, but writes it out at the
    commit; elsewhere this is no gain and left out. Unlike TRUNCATE, CLUSTER keeps every row and minds no foreign key.
    """
    cursor.execute(PRIMARY_KEY_INDEX, {"table": table.as_string(cursor.cursor)})
    found = cursor.fetchone()
    if found and has_fewer_rows(cursor, table, SMALL_BATCH):
        cursor.execute(sql.SQL("CLUSTER {} USING {}").format(table, sql.Identifier(*found)))
        cursor.execute(sql.SQL("ALTER TABLE {} SET WITHOUT CLUSTER").format(table))  # this once only


def _dropped(cursor: CursorWrapper, table: sql.Identifier, referred_keys: bool) -> list[Dropped]:
    """Indexes, then keys and unique constraints, then foreign keys, those of others last: the order of building."""
    arguments = {"table": table.as_string(cursor.cursor)}
    referring = referring_keys(cursor, table)
    drop_keys = referred_keys and all(
        has_fewer_rows(cursor, sql.Identifier(name), SMALL_BATCH) for name in {row[0] for row in referring}
    )
    cursor.execute(INDEXES, arguments)
    found = [
        Dropped(sql.SQL("DROP INDEX {}").format(sql.SQL(name)), sql.SQL(definition))
        for name, definition in cursor.fetchall()
    ]
    cursor.execute(CONSTRAINTS, {**arguments, "keys": drop_keys})
    found += [_constraint(table, name, definition) for name, definition in cursor.fetchall()]
    if drop_keys:
        found += [_constraint(sql.Identifier(other), name, definition) for other, name, definition in referring]
    return found


def _constraint(table: sql.Identifier, name: str, definition: str) -> Dropped:
    return Dropped(
        sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, sql.Identifier(name)),
        sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, sql.Identifier(name), sql.SQL(definition)),
    )


def page_ranges(cursor: CursorWrapper, table: sql.Identifier, slices: int = 50) -> Iterator[tuple[str, str]]:
    """Cut a table into ranges of pages, as bounds for `ctid >= … AND ctid < …`."""
    cursor.execute("SELECT greatest(pg_relation_size(%s::regclass) / 8192, 1)", [table.as_string(cursor.cursor)])
    pages = cursor.fetchone()[0]
    step = max(pages // slices, 64)
    for start in range(0, pages, step):
        yield f"({start},0)", f"({start + step},0)"
