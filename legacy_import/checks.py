"""Give every staged row its verdict, in SQL.

The widgets of a Resource give the expressions that clean one value; the statements here compare rows with each
other and with what stands in the new database, as `Resource.judge` does for one row.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.db import connection
from psycopg2 import sql

from legacy_import.passwords import kept_password_sql
from legacy_import.reasons import Verdict
from legacy_import.records import TableCounts
from legacy_import.resources import LegacyResource
from legacy_import.sources import CANONICAL_COLUMNS
from legacy_import.staging import LEFT_ALONE
from legacy_import.tables import checked_table, part_of, staged_table, table_of
from legacy_import.widgets import AccountWidget, LegacyWidget, StagedColumn

# Each OFFSET 0 keeps the planner from copying what a subquery calculates into every place that uses it.
USER_VERDICTS = """
WITH cleaned AS ({cleaned}),
compared AS (
    SELECT *,
        min(legacy_id) FILTER (WHERE reason IS NULL) OVER (PARTITION BY username) AS survivor,
        count(*) FILTER (WHERE reason IS NULL) OVER (PARTITION BY email) AS email_holders,
        min(username COLLATE "C") FILTER (WHERE reason IS NULL) OVER spelling AS first_spelling,
        max(username COLLATE "C") FILTER (WHERE reason IS NULL) OVER spelling AS last_spelling
    FROM cleaned
    WINDOW spelling AS (PARTITION BY lower(username COLLATE "C"))
),
judged AS (
    SELECT compared.*, existing.id AS target_id, holder.id AS holder_id,
        existing.changed_at IS NOT NULL AS changed_here,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN existing.id IS NOT NULL AND (existing.username, existing.email, existing.password)
                = (compared.username, compared.email, {kept_password}) THEN 'unchanged'
            WHEN existing.id IS NOT NULL AND (existing.changed_at IS NOT NULL OR {keep}) THEN 'kept'
            WHEN holder.id IS NOT NULL AND holder.legacy_id IS NULL THEN 'username_taken'
            WHEN holder.id IS NULL AND survivor = compared.legacy_id
                THEN CASE WHEN existing.id IS NULL THEN 'new' ELSE 'changed' END
            WHEN existing.id IS NULL AND ({merge} OR compared.legacy_id IN (SELECT legacy_id FROM {merged}))
                THEN 'duplicate'
            ELSE 'duplicate_username'
        END AS outcome
    FROM compared
    LEFT JOIN {user} AS existing ON existing.legacy_id = compared.legacy_id AND reason IS NULL
    LEFT JOIN {user} AS holder ON holder.username = compared.username AND reason IS NULL
        AND holder.id IS DISTINCT FROM existing.id
    OFFSET 0
)
SELECT position, legacy_id, username, email, password, reason AS own_reason,
    target_id, holder_id, survivor, {verdict_and_reason},
    concat_ws(' ', nullif(notes, ''), CASE WHEN email <> '' AND email_holders > 1 THEN 'duplicate_email' END,
        CASE WHEN first_spelling <> last_spelling THEN 'case_twin' END, {kept_because}) AS notes
FROM judged
"""

# Old ids and usernames of the imported accounts, and of those that were refused.
ACCOUNTS = """
accounts AS (
    SELECT legacy_id, id, {erased} AS erased FROM {user} WHERE legacy_id IS NOT NULL
    UNION ALL
    SELECT merged.legacy_id, merged.user_id, {erased} FROM {merged} AS merged
    JOIN {user} ON {user}.id = merged.user_id
    WHERE NOT EXISTS (SELECT FROM {user} AS own WHERE own.legacy_id = merged.legacy_id)
),
refused AS (SELECT legacy_id, username FROM {rejected} WHERE run_id = {users_run} AND "table" = 'user')
"""

MESSAGE_VERDICTS = """
WITH {accounts},
found AS (
    SELECT cleaned.*, coalesce(author.id, named.id) AS account_id,
        existing.id AS target_id, existing.changed_at IS NOT NULL AS changed_here,
        -- Deleted here for good, or by an account that was erased: it does not come back.
        CASE WHEN existing.id IS NULL AND purged.legacy_id IS NOT NULL THEN 'purged_here'
            WHEN existing.id IS NULL AND author.erased THEN 'erased_here' END AS gone_because,
        CASE WHEN existing.id IS NULL THEN NULL
            WHEN (existing.author_id, existing.text, existing.pub_date, existing.flagged)
                = (coalesce(author.id, named.id), cleaned.text, cleaned.pub_date, cleaned.flagged) THEN 'unchanged'
            WHEN existing.changed_at IS NOT NULL OR {keep} THEN 'kept'
            ELSE 'changed' END AS existing_outcome
    FROM ({cleaned}) AS cleaned
    LEFT JOIN accounts AS author ON author.legacy_id = cleaned.author_id
    LEFT JOIN {user} AS named ON named.username = cleaned.author_id_name AND named.legacy_id IS NOT NULL
    {existing_message}
    {purged}
),
judged AS (
    SELECT found.*,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN gone_because = 'purged_here' THEN 'kept'
            WHEN account_id IS NULL THEN CASE
                WHEN author_id IN (SELECT legacy_id FROM refused WHERE legacy_id IS NOT NULL)
                    OR author_id_name IN (SELECT username FROM refused WHERE username IS NOT NULL)
                THEN 'author_rejected' ELSE 'author_missing' END
            WHEN gone_because = 'erased_here' THEN 'kept'
            ELSE coalesce(existing_outcome, 'new')
        END AS outcome
    FROM found
    OFFSET 0
)
SELECT position, legacy_id, author_id AS author_key, author_id_name, text, pub_date, flagged, reason AS own_reason,
    account_id AS author_id, target_id, {verdict_and_reason},
    CASE WHEN outcome = 'kept' THEN concat_ws(' ', nullif(notes, ''), coalesce(gone_because, {kept_because}))
        ELSE notes END AS notes
FROM judged
"""

FOLLOW_VERDICTS = """
WITH {accounts},
found AS (
    SELECT cleaned.position, cleaned.notes,
        cleaned.who_id AS who_key, who_id_name, cleaned.whom_id AS whom_key, whom_id_name,
        coalesce(who.id, named_who.id) AS who_id, coalesce(whom.id, named_whom.id) AS whom_id,
        coalesce(who.erased, false) OR coalesce(whom.erased, false) AS erased,
        CASE
            WHEN cleaned.who_id IS NULL AND who_id_name IS NULL OR cleaned.whom_id IS NULL AND whom_id_name IS NULL
                THEN 'incomplete_follow'
            WHEN cleaned.who_id = cleaned.whom_id OR who_id_name = whom_id_name
                OR coalesce(who.id, named_who.id) = coalesce(whom.id, named_whom.id) THEN 'self_follow'
            WHEN coalesce(who.id, named_who.id) IS NULL THEN 'follower_missing'
            WHEN coalesce(whom.id, named_whom.id) IS NULL THEN 'followed_missing'
        END AS reason
    FROM ({cleaned}) AS cleaned
    LEFT JOIN accounts AS who ON who.legacy_id = cleaned.who_id
    LEFT JOIN accounts AS whom ON whom.legacy_id = cleaned.whom_id
    LEFT JOIN {user} AS named_who ON named_who.username = who_id_name AND named_who.legacy_id IS NOT NULL
    LEFT JOIN {user} AS named_whom ON named_whom.username = whom_id_name AND named_whom.legacy_id IS NOT NULL
    OFFSET 0
),
judged AS (
    SELECT found.*, existing.id AS target_id,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN row_number() OVER (PARTITION BY found.who_id, found.whom_id, reason ORDER BY position) > 1
                THEN 'duplicate'
            WHEN existing.id IS NOT NULL THEN 'unchanged'
            WHEN found.erased THEN 'kept'
            ELSE 'new'
        END AS outcome
    FROM found
    {existing_follow}
    OFFSET 0
)
SELECT position, who_key, who_id_name, whom_key, whom_id_name,
    who_id, whom_id, target_id, {verdict_and_reason},
    CASE WHEN outcome = 'kept' THEN concat_ws(' ', nullif(notes, ''), 'erased_here') ELSE notes END AS notes
FROM judged
"""

STATEMENTS = {"user": USER_VERDICTS, "message": MESSAGE_VERDICTS, "follower": FOLLOW_VERDICTS}

# Every change of a row gives it a new xmin, so this stays the same only while nobody changes anything in the table.
STATE = "SELECT coalesce(sum(hashint8extended({key}, xmin::text::bigint)), 0) || '/' || count(*) FROM {table}"

# The cleaned rows once more, from where `Check.write` left them.
CLEANED_BEFORE = {
    "user": "position, legacy_id, username, email, password, own_reason AS reason, notes",
    "message": "position, legacy_id, author_key AS author_id, author_id_name, text, pub_date, flagged,"
    " own_reason AS reason, notes",
    "follower": "position, who_key AS who_id, who_id_name, whom_key AS whom_id, whom_id_name, notes",
}

# `outcome` is a verdict, or the reason for a rejection.
IMPORTED = sql.SQL("outcome IN ({})").format(
    sql.SQL(", ").join(sql.Literal(verdict.value) for verdict in Verdict if verdict is not Verdict.REJECTED)
)
VERDICT_AND_REASON = sql.SQL(
    "CASE WHEN {0} THEN outcome ELSE 'rejected' END AS verdict, CASE WHEN NOT {0} THEN outcome END AS reason"
).format(IMPORTED)

KEPT_BECAUSE = sql.SQL(
    "CASE WHEN outcome = 'kept' THEN CASE WHEN changed_here THEN 'changed_here' ELSE 'kept_by_option' END END"
)

SUMMARY = """
SELECT verdict, reason, nullif(notes, '') AS notes, count(*), sum({row_hash}) AS fingerprint
FROM ({rows}) AS rows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
# What ties a verdict to particular rows of the new database.
FINGERPRINT_COLUMNS = {
    "user": ("target_id", "holder_id"),
    "message": ("target_id", "author_id"),
    "follower": ("target_id", "who_id", "whom_id"),
}


# Verdict, reason, notes, how many rows have these, and the sum of their hashes.
SummaryRow = tuple[str, str | None, str | None, int, Decimal]


@dataclass(frozen=True)
class Check:
    """The verdicts of one table of one run.

    Attributes:
        run_id: whose staging tables are read.
        table: user, message or follower.
        resource: gives the widgets, the options and the models.
        unique_ids: whether the source guarantees that no id stands twice.
    """

    run_id: int
    table: str
    resource: LegacyResource
    unique_ids: bool

    @property
    def checked(self) -> sql.Identifier:
        """The table whose parts `write_part` fills."""
        return checked_table(self.run_id, self.table)

    @property
    def staged(self) -> sql.Identifier:
        return staged_table(self.run_id, self.table)

    @property
    def can_be_parted(self) -> bool:
        """Whether a row's verdict depends on no other row of the table, so that parts can be judged by themselves."""
        return self.table == "message" and self.unique_ids

    def create(self) -> None:
        """Make the table of checked rows, without rows."""
        with connection.cursor() as cursor:
            statement = self.verdicts(self.cleaned(self.staged))
            cursor.execute(
                sql.SQL("CREATE UNLOGGED TABLE {} {} AS {} WITH NO DATA").format(self.checked, LEFT_ALONE, statement)
            )

    def write_part(self, number: int) -> list[SummaryRow]:
        """Judge a part of the staged rows into a part of the table of checked rows, and sum it up."""
        part = part_of(self.checked, number)
        with connection.cursor() as cursor:
            statement = self.verdicts(self.cleaned(part_of(self.staged, number)))
            cursor.execute(sql.SQL("CREATE UNLOGGED TABLE {} {} AS {}").format(part, LEFT_ALONE, statement))
            cursor.execute(sql.SQL("ALTER TABLE {} INHERIT {}").format(part, self.checked))
            # A tenth of the usual sample tells as well how many rows there are and which columns repeat.
            cursor.execute("SET LOCAL default_statistics_target = 10")
            cursor.execute(sql.SQL("ANALYZE {}").format(part))
        return self._summary(sql.SQL("SELECT * FROM {}").format(part))

    def judged_again(self) -> tuple[TableCounts, str]:
        """The account of the verdicts that the new database would give rise to now. (The notes may fall short.)"""
        cleaned = sql.SQL("SELECT {} FROM {}").format(sql.SQL(CLEANED_BEFORE[self.table]), self.checked)
        return account_of(self._summary(self.verdicts(cleaned)))

    def state_here(self) -> str:
        """What stands in the new database where the verdicts depend on it, as a short text to compare."""
        models = self.resource.models
        tables = {models.user, models.merged, models.rejected, models.target(self.table)}
        if models.purged and self.table == "message":
            tables.add(models.purged)
        states = [
            sql.SQL(STATE).format(table=table_of(model), key=sql.Identifier(model._meta.pk.column))
            for model in sorted(tables, key=lambda model: model.__name__)
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(states))
            return " ".join(state for (state,) in cursor.fetchall())

    def verdicts(self, cleaned: sql.Composable) -> sql.Composed:
        """The statement that judges every cleaned row."""
        models, options = self.resource.models, self.resource.options
        users_run = sql.Literal(self.resource.users_run)
        accounts = sql.SQL(ACCOUNTS).format(
            user=table_of(models.user),
            merged=table_of(models.merged),
            rejected=table_of(models.rejected),
            users_run=users_run,
            erased=sql.SQL("erased_at IS NOT NULL" if models.knows_erasure else "false"),
        )
        return sql.SQL(STATEMENTS[self.table]).format(
            cleaned=cleaned,
            accounts=accounts,
            user=table_of(models.user),
            existing_message=joined(
                models.message, "existing", "existing.legacy_id = cleaned.legacy_id", "legacy_id IS NOT NULL"
            ),
            existing_follow=joined(
                models.follow, "existing", "(existing.who_id, existing.whom_id) = (found.who_id, found.whom_id)"
            ),
            purged=joined(models.purged, "purged", "purged.legacy_id = cleaned.legacy_id"),
            keep=sql.Literal(options.existing == "keep"),
            kept_password=kept_password_sql(
                sql.Identifier("existing", "password"), sql.Identifier("compared", "password")
            ),
            merge=sql.Literal(options.duplicates == "merge"),
            merged=table_of(models.merged),
            verdict_and_reason=VERDICT_AND_REASON,
            kept_because=KEPT_BECAUSE,
        )

    def cleaned(self, staged: sql.Identifier) -> sql.Composed:
        """Every row of a staging table, cleaned, with the reason of its own values if any, and its notes."""
        columns = CANONICAL_COLUMNS[self.table]
        values, outputs, reasons = [], [], []
        notes: defaultdict[str, list[sql.Composable]] = defaultdict(list)  # code -> when it applies
        for index, (name, field) in enumerate(zip(columns, self.fields(), strict=True)):
            column, widget = StagedColumn.of(name, index), field.widget
            values.append(_named(widget.value_sql(column), f"clean_{name}"))
            outputs.append(_named(column.cleaned, field.attribute))
            if isinstance(widget, AccountWidget):
                values.append(_named(widget.name_sql(column), f"{name}_name"))
                outputs.append(sql.Identifier("staged", f"{name}_name"))
            reasons.append(widget.reason_sql(column))
            for code, condition in widget.notes_sql(column).items():
                notes[code].append(condition)
        if not self.unique_ids and self.table != "follower":
            values.append(_repeated(columns[0], self.fields()[0].widget))
            reasons.append(sql.SQL("CASE WHEN staged.repeated THEN 'duplicate_id' END"))
        return sql.SQL(
            "SELECT staged.position, {outputs}, coalesce({reasons}, NULL) AS reason,"
            " CASE WHEN {plain} THEN '' ELSE concat_ws(' ', {notes}) END AS notes"
            " FROM (SELECT staged.*, {values} FROM {staging} AS staged OFFSET 0) AS staged OFFSET 0"
        ).format(
            outputs=_list(outputs),
            reasons=_list(reasons),
            plain=self.is_plain(),
            notes=_list([_when(conditions, code) for code, conditions in notes.items()]),
            values=_list(values),
            staging=staged,
        )

    def is_plain(self) -> sql.Composable:
        """Whether a row is as most rows are, so that there is nothing to note: looking for each note takes longer."""
        usual, conditions = "", []
        for index, (name, field) in enumerate(zip(CANONICAL_COLUMNS[self.table], self.fields(), strict=True)):
            usual += field.widget.usual_storage
            conditions.append(field.widget.plain_sql(StagedColumn.of(name, index)))
        return sql.SQL("staged.storage = {} AND {}").format(sql.Literal(usual), sql.SQL(" AND ").join(conditions))

    def fields(self) -> list:
        return self.resource.get_import_fields()

    def _summary(self, rows: sql.Composable) -> list[SummaryRow]:
        row_hash: sql.Composable = sql.Identifier("position")
        for name in FINGERPRINT_COLUMNS[self.table]:
            row_hash = sql.SQL("hashint8extended({}, coalesce({}, 0))").format(row_hash, sql.Identifier(name))
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(SUMMARY).format(row_hash=row_hash, rows=rows))
            return cast("list[SummaryRow]", cursor.fetchall())


def joined(model: Any, alias: str, condition: str, which: str = "true") -> sql.Composed:
    """Join what is here already under an alias, as far as anything is.

    Before a first import there is nothing, and even an empty table would cost every row of the old one a look. Nulls
    in its place the planner folds away.

    Args:
        model: whose table; None for one that was not there yet.
        condition: on what to join. which: the rows that can be found so.
    """
    if model is not None:
        names = {"table": table_of(model), "alias": sql.Identifier(alias), "which": sql.SQL(which)}
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {which})").format(**names))
            if cursor.fetchone()[0]:
                return sql.SQL("LEFT JOIN {table} AS {alias} ON {condition}").format(
                    condition=sql.SQL(condition), **names
                )
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields} if model else {}
    nulls = [sql.SQL("NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(name)) for name, kind in types.items()]
    return sql.SQL("CROSS JOIN (SELECT {}) AS {}").format(
        _list(nulls or [sql.SQL("NULL::bigint AS legacy_id")]), sql.Identifier(alias)
    )


def account_of(summary: Iterable[SummaryRow]) -> tuple[TableCounts, str]:
    """The counts of a table and the fingerprint of its verdicts, from the summaries of all its parts."""
    counts, fingerprint = TableCounts(), Counter[str]()
    for verdict, reason, notes, count, hashes in summary:
        counts.add(verdict, reason, notes, count)
        fingerprint[f"{verdict} {reason or ''}"] += int(hashes)
    return counts, " ".join(f"{outcome}:{total}" for outcome, total in sorted(fingerprint.items()))


def _repeated(id_column: str, widget: LegacyWidget) -> sql.Composed:
    """Whether an earlier row has the same id."""
    number = widget.value_sql(StagedColumn.of(id_column, 0))
    return sql.SQL(
        "({number} IS NOT NULL AND row_number() OVER (PARTITION BY {number} ORDER BY staged.position) > 1)"
        " AS repeated"
    ).format(number=number)


def _named(expression: sql.Composable, name: str) -> sql.Composed:
    return sql.SQL("{} AS {}").format(expression, sql.Identifier(name))


def _when(conditions: list[sql.Composable], code: str) -> sql.Composed:
    """A note stands once on a row, however many of its values give rise to it."""
    return sql.SQL("CASE WHEN {} THEN {} END").format(sql.SQL(" OR ").join(conditions), sql.Literal(code))


def _list(parts: list[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
