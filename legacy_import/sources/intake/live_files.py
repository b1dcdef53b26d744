"""Copy a SQLite file that the old application may be writing to, so that the copy is of one moment.

Three ways, from the fastest to the last resort: as the file lies there if nobody writes to it; through SQLite's
backup, which takes turns with those who write; as it lies there with its log or journal, where SQLite cannot open it.
"""

import shutil
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from legacy_import.sources.errors import SourceError
from legacy_import.sources.guard import UNREADABLE
from legacy_import.sources.intake.report import Report
from legacy_import.sources.intake.sqlite_files import (
    bring_in_beside,
    discard_copy,
    has_journal,
    has_wal,
    journal_of,
    lacks_wal,
    wal_of,
)

# Dates of files go in steps, of up to two seconds on some file systems: whoever writes twice within one leaves the
# same date both times. What was written to within the last moment may be written to again under that date.
MOMENT = 3.0  # seconds
ATTEMPTS = 5  # a second apart, so that a file that was written to just now has its chance
WAIT_FOR_LOCK = 0.5  # seconds that SQLite waits for those who write, before the run hears of it and may be cancelled
LONGEST_LOCK = 30.0  # seconds without a page, until staff are told that the file is locked
BACKUP_PAGES = 16384  # at a time; in between others may write
RESTARTS = 3  # of a backup, each because somebody wrote; after them nobody writes until it is done


class Restless(Exception):  # noqa: N818 -- not an error
    """A backup began anew too often."""


def take_snapshot(path: Path, label: str, snapshot: Path, report: Report) -> list[str]:
    """Copy a file that may be written to meanwhile.

    A file in WAL mode without a log is open nowhere, and SQLite would make an empty log beside it: it is not opened.

    Args:
        report: is told what goes on, and may raise to end it.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: something that is no file has the name of its log or its journal, it is locked or written to
            without a pause, or its log or journal does not fit it.
    """
    check_beside(path, label)
    for _ in range(ATTEMPTS):
        if not lacks_wal(first_bytes(path), path):
            break
        if copy_as_it_lies(path, snapshot):
            return []
        pause(label, report)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=WAIT_FOR_LOCK)) as live:
            if not copy_undisturbed(live, path, snapshot):
                back_up(live, label, snapshot, report)
    except UNREADABLE as error:
        return copy_unopened(path, label, snapshot, report, damaged=not may_not_write(error))
    return []


def may_not_write(error: Exception) -> bool:
    """Whether SQLite would have to write where it may not: to read a log, or to take a change back."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(20)


def pause(label: str, report: Report) -> None:
    report(f"Waiting until nobody writes to {label}")
    time.sleep(1)


def settled_date(path: Path) -> int | None:
    """When the file was last written to, in nanoseconds; None if that was within the last moment."""
    written = path.stat().st_mtime_ns
    return written if abs(time.time_ns() - written) > MOMENT * 1e9 else None


def copy_undisturbed(live: sqlite3.Connection, path: Path, snapshot: Path) -> bool:
    """Copy a file as it lies there. Returns whether it has no log and nobody wrote to it meanwhile.

    Nobody is kept from writing. SQLite says whether a change was completed since (and does not say it while one is
    being written), the file's date whether one was begun and taken back.
    """

    def state() -> tuple[int, int | None]:
        ((version,),) = live.execute("PRAGMA data_version").fetchall()
        return version, settled_date(path)

    try:
        before = state()
        if before[1] is None or live.execute("PRAGMA journal_mode").fetchall() == [("wal",)]:
            return False
        discard_copy(snapshot)
        shutil.copyfile(path, snapshot)
        return state() == before
    except sqlite3.OperationalError:  # somebody is at it
        return False


def back_up(live: sqlite3.Connection, label: str, snapshot: Path, report: Report) -> None:
    """Copy a database through SQLite's backup, which begins anew whenever somebody has written.

    If that happens too often, all of it is copied in one go, while those who write wait.

    Raises:
        SourceError: it stays locked.
    """
    for pages in (BACKUP_PAGES, -1):
        discard_copy(snapshot)
        with closing(sqlite3.connect(snapshot)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # the copy need not survive a power cut
            copy.execute("PRAGMA journal_mode=OFF")
            try:
                live.backup(copy, pages=pages, progress=BackupWatch(label, report))
            except Restless:
                continue
            return


class BackupWatch:
    """Hears how far a backup is after every step, and ends it when it comes to nothing."""

    def __init__(self, label: str, report: Report) -> None:
        self.label = label
        self.report = report
        self.restarts = 0
        self.remaining: int | None = None
        self.last_step = time.monotonic()

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self.report(f"Waiting for another program that has locked {self.label}")
            if time.monotonic() - self.last_step > LONGEST_LOCK:
                raise SourceError(
                    "source_locked",
                    f"{self.label} cannot be read: another program keeps it locked, for {LONGEST_LOCK:.0f} seconds "
                    "now. Nothing was imported. Stop the old application, or whatever works on the file, and try "
                    "again.",
                )
            return
        self.report(f"Copying {self.label}")
        self.last_step = time.monotonic()
        if self.remaining is not None and remaining >= self.remaining:
            self.restarts += 1
        if self.restarts > RESTARTS:
            raise Restless
        self.remaining = remaining


def copy_unopened(path: Path, label: str, snapshot: Path, report: Report, *, damaged: bool) -> list[str]:
    """Copy a file that SQLite cannot open where it lies, and bring in what lies beside it.

    Args:
        damaged: so that nobody can be writing to it. What is wrong with it is found when the copy is looked at.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: it is written to without a pause, or its log or journal does not fit it.
    """
    for _ in range(ATTEMPTS):
        if copy_as_it_lies(path, snapshot) or damaged:
            return bring_in_beside(snapshot, label)
        pause(label, report)
    raise SourceError(
        "source_busy",
        f"{label} is written to again and again, and SQLite cannot open it where it lies, because this program may "
        "not write beside it. Nothing was imported. Stop the old application, or let this program write to the "
        "folder, and try again.",
    )


def copy_as_it_lies(path: Path, snapshot: Path) -> bool:
    """Copy a file with its log and journal, through no SQLite. Returns whether the copies are of one moment.

    They are if the file itself was not written to. A log may have grown, which only adds changes; that it began
    anew takes a change of the file before it.
    """

    def state() -> tuple[int | None, bool, bool]:
        return settled_date(path), wal_of(path).exists(), journal_of(path).exists()

    before = state()
    discard_copy(snapshot)
    try:
        shutil.copyfile(path, snapshot)
        if has_journal(path):
            shutil.copyfile(journal_of(path), journal_of(snapshot))
        if has_wal(path):
            shutil.copyfile(wal_of(path), wal_of(snapshot))
    except FileNotFoundError:  # what lay beside it went; if it was the file itself, the next attempt says so
        return False
    return before[0] is not None and state() == before


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
