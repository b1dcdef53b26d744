"""Load a dump of any database into a SQLite file of our own, without obeying it."""

from collections.abc import Sequence
from pathlib import Path

from legacy_import.source.snapshot.dumps.dialects import DIALECTS
from legacy_import.source.snapshot.dumps.loading import Part
from legacy_import.source.snapshot.dumps.server_dumps import load_server_dump
from legacy_import.source.snapshot.dumps.sqlite_dumps import load_sqlite_dump
from legacy_import.source.snapshot.file_types import Kind
from legacy_import.source.snapshot.progress import OnProgress


def load_dump(kind: Kind, parts: Sequence[Part], target: Path, on_progress: OnProgress) -> list[str]:
    """Load a dump into a new file, all of its parts into the same one, in their order.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: the dump is broken, cut short, or beyond the limits; the sentence names the line.
    """
    if dialect := DIALECTS.get(kind):
        return load_server_dump(dialect, parts, target, on_progress)
    return load_sqlite_dump(parts, target, on_progress)


__all__ = ["Part", "load_dump"]
