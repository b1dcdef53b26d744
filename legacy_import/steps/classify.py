"""Give every staged row its outcome, in SQL.

The staged rows are clean; the statements of `classify_sql` compare them with each other and with the target's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from legacy_import.rules.old_tables import OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import Outcome
from legacy_import.rules.resources import LegacyResource
from legacy_import.steps.classify_sql import cleaned_before, outcome_statement
from legacy_import.steps.lines import Lines
from legacy_import.steps.staging import NO_AUTOVACUUM, drop_classified
from legacy_import.tables import Models, checked_table, part_of, staged_table, table_of
from MiniTwit.json_records import JsonRecord

# Every change of a row gives it a new xmin, so this stays the same only while no row of the table changes.
STATE = "SELECT coalesce(sum(hashint8extended({key}, xmin::text::bigint)), 0) || '/' || count(*) FROM {table}"

# The rows stay in their order: those that are looked up are few.
REPEATED_REFUSED = """
SELECT {columns}, coalesce(reason, CASE WHEN position > repeated.first THEN 'duplicate_id' END) AS reason
FROM {staged} LEFT JOIN (
    SELECT legacy_id, min(position) AS first FROM {staged} GROUP BY legacy_id HAVING count(*) > 1
) AS repeated USING (legacy_id)
"""

SUMMARY = """
SELECT outcome, reason, nullif(notes, '') AS notes, count(*), sum({row_hash}) AS fingerprint
FROM ({rows}) AS rows GROUP BY 1, 2, 3
"""


@dataclass(frozen=True)
class Fingerprint(JsonRecord):
    """What ties a preview to the target, for one table: a confirmation is applied only if it would still be the same.

    Attributes:
        outcomes: changes with what becomes of any row. target: changes with any row on which the outcomes depend.
    """

    outcomes: str
    target: str


# Outcome, reason, notes, how many rows have these, and the sum of their hashes.
SummaryRow = tuple[str, str | None, str | None, int, Decimal]


@dataclass(frozen=True)
class Check:
    """The outcomes of one table of one run.

    Attributes:
        run_id: whose staging tables are read.
        resource: gives the widgets, the options and the models.
        unique_ids: whether the source guarantees that no id occurs twice.
    """

    run_id: int
    table: OldTable
    resource: LegacyResource
    unique_ids: bool

    @cached_property
    def lines(self) -> Lines:
        """What fills the staging table."""
        return Lines(self.resource)

    @property
    def checked(self) -> sql.Identifier:
        """The table whose parts `write_part` fills."""
        return checked_table(self.run_id, self.table.name)

    @property
    def staged(self) -> sql.Identifier:
        return staged_table(self.run_id, self.table.name)

    @property
    def models(self) -> Models:
        return self.resource.models

    @property
    def target(self) -> sql.Identifier:
        """The table that the rows are imported into."""
        return table_of(self.table.target(self.models))

    @property
    def can_be_parted(self) -> bool:
        """Whether no row's outcome depends on another row of the table, so that parts can be classified apart."""
        return self.table.is_partible and self.unique_ids

    def create(self) -> None:
        """Make the table of checked rows, without rows."""
        with connection.cursor() as cursor:
            statement = self.outcomes(self.cleaned(self.staged))
            cursor.execute(
                sql.SQL("CREATE UNLOGGED TABLE {} {} AS {} WITH NO DATA").format(
                    self.checked, NO_AUTOVACUUM, statement
                )
            )

    def write_part(self, number: int) -> list[SummaryRow]:
        """Classify a part of the staged rows into a part of the table of checked rows, and sum it up.

        Of the staged rows only those that are rejected stay: they are shown and kept as they were. The others are no
        longer needed, and the sooner they go, the fewer of them are ever written to the disk.
        """
        staged, part = part_of(self.staged, number), part_of(self.checked, number)
        with connection.cursor() as cursor:
            statement = self.outcomes(self.cleaned(staged), self._ids(cursor, staged)) + self.order()
            cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} {} AS {}").format(part, NO_AUTOVACUUM, statement))
            # A tenth of the usual sample tells as well how many rows there are and which columns repeat.
            cursor.execute("SET LOCAL default_statistics_target = 10")
            cursor.execute(sql.SQL("ANALYZE {}").format(part))
            summary = self._summary(sql.SQL("SELECT * FROM {}").format(part))
            rejected = any(outcome == Outcome.REJECTED for outcome, *_ in summary)
            drop_classified(cursor, self.staged, staged, part, rejected=rejected)
            # Last, because until the commit it keeps other parts from doing the same.
            cursor.execute(sql.SQL("ALTER TABLE {} INHERIT {}").format(part, self.checked))
        return summary

    def classified_again(self) -> tuple[TableCounts, str]:
        """The account of the outcomes that the rows would have now. (The notes may fall short.)"""
        return account_of(self._summary(self.outcomes(cleaned_before(self.table, self.checked))))

    def target_fingerprint(self) -> str:
        """A short text that changes with any row of the target on which the outcomes depend."""
        models = self.models
        read = {models.user, models.merged, models.rejected, models.purged, self.table.target(models)}
        states = [
            sql.SQL(STATE).format(table=table_of(model), key=sql.Identifier(model._meta.pk.column))
            for model in sorted(filter(None, read), key=lambda model: model.__name__)
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(states))
            return " ".join(state for (state,) in cursor.fetchall())

    def order(self) -> sql.SQL:
        """Sort the classified rows like the old ones, where comparing them with each other has lost that order."""
        return sql.SQL(" ORDER BY position" if self.table.has_ids and not self.table.is_partible else "")

    def outcomes(self, cleaned: sql.Composable, ids: tuple[int, int] | None = None) -> sql.Composed:
        """The statement that classifies every cleaned row. (`ids`: the least and the greatest, if known.)"""
        return outcome_statement(self.table, cleaned, self.resource, ids)

    def _ids(self, cursor: CursorWrapper, staged: sql.Identifier) -> tuple[int, int] | None:
        """The least and the greatest old id of a part of the staged rows."""
        if not self.table.has_ids:
            return None
        cursor.execute(sql.SQL("SELECT min(legacy_id), max(legacy_id) FROM {}").format(staged))
        least, greatest = cursor.fetchone()
        return None if least is None else (least, greatest)

    def cleaned(self, staged: sql.Identifier) -> sql.Composed:
        """Every row of a staging table, with the reason of its own values or its id if any."""
        columns = [name for name in self.lines.columns if name not in ("reason", "original")]
        names = {"columns": sql.SQL(", ").join(map(sql.Identifier, columns)), "staged": staged}
        if self.unique_ids or not self.table.has_ids:
            return sql.SQL("SELECT {columns}, reason FROM {staged}").format(**names)
        return sql.SQL(REPEATED_REFUSED).format(**names)

    def _summary(self, rows: sql.Composable) -> list[SummaryRow]:
        row_hash: sql.Composable = sql.Identifier("position")
        for name in ("target_id", *self.table.accounts):
            row_hash = sql.SQL("hashint8extended({}, coalesce({}, 0))").format(row_hash, sql.Identifier(name))
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(SUMMARY).format(row_hash=row_hash, rows=rows))
            return cast("list[SummaryRow]", cursor.fetchall())


def account_of(summary: Iterable[SummaryRow]) -> tuple[TableCounts, str]:
    """The counts of a table and the fingerprint of its outcomes, from the summaries of all its parts."""
    counts, fingerprint = TableCounts(), Counter[str]()
    for outcome, reason, notes, count, hashes in summary:
        counts.add(outcome, reason, notes, count)
        fingerprint[f"{outcome} {reason or ''}"] += int(hashes)
    return counts, " ".join(f"{outcome}:{total}" for outcome, total in sorted(fingerprint.items()))
