"""Throw-away databases, and commands that are run and measured."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from backoffice.settings import BASE_DIR, DATABASES

SERVER = DATABASES["default"]


@dataclass(frozen=True)
class Measured:
    """A finished command. `peak_memory` is in bytes, of the command's own process."""

    seconds: float
    peak_memory: int
    output: str


def server_url(name: str, *, socket_prefix: str | None = None) -> str:
    """Return the address of a database on the configured server.

    Args:
        name: the database.
        socket_prefix: for pgloader, which writes a socket's folder in the place of the host, after `unix:`;
            PostgreSQL's own library takes it percent-encoded.
    """
    host = SERVER["HOST"] or SERVER["OPTIONS"].get("host") or "localhost"
    port = SERVER["PORT"] or SERVER["OPTIONS"].get("port") or 5432
    password = f":{quote(SERVER['PASSWORD'], safe='')}" if SERVER["PASSWORD"] else ""
    if host.startswith("/"):
        host = quote(host, safe="") if socket_prefix is None else f"{socket_prefix}{host}"
    return f"postgresql://{quote(SERVER['USER'], safe='')}{password}@{host}:{port}/{name}"


@contextmanager
def throwaway_database(name: str) -> Iterator[str]:
    """Make an empty database on the configured server, and drop it afterwards."""
    connection = psycopg2.connect(server_url(str(SERVER["NAME"])))
    connection.autocommit = True
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    try:
        with connection.cursor() as cursor:
            cursor.execute(drop)
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                yield name
            finally:
                cursor.execute(drop)
    finally:
        connection.close()


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.measure", str(result), *command],
            cwd=BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        measured = json.loads(result.read_text()) if result.exists() else {"exit_code": finished.returncode}
    if measured["exit_code"]:
        raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stdout}{finished.stderr}")
    return Measured(measured["seconds"], measured["peak_memory"], finished.stdout)


def run_in_product(database: str, *arguments: str) -> Measured:
    """Run Python with production's settings on a throw-away database, with no old database configured."""
    environment = {key: value for key, value in os.environ.items() if key != "LEGACY_DATABASE_URL"}
    environment |= {"DATABASE_URL": server_url(database), "DEBUG": "0"}
    return run_measured([sys.executable, *arguments], environment)


def manage(database: str, *arguments: str) -> Measured:
    """Run `manage.py` so."""
    return run_in_product(database, "manage.py", *arguments)


def durations_of_latest_run(database: str) -> dict[str, float]:
    """Return how many seconds each step of the latest import took, as the product recorded it."""
    connection = psycopg2.connect(server_url(database))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT durations FROM legacy_import_importrun ORDER BY id DESC LIMIT 1")
            row = cursor.fetchone()
    finally:
        connection.close()
    return dict(row[0]) if row else {}
