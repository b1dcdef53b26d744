"""A SQLite file, alone or with its write-ahead log, as one file that nobody writes to."""

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from legacy_import.sources.errors import SourceError
from legacy_import.sources.guard import UNREADABLE, complaint_of
from legacy_import.sources.intake.kinds import WAL_MAGICS

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
    "The -wal file is damaged, cut short, or ends with a change that was never completed: what stands after that "
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


def lacks_wal(header: bytes, path: Path) -> bool:
    """Whether rows may be missing because the write-ahead log did not come along."""
    return header[18:20] == WAL_MODE and not wal_of(path).exists()


def check_wal(head: bytes, label: str) -> None:
    """Raise SourceError unless these are the first bytes of a write-ahead log."""
    if head and head[:4] not in WAL_MAGICS:
        raise SourceError(
            "not_a_wal",
            f"{label} is not the -wal file of a SQLite database. It lies beside the database and has its name with "
            "-wal at the end; if there is none, leave it out.",
        )


def take_snapshot(path: Path, label: str, snapshot: Path) -> list[str]:
    """Copy a file that may be written to meanwhile, so that the copy is of one moment.

    A file that nobody writes to meanwhile is copied as it lies there, which is several times as fast as SQLite's
    backup; with any other the backup waits for those who write. A file in WAL mode without a log is open nowhere, and
    SQLite would make an empty log beside it: it is copied as it is.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: something that is no file has the name of its log or its journal.
    """
    check_beside(path, label)
    with path.open("rb") as file:
        header = file.read(20)
    if lacks_wal(header, path):
        written = path.stat().st_mtime_ns
        warnings = copy_with_wal(path, label, snapshot)
        # Nor was it opened meanwhile; who opens, writes and closes leaves no log behind, but a date.
        if not wal_of(path).exists() and path.stat().st_mtime_ns == written:
            return warnings
        snapshot.unlink()
    try:
        live = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            if not copy_undisturbed(live, path, snapshot):
                back_up(live, snapshot)
        finally:
            live.close()
    except UNREADABLE:
        # SQLite cannot open a file with a log, or with a change to take back, where it may not write.
        snapshot.unlink(missing_ok=True)
        return copy_with_journal(path, label, snapshot) if has_journal(path) else copy_with_wal(path, label, snapshot)
    snapshot.chmod(0o600)
    return []


def copy_undisturbed(live: sqlite3.Connection, path: Path, snapshot: Path) -> bool:
    """Copy a file as it lies there. Returns whether it has no log and nobody wrote to it meanwhile.

    Nobody is kept from writing. SQLite says whether a change was completed since (and does not say it while one is
    being written), the file's date whether one was begun and taken back.
    """

    def state() -> tuple[int, int]:
        ((version,),) = live.execute("PRAGMA data_version").fetchall()
        return version, path.stat().st_mtime_ns

    try:
        before = state()
        if live.execute("PRAGMA journal_mode").fetchall() == [("wal",)]:
            return False
        shutil.copyfile(path, snapshot)
        return state() == before
    except sqlite3.OperationalError:  # somebody is at it
        return False


def back_up(live: sqlite3.Connection, snapshot: Path) -> None:
    """Copy a database through SQLite's backup, which begins anew whenever somebody writes."""
    snapshot.unlink(missing_ok=True)
    with closing(sqlite3.connect(snapshot)) as copy:
        copy.execute("PRAGMA synchronous=OFF")  # the copy need not survive a power cut
        copy.execute("PRAGMA journal_mode=OFF")
        live.backup(copy, pages=16384)


def check_beside(path: Path, label: str) -> None:
    """SQLite opens what lies beside a database; whoever opens a pipe waits for somebody to write into it."""
    for ending in ("-wal", "-journal", "-shm"):
        beside = Path(f"{path}{ending}")
        try:
            is_file = stat.S_ISREG(beside.stat().st_mode)
        except FileNotFoundError:  # perhaps since a moment ago: a journal goes with its change
            continue
        if not is_file:
            raise SourceError(
                "unreadable_file",
                f"{label} cannot be read, because what lies beside it as {beside.name} is no file. Remove that, or "
                "copy the database to another folder.",
            )


def copy_with_journal(path: Path, label: str, snapshot: Path) -> list[str]:
    """Copy the file, and let SQLite take back the change that was never completed, with the help of its journal.

    Returns:
        What staff are to be warned of: nothing, for nothing is missing that had been saved.

    Raises:
        SourceError: the journal does not fit the file.
    """
    journal = journal_of(snapshot)
    shutil.copyfile(path, snapshot)
    snapshot.chmod(0o600)
    shutil.copyfile(journal_of(path), journal)
    try:
        with closing(sqlite3.connect(snapshot)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UNREADABLE as error:
        raise SourceError(
            "damaged_file",
            f"{label} and its -journal file cannot be read together: SQLite says “{complaint_of(error)}”. Copy both "
            "again from where the old application keeps them, with the application stopped.",
        ) from error
    finally:
        journal.unlink(missing_ok=True)
    return []


def copy_with_wal(path: Path, label: str, snapshot: Path) -> list[str]:
    """Copy the file, and let SQLite bring in what stands in its write-ahead log.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: there is a log, but it does not fit the file.
    """
    shutil.copyfile(path, snapshot)
    snapshot.chmod(0o600)
    if not has_wal(path):
        return []
    shutil.copyfile(wal_of(path), wal_of(snapshot))
    return merge_wal(snapshot, label)


def merge_wal(path: Path, label: str) -> list[str]:
    """Bring what stands in the write-ahead log of a file of our own into the file.

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
