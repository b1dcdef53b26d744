"""The hash of the given files, calculated while other steps read them already."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from legacy_import.source.errors import unreadable
from legacy_import.source.snapshot.progress import OnProgress

BLOCK_BYTES = 1024 * 1024


class Hashing:
    """The SHA-256 of one file, or of several one after the other, in a thread of its own.

    A context manager, which ends with its thread. For a process that closes a file gives up all its locks on it:
    SQLite's, too, if the same file is already being copied for another run.
    """

    def __init__(self, files: Sequence[Path], label: str) -> None:
        self.files = files
        self.label = label
        self.digest = hashlib.sha256()
        self.error: OSError | None = None
        self.given_up = threading.Event()
        self.thread = threading.Thread(target=self._hash, name="hashing", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.given_up.set()
        self.thread.join()

    def result(self, on_progress: OnProgress) -> str:
        """Wait for the hash.

        Args:
            on_progress: called while the hash is calculated; may raise to end the work.

        Raises:
            SourceError: a file can no longer be read.
        """
        while self.thread.is_alive():
            on_progress(f"Calculating the SHA-256 of {self.label}")
            self.thread.join(0.2)
        if self.error:
            raise unreadable(self.label, self.error) from self.error
        return self.digest.hexdigest()

    def _hash(self) -> None:
        try:
            for path in self.files:
                with path.open("rb") as file:
                    while not self.given_up.is_set() and (block := file.read(BLOCK_BYTES)):
                        self.digest.update(block)
        except OSError as error:
            self.error = error
