"""Folders on disk that belong to one database, for files that hold its rows or wait for its tables.

Several databases may share a VAR_DIR: a copy for trials beside the original, the databases of parallel tests. Ids in
names of files would collide then, and one database would clear away the files of another. So each database has a
folder, named by the server's identifier and by the database's number on that server. A restored dump is another
database; a standby server that takes over is the same one.
"""

import os
import re
import tempfile
from pathlib import Path

from MiniTwit.database.queries import rows_of

IDENTITY = """
SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()
"""
VANISHED = """
SELECT oid FROM unnest(%s::bigint[]) AS named (oid)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE pg_database.oid::bigint = named.oid)
"""
NAME = re.compile(r"(\d{1,20})-(\d{1,10})")


def database_folder(parent: Path) -> Path:
    """The folder of this database below a folder that databases share; only this account may enter it."""
    server, number = identity()
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = parent / f"{server}-{number}"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def folders_of_dropped_databases(parent: Path) -> list[Path]:
    """The folders of deleted databases of this server. The databases of other servers are not known."""
    server, _ = identity()
    names = [NAME.fullmatch(path.name) for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    numbers = [int(name[2]) for name in names if name and int(name[1]) == server]
    return [parent / f"{server}-{number}" for (number,) in rows_of(VANISHED, [numbers])]


def file_clock(folder: Path) -> float:
    """The time as the file system of a folder tells it, to compare the dates of its files with.

    The folder may lie on a file server whose clock is not that of this machine.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def identity() -> tuple[int, int]:
    """Identify this database: the server's identifier, and the database's number on that server."""
    ((server, number),) = rows_of(IDENTITY)
    return int(server), int(number)
