"""Uploaded files between preview and confirmation.

Their names are the server's, and the browser carries them signed only.
"""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest

from MiniTwit.database_folders import database_folder, file_clock, folders_of_dropped_databases

LIFETIME = 24 * 60 * 60  # seconds that a preview can be confirmed


def keep_upload(data: bytes) -> str:
    """Store an upload, readable by this account only, and return its name. Forgotten ones are removed on the way."""
    discard_forgotten()
    path = upload_directory() / secrets.token_hex(16)
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path.name


def discard_forgotten() -> None:
    """Remove the uploads whose preview can no longer be confirmed."""
    directory = upload_directory()
    oldest = file_clock(directory) - LIFETIME
    for upload in directory.iterdir():
        with suppress(FileNotFoundError):  # another process is removing it, too
            if upload.stat().st_mtime < oldest:
                upload.unlink()
    for folder in folders_of_dropped_databases(directory.parent):
        shutil.rmtree(folder, ignore_errors=True)


def take_upload(name: str) -> bytes:
    """Read an upload and remove it: renaming works once only, even for two clicks at a time.

    Raises:
        FileNotFoundError: it was taken already, or it was forgotten for a day.
    """
    path = upload_directory() / name
    taken = path.rename(path.with_suffix(".taken"))
    data = taken.read_bytes()
    taken.unlink()
    return data


def upload_directory() -> Path:
    return database_folder(Path(settings.VAR_DIR) / "file_import")


def sign_preview(request: HttpRequest, model_label: str, preview: dict[str, Any]) -> str:
    """Return what the confirmation hands back: which upload was previewed, for whom and for which table."""
    return signing.dumps(preview, salt=_salt(request, model_label))


def read_signed_preview(request: HttpRequest, model_label: str, signed: str) -> dict[str, Any]:
    """Return what `sign_preview` was given.

    Raises:
        BadSignature: it was altered, is another person's or another table's, or is older than a day.
    """
    preview: dict[str, Any] = signing.loads(signed, salt=_salt(request, model_label), max_age=LIFETIME)
    return preview


def _salt(request: HttpRequest, model_label: str) -> str:
    return f"file-import:{model_label}:{request.user.pk}"
