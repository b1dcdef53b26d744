"""Read, judge, count and sample the tables of a run, side by side.

Reading keeps a processor busy here, judging keeps one busy in PostgreSQL; with several tables at once neither waits
for the other.
"""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.db import connection, transaction

from legacy_import import preview, staging
from legacy_import.bulk import prepare_transaction
from legacy_import.checks import Check
from legacy_import.preview import SampleRow
from legacy_import.progress import Lane, Progress, is_cancellation
from legacy_import.records import TableCounts
from legacy_import.sources import SQLiteSource


@dataclass(frozen=True)
class Prepared:
    """What a preview has to say of one table.

    Attributes:
        table: user, message or follower.
        fingerprint: which rows became what; see `Check.written`.
        here: what stood in the new database; see `Check.state_here`.
        disagreements: sentences about samples that import-export's own path judged otherwise.
    """

    table: str
    counts: TableCounts
    fingerprint: str
    here: str
    samples: list[SampleRow]
    disagreements: list[str]


def prepare_tables(checks: Sequence[Check], source: SQLiteSource, progress: Progress) -> list[Prepared]:
    """Prepare all tables of a run, each in a thread and with a connection of its own.

    Raises:
        The first error of any of them; the others are stopped.
    """
    lanes = [progress.lane(f"Reading {check.table}s", source.tables[check.table].rows) for check in checks]
    progress.phase("", 0)
    with ThreadPoolExecutor(len(checks), thread_name_prefix="preparing") as pool:
        futures = [
            pool.submit(prepare_in_thread, check, source, lane, progress)
            for check, lane in zip(checks, lanes, strict=True)
        ]
        try:
            pending = wait(futures, return_when=FIRST_EXCEPTION).not_done
        except BaseException:  # Ctrl-C: leaving the pool waits for its threads
            progress.cancel()
            raise
        if pending:
            progress.cancel()
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=is_cancellation):  # what went wrong before what was stopped because of it
        raise error
    return [future.result() for future in futures]


def prepare_in_thread(check: Check, source: SQLiteSource, lane: Lane, progress: Progress) -> Prepared:
    with progress.side_strand(), source.reopened() as own_source:
        return prepare_table(check, own_source, lane)


def prepare_table(check: Check, source: SQLiteSource, lane: Lane) -> Prepared:
    """Prepare one table."""
    table = check.table
    staging.stage(check.run_id, table, source, lane.advance, check.resource.options.passwords)
    with transaction.atomic(), connection.cursor() as cursor:
        prepare_transaction(cursor)
        # The tables are judged side by side, and handing millions of rows from worker to worker costs half as much
        # as judging them.
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        lane.phase(f"Checking {table}s")
        here = check.state_here()
        check.write()
        counts, fingerprint = check.written()
        lane.phase(f"Choosing sample {table}s")
        samples, disagreements = preview.take_samples(check, counts, source)
    lane.phase("")
    return Prepared(table, counts, fingerprint, here, samples, disagreements)
