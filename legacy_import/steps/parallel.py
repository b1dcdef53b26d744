"""Read, classify, count and sample the tables of a run, side by side.

Reading keeps a processor of this process busy, classifying keeps one of PostgreSQL busy. A large table comes in
parts, so that one of them is read while others are classified.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.db import connection, transaction

from legacy_import.rules.old_tables import OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.source import SQLiteSource
from legacy_import.source.copy_lines import EVERYWHERE
from legacy_import.steps import preview, staging
from legacy_import.steps.bulk_load import prepare_transaction
from legacy_import.steps.classify import Check, Fingerprint, SummaryRow, account_of
from legacy_import.steps.preview import SampleRow
from legacy_import.steps.progress import Progress, TaskProgress, may_be_cancellation
from legacy_import.steps.text_ids import refuse_collisions

# SQLite's allocator has one lock for all connections and is called for every value: two threads that read at once
# wait for each other at every step.
READING = threading.Lock()


@dataclass(frozen=True)
class Prepared:
    """What a preview has to say of one table.

    Attributes:
        disagreements: sentences about samples that import-export's own path classified otherwise.
    """

    table: OldTable
    counts: TableCounts
    fingerprint: Fingerprint
    samples: list[SampleRow]
    disagreements: list[str]


class TablePreparation:
    """The preparation of one table, whose parts are read one after the other and classified side by side.

    The constructor makes the tables, without rows; the worker thread that ends last takes the samples.
    """

    def __init__(self, check: Check, source: SQLiteSource, progress: Progress) -> None:
        self.check = check
        self.progress = progress
        self.target_fingerprint = check.target_fingerprint()
        staging.create(check.staged, check.lines)
        check.create()
        self.parts = source.parts(check.table.name) if check.can_be_parted else [EVERYWHERE]
        rows = source.tables[check.table.name].rows // len(self.parts)
        self.tasks = [progress.task(f"Reading {check.table.rows}", rows) for _ in self.parts]
        self.unfinished = len(self.parts)
        self.summary: list[SummaryRow] = []
        self.lock = threading.Lock()

    def prepare_part(self, index: int, source: SQLiteSource) -> Prepared | None:
        """Read and classify one part, in a thread and with connections of its own; the last one prepares the rest."""
        with self.progress.worker_connection(), source.reopened() as own_source:
            task, check, table = self.tasks[index], self.check, self.check.table
            with READING:
                staging.stage_part(
                    check.staged, index + 1, check.lines, own_source, table.name, self.parts[index], task.advance
                )
            task.phase(f"Checking {table.rows}")
            with transaction.atomic(), connection.cursor() as cursor:
                prepare_transaction(cursor)
                summary = self.check.write_part(index + 1)
            task.phase("")
            with self.lock:
                self.summary += summary
                self.unfinished -= 1
                is_last = self.unfinished == 0
            return self.finish(own_source, task) if is_last else None

    def finish(self, source: SQLiteSource, task: TaskProgress) -> Prepared:
        """Sum up and take samples, now that all parts are classified."""
        with transaction.atomic(), connection.cursor() as cursor:
            prepare_transaction(cursor)
            if self.check.lines.has_text_ids:
                refuse_collisions(self.check)
            counts, outcomes = account_of(self.summary)
            task.phase(f"Choosing sample {self.check.table.rows}")
            samples, disagreements = preview.take_samples(self.check, counts, source)
        task.phase("")
        fingerprint = Fingerprint(outcomes, self.target_fingerprint)
        return Prepared(self.check.table, counts, fingerprint, samples, disagreements)


def prepare_tables(checks: Sequence[Check], source: SQLiteSource, progress: Progress) -> list[Prepared]:
    """Prepare all tables of a run.

    Raises:
        The first error of any worker thread; the others are stopped.
    """
    preparations = [TablePreparation(check, source, progress) for check in checks]
    # What is classified as a whole is read first.
    preparations.sort(key=lambda preparation: len(preparation.parts))
    progress.phase("", 0)
    parts = [(preparation, index) for preparation in preparations for index in range(len(preparation.parts))]
    with ThreadPoolExecutor(len(parts), thread_name_prefix="preparing") as pool:
        futures = [pool.submit(preparation.prepare_part, index, source) for preparation, index in parts]
        try:
            pending = wait(futures, return_when=FIRST_EXCEPTION).not_done
        except BaseException:  # Ctrl-C: leaving the pool waits for its threads
            progress.cancel()
            raise
        if pending:
            progress.cancel()
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=may_be_cancellation):  # the cause before the cancellations that followed it
        raise error
    prepared = {result.table: result for future in futures if (result := future.result())}
    return [prepared[check.table] for check in checks]
