"""A disk that is full for real: a small file system in memory."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def full_disk(folder: Path, *, bytes_free: int) -> Iterator[Path]:
    """Mount a file system that takes so much and no more; skip the test where this account may not mount."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("Only root may mount the small file system that stands for a full disk.")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={bytes_free}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"The small file system that stands for a full disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # files may still be open
