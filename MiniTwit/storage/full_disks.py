"""Tell full disks of this server from files that are damaged or missing."""

import errno
import sqlite3

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_ROOM = (
    "A disk of this server is full: that of VAR_DIR, or that of the temporary folder (TMPDIR). Your administrator "
    "makes room on it; then try again."
)


def lacks_room(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a disk is full."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # `raise error from error` leads to itself
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__
    return False
