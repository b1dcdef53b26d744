"""Files and folders that other accounts of the machine may neither read nor enter.

What the back office writes under VAR_DIR holds the site's key, people's addresses and password hashes. Each file is
private from its first byte, whatever the umask says; a later `chmod` would leave a moment in which it can be opened.
"""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile

FOLDER_MODE, FILE_MODE = 0o700, 0o600
OTHERS = 0o077


def make_private_folder(path: Path) -> Path:
    """Make the folder, and close an existing one of this account to others. The folder above it must exist."""
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        found = path.stat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid():
            path.chmod(FOLDER_MODE)
    return path


def open_privately(path: str, flags: int) -> int:
    """The opener of `open()` for a private file: `open(path, "wb", opener=open_privately)`."""
    descriptor = os.open(path, flags, FILE_MODE)
    found = os.fstat(descriptor)
    if found.st_mode & OTHERS and found.st_uid == os.geteuid():
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


def write_upload(upload: UploadedFile, path: Path) -> None:
    """Write what a browser sent into a new file."""
    with open(path, "xb", opener=open_privately) as file:
        for chunk in upload.chunks():
            file.write(chunk)


def write_private_file_once(path: Path, content: str) -> None:
    """Write the file unless it exists. It gets its name when it is whole: no process ever reads half of it."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(unfinished, "x", opener=open_privately) as file:
            file.write(content)
        with contextlib.suppress(FileExistsError):  # another process was faster, and its content counts
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
