"""The files that the import keeps while it needs them: uploads, and snapshots of old databases.

They lie in a folder of this database (see `MiniTwit/storage/database_folders.py`). The name of a snapshot is random
and written on its run before the file is made, so that every snapshot has an owner, and no run finds another's.

What a browser sends is not trusted: not its size, not its content, not its name. So the size is limited while it
arrives, `source` alone opens the content, and the name serves as a label.
"""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db.models import QuerySet
from django.db.models.functions import Now

from legacy_import.errors import RunError
from legacy_import.locks import is_executed
from legacy_import.models import ImportRun
from legacy_import.source import Reference, SourceError, SourceReference, source_again
from legacy_import.source.record import SourceRecord, StagedFile
from legacy_import.source.snapshot.sqlite_wal import wal_of
from MiniTwit.storage.database_folders import database_folder, file_clock
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room
from MiniTwit.storage.private_files import write_upload

UPLOADS = "upload-*"
# An upload that belongs to no run: its run is just being opened, or the process died in between.
ORPHAN_SECONDS = 3600

State, Kind = ImportRun.State, ImportRun.Kind


def import_dir() -> Path:
    """The folder for snapshots and uploads, which only this account may enter.

    Raises:
        SourceError: it cannot be made.
    """
    try:
        return database_folder(Path(settings.LEGACY_IMPORT_DIR))
    except OSError as error:
        raise SourceError(
            "not_stored",
            f"Nothing can be stored in {settings.LEGACY_IMPORT_DIR}: {error.strerror}. Nothing was imported. Let the "
            "account of the back office write there, or name another folder in VAR_DIR.",
        ) from error


def name_snapshot(run: ImportRun) -> Path:
    """Give a run a snapshot's name, and write it on the run at once. Returns where the snapshot may be put."""
    name = f"snapshot-{run.pk}-{secrets.token_hex(8)}.sqlite3"
    run.source = replace(SourceRecord.from_json(run.source), snapshot=name).as_json()
    run.save(update_fields=["source"])
    return import_dir() / name


def remember_staged_file(run: ImportRun, path: Path) -> None:
    """Write on a run which file was staged, so that `staged_file` recognises it later."""
    facts = path.stat()
    staged = StagedFile(facts.st_size, facts.st_mtime_ns)
    run.source = replace(SourceRecord.from_json(run.source), staged=staged).as_json()


def reference_of(run: ImportRun) -> Reference:
    """The old database of a run that another process began.

    Raises:
        SourceError: it was a server that is no longer configured.
    """
    source = SourceRecord.from_json(run.source)
    return source_again(source.location, source.label, uploaded=source.uploaded)


def stored_file(run: ImportRun) -> Path | None:
    """The SQLite file that was staged: the snapshot, or an upload that needed none; None if it is gone."""
    source = SourceRecord.from_json(run.source)
    if source.snapshot and (snapshot := import_dir() / source.snapshot).exists():
        return snapshot
    upload = Path(source.location)
    return upload if source.uploaded and upload.exists() else None


def staged_file(run: ImportRun) -> Path:
    """The file that was staged, which the imported rows are compared with.

    Raises:
        RunError: it is gone, or another file has its name.
    """
    path = stored_file(run)
    if path is None:
        raise RunError(
            "snapshot_lost",
            f"The copy of the old database that import {run.pk} was previewed from is gone, so its rows could not be "
            "compared after the import. Make a new preview. Web server and worker must see the same VAR_DIR.",
        )
    facts = path.stat()
    if SourceRecord.from_json(run.source).staged != StagedFile(facts.st_size, facts.st_mtime_ns):
        raise RunError(
            "snapshot_changed",
            f"The copy of the old database that import {run.pk} was previewed from was changed or replaced since. "
            "Make a new preview.",
        )
    return path


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Writes no more than LEGACY_UPLOAD_MAX_BYTES of an upload to disk, but counts all of it.

    The form that takes an upload compares its size with its own limit, which is never above this one.
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
        """Where the disk is full, remove the file at once."""
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
    """Keep an upload, and its write-ahead log beside it, under random names, readable by this account only.

    Raises:
        SourceError: there is no room for it.
    """
    label = "".join(character for character in upload.name or "" if character.isprintable()) or "the uploaded file"
    path = None
    try:
        discard_unneeded_uploads()
        path = import_dir() / f"upload-{uuid.uuid4().hex}"
        write_upload(upload, path)
        if wal is not None:
            write_upload(wal, wal_of(path))
    except OSError as error:
        if path:
            discard_upload(path)
        why = NO_ROOM if lacks_room(error) else f"The server says “{error.strerror}”."
        raise SourceError("not_stored", f"{label} could not be stored. {why} Nothing was imported.") from None
    return SourceReference(path, label, uploaded=True)


def discard_upload(path: Path) -> None:
    for file in (path, wal_of(path)):
        file.unlink(missing_ok=True)


def stored_users_upload() -> tuple[ImportRun, SourceReference] | None:
    """The upload whose users were imported last, if the file is still kept for its messages."""
    run = newest_users_run()
    if run is None:
        return None
    source = SourceRecord.from_json(run.source)
    upload = SourceReference(Path(source.location), source.label, uploaded=True)
    return (run, upload) if source.uploaded and upload.path.exists() else None


def discard_unneeded_uploads() -> None:
    """Delete the uploads that no run will read again."""
    files = list(import_dir().glob(UPLOADS))
    now = file_clock(import_dir()) if files else 0.0
    for file in files:
        path = file.with_name(file.name.removesuffix("-wal"))
        runs = ImportRun.objects.filter(source__location=str(path))
        if not (is_needed(runs) if runs.exists() else is_young(file, now)):
            file.unlink(missing_ok=True)


def is_needed(runs: QuerySet[ImportRun]) -> bool:
    """Whether a file is still to be read, given the runs that read it.

    Two kinds of runs do: one that is not over yet, and the newest import of users, whose messages come next. The file
    waits for them, but not for ever: it holds the passwords of all users.
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


def newest_users_run() -> ImportRun | None:
    # Only these columns: a data migration asks too, at a time when later ones may not exist.
    applied = ImportRun.objects.filter(kind=Kind.USERS, state=State.APPLIED)
    return applied.only("id", "source").order_by("-id").first()
