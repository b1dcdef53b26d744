"""The files that the import keeps while it needs them: snapshots of old databases, and uploads.

They lie in a folder of this database (see `MiniTwit/storage/database_folders.py`). The name of a snapshot is random
and written on its run before the file is made, so that every snapshot has an owner, and no run finds another's.
"""

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings

from legacy_import.errors import RunError
from legacy_import.source import Reference, SourceError, source_again
from MiniTwit.storage.database_folders import database_folder


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


def name_snapshot(run: Any) -> Path:
    """Give a run a snapshot's name, and write it on the run at once. Returns where the snapshot may be put."""
    name = f"snapshot-{run.pk}-{secrets.token_hex(8)}.sqlite3"
    run.source = run.source | {"snapshot": name}
    run.save(update_fields=["source"])
    return import_dir() / name


def remember_staged_file(run: Any, path: Path) -> None:
    """Write on a run which file was staged, so that `staged_file` recognises it later."""
    facts = path.stat()
    run.source = run.source | {"staged": {"size": facts.st_size, "modified": facts.st_mtime_ns}}


def reference_of(run: Any) -> Reference:
    """The old database of a run that another process began.

    Raises:
        SourceError: it was a server that is no longer configured.
    """
    return source_again(run.source["location"], run.source["label"], uploaded=run.source["uploaded"])


def stored_file(run: Any) -> Path | None:
    """The SQLite file that was staged: the snapshot, or an upload that needed none; None if it is gone."""
    if (name := run.source.get("snapshot")) and (snapshot := import_dir() / name).exists():
        return snapshot
    upload = Path(run.source["location"])
    return upload if run.source["uploaded"] and upload.exists() else None


def staged_file(run: Any) -> Path:
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
    if run.source.get("staged") != {"size": facts.st_size, "modified": facts.st_mtime_ns}:
        raise RunError(
            "snapshot_changed",
            f"The copy of the old database that import {run.pk} was previewed from was changed or replaced since. "
            "Make a new preview.",
        )
    return path
