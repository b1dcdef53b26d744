"""What follows once a run is applied: its tables get their search indexes, and old and new are compared.

An error in either does not undo the import.
"""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext

from legacy_import import verify
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import OLD_TABLES, names_of_kind
from legacy_import.runs.chosen_mapping import layout_of
from legacy_import.runs.files import staged_file
from legacy_import.source.record import SourceRecord
from legacy_import.steps.progress import Progress, TaskProgress
from legacy_import.steps.search_indexes import build_search_indexes, is_first_import
from legacy_import.tables import Models

logger = logging.getLogger(__name__)


def complete(run: ImportRun, models: Models) -> None:
    """Build the search indexes of a run's tables, and verify it.

    Both at a time after a first import. Later, others write to the tables, so their indexes are built concurrently,
    and that would wait for the verification: for the end of every transaction that reads.
    """
    with Progress(run.pk, models) as progress, timed(run, "completing"):
        indexing, verifying = progress.task("", 0), progress.task("", 0)
        if is_first_import(run, models):
            with ThreadPoolExecutor(1, thread_name_prefix="verifying") as pool:
                verification = pool.submit(verify_run, run, verifying, progress.worker_connection())
                try:
                    make_searchable(run, models, indexing, concurrently=False)
                    verification.result()
                except BaseException:  # Ctrl-C: leaving the pool waits for its thread
                    progress.cancel()
                    raise
        else:
            make_searchable(run, models, indexing, concurrently=True)
            verify_run(run, verifying)
    run.save(update_fields=["verification", "durations"])


def make_searchable(run: ImportRun, models: Models, progress: TaskProgress, *, concurrently: bool) -> None:
    """Build the search indexes. Without them, searching is slow."""
    with timed(run, "indexing"):
        try:
            build_search_indexes(run, models, progress, concurrently=concurrently)
        except Exception as error:
            logger.exception("Import %s was applied, but its search index could not be built.", run.pk)
            run.error_message = (
                f"Everything is imported, but the search index could not be built ({error}). Searching is slow until "
                "you run `python manage.py build_search_indexes`."
            )
            run.save(update_fields=["error_message"])  # whatever becomes of the verification


def verify_run(
    run: ImportRun, progress: TaskProgress, own_connection: AbstractContextManager[None] | None = None
) -> None:
    """Compare old and new.

    Args:
        own_connection: of the thread that verifies, if that is another one than the run's.
    """

    def on_progress(table: str, done: int, total: int) -> None:
        progress.phase(f"Verifying {OLD_TABLES[table].rows}", total)
        progress.advance(done)

    with timed(run, "verifying"):
        try:
            with own_connection or nullcontext():
                verification = verify.verify(
                    staged_file(run),
                    tables=names_of_kind(run.kind),
                    layout=layout_of(SourceRecord.from_json(run.source).mapping),
                    on_progress=on_progress,
                )
        except Exception as error:
            logger.exception("Import %s was applied, but could not be verified.", run.pk)
            verification = verify.Verification(error=f"The verification stopped: {error}")
    run.verification = verification.as_json(examples=True)
    progress.phase("", 0)  # the index may take longer, and no bar can tell how long


@contextmanager
def timed(run: ImportRun, step: str) -> Iterator[None]:
    """Write down on the run how many seconds a step took."""
    began = time.monotonic()
    yield
    run.durations[step] = round(time.monotonic() - began, 2)
