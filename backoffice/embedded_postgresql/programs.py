"""PostgreSQL's programs, in a place from which the server's account may run them.

PostgreSQL does not run as root. A checkout of root's often lies where no other account can enter, and opening the
folders above it would let every account in. The programs are no secret, so they are copied instead.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

COPIES = Path("/var/cache/minitwit-postgresql")


def runnable_programs(programs: Path, software: Sequence[Path], switch: Mapping[str, Any]) -> Path:
    """Return a folder with the programs that the account of `switch` (options of Popen) can run.

    `software` are the folders that the programs and their libraries lie in.

    Raises:
        ImproperlyConfigured: the account can neither run them nor a copy.
    """
    if not switch or _can_run(programs, switch):
        return programs
    common = Path(os.path.commonpath(software))
    copies = COPIES / hashlib.sha256(os.fsencode(common)).hexdigest()[:16]
    copied = copies / programs.relative_to(common)
    try:
        if not _is_copy_of(programs, copied):
            _copy(software, common, copies)
    except OSError as error:
        raise _cannot_run(programs, switch, f"they cannot be copied to {copies}: {error.strerror}") from error
    if not _can_run(copied, switch):
        raise _cannot_run(programs, switch, f"nor can it run their copy in {copied}")
    return copied


def _can_run(programs: Path, switch: Mapping[str, Any]) -> bool:
    command = [str(programs / "postgres"), "--version"]
    try:
        return subprocess.run(command, cwd="/", capture_output=True, check=False, **switch).returncode == 0  # noqa: S603
    except PermissionError:
        return False


def _is_copy_of(programs: Path, copied: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        one, other = (programs / "postgres").stat(), (copied / "postgres").stat()
        return other.st_uid == os.geteuid() and (one.st_size, one.st_mtime) == (other.st_size, other.st_mtime)
    return False


def _copy(software: Sequence[Path], common: Path, copies: Path) -> None:
    """Copy under another name, and rename the copy when it is complete."""
    copies.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    copies.parent.chmod(0o755)  # whatever the umask left of it
    with tempfile.TemporaryDirectory(prefix="new-", dir=copies.parent) as folder:
        unfinished = Path(folder) / "copy"
        for original in software:
            if original.exists():
                shutil.copytree(original, unfinished / original.relative_to(common))
        for path in [unfinished, *unfinished.rglob("*")]:
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        if copies.exists():  # of an older version
            copies.rename(Path(folder) / "old")
        with contextlib.suppress(OSError):  # another process was faster
            unfinished.rename(copies)


def _cannot_run(programs: Path, switch: Mapping[str, Any], reason: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"The embedded PostgreSQL runs as account number {switch['user']}, which cannot run the programs in "
        f"{programs}; {reason}. Put the checkout where that account can enter, work as an ordinary user, or name a "
        "server in DATABASE_URL."
    )
