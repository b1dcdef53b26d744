"""The files that the import keeps while it needs them: snapshots of old databases, and uploads."""

from pathlib import Path
from typing import Any

from django.conf import settings

from legacy_import.sources import Reference, source_again
from legacy_import.sources.intake import discard


def import_dir() -> Path:
    """The folder for snapshots and uploads, which nobody else may look into."""
    path = Path(settings.LEGACY_IMPORT_DIR)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def snapshot_path(run_id: int) -> Path:
    return import_dir() / f"snapshot-{run_id}.sqlite3"


def discard_snapshot(run_id: int) -> None:
    discard(snapshot_path(run_id))


def reference_of(run: Any) -> Reference:
    """The old database of a run that another process began.

    Raises:
        SourceError: it was a server that is no longer configured.
    """
    return source_again(run.source["location"], run.source["label"], uploaded=run.source["uploaded"])


def stored_file(run: Any) -> Path | None:
    """The SQLite file that was staged: the snapshot, or an upload that needed none."""
    snapshot = snapshot_path(run.pk)
    if snapshot.exists():
        return snapshot
    upload = Path(run.source["location"])
    return upload if run.source["uploaded"] and upload.exists() else None
