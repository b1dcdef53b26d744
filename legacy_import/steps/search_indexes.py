"""The indexes for searching, which take longer than all others together, and one that only moderators need.

They wait until a run is applied.
"""

import logging
import time

from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import TABLES_OF_KIND
from legacy_import.steps.progress import Progress
from legacy_import.tables import Models
from MiniTwit.search import BUILT_LATER, ensure_search_indexes

logger = logging.getLogger(__name__)

SEARCH_INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam
WHERE indrelid = %s::regclass AND (amname = 'gin' OR relname = ANY(%s))
"""


def drop_search_indexes(cursor: CursorWrapper, table: sql.Identifier) -> None:
    """Drop a table's search indexes in the caller's transaction; `build_search_indexes` makes them again after it."""
    cursor.execute(SEARCH_INDEXES, [table.as_string(cursor.cursor), list(BUILT_LATER)])
    for (name,) in cursor.fetchall():
        cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))


def build_search_indexes(run: ImportRun, models: Models) -> None:
    """Build what is missing while others work. If that fails, the import stays, and searching is slow."""
    targets = [table.target(models) for table in TABLES_OF_KIND[run.kind]]
    began = time.monotonic()
    with Progress(run.pk, models) as progress:
        try:
            ensure_search_indexes(targets, on_progress=lambda name: progress.phase("Building the search index"))
        except Exception as error:
            logger.exception("Import %s was applied, but its search index could not be built.", run.pk)
            run.error_message = (
                f"Everything is imported, but the search index could not be built ({error}). Searching is slow until "
                "you run `python manage.py build_search_indexes`."
            )
    run.durations |= {"indexing": round(time.monotonic() - began, 2)}
    run.save(update_fields=["error_message", "durations"])
