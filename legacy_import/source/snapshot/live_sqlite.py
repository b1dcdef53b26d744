"""Copy a SQLite file that the old application may be writing to, so that the copy is of one moment.

Three ways, from the fastest to the last resort: as the file is, if no program writes to it; through SQLite's
backup, which takes turns with the writers; as it is, with its log or journal, where SQLite cannot open it.
"""

import fcntl
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from legacy_import.source.errors import SourceError
from legacy_import.source.sandbox import UNREADABLE
from legacy_import.source.snapshot.progress import OnProgress
from legacy_import.source.snapshot.sqlite_wal import (
    WAL_HEADER_BYTES,
    WITHOUT_WAL,
    bring_in_beside,
    copy_file,
    discard_copy,
    has_journal,
    has_wal,
    is_in_wal_mode,
    journal_of,
    lacks_wal,
    wal_of,
)
from MiniTwit.storage.full_disks import lacks_room

# Dates of files go in steps, of up to two seconds on some file systems: two writes within one leave the same
# date. What was written to within the last moment may be written to again under that date.
MOMENT = 3.0  # seconds
QUIET = 60.0  # seconds: a file server's clock may be wrong, too, and there is another way
ATTEMPTS = 5  # a second apart, so that a file that was written to just now has its chance
WAIT_FOR_LOCK = 0.5  # seconds that SQLite waits for those who write, before on_progress is called, which may cancel
LONGEST_LOCK = 30.0  # seconds without a page, until staff are told that the file is locked
COMES_BACK = 10.0  # seconds that an application is waited for which opened the file during the last copy
SOON = 1.0  # seconds that one is waited for which may have opened it just now
BACKUP_BYTES = 64 * 1024 * 1024  # at a time; in between others may write
RESTARTS = 3  # of a backup, each because the file was written to; after them writers wait until it is done
# The bytes that every reader locks (https://www.sqlite.org/src/file/src/os.h).
SHARED_LOCK = (510, 0x4000_0002)


class SourceKeptChanging(Exception):  # noqa: N818 -- not an error
    """A backup had to begin again too often."""


def take_snapshot(path: Path, label: str, snapshot: Path, on_progress: OnProgress) -> list[str]:
    """Copy a file that may be written to meanwhile.

    Args:
        on_progress: called with a line for staff; may raise to end the work.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: something that is no file has the name of its log or its journal, it is locked or written to
            without a pause, or its log or journal does not fit it.
    """
    check_beside(path, label)
    damaged = disturbed = False
    for _ in range(ATTEMPTS):
        try:
            with opened(path, label, on_progress, comes_back=disturbed) as live:
                if live is not None:
                    if not copy_undisturbed(live, path, label, snapshot, on_progress):
                        back_up(live, label, snapshot, on_progress)
                    return []
        except UNREADABLE as error:
            if lacks_room(error):
                raise
            damaged = is_damage(error)  # so that no program can be writing to it; the copy will tell what is wrong
        if damaged or settled_date(path, MOMENT):
            alone = lacks_wal(path)
            if copy_as_it_lies(path, label, snapshot, on_progress) or damaged:
                return [*bring_in_beside(snapshot, label), *([WITHOUT_WAL] if alone else [])]
            disturbed = True
        on_progress(f"Waiting until {label} is not written to")
        time.sleep(1)
    raise SourceError(
        "source_busy",
        f"{label} is written to again and again, so that no copy of it is of one moment. Nothing was imported. Stop "
        "the old application until the preview is there, or try again when it is quieter.",
    )


@contextmanager
def opened(
    path: Path, label: str, on_progress: OnProgress, *, comes_back: bool
) -> Iterator[sqlite3.Connection | None]:
    """Open a file through SQLite for reading, or not at all if that would leave something beside it.

    Opening a file in WAL mode makes its log and the index of that; an account that may only read cannot remove them,
    and the old application may not be able to write to those of another account. So such a file is opened only where
    the application has opened it.

    Args:
        comes_back: whether a program opened and closed the file a while ago, and is worth waiting for.
    """
    with path.open("rb") as file:
        has_log = is_in_wal_mode(path) or has_wal(path)
        if has_log and not (
            lock(file.fileno()) and is_open_elsewhere(path, label, on_progress, comes_back=comes_back)
        ):
            yield None
            return
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=WAIT_FOR_LOCK, isolation_level=None)) as live:
            yield live


def lock(descriptor: int) -> bool:
    """Take the lock of those who read until the file is closed. Returns whether it was to be had.

    The last one to close a file in WAL mode removes its log and the index of that, unless others read.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, *SHARED_LOCK)
    except OSError:
        return False
    return True


def is_open_elsewhere(path: Path, label: str, on_progress: OnProgress, *, comes_back: bool) -> bool:
    """Whether a file in WAL mode has a log and an index.

    Many an application opens its file for every request. It is given the time to come back, while our lock sees to it
    that it leaves both behind.
    """
    deadline = time.monotonic() + (COMES_BACK if comes_back else SOON)
    while time.monotonic() < deadline:
        if wal_of(path).exists() and index_of(path).exists():
            return True
        if not comes_back and settled_date(path, MOMENT):
            return False
        on_progress(f"Waiting for the next change of {label}")
        time.sleep(0.1)
    return False


def index_of(path: Path) -> Path:
    """Where SQLite keeps the index of a write-ahead log, as long as a program has the file open."""
    return Path(f"{path}-shm")


def is_damage(error: Exception) -> bool:
    """Whether SQLite found the file damaged. (It may quote bytes that are no text.)"""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, UnicodeDecodeError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def settled_date(path: Path, seconds: float) -> int | None:
    """When the file was last written to, in nanoseconds; None if that was within the last seconds."""
    written = path.stat().st_mtime_ns
    return written if abs(time.time_ns() - written) > seconds * 1e9 else None


def copy_undisturbed(
    live: sqlite3.Connection, path: Path, label: str, snapshot: Path, on_progress: OnProgress
) -> bool:
    """Copy a file as it is. Returns whether it has no log and was not written to meanwhile.

    No writer is blocked. SQLite says whether a change was completed since (and does not say it while one is
    being written), the file's date whether one was begun and taken back.
    """

    def state() -> tuple[int, int | None]:
        ((version,),) = live.execute("PRAGMA data_version").fetchall()
        return version, settled_date(path, QUIET)

    try:
        before = state()
        if before[1] is None or live.execute("PRAGMA journal_mode").fetchall() == [("wal",)]:
            return False
        discard_copy(snapshot)
        copy_file(path, snapshot, label, on_progress)
        return state() == before
    except sqlite3.OperationalError:  # another program works on it
        return False


def back_up(live: sqlite3.Connection, label: str, snapshot: Path, on_progress: OnProgress) -> None:
    """Copy a database through SQLite's backup, which begins again whenever the file was written to.

    If that happens too often, writers have to wait until it is done (but not in WAL mode).

    Raises:
        SourceError: it stays locked.
    """
    for block_writers in (False, True):
        progress = BackupProgress(label, on_progress)
        discard_copy(snapshot)
        with closing(sqlite3.connect(snapshot)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # the copy need not survive a power cut
            copy.execute("PRAGMA journal_mode=OFF")
            if block_writers:
                begin_reading(live, progress)
            try:
                ((page_bytes,),) = live.execute("PRAGMA page_size").fetchall()
                live.backup(copy, pages=BACKUP_BYTES // page_bytes, progress=progress, sleep=0.05)
            except SourceKeptChanging:
                continue
            return


def begin_reading(live: sqlite3.Connection, progress: "BackupProgress") -> None:
    """Begin a transaction that reads, so that the database stays as it is now for who reads on this connection."""
    live.execute("BEGIN")
    while True:
        try:
            live.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            progress(error.sqlite_errorcode, 0, 0)


class BackupProgress:
    """Called by SQLite after every step of a backup; ends a backup that makes no progress."""

    def __init__(self, label: str, on_progress: OnProgress) -> None:
        self.label = label
        self.on_progress = on_progress
        self.restarts = 0
        self.remaining: int | None = None
        self.last_step = time.monotonic()

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self.on_progress(f"Waiting for another program that has locked {self.label}")
            if time.monotonic() - self.last_step > LONGEST_LOCK:
                raise SourceError(
                    "source_locked",
                    f"{self.label} cannot be read: another program keeps it locked, for {LONGEST_LOCK:.0f} seconds "
                    "now. Nothing was imported. Stop the old application, or whatever works on the file, and try "
                    "again.",
                )
            return
        self.on_progress(f"Copying {self.label}, {100 * (total - remaining) // max(total, 1)} %")
        self.last_step = time.monotonic()
        if self.remaining is not None and remaining >= self.remaining:
            self.restarts += 1
        if self.restarts > RESTARTS:
            raise SourceKeptChanging
        self.remaining = remaining


def copy_as_it_lies(path: Path, label: str, snapshot: Path, on_progress: OnProgress) -> bool:
    """Copy a file with its log and journal, through no SQLite. Returns whether the copies are of one moment.

    They are if the file was not written to, and its log was not begun again: a log that grew only adds changes.
    """

    def state() -> tuple[int | None, bytes | None, bool]:
        return settled_date(path, MOMENT), head_of_log(path), journal_of(path).exists()

    before = state()
    discard_copy(snapshot)
    try:
        copy_file(path, snapshot, label, on_progress)
        if has_journal(path):
            copy_file(journal_of(path), journal_of(snapshot), label, on_progress)
        if has_wal(path):
            copy_file(wal_of(path), wal_of(snapshot), label, on_progress)
    except FileNotFoundError:  # what lay beside it went; if it was the file itself, the next attempt says so
        return False
    return before[0] is not None and state() == before


def head_of_log(path: Path) -> bytes | None:
    """What every round of a log begins with, and no two of them alike."""
    try:
        with wal_of(path).open("rb") as log:
            return log.read(WAL_HEADER_BYTES)
    except FileNotFoundError:
        return None


def check_beside(path: Path, label: str) -> None:
    """Refuse pipes beside a database: SQLite opens these files, and waits until a program writes into a pipe."""
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
