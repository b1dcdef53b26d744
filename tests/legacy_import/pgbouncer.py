"""A PgBouncer of the tests' own, before the tests' database."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
WHY_NOT = "PgBouncer is not installed: apt-get install pgbouncer"
PATIENCE = 60  # seconds


@contextmanager
def running(pool_mode: str) -> Iterator[int]:
    """Start it. Yields the port of 127.0.0.1 where it listens."""
    account = account_of_server()
    with tempfile.TemporaryDirectory(prefix="pgbouncer_") as folder, open(Path(folder) / "log", "wb") as log:
        port = free_port()
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = {address_of_server()}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 10\n"
        )
        if account:
            for path in (Path(folder), settings):
                shutil.chown(path, account)
        process = subprocess.Popen(
            [str(PROGRAM), str(settings)],
            stdout=log,
            stderr=subprocess.STDOUT,
            user=account or None,
            cwd=folder_of_socket(),  # entered before the account changes, which could not enter the folders above
        )
        try:
            wait_until_it_answers(port, process)
            yield port
        finally:
            process.terminate()
            process.wait()


@contextmanager
def connected_through(port: int) -> Iterator[None]:
    """Let this process reach its database through the pooler."""
    usual = {key: connection.settings_dict[key] for key in ("HOST", "PORT", "OPTIONS")}
    kept = {key: value for key, value in usual["OPTIONS"].items() if key not in ("host", "port")}
    connection.close()
    connection.settings_dict.update({"HOST": "127.0.0.1", "PORT": str(port), "OPTIONS": kept})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(usual)


def address_of_server() -> str:
    settings = connection.settings_dict
    named = {
        "host": "/proc/self/cwd" if folder_of_socket() else settings["HOST"] or "/var/run/postgresql",
        "port": settings["OPTIONS"].get("port") or settings["PORT"] or 5432,
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    return " ".join(f"{key}={value}" for key, value in named.items() if value)


def folder_of_socket() -> str | None:
    """Where the server's socket lies; nothing where it is reached through the network."""
    host = str(connection.settings_dict["OPTIONS"].get("host") or connection.settings_dict["HOST"])
    return host if Path(host).is_absolute() else None


def account_of_server() -> str:
    """Whom PgBouncer has to be, which does not run as root: one who may enter the folder of the server's socket."""
    if os.getuid() != 0:
        return ""
    folder = folder_of_socket()
    return Path(folder).owner() if folder and Path(folder).owner() != "root" else "nobody"


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def wait_until_it_answers(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "PgBouncer did not start."
        assert time.monotonic() < deadline, "PgBouncer does not answer."
        time.sleep(0.05)
