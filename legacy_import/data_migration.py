"""The import as two migrations of MiniTwit: the same functions, with the models of that time."""

import sys

from django.apps.registry import Apps
from django.core.management.base import CommandError

from legacy_import.errors import RunError
from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.runs.chosen_mapping import outlooks_shown
from legacy_import.runs.foreground import import_at_once, undo_at_once
from legacy_import.source import SourceError, configured_source
from legacy_import.steps.undo import UndoneTable
from legacy_import.tables import Models

# What has to be answered first, and how to go on without: a migration takes no answers.
ABOUT_MAPPING = frozenset({"undecided_mapping", "missing_table", "missing_column", "nothing_arrives"})
WITHOUT_IMPORT = (
    " To migrate without importing anything, unset LEGACY_DATABASE_URL; the import can follow on its pages or with "
    "import_legacy."
)


def import_configured(apps: Apps, kind: str) -> None:
    """Import users or messages of the database that LEGACY_DATABASE_URL names; without one, say so.

    Raises:
        CommandError: it could not be imported; nothing was written and the migration counts as not applied.
    """
    models = Models(apps)
    try:
        reference = configured_source()
        if reference is None:
            say(f"LEGACY_DATABASE_URL is not set: no old {kind} to import.")
            return
        run = import_at_once(
            kind=kind, reference=reference, options=ImportOptions(), origin="migration", models=models
        )
    except (RunError, SourceError) as error:
        raise CommandError(f"{error.message}{WITHOUT_IMPORT if error.code in ABOUT_MAPPING else ''}") from error
    for table, data in run.counts.items():
        counts = TableCounts.from_json(data)
        say(f"Import {run.pk}, {table}: {counts.read:,} read, {counts.new:,} new, {counts.rejected:,} rejected.")
    for outlook in outlooks_shown(run):
        if not outlook.is_open:
            say(f"The {outlook.holds} cannot follow these users as they are. {outlook.sentence}")


def take_out(apps: Apps, kind: str) -> None:
    """Undo what `import_configured` brought, and nothing else.

    Raises:
        CommandError: an import that came later has to be undone first.
    """
    models = Models(apps)
    brought = list(models.run.objects.filter(origin="migration", kind=kind, state="applied").order_by("-id"))
    if not brought:
        say(f"No migration brought any {kind}: there is nothing to take out.")
    try:
        for run in brought:
            run = undo_at_once(run.pk, models)
            for table, result in (run.undo_result or {}).items():
                undone = UndoneTable.from_json(result)
                say(f"Import {run.pk}, {table}: {undone.removed:,} taken out, {undone.kept:,} kept.")
    except RunError as error:
        raise CommandError(error.message) from error


def say(line: str) -> None:
    sys.stdout.write(f"\n    {line}")
