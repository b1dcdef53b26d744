"""An old database in PostgreSQL, read by COPY."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2 import errors, sql

from legacy_import.source.errors import SourceError
from legacy_import.source.server_address import ServerAddress
from legacy_import.source.snapshot.column_types import postgresql_affinity
from legacy_import.source.snapshot.servers import (
    CONNECT_SECONDS,
    LOCK_SECONDS,
    SILENCE_SECONDS,
    TABLE_MINUTES,
    Column,
    Snapshot,
    Table,
)

CHUNK_ROWS = 5000
CHUNK_BYTES = 4 * 1024 * 1024
# libpq's settings: how long to wait for an answer, and when a silent connection is dead.
CONNECTION_LIMITS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
}

TABLES = """
SELECT space.nspname, class.relname, attribute.attname, type.typname, attribute.atttypid::regtype::text,
    coalesce(attribute.attnum = ANY (key.indkey) AND key.indnatts = 1, false) AS is_key,
    (SELECT ARRAY[referred.relname, referred_column.attname]::text[] FROM pg_constraint
        JOIN pg_class AS referred ON referred.oid = confrelid
        JOIN pg_attribute AS referred_column ON attrelid = confrelid AND referred_column.attnum = confkey[1]
        WHERE contype = 'f' AND conrelid = class.oid AND conkey = ARRAY[attribute.attnum]
        ORDER BY conname LIMIT 1) AS reference
FROM pg_class AS class
JOIN pg_namespace AS space ON space.oid = class.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
JOIN pg_type AS declared ON declared.oid = attribute.atttypid
JOIN pg_type AS type ON type.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
LEFT JOIN pg_index AS key ON key.indrelid = class.oid AND key.indisprimary
WHERE class.relkind IN ('r', 'p') AND NOT class.relispartition
    AND space.nspname NOT IN ('pg_catalog', 'information_schema') AND pg_table_is_visible(class.oid)
    AND attribute.attnum > 0 AND NOT attribute.attisdropped
    AND has_table_privilege(class.oid, 'SELECT')
ORDER BY class.relname, attribute.attnum
"""
# One moment for all tables; rows in the order in which they lie, so that the same database gives the same file; no
# rows held back by a policy without a word.
SESSION = f"""
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL synchronize_seqscans = off;
SET LOCAL row_security = off;
SET LOCAL lock_timeout = '{LOCK_SECONDS}s';
SET LOCAL statement_timeout = '{TABLE_MINUTES}min';
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
"""
# The server's or the account's own limits would end the copy between two tables. Each came with a version.
NO_LIMITS = {"idle_in_transaction_session_timeout": 90_600, "transaction_timeout": 170_000}

LIBPQ_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
NULL = rb"\N"
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class PostgreSQLServer:
    """A PostgreSQL server, in one read-only transaction."""

    def __init__(self, connection: psycopg2.extensions.connection, label: str) -> None:
        self.connection = connection
        self.label = label
        version = connection.server_version
        self.product = f"PostgreSQL {version // 10000}"

    def tables(self) -> list[Table]:
        columns: dict[tuple[str, str], list[Column]] = {}
        keys: dict[tuple[str, str], str] = {}
        with self.connection.cursor() as cursor:
            cursor.execute(TABLES)
            for schema, table, column, kind, _, is_key, reference in cursor.fetchall():
                affinity = postgresql_affinity(kind)
                columns.setdefault((schema, table), []).append(
                    Column(column, affinity, kind, tuple(reference) if reference else None)
                )
                if is_key and affinity == "INTEGER" and kind != "bool":
                    keys[schema, table] = column
        return [Table(*name, tuple(found), keys.get(name)) for name, found in columns.items()]

    def copy(self, table: Table, snapshot: Snapshot) -> None:
        statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(expression_of(column) for column in table.columns),
            sql.Identifier(table.schema, table.name),
        )
        receiver = CopyReceiver(table, snapshot)
        with self.connection.cursor() as cursor:
            cursor.copy_expert(statement, receiver)
        receiver.flush()


def expression_of(column: Column) -> sql.Composable:
    """How a value is written, so that the import reads of it what it meant there."""
    name = sql.Identifier(column.name)
    if column.kind == "bool":
        return sql.SQL("{}::int").format(name)
    if column.kind == "timestamptz":  # the session's zone is UTC; the import wants minutes in an offset
        return sql.SQL("CASE WHEN isfinite({0}) THEN {0}::text || ':00' ELSE {0}::text END").format(name)
    if column.kind == "date":
        return sql.SQL("{}::timestamp").format(name)
    return sql.SQL("{}").format(name)


class CopyReceiver:
    """Takes the lines that COPY sends, and puts their values into the snapshot."""

    def __init__(self, table: Table, snapshot: Snapshot) -> None:
        self.blobs = [index for index, column in enumerate(table.columns) if column.affinity == "BLOB"]
        self.snapshot = snapshot
        self.rows: list[list[bytes | None]] = []
        self.bytes = 0

    def write(self, line: bytes) -> int:
        """Take one line: the server sends each row as a message of its own."""
        values: list[bytes | None] = [None if field == NULL else field for field in line[:-1].split(b"\t")]
        if b"\\" in line:
            values = [value and unescaped(value) for value in values]
            for index in self.blobs:
                if (value := values[index]) is not None:
                    values[index] = bytes.fromhex(value[2:].decode())  # without the \x before it
        self.rows.append(values)
        self.bytes += len(line)
        if len(self.rows) >= CHUNK_ROWS or self.bytes >= CHUNK_BYTES:
            self.flush()
        return len(line)

    def flush(self) -> None:
        if self.rows:
            self.snapshot.add(self.rows)
            self.rows, self.bytes = [], 0


def unescaped(field: bytes) -> bytes:
    return ESCAPED.sub(lambda match: ESCAPES.get(match.group(1), match.group(1)), field) if b"\\" in field else field


@contextmanager
def connected(address: ServerAddress) -> Iterator[PostgreSQLServer]:
    """Connect, begin the transaction, and turn what goes wrong into sentences.

    Raises:
        SourceError: the server cannot be reached, refuses the account, or stops in the middle.
    """
    settings = address.settings
    try:
        place = {LIBPQ_NAMES[name]: settings[name] for name in LIBPQ_NAMES if settings[name]}
        connection = psycopg2.connect(**(CONNECTION_LIMITS | settings.get("OPTIONS", {}) | place))
    except (psycopg2.Error, UnicodeError, ValueError) as error:
        raise explain_connection(error, address) from None  # the error might quote the password
    with closing(connection):
        try:
            is_ascii = connection.get_parameter_status("server_encoding") == "SQL_ASCII"
            connection.set_client_encoding("SQL_ASCII" if is_ascii else "UTF8")
            with connection.cursor() as cursor:
                cursor.execute(SESSION)
                for name, since in NO_LIMITS.items():
                    if connection.server_version >= since:
                        cursor.execute(sql.SQL("SET LOCAL {} = 0").format(sql.Identifier(name)))
            yield PostgreSQLServer(connection, address.label)
        except (psycopg2.Error, UnicodeError) as error:
            raise explain_reading(error, address) from error


def explain_connection(error: Exception, address: ServerAddress) -> SourceError:
    said = str(error)
    if re.search(r"authentication failed|no password supplied|role .* does not exist|pg_hba\.conf", said):
        return address.access_denied()
    if re.search(r"could not translate host name|Name or service not known", said):
        return address.unknown_host()
    if re.search(r"database .* does not exist", said):
        return address.no_such_database()
    if re.search(r"timeout expired|refused|No such file|unreachable|No route|timed out", said):
        return address.unreachable()
    return address.failed(said)


def explain_reading(error: Exception, address: ServerAddress) -> SourceError:
    if isinstance(error, errors.LockNotAvailable):
        return address.locked()
    if isinstance(error, errors.InsufficientPrivilege):
        return SourceError(
            "access_denied",
            f"{address.label}: the account may not read all rows of the tables ({first_line(error)}). Give the "
            "import an account that may.",
        )
    if isinstance(error, errors.QueryCanceled):
        return address.too_slow()
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return address.lost(first_line(error))
    return address.failed(first_line(error))


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
