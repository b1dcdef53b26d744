"""Uploaded old databases: from the browser to a file of our own, and away again when nobody needs it.

What a browser sends is not to be trusted: not its size, not its content, not its name. So the size is limited while
it arrives, the content is only ever opened by `sources`, and the name serves as a label.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db.models import QuerySet
from django.db.models.functions import Now

from legacy_import.locks import is_executed
from legacy_import.models import ImportRun
from legacy_import.runs.files import import_dir
from legacy_import.source import SourceError, SourceReference
from legacy_import.source.snapshot.sqlite_wal import wal_of
from MiniTwit.storage.database_folders import file_clock
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room

PATTERN = "upload-*"
# A file that belongs to no run: its run is just being opened, or the process died in between.
ORPHAN_SECONDS = 3600

State, Kind = ImportRun.State, ImportRun.Kind


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Writes no more than LEGACY_UPLOAD_MAX_BYTES of an upload to disk, but counts all of it.

    Whoever takes an upload compares its size with a limit of his own, which is never above this one.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= settings.LEGACY_UPLOAD_MAX_BYTES:
            with self.removed_if_refused():
                super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        with self.removed_if_refused():
            return super().file_complete(file_size)

    @contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """Where the disk is full, give back at once what the file takes of it."""
        try:
            yield
        except OSError:
            with suppress(OSError):
                self.file.close()
            raise


def kept_for() -> timedelta:
    """How long a preview waits for its confirmation, and an upload for the import of its messages."""
    return timedelta(days=settings.LEGACY_KEPT_DAYS)


def store_upload(upload: UploadedFile, wal: UploadedFile | None = None) -> SourceReference:
    """Keep an upload, and its write-ahead log beside it, under names of our choice, readable by this account only.

    Raises:
        SourceError: there is no room for it.
    """
    label = "".join(character for character in upload.name or "" if character.isprintable()) or "the uploaded file"
    path = None
    try:
        discard_unneeded_uploads()
        path = import_dir() / f"upload-{uuid.uuid4().hex}"
        write(upload, path)
        if wal is not None:
            write(wal, wal_of(path))
    except OSError as error:
        if path:
            discard_upload(path)
        why = NO_ROOM if lacks_room(error) else f"The server says “{error.strerror}”."
        raise SourceError("not_stored", f"{label} could not be stored. {why} Nothing was imported.") from None
    return SourceReference(path, label, uploaded=True)


def write(upload: UploadedFile, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)


def discard_upload(path: Path) -> None:
    for file in (path, wal_of(path)):
        file.unlink(missing_ok=True)


def stored_users_upload() -> tuple[ImportRun, SourceReference] | None:
    """The upload whose users were imported last, if it is still here for its messages."""
    run = newest_users_run()
    if run is None or not run.source["uploaded"] or not Path(run.source["location"]).exists():
        return None
    return run, SourceReference(Path(run.source["location"]), run.source["label"], uploaded=True)


def discard_unneeded_uploads() -> None:
    """Delete the uploads that no run will read again."""
    files = list(import_dir().glob(PATTERN))
    now = file_clock(import_dir()) if files else 0.0
    for file in files:
        path = file.with_name(file.name.removesuffix("-wal"))
        runs = ImportRun.objects.filter(source__location=str(path))
        if not (is_needed(runs) if runs.exists() else is_young(file, now)):
            file.unlink(missing_ok=True)


def is_needed(runs: QuerySet[ImportRun]) -> bool:
    """Whether a file is still to be read, given the runs that read it.

    Two kinds of runs do: one that is not over yet, and the newest import of users, whose messages come next. They are
    waited for, but not for ever: the file holds the passwords of all users.
    """
    if runs.filter(state__in=(State.STAGING, State.PREVIEWED, State.APPLYING)).exists():
        return True
    if any(is_executed(run.pk) for run in runs.filter(state=State.APPLIED, verification=None).only("pk")):
        return True
    newest = newest_users_run()
    if newest is None or not runs.filter(pk=newest.pk, finished_at__gt=Now() - kept_for()).exists():
        return False
    return not runs.filter(kind=Kind.MESSAGES, state=State.APPLIED, id__gt=newest.pk).exists()


def is_young(path: Path, now: float) -> bool:
    try:
        return path.stat().st_mtime > now - ORPHAN_SECONDS
    except FileNotFoundError:
        return False


def newest_users_run() -> Any:
    # Only these columns: a data migration comes here, too, at a time when later ones may not be there.
    applied = ImportRun.objects.filter(kind=Kind.USERS, state=State.APPLIED)
    return applied.only("id", "source").order_by("-id").first()
