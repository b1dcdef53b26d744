"""Work in a copy of the test's database: it is there at once, and nothing has to be put back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from psycopg2 import sql


@contextmanager
def working_in(database: str) -> Iterator[None]:
    """Let this process work in another database of the same server."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


@contextmanager
def database_copy() -> Iterator[str]:
    """A copy of the database, with its name; it is gone after the block."""
    usual = connection.settings_dict["NAME"]
    names = {"copy": sql.Identifier(f"{usual}_copy"), "usual": sql.Identifier(usual)}
    drop = sql.SQL("DROP DATABASE IF EXISTS {copy}").format(**names)
    with working_in("postgres"), connection.cursor() as cursor:
        cursor.execute(drop)
        # A thread of an earlier test may have left its connection, which lasts until garbage is collected.
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [usual])
        cursor.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {usual}").format(**names))
    yield f"{usual}_copy"
    with working_in("postgres"), connection.cursor() as cursor:
        cursor.execute(drop)
