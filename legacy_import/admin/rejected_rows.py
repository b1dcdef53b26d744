"""The rejected rows of a run as a CSV file, streamed: there may be millions."""

import csv
import json
from collections.abc import Iterable, Iterator

from django.db import connection
from django.http import StreamingHttpResponse
from psycopg2 import sql

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import OldTable
from legacy_import.rules.outcomes import REASONS, Outcome
from legacy_import.source.record import SourceRecord
from legacy_import.source.schema import HIDDEN_COLUMN
from legacy_import.steps.lines import Lines
from legacy_import.tables import checked_table, staged_table
from MiniTwit.admin.files.cell_text import without_formula
from MiniTwit.admin.files.exporting import BYTE_ORDER_MARK, Echo

ROWS_AT_A_TIME = 500
RejectedLine = tuple[int, str, *tuple[str | None, ...]]  # position, reason and old values


def rejected_csv(run: ImportRun, table: OldTable) -> StreamingHttpResponse:
    """The rejected rows of one table: kept with an applied run, staged before."""
    rows = stored_rows(run, table) if run.state == ImportRun.State.APPLIED else staged_rows(run, table)
    source = SourceRecord.from_json(run.source)
    return StreamingHttpResponse(
        csv_lines([source.heading(table.name, column) for column in columns_of(run, table)], rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="import-{run.pk}-rejected-{table.rows}.csv"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def columns_of(run: ImportRun, table: OldTable) -> list[str]:
    return [name for name in SourceRecord.from_json(run.source).shown_columns(table.name) if name != HIDDEN_COLUMN]


def stored_rows(run: ImportRun, table: OldTable) -> Iterator[RejectedLine]:
    """Position, reason and values of the rows that were kept when the run was applied."""
    columns = columns_of(run, table)
    rows = run.rejected_rows.filter(table=table.name).order_by("position")
    for row in rows.iterator(chunk_size=ROWS_AT_A_TIME):
        yield row.position, row.reason, *(row.values.get(column) for column in columns)


def staged_rows(run: ImportRun, table: OldTable) -> Iterator[RejectedLine]:
    """The same of a preview, from its staging tables."""
    query = sql.SQL(
        "SELECT position, checked.reason, {old_values} FROM {checked} AS checked JOIN {staged} AS staged"
        " USING (position) WHERE checked.outcome = %s ORDER BY position"
    ).format(
        old_values=Lines(table.resource()).old_values(),
        checked=checked_table(run.pk, table.name),
        staged=staged_table(run.pk, table.name),
    )
    columns = columns_of(run, table)
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, [Outcome.REJECTED.value])
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            for position, reason, values in rows:
                yield position, reason, *(json.loads(values).get(column) for column in columns)


def csv_lines(columns: list[str], rows: Iterable[RejectedLine]) -> Iterator[str]:
    """The file's lines."""
    writer = csv.writer(Echo())
    yield BYTE_ORDER_MARK + writer.writerow(["row", "reason", "meaning", *columns])
    for position, reason, *values in rows:
        yield writer.writerow([position, reason, REASONS.get(reason, ""), *map(without_formula, values)])
