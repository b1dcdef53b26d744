"""A whole import at one go, for the command and the migrations, which hand nothing to a worker."""

from typing import Any

from legacy_import import runs
from legacy_import.records import ImportOptions
from legacy_import.sources import Reference
from legacy_import.sources.mapping import TableMappings
from legacy_import.tables import Models
from legacy_import.work import AT_WORK


def import_at_once(
    *,
    kind: str,
    reference: Reference,
    options: ImportOptions,
    origin: str,
    models: Models | None = None,
    dry_run: bool = False,
    insist: bool = False,
    mapping: TableMappings | None = None,
) -> Any:
    """Preview an old database and, unless that is all, import it.

    Args:
        insist: import it even if it does not look like the database imported before.

    Returns:
        The run, in state applied, or previewed for a dry run.

    Raises:
        RunError, SourceError: nothing was written.
    """
    models = models or Models.of()
    run = runs.start(kind=kind, reference=reference, options=options, origin=origin, models=models, mapping=mapping)
    try:
        run = runs.stage(run.pk, models, reference)
        if dry_run:
            runs.check_audit(run)
            return run
        runs.confirm(run.pk, insist=insist, models=models)
        return runs.apply(run.pk, models)
    except BaseException:
        # Nobody will take up later what could not be taken up now, and it would keep every other import waiting.
        if models.run.objects.filter(pk=run.pk, state__in=AT_WORK, picked_up_at=None).exists():
            runs.cancel(run.pk, models=models)
        raise
