"""The indexes for searching, which take longer than all others together, and one that only moderators need.

They wait until a run is applied.
"""

from collections.abc import Iterable

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg2 import sql

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import TABLES_OF_KIND
from legacy_import.steps.bulk_load import is_all_of_run
from legacy_import.steps.progress import TaskProgress
from legacy_import.tables import Models, table_of
from MiniTwit.search import BUILT_LATER, ensure_search_indexes

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


def build_search_indexes(run: ImportRun, models: Models, progress: TaskProgress, *, concurrently: bool) -> None:
    """Build what is missing in the tables of a run. See `ensure_search_indexes`."""
    ensure_search_indexes(
        targets_of(run, models),
        on_progress=lambda name: progress.phase("Building the search index"),
        concurrently=concurrently,
    )
    progress.phase("")


def is_first_import(run: ImportRun, models: Models) -> bool:
    """Whether the tables of a run held next to nothing before it, so that writing to them can wait for a minute."""
    with connection.cursor() as cursor:
        return all(is_all_of_run(cursor, table_of(target), run.pk) for target in targets_of(run, models))


def targets_of(run: ImportRun, models: Models) -> Iterable[type[Model]]:
    return [table.target(models) for table in TABLES_OF_KIND[run.kind]]
