"""Read, judge, count and sample the tables of a run, side by side.

Reading keeps a processor busy here, judging keeps one busy in PostgreSQL; with several tables at once, and a large
one in parts, neither waits for the other.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.db import connection, transaction

from legacy_import.rules.options import TableCounts
from legacy_import.source import SQLiteSource
from legacy_import.source.copy_lines import EVERYWHERE
from legacy_import.steps import preview, staging
from legacy_import.steps.bulk_load import prepare_transaction
from legacy_import.steps.classify import Check, SummaryRow, account_of
from legacy_import.steps.preview import SampleRow
from legacy_import.steps.progress import Lane, Progress, may_be_cancellation


@dataclass(frozen=True)
class Prepared:
    """What a preview has to say of one table.

    Attributes:
        table: user, message or follower.
        fingerprint: which rows became what; see `checks.account_of`.
        here: what stood in the new database; see `Check.state_here`.
        disagreements: sentences about samples that import-export's own path judged otherwise.
    """

    table: str
    counts: TableCounts
    fingerprint: str
    here: str
    samples: list[SampleRow]
    disagreements: list[str]


class TablePreparation:
    """The preparation of one table, whose parts are read and judged side by side.

    The tables are there, without rows, from the beginning; the strand that ends last takes the samples.
    """

    def __init__(self, check: Check, source: SQLiteSource, progress: Progress) -> None:
        self.check = check
        self.progress = progress
        self.here = check.state_here()
        staging.create(check.run_id, check.table, check.lines)
        check.create()
        self.parts = source.parts(check.table) if check.can_be_parted else [EVERYWHERE]
        rows = source.tables[check.table].rows // len(self.parts)
        self.lanes = [progress.lane(f"Reading {check.table}s", rows) for _ in self.parts]
        self.unfinished = len(self.parts)
        self.summary: list[SummaryRow] = []
        self.lock = threading.Lock()

    def prepare_part(self, index: int, source: SQLiteSource) -> Prepared | None:
        """Read and judge one part, in a thread and with connections of its own; the last one prepares the rest."""
        with self.progress.side_strand(), source.reopened() as own_source:
            lane, check, table = self.lanes[index], self.check, self.check.table
            staging.stage_part(
                check.run_id, table, index + 1, check.lines, own_source, self.parts[index], lane.advance
            )
            lane.phase(f"Checking {table}s")
            with transaction.atomic(), connection.cursor() as cursor:
                prepare_transaction(cursor)
                summary = self.check.write_part(index + 1)
            lane.phase("")
            with self.lock:
                self.summary += summary
                self.unfinished -= 1
                is_last = self.unfinished == 0
            return self.finish(own_source, lane) if is_last else None

    def finish(self, source: SQLiteSource, lane: Lane) -> Prepared:
        """Sum up and take samples, now that all parts are judged."""
        with transaction.atomic(), connection.cursor() as cursor:
            prepare_transaction(cursor)
            counts, fingerprint = account_of(self.summary)
            lane.phase(f"Choosing sample {self.check.table}s")
            samples, disagreements = preview.take_samples(self.check, counts, source)
        lane.phase("")
        return Prepared(self.check.table, counts, fingerprint, self.here, samples, disagreements)


def prepare_tables(checks: Sequence[Check], source: SQLiteSource, progress: Progress) -> list[Prepared]:
    """Prepare all tables of a run.

    Raises:
        The first error of any strand; the others are stopped.
    """
    preparations = [TablePreparation(check, source, progress) for check in checks]
    progress.phase("", 0)
    strands = [(preparation, index) for preparation in preparations for index in range(len(preparation.parts))]
    with ThreadPoolExecutor(len(strands), thread_name_prefix="preparing") as pool:
        futures = [pool.submit(preparation.prepare_part, index, source) for preparation, index in strands]
        try:
            pending = wait(futures, return_when=FIRST_EXCEPTION).not_done
        except BaseException:  # Ctrl-C: leaving the pool waits for its threads
            progress.cancel()
            raise
        if pending:
            progress.cancel()
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=may_be_cancellation):  # what went wrong before what was stopped because of it
        raise error
    prepared = {result.table: result for future in futures if (result := future.result())}
    return [prepared[check.table] for check in checks]
