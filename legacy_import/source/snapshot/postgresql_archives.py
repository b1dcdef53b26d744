"""Write a PostgreSQL dump in the custom format (or a tar of one) out as SQL, by PostgreSQL's own `pg_restore`.

No server takes part: `pg_restore` only reads the file and writes statements, which then go the way of a plain dump.
The file may be hostile, so the program gets it as its input, no surroundings, and limits of memory, processor and
output; where the process is root's, it works as an account that owns nothing.
"""

import os
import pwd
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.archives import BLOCK_BYTES, Allowance, private_file
from legacy_import.source.snapshot.progress import OnProgress, megabytes

MEMORY_KILOBYTES = 1024 * 1024
SECONDS = 60  # of the processor and by the clock, and
BYTES_PER_SECOND = 5 * 1024 * 1024  # for each so many that come out one second more
LONGEST_COMPLAINT = 300
UNPRIVILEGED_ACCOUNT = "nobody"
# The limits hold for the program alone: the shell sets them, and becomes the program.
LIMITED = 'ulimit -c 0; ulimit -v "$1"; ulimit -t "$2"; shift 2; exec "$@"'
OPTIONS = ("--no-owner", "--no-privileges", "--file=-")


def write_out(path: Path, label: str, target: Path, on_progress: OnProgress) -> None:
    """Write the statements of an archive to a file that only this account can read.

    Raises:
        SourceError: there is no pg_restore, or it cannot read the file.
    """
    program = settings.PG_RESTORE
    if not program:
        raise refusal(label, "PostgreSQL's program pg_restore, which reads it, is not installed with the import")
    allowance = Allowance(path, label)
    most_seconds = SECONDS + allowance.growth // BYTES_PER_SECOND
    command = ["/bin/sh", "-c", LIMITED, "sh", str(MEMORY_KILOBYTES), str(most_seconds), str(program), *OPTIONS]
    with path.open("rb") as archive, tempfile.TemporaryFile() as complaints:
        with subprocess.Popen(  # noqa: S603 -- the program of the settings
            command,
            stdin=archive,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd="/",
            env={"LC_ALL": "C"},
            **unprivileged(Path(program)),
        ) as process:
            assert process.stdout is not None  # noqa: S101
            try:
                copy(process.stdout, target, allowance, time.monotonic() + most_seconds, on_progress)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            complaints.seek(0)
            said = complaints.read(LONGEST_COMPLAINT).decode("utf-8", "replace")
            raise refusal(
                label, f"pg_restore says “{' '.join(said.split()) or 'nothing'}”; it may be damaged or cut short"
            )


def copy(packed: IO[bytes], target: Path, allowance: Allowance, deadline: float, on_progress: OnProgress) -> None:
    with open(target, "xb", opener=private_file) as file:
        while block := packed.read(BLOCK_BYTES):
            allowance.take(len(block))
            if time.monotonic() > deadline:
                raise refusal(allowance.label, "it takes too long. It was made to be slow")
            file.write(block)
            on_progress(f"Unpacking: {megabytes(allowance.out)}")


def unprivileged(program: Path) -> dict[str, Any]:
    """How root starts the program under an account that owns nothing, if that account can reach it."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
        switch: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        done = subprocess.run([program, "--version"], cwd="/", capture_output=True, check=False, **switch)  # noqa: S603
    except (KeyError, OSError):
        return {}
    return switch if done.returncode == 0 else {}


def refusal(label: str, what: str) -> SourceError:
    return SourceError(
        "damaged_archive",
        f"{label} is a PostgreSQL dump in the custom format that cannot be read: {what}. Write it out as SQL with "
        "`pg_restore -f dump.sql FILE`, and give dump.sql; or dump the old database again.",
    )
