"""A SQLite file with its write-ahead log or its journal, as one file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from legacy_import.source.errors import SourceError, no_room
from legacy_import.source.sandbox import UNREADABLE, complaint_of
from legacy_import.source.snapshot.file_types import WAL_MAGICS
from legacy_import.source.snapshot.progress import OnProgress
from MiniTwit.storage.full_disks import lacks_room

COPY_BYTES = 1024 * 1024  # at a time; the time for larger blocks goes into getting their memory
WAL_MODE = b"\x02\x02"  # bytes 18 and 19 of the header
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
SALT = slice(8, 16)  # of a page's header in the log; bytes 16 to 24 of the log's own
WITHOUT_WAL = (
    "The file is in SQLite's WAL mode and came without its -wal file. If the old application was running when it was "
    "copied, recent rows may be missing: upload the -wal file with it, or stop the application and copy the file "
    "again."
)
WAL_BRINGS_NOTHING = (
    "The -wal file holds nothing for this database: it belongs to another copy of it, or all of it is in the "
    "database already. If rows are missing, stop the old application and copy the file again."
)
WAL_IS_BROKEN = (
    "The -wal file is damaged, cut short, or ends with a change that was never completed: all after that "
    "place was left out. If rows are missing, stop the old application and copy both files again."
)


def wal_of(path: Path) -> Path:
    """Where SQLite keeps the write-ahead log of a file."""
    return Path(f"{path}-wal")


def journal_of(path: Path) -> Path:
    """Where SQLite keeps what it needs to take an unfinished change back."""
    return Path(f"{path}-journal")


def has_journal(path: Path) -> bool:
    """Whether such a journal lies beside the file."""
    return journal_of(path).is_file() and journal_of(path).stat().st_size > 0


def has_wal(path: Path) -> bool:
    """Whether a write-ahead log lies beside the file; an empty one says nothing."""
    try:
        return wal_of(path).stat().st_size > 0
    except OSError:
        return False


def is_in_wal_mode(path: Path) -> bool:
    """Whether SQLite keeps a write-ahead log for the file as long as a program has it open."""
    with path.open("rb") as file:
        return file.read(20)[18:20] == WAL_MODE


def lacks_wal(path: Path) -> bool:
    """Whether rows may be missing because the write-ahead log did not come along."""
    return is_in_wal_mode(path) and not wal_of(path).exists()


def check_wal(head: bytes, label: str) -> None:
    """Raise SourceError unless these are the first bytes of a write-ahead log."""
    if head and head[:4] not in WAL_MAGICS:
        raise SourceError(
            "not_a_wal",
            f"{label} is not the -wal file of a SQLite database. It lies beside the database and has its name with "
            "-wal at the end; if there is none, leave it out.",
        )


def discard_copy(path: Path) -> None:
    """Leave nothing of a copy and what lay beside it but an empty file that only this account may read."""
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    path.touch(0o600)


def copy_file(path: Path, copy: Path, label: str, on_progress: OnProgress) -> None:
    """Copy a file step by step, so that a large one shows progress and can be given up; for this account only."""
    size, done = path.stat().st_size, 0
    with path.open("rb") as file, open(copy, "wb", opener=for_this_account) as target:
        while block := file.read(COPY_BYTES):
            target.write(block)
            done += len(block)
            on_progress(f"Copying {label}, {min(100 * done // max(size, 1), 100)} %")


def for_this_account(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def copy_with_wal(path: Path, label: str, snapshot: Path, on_progress: OnProgress) -> list[str]:
    """Copy a file that no program writes to, and let SQLite bring in its write-ahead log.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the log does not fit the file.
    """
    discard_copy(snapshot)
    copy_file(path, snapshot, label, on_progress)
    copy_file(wal_of(path), wal_of(snapshot), label, on_progress)
    return merge_wal(snapshot, label)


def bring_in_beside(path: Path, label: str) -> list[str]:
    """Bring what lies beside a file of our own into the file: a journal or a log, or nothing.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: it does not fit the file.
    """
    if has_journal(path):
        take_back(path, label)
        return []
    return merge_wal(path, label) if has_wal(path) else []


def take_back(path: Path, label: str) -> None:
    """Take back the change that was never completed, with the help of the journal of a file of our own.

    Raises:
        SourceError: the journal does not fit the file.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UNREADABLE as error:
        if lacks_room(error):
            raise no_room(label) from error
        raise SourceError(
            "damaged_file",
            f"{label} and its -journal file cannot be read together: SQLite says “{complaint_of(error)}”. Copy both "
            "again from where the old application keeps them, with the application stopped.",
        ) from error
    finally:
        journal_of(path).unlink(missing_ok=True)


def merge_wal(path: Path, label: str) -> list[str]:
    """Bring the write-ahead log of a copy into the copy.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the log does not fit the file.
    """
    log = wal_of(path)
    try:
        check_page_sizes(path, log, label)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            is_broken = frames > 0 and has_page_after(log, frames)
            connection.execute("PRAGMA journal_mode=DELETE")
    except UNREADABLE as error:
        if lacks_room(error):
            raise no_room(label) from error
        raise SourceError(
            "damaged_file",
            f"{label} and its -wal file cannot be read together: SQLite says “{complaint_of(error)}”. Copy both "
            "again from where the old application keeps them, with the application stopped.",
        ) from error
    finally:
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
    if frames <= 0:
        return [WAL_BRINGS_NOTHING]
    return [WAL_IS_BROKEN] if is_broken else []


def has_page_after(log: Path, frames: int) -> bool:
    """Whether the log goes on after the pages that SQLite believes. (Pages of an earlier round have another salt.)"""
    with log.open("rb") as file:
        header = file.read(WAL_HEADER_BYTES)
        page_size = int.from_bytes(header[8:12], "big")
        file.seek(WAL_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + page_size))
        rest = file.read(FRAME_HEADER_BYTES)
    return len(rest) >= SALT.stop and rest[SALT] == header[16:24]


def check_page_sizes(path: Path, log: Path, label: str) -> None:
    """Raise SourceError if the log was written for a database with other pages."""
    with path.open("rb") as file, log.open("rb") as log_file:
        database_head, log_head = file.read(18), log_file.read(WAL_HEADER_BYTES)
    check_wal(log_head, f"The -wal file of {label}")
    page_size = int.from_bytes(database_head[16:18], "big")
    if int.from_bytes(log_head[8:12], "big") != (65536 if page_size == 1 else page_size):
        raise SourceError(
            "damaged_file",
            f"The -wal file is not that of {label}: its pages have another size. Give the file that lies beside the "
            "database and has its name with -wal at the end.",
        )
