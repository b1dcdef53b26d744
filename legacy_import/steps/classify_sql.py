"""The statements that classify cleaned rows: compare them with each other and with the rows of the target.

They say for all rows what `Resource.classify` says for one; the property tests hold the two together.
"""

from django.db import connection
from django.db.models import Model
from psycopg2 import sql

from legacy_import.rules.old_tables import FOLLOWS, MESSAGES, USERS, OldTable
from legacy_import.rules.outcomes import Outcome
from legacy_import.rules.passwords import kept_password_sql
from legacy_import.rules.resources import LegacyResource
from legacy_import.tables import Models, table_of

# Each OFFSET 0 keeps the planner from copying what a subquery calculates into every place that uses it.
USER_OUTCOMES = """
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
classified AS (
    SELECT compared.*, existing.id AS target_id, holder.id AS holder_id,
        existing.changed_at IS NOT NULL AS changed_here,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN existing.id IS NOT NULL AND (existing.username, existing.email, existing.password)
                = (compared.username, compared.email, {kept_password})
                AND coalesce(existing.is_active = compared.is_active, true)
                AND (compared.date_joined IS NULL OR existing.date_joined IS NOT DISTINCT FROM compared.date_joined)
                THEN 'unchanged'
            WHEN existing.id IS NOT NULL AND (existing.changed_at IS NOT NULL OR {keep}) THEN 'kept'
            WHEN holder.id IS NOT NULL AND holder.legacy_id IS NULL THEN 'username_taken'
            WHEN holder.id IS NULL AND survivor = compared.legacy_id
                THEN CASE WHEN existing.id IS NULL THEN 'new' ELSE 'changed' END
            -- Merged are users who share a name in the old database, not one who now has the former name of another.
            WHEN existing.id IS NULL AND (
                {merge} AND survivor <> compared.legacy_id AND coalesce(holder.legacy_id, survivor) = survivor
                OR compared.legacy_id IN (SELECT legacy_id FROM {merged})) THEN 'duplicate'
            ELSE 'duplicate_username'
        END AS outcome_or_reason
    FROM compared
    LEFT JOIN {user} AS existing ON existing.legacy_id = compared.legacy_id AND reason IS NULL
    LEFT JOIN {user} AS holder ON holder.username = compared.username AND reason IS NULL
        AND holder.id IS DISTINCT FROM existing.id
    OFFSET 0
)
SELECT position, legacy_id, is_active, date_joined, legacy_id_text, username, email, password, reason AS own_reason,
    target_id, holder_id, survivor, {outcome_and_reason},
    concat_ws(' ', nullif(notes, ''), CASE WHEN email <> '' AND email_holders > 1 THEN 'duplicate_email' END,
        CASE WHEN first_spelling <> last_spelling THEN 'case_twin' END, {kept_because}) AS notes
FROM classified
"""

# The accounts that were merged into another, and the old ids and usernames of those that were refused. (One that was
# refused for its id has no number; a message names it by the text that is in the place of the id.) The id of a
# refused user is no name of another one, who would be given what that user wrote.
ACCOUNTS = """
merged_accounts AS (
    SELECT merged.legacy_id, survivor.id, {survivor_erased} AS erased
    FROM {merged} AS merged JOIN {user} AS survivor ON survivor.id = merged.user_id
),
rejected_users AS (SELECT * FROM {rejected} WHERE run_id = {users_run} AND "table" = 'user'),
refused_ids AS (SELECT legacy_id FROM rejected_users WHERE legacy_id IS NOT NULL),
refused_names AS (
    SELECT username FROM rejected_users WHERE username IS NOT NULL
    UNION ALL
    SELECT "values" ->> 'user_id' FROM rejected_users WHERE legacy_id IS NULL AND "values" ->> 'user_id' IS NOT NULL
)
"""

# The account that has an old id: its own if there is one, else the one that it was merged into. Two joins, for the
# planner knows how many accounts have an old id, which it would not know of a union.
ACCOUNT = """
    LEFT JOIN {user} AS {own} ON {own}.legacy_id = {old_id}
    LEFT JOIN merged_accounts AS {merged} ON {merged}.legacy_id = {old_id}
    CROSS JOIN LATERAL (
        SELECT coalesce({own}.id, {merged}.id) AS id,
            CASE WHEN {own}.id IS NULL THEN {merged}.erased ELSE {own_erased} END AS erased
    ) AS {account}
"""

MESSAGE_OUTCOMES = """
WITH {accounts},
found AS (
    SELECT cleaned.*, coalesce(author.id, named.id) AS account_id,
        author.id IS NULL AND named.id IS NOT NULL AS is_named,
        existing.id AS target_id, existing.changed_at IS NOT NULL AS changed_here,
        -- Deleted in the target permanently, or by an account that was erased: it does not come back.
        CASE WHEN existing.id IS NULL AND purged.legacy_id IS NOT NULL THEN 'purged_here'
            WHEN existing.id IS NULL AND author.erased THEN 'erased_here' END AS gone_because,
        CASE WHEN existing.id IS NULL THEN NULL
            WHEN (existing.author_id, existing.text, existing.pub_date, existing.flagged)
                = (coalesce(author.id, named.id), cleaned.text, cleaned.pub_date, cleaned.flagged) THEN 'unchanged'
            WHEN existing.changed_at IS NOT NULL OR {keep} THEN 'kept'
            ELSE 'changed' END AS existing_outcome
    FROM ({cleaned}) AS cleaned
    {author}
    LEFT JOIN {user} AS named ON named.username = cleaned.author_id_text AND named.legacy_id IS NOT NULL
        AND cleaned.author_id NOT IN (TABLE refused_ids)
    {existing_message}
    {purged}
),
classified AS (
    SELECT found.*,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN gone_because = 'purged_here' THEN 'kept'
            WHEN account_id IS NULL THEN CASE
                WHEN author_id IN (TABLE refused_ids) OR author_id_text IN (TABLE refused_names)
                THEN 'author_rejected' ELSE 'author_missing' END
            WHEN gone_because = 'erased_here' THEN 'kept'
            ELSE coalesce(existing_outcome, 'new')
        END AS outcome_or_reason
    FROM found
    OFFSET 0
)
SELECT position, legacy_id, author_id AS author_key, account_id AS author_id, pub_date, flagged, target_id,
    legacy_id_text, author_id_text, text, reason AS own_reason, {outcome_and_reason},
    CASE WHEN outcome_or_reason = 'kept' OR is_named
        THEN concat_ws(' ', nullif(notes, ''), CASE WHEN is_named THEN 'author_by_name' END,
            CASE WHEN outcome_or_reason = 'kept' THEN coalesce(gone_because, {kept_because}) END)
        ELSE notes END AS notes
FROM classified
"""

FOLLOW_OUTCOMES = """
WITH {accounts},
found AS (
    SELECT cleaned.position, cleaned.notes,
        cleaned.who_id AS who_key, who_id_text, cleaned.whom_id AS whom_key, whom_id_text,
        coalesce(who.id, named_who.id) AS who_id, coalesce(whom.id, named_whom.id) AS whom_id,
        who.id IS NULL AND named_who.id IS NOT NULL OR whom.id IS NULL AND named_whom.id IS NOT NULL AS is_named,
        coalesce(who.erased, false) OR coalesce(whom.erased, false) AS erased,
        CASE
            WHEN cleaned.who_id IS NULL OR cleaned.whom_id IS NULL THEN 'incomplete_follow'
            WHEN cleaned.who_id = cleaned.whom_id OR who_id_text = whom_id_text
                OR coalesce(who.id, named_who.id) = coalesce(whom.id, named_whom.id) THEN 'self_follow'
            WHEN coalesce(who.id, named_who.id) IS NULL THEN 'follower_missing'
            WHEN coalesce(whom.id, named_whom.id) IS NULL THEN 'followed_missing'
        END AS reason
    FROM ({cleaned}) AS cleaned
    {who}
    {whom}
    LEFT JOIN {user} AS named_who ON named_who.username = who_id_text AND named_who.legacy_id IS NOT NULL
        AND cleaned.who_id NOT IN (TABLE refused_ids)
    LEFT JOIN {user} AS named_whom ON named_whom.username = whom_id_text AND named_whom.legacy_id IS NOT NULL
        AND cleaned.whom_id NOT IN (TABLE refused_ids)
    OFFSET 0
),
classified AS (
    SELECT found.*, existing.id AS target_id,
        CASE
            WHEN reason IS NOT NULL THEN reason
            WHEN row_number() OVER (PARTITION BY found.who_id, found.whom_id, reason ORDER BY position) > 1
                THEN 'duplicate'
            WHEN existing.id IS NOT NULL THEN 'unchanged'
            WHEN found.erased THEN 'kept'
            ELSE 'new'
        END AS outcome_or_reason
    FROM found
    {existing_follow}
    OFFSET 0
)
SELECT position, who_key, whom_key, who_id, whom_id, target_id, who_id_text, whom_id_text, {outcome_and_reason},
    CASE WHEN outcome_or_reason = 'kept' OR is_named
        THEN concat_ws(' ', nullif(notes, ''), CASE WHEN is_named THEN 'author_by_name' END,
            CASE WHEN outcome_or_reason = 'kept' THEN 'erased_here' END)
        ELSE notes END AS notes
FROM classified
"""

# What classifies the cleaned rows of a table, and where these are found once more among the classified ones.
STATEMENTS = {
    USERS: (
        USER_OUTCOMES,
        "position, legacy_id, legacy_id_text, username, email, password, is_active, date_joined,"
        " own_reason AS reason, notes",
    ),
    MESSAGES: (
        MESSAGE_OUTCOMES,
        "position, legacy_id, legacy_id_text, author_key AS author_id, author_id_text, text, pub_date, flagged,"
        " own_reason AS reason, notes",
    ),
    FOLLOWS: (
        FOLLOW_OUTCOMES,
        "position, who_key AS who_id, who_id_text, whom_key AS whom_id, whom_id_text, notes",
    ),
}

# `outcome_or_reason` is an outcome, or the reason for a rejection.
IMPORTED = sql.SQL("outcome_or_reason IN ({})").format(
    sql.SQL(", ").join(sql.Literal(outcome.value) for outcome in Outcome if outcome is not Outcome.REJECTED)
)
OUTCOME_AND_REASON = sql.SQL(
    "CASE WHEN {0} THEN outcome_or_reason ELSE 'rejected' END AS outcome,"
    " CASE WHEN NOT {0} THEN outcome_or_reason END AS reason"
).format(IMPORTED)

KEPT_BECAUSE = sql.SQL(
    "CASE WHEN outcome_or_reason = 'kept'"
    " THEN CASE WHEN changed_here THEN 'changed_here' ELSE 'kept_by_option' END END"
)


def cleaned_before(table: OldTable, checked: sql.Identifier) -> sql.Composed:
    """The cleaned rows once more, out of the checked ones."""
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(STATEMENTS[table][1]), checked)


def outcome_statement(
    table: OldTable, cleaned: sql.Composable, resource: LegacyResource, ids: tuple[int, int] | None = None
) -> sql.Composed:
    """The statement that classifies every row of the given one, which cleans them.

    Args:
        resource: gives the options and the models.
        ids: the least and the greatest old id of the rows, if known, so that existing ones are looked for in between.
    """
    models, options = resource.models, resource.options
    accounts = sql.SQL(ACCOUNTS).format(
        user=table_of(models.user),
        merged=table_of(models.merged),
        rejected=table_of(models.rejected),
        users_run=sql.Literal(resource.users_run),
        survivor_erased=erased("survivor", models),
    )
    same_id = sql.SQL("existing.legacy_id = cleaned.legacy_id")
    if ids:
        between = map(sql.Literal, ids)
        same_id = sql.SQL("{} AND existing.legacy_id BETWEEN {} AND {}").format(same_id, *between)
    return sql.SQL(STATEMENTS[table][0]).format(
        cleaned=cleaned,
        accounts=accounts,
        **{name: account(name, models) for name in ("author", "who", "whom")},
        user=table_of(models.user),
        existing_message=joined(models.message, "existing", same_id, "legacy_id IS NOT NULL"),
        existing_follow=joined(
            models.follow,
            "existing",
            sql.SQL("(existing.who_id, existing.whom_id) = (found.who_id, found.whom_id)"),
        ),
        purged=joined(models.purged, "purged", sql.SQL("purged.legacy_id = cleaned.legacy_id")),
        keep=sql.Literal(options.existing == "keep"),
        kept_password=kept_password_sql(
            sql.Identifier("existing", "password"), sql.Identifier("compared", "password")
        ),
        merge=sql.Literal(options.duplicates == "merge"),
        merged=table_of(models.merged),
        outcome_and_reason=OUTCOME_AND_REASON,
        kept_because=KEPT_BECAUSE,
    )


def account(name: str, models: Models) -> sql.Composed:
    """Join the account whose old id a row has, under a name."""
    return sql.SQL(ACCOUNT).format(
        user=table_of(models.user),
        own=sql.Identifier(f"own_{name}"),
        merged=sql.Identifier(f"merged_{name}"),
        own_erased=erased(f"own_{name}", models),
        old_id=sql.Identifier("cleaned", f"{name}_id"),
        account=sql.Identifier(name),
    )


def erased(user: str, models: Models) -> sql.Composable:
    """Whether an account was erased."""
    return sql.SQL("{} IS NOT NULL" if models.knows_erasure else "false").format(sql.Identifier(user, "erased_at"))


def joined(model: type[Model] | None, alias: str, condition: sql.Composable, which: str = "true") -> sql.Composed:
    """Join the existing rows of the target under an alias, if there are any.

    Before a first import there are none, and joining even an empty table costs time for every row of the old one. The
    planner folds away the nulls that take its place.

    Args:
        model: whose table; None if a migration has not made it yet.
        condition: on what to join. which: the rows that can be found so.
    """
    if model is not None:
        names = {"table": table_of(model), "alias": sql.Identifier(alias), "which": sql.SQL(which)}
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {which})").format(**names))
            if cursor.fetchone()[0]:
                return sql.SQL("LEFT JOIN {table} AS {alias} ON {condition}").format(condition=condition, **names)
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields} if model else {}
    nulls = [sql.SQL("NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(name)) for name, kind in types.items()]
    return sql.SQL("CROSS JOIN (SELECT {}) AS {}").format(
        sql.SQL(", ").join(nulls or [sql.SQL("NULL::bigint AS legacy_id")]), sql.Identifier(alias)
    )
