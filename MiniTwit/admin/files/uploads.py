"""Uploaded files: which views take them, and where they are kept between preview and confirmation.

A view that is not marked refuses a file before a byte of it is written. The server names the files that it keeps, and
the browser sends these names back signed.
"""

import logging
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from MiniTwit.storage.database_folders import database_folder, file_clock, folders_of_dropped_databases
from MiniTwit.storage.private_files import write_upload

logger = logging.getLogger(__name__)

LIFETIME = 24 * 60 * 60  # seconds that a preview can be confirmed


def takes_files(view: Callable[..., Any], *, permission: str, most_bytes: int) -> Callable[..., Any]:
    """Mark a view: users with the permission may send files to it, of so many bytes in all."""
    view.takes_files_from = permission  # type: ignore[attr-defined]
    view.most_file_bytes = most_bytes  # type: ignore[attr-defined]
    return view


def most_file_bytes(request: HttpRequest, view: Callable[..., Any]) -> int:
    """How many bytes of files this user may send to a view; 0 for none."""
    permission = getattr(view, "takes_files_from", "")
    may_send = permission and request.user.is_active and request.user.is_staff and request.user.has_perm(permission)
    return int(getattr(view, "most_file_bytes", 0)) if may_send else 0


class UploadNotStoredError(Exception):
    """An upload could not be stored; the message is a sentence for the user who sent it."""


def keep_upload(upload: UploadedFile) -> str:
    """Store an upload, readable by this account only, and return its name.

    Raises:
        UploadNotStoredError: the server has no room for it, or may not write where it keeps its files.
    """
    name = secrets.token_hex(16)
    try:
        write_upload(upload, upload_path(name))
    except OSError as error:
        logger.exception("An upload could not be kept", exc_info=error)
        with suppress(OSError):
            discard_upload(name)
        raise UploadNotStoredError(
            f"The server could not keep the file ({error.strerror}), so nothing was imported. Your administrator "
            "looks after the folder that VAR_DIR names; then choose the file again."
        ) from None
    return name


def upload_path(name: str) -> Path:
    return upload_directory() / name


def discard_upload(name: str) -> None:
    upload_path(name).unlink(missing_ok=True)


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


def upload_directory() -> Path:
    return database_folder(Path(settings.VAR_DIR) / "file_import")


def sign_preview(request: HttpRequest, model_label: str, preview: dict[str, Any]) -> str:
    """Return a signed value for the confirmation: which upload was previewed, for which user and table."""
    return signing.dumps(preview, salt=_salt(request, model_label))


def read_signed_preview(request: HttpRequest, model_label: str, signed: str) -> dict[str, Any]:
    """Return what `sign_preview` was given.

    Raises:
        BadSignature: it was altered, belongs to another user or table, or is older than a day.
    """
    preview: dict[str, Any] = signing.loads(signed, salt=_salt(request, model_label), max_age=LIFETIME)
    return preview


def _salt(request: HttpRequest, model_label: str) -> str:
    return f"file-import:{model_label}:{request.user.pk}"
