"""Child processes that are started, watched and ended together."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from MiniTwit.storage.private_files import open_privately

# With this program the kernel ends the children when a SIGKILL ends their parent.
SETPRIV = shutil.which("setpriv")
ENDS_WITH_US = [SETPRIV, "--pdeathsig", "TERM", "--"] if SETPRIV else []
EXIT_TIMEOUT_SECONDS = 8  # between one signal to end and the next


class ChildProcess:
    """A program that writes to a log file of its own and does not receive the terminal's Ctrl-C."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        directory: Path,
        environment: Mapping[str, str],
        keep_open: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        with open(log, "wb", opener=open_privately) as output:
            self._process = subprocess.Popen(  # noqa: S603 -- commands of our own
                [*ENDS_WITH_US, *command],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
                start_new_session=True,
            )

    def exit_code(self) -> int | None:
        """The code the process ended with, or None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_until(self, deadline: float) -> bool:
        """Wait for the end; return whether it came before `deadline` (of the monotonic clock)."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


class ChildProcesses(list[ChildProcess]):
    """Child processes; leaving the `with` block ends all of them, also after an error."""

    def start(self, name: str, command: Sequence[str], log: Path, **options: Any) -> ChildProcess:
        child = ChildProcess(name, command, log=log, **options)
        self.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # A worker finishes its task at the first SIGTERM, and gives it up at the second.
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            running = [child for child in self if child.exit_code() is None]
            for child in running:
                child.signal(number)
            deadline = time.monotonic() + EXIT_TIMEOUT_SECONDS
            if all(child.wait_until(deadline) for child in running):
                return

    def ended(self) -> ChildProcess | None:
        """The first child that no longer runs, if there is one."""
        return next((child for child in self if child.exit_code() is not None), None)
