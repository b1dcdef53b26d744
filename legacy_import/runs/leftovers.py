"""Everything that the import puts aside has an owner and an age; what has lost its owner or is too old goes.

| what | owner | age |
|---|---|---|
| a preview, its staging tables and its snapshot | the run | LEGACY_KEPT_DAYS without a confirmation |
| a snapshot while rows are written and compared | the run, by its state and lock | none |
| an upload | the runs that read it | LEGACY_KEPT_DAYS after its users came, if the messages do not follow |
| an upload without a run | the process that writes it | ORPHAN_SECONDS |
| a copy that `verify_legacy` reads | the process that reads it | COPY_SECONDS |
| a folder of files | a database of this server | none: it goes when the database does |

Ages are taken from one clock each: those of rows from the database's, those of files from that of their file system.
"""

import logging
import shutil
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import sql

from legacy_import.locks import RUN_IS_HELD
from legacy_import.runs.files import discard_unneeded_uploads, import_dir
from legacy_import.source import SourceError
from legacy_import.steps import staging
from legacy_import.tables import CURRENT, Models, table_of
from MiniTwit.database.queries import rows_of
from MiniTwit.storage.database_folders import file_clock, folders_of_dropped_databases

COPY_SECONDS = 24 * 3600
logger = logging.getLogger(__name__)

NEEDED_SNAPSHOTS = """
SELECT source->>'snapshot' FROM {run} AS run
WHERE state IN ('staging', 'previewed', 'applying')
    OR state = 'applied' AND verification IS NULL AND {run_is_held}
"""


EXPIRE_PREVIEWS = """
UPDATE {run} SET state = 'cancelled', finished_at = now(), samples = '{{}}',
    error_code = 'expired', error_message = %s
WHERE state = 'previewed' AND previewed_at < now() - make_interval(days => %s)
"""


def discard_leftovers(models: Models = CURRENT) -> None:
    """Give up the previews that waited for too long, and remove the staging tables, snapshots and uploads that belong
    to no run any more.

    Files go when the transaction is committed: a run that is rolled back into its former state still needs them.
    """
    expire_previews(models)
    staging.discard_unneeded(models)
    transaction.on_commit(partial(discard_files, models))


def expire_previews(models: Models) -> None:
    """Give up the previews that were not confirmed in time: they keep copies of the old database."""
    days = settings.LEGACY_KEPT_DAYS
    sentence = (
        f"This preview was not confirmed within {days} days, so it was given up with all that it had read. "
        "Nothing was imported."
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(EXPIRE_PREVIEWS).format(run=table_of(models.run)), [sentence, days])


def discard_files(models: Models) -> None:
    """Remove files that no run needs. Where that fails, the log says so, and the next time tries again."""
    try:
        discard_snapshots(models)
        discard_unneeded_uploads()
        discard_copies()
        for folder in folders_of_dropped_databases(Path(settings.LEGACY_IMPORT_DIR)):
            shutil.rmtree(folder)
    except (OSError, SourceError):
        logger.warning("Files that the import no longer needs could not be removed.", exc_info=True)


def discard_snapshots(models: Models) -> None:
    """Remove snapshots, finished or not, that belong to no run at work or waiting.

    The files are listed first: a run has its snapshot's name before the file is there.
    """
    files = list(import_dir().glob("snapshot-*"))
    if not files:
        return
    statement = sql.SQL(NEEDED_SNAPSHOTS).format(run=table_of(models.run), run_is_held=sql.SQL(RUN_IS_HELD))
    needed = tuple(name for (name,) in rows_of(statement) if name)
    for file in files:
        if not file.name.startswith(needed):
            file.unlink(missing_ok=True)


def discard_copies() -> None:
    """Remove the folders of copies whose process died in the middle of a comparison."""
    copies = list(import_dir().glob("verify-*"))
    if copies:
        oldest = file_clock(import_dir()) - COPY_SECONDS
        for copy in copies:
            if copy.stat().st_mtime < oldest:
                shutil.rmtree(copy, ignore_errors=True)
