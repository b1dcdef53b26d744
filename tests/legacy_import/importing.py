"""Import old databases in tests as the command does: all steps in the foreground."""

from pathlib import Path
from typing import Any

from django.db import connection

from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.runs import lifecycle
from legacy_import.source import source_at


def preview_of(kind: str, path: Path, **options: str) -> Any:
    run = lifecycle.start(kind=kind, reference=source_at(str(path)), options=ImportOptions(**options))
    return lifecycle.stage(run.pk)


def import_of(kind: str, path: Path, *, insist: bool = False, **options: str) -> Any:
    run = preview_of(kind, path, **options)
    lifecycle.confirm(run.pk, insist=insist)
    return lifecycle.apply(run.pk)


def undo(run: Any) -> Any:
    lifecycle.request_undo(run.pk)
    return lifecycle.undo(run.pk)


def counts(run: Any, table: str) -> TableCounts:
    return TableCounts.from_json(run.counts[table])


def indexes_and_constraints() -> set[tuple[str, str]]:
    """Those of the product's own tables, as PostgreSQL words them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid::regclass::text ~ 'MiniTwit|legacy_import_'"
            " UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename ~ 'MiniTwit|legacy_import_'"
            " UNION ALL SELECT indexrelid::regclass::text, 'clustered' FROM pg_index WHERE indisclustered"
        )
        return set(cursor.fetchall())
