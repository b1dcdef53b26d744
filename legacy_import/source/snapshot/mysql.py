"""An old database in MySQL or MariaDB, read by a cursor that does not wait for the last row."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pymysql
from pymysql.constants import CR, ER
from pymysql.converters import encoders
from pymysql.cursors import SSCursor

from legacy_import.source.errors import SourceError
from legacy_import.source.server_address import ServerAddress
from legacy_import.source.snapshot.column_types import mysql_affinity
from legacy_import.source.snapshot.servers import (
    CONNECT_SECONDS,
    LOCK_SECONDS,
    SILENCE_SECONDS,
    TABLE_MINUTES,
    Column,
    Snapshot,
    Table,
)

CHUNK_ROWS = 2000
PAUSE_SECONDS = 600  # that storing some rows may take

TABLES = """
SELECT columns.table_name, columns.column_name, columns.data_type, columns.column_type, columns.column_key,
    refers.referenced_table_name, refers.referenced_column_name
FROM information_schema.columns AS columns
JOIN information_schema.tables AS tables
    ON tables.table_schema = columns.table_schema AND tables.table_name = columns.table_name
LEFT JOIN information_schema.key_column_usage AS refers
    ON refers.table_schema = columns.table_schema AND refers.table_name = columns.table_name
    AND refers.column_name = columns.column_name AND refers.referenced_table_name IS NOT NULL
WHERE columns.table_schema = DATABASE() AND tables.table_type = 'BASE TABLE'
ORDER BY columns.table_name, columns.ordinal_position
"""
SESSION = (
    "SET SESSION time_zone = '+00:00', sql_mode = ''",
    # The import sets its own limits. MySQL and MariaDB each read their own comments.
    f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}, wait_timeout = {PAUSE_SECONDS}"
    f", net_write_timeout = {PAUSE_SECONDS} /*!50708 , max_execution_time = {TABLE_MINUTES * 60_000} */"
    f" /*M!100101 , max_statement_time = {TABLE_MINUTES * 60} */"
    f" /*M!100300 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
# What an address may say beside where the database is, as Django has it.
OPTIONS = frozenset({"ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity", "unix_socket"})
NO_SUCH_HOST = re.compile(r"Name or service not known|nodename nor servname|getaddrinfo|name resolution")


class MySQLServer:
    """A MySQL or MariaDB server, in one read-only transaction."""

    def __init__(self, connection: pymysql.Connection) -> None:
        self.connection = connection
        version = connection.get_server_info()
        number = re.search(r"(\d+\.\d+)\.\d+-MariaDB", version) or re.match(r"(\d+\.\d+)", version)
        self.product = f"{'MariaDB' if 'MariaDB' in version else 'MySQL'} {number.group(1) if number else version}"

    def tables(self) -> list[Table]:
        columns: dict[str, list[Column]] = {}
        keys: dict[str, list[str]] = {}
        with self.connection.cursor() as cursor:
            cursor.execute(TABLES)
            for row in cursor.fetchall():
                table, column, kind, declared, key = (value.decode() for value in row[:5])
                reference = (row[5].decode(), row[6].decode()) if row[5] else None
                if any(found.name == column for found in columns.get(table, [])):
                    continue  # it refers to a second table
                affinity = mysql_affinity(kind.lower())
                columns.setdefault(table, []).append(Column(column, affinity, kind.lower(), reference))
                if key == "PRI":
                    # A number beyond what SQLite has as a row id stays an ordinary value.
                    usable = affinity == "INTEGER" and kind.lower() != "bit" and declared.lower() != "bigint unsigned"
                    keys.setdefault(table, []).append(column if usable else "")
        return [
            Table("", name, tuple(found), key[0] or None if len(key := keys.get(name, [])) == 1 else None)
            for name, found in columns.items()
        ]

    def copy(self, table: Table, snapshot: Snapshot) -> None:
        expressions = ", ".join(expression_of(column) for column in table.columns)
        cursor = StreamingCursor(self.connection)
        try:
            cursor.execute(f"SELECT {expressions} FROM {quoted(table.name)}")  # noqa: S608
            while rows := cursor.fetchmany(CHUNK_ROWS):
                snapshot.add(rows)
        except BaseException:
            cursor.abandon()
            raise
        cursor.close()


class StreamingCursor(SSCursor):
    """A cursor that gives the rows as they come."""

    def abandon(self) -> None:
        """Give up a result in the middle. (Closing the cursor would read all of it first.)"""
        if self._result is not None:
            self._result.unbuffered_active = False
        self.connection = None


def expression_of(column: Column) -> str:
    """How a value is written, so that the import reads of it what it meant there."""
    name = quoted(column.name)
    if column.kind == "bit":
        return f"{name} + 0"
    if column.kind == "timestamp":  # the session's zone is UTC
        return f"CONCAT({name}, '+00:00')"
    return f"CONCAT({name}, ' 00:00:00')" if column.kind == "date" else name


def quoted(name: str) -> str:
    """Quote a name for MySQL."""
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def connected(address: ServerAddress) -> Iterator[MySQLServer]:
    """Connect, begin the transaction, and turn what goes wrong into sentences.

    Raises:
        SourceError: the server cannot be reached, refuses the account, or stops in the middle.
    """
    try:
        connection = pymysql.connect(**arguments_for(address))
    except (pymysql.Error, OSError, RuntimeError, ValueError, TypeError) as error:
        raise explain_connection(error, address) from None  # the error might quote the password
    with closing(connection):
        try:
            with connection.cursor() as cursor:
                for statement in SESSION:
                    cursor.execute(statement)
            yield MySQLServer(connection)
        except (pymysql.Error, UnicodeError) as error:
            raise explain_reading(error, address) from error


def arguments_for(address: ServerAddress) -> dict[str, Any]:
    settings = address.settings
    host = settings["HOST"]
    options = {key: value for key, value in settings.get("OPTIONS", {}).items() if key in OPTIONS}
    return {
        "user": settings["USER"] or None,
        "password": settings["PASSWORD"],
        "database": settings["NAME"],
        "port": settings["PORT"] or 3306,
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": SILENCE_SECONDS,
        "write_timeout": SILENCE_SECONDS,
        # Every value as the bytes that the server sends.
        "use_unicode": False,
        "conv": encoders,
        **({"unix_socket": host} if host.startswith("/") else {"host": host or "localhost"}),
        **options,
    }


def explain_connection(error: Exception, address: ServerAddress) -> SourceError:
    number = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    said = str(error.args[-1]) if error.args else ""
    if number in (ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR):
        return address.access_denied()
    if number == ER.BAD_DB_ERROR:
        return address.no_such_database()
    if NO_SUCH_HOST.search(said):
        return address.unknown_host()
    if number in (CR.CR_CONN_HOST_ERROR, CR.CR_CONNECTION_ERROR, CR.CR_SERVER_LOST):
        return address.unreachable()
    return address.failed(said)


def explain_reading(error: Exception, address: ServerAddress) -> SourceError:
    number = error.args[0] if error.args else None
    said = str(error.args[-1]) if error.args else ""
    if number == ER.LOCK_WAIT_TIMEOUT:
        return address.locked()
    if number in (ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR):
        return SourceError(
            "access_denied",
            f"{address.label}: the account may not read all rows of the tables. Give the import an account that may.",
        )
    if number in (ER.QUERY_TIMEOUT, ER.STATEMENT_TIMEOUT, ER.QUERY_INTERRUPTED):
        return address.too_slow()
    if isinstance(error, pymysql.OperationalError | pymysql.InterfaceError):
        return address.lost(said)
    return address.failed(said)
