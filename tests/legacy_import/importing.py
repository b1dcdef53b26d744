"""Import old databases in tests as the command does: all steps in the foreground."""

from pathlib import Path
from typing import Any

from legacy_import import runs
from legacy_import.records import ImportOptions, TableCounts
from legacy_import.sources import source_at


def preview_of(kind: str, path: Path, **options: str) -> Any:
    run = runs.start(kind=kind, reference=source_at(str(path)), options=ImportOptions(**options))
    return runs.stage(run.pk)


def import_of(kind: str, path: Path, *, insist: bool = False, **options: str) -> Any:
    run = preview_of(kind, path, **options)
    runs.confirm(run.pk, insist=insist)
    return runs.apply(run.pk)


def undo(run: Any) -> Any:
    runs.request_undo(run.pk)
    return runs.undo(run.pk)


def counts(run: Any, table: str) -> TableCounts:
    return TableCounts.from_json(run.counts[table])
