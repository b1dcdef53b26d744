"""The files that the import keeps while it needs them: snapshots of live databases, and uploads."""

from pathlib import Path
from typing import Any

from django.conf import settings

from legacy_import.sources import SourceReference


def import_dir() -> Path:
    """The folder for snapshots and uploads, which nobody else may look into."""
    path = Path(settings.LEGACY_IMPORT_DIR)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def snapshot_path(run_id: int) -> Path:
    return import_dir() / f"snapshot-{run_id}.sqlite3"


def reference_of(run: Any) -> SourceReference:
    return SourceReference(Path(run.source["location"]), run.source["label"], run.source["uploaded"])


def stored_file(run: Any) -> Path | None:
    """The file that was staged: the upload or the snapshot."""
    path = Path(run.source["location"]) if run.source["uploaded"] else snapshot_path(run.pk)
    return path if path.exists() else None
