"""Locks on files, which the kernel releases when their holder ends, however it ends."""

import fcntl
import os
import sys
import time
from pathlib import Path

import psutil
from django.core.exceptions import ImproperlyConfigured

from MiniTwit.storage.private_files import open_privately

NOTICE_SECONDS = 30  # before a process says what it waits for
LOCK_TIMEOUT_SECONDS = 90  # starting a server after a crash takes long


def open_lock_file(path: Path) -> int:
    """Open a file to lock. Other accounts may not read it: an account that reads a file may lock it."""
    return open_privately(str(path), os.O_RDONLY | os.O_CREAT)


def wait_for_lock(descriptor: int, path: Path, kind: int) -> None:
    """Take the lock (LOCK_EX or LOCK_SH); say on standard error what it waits for.

    Raises:
        ImproperlyConfigured: another process holds it; the message names that process.
    """
    start = time.monotonic()
    is_told = False
    while not _take(descriptor, kind):
        waited = time.monotonic() - start
        if waited > LOCK_TIMEOUT_SECONDS:
            raise ImproperlyConfigured(
                f"{path} has been locked for {LOCK_TIMEOUT_SECONDS} seconds by {holder_of(descriptor)}. Unless that "
                "process starts or stops the embedded PostgreSQL, end it; or name another folder in VAR_DIR, or a "
                "server in DATABASE_URL."
            )
        if waited > NOTICE_SECONDS and not is_told:
            is_told = True
            sys.stderr.write(f"Waiting for {holder_of(descriptor)}, which has locked {path} ...\n")
        time.sleep(0.05)


def holder_of(descriptor: int) -> str:
    """Name the process that holds a lock on the file, as far as the system tells."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        # 1: FLOCK  ADVISORY  WRITE 12345 08:01:2311062 0 EOF
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
            return _describe(int(words[4]))
    return "another process"


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe(process_id: int) -> str:
    try:
        process = psutil.Process(process_id)
        return f"process {process_id} ({process.name()}, account {process.username()})"
    except (psutil.Error, ValueError):  # it has ended, or belongs to another container
        return f"process {process_id}"
