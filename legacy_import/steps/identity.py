"""Whether an old database is the one that was imported before, and which of its earlier rows it no longer has.

Messages need the users of the same old database: the same path, or for an upload the same file or a copy that
shares its users. Beyond that the content decides. Every MiniTwit counts its users and messages from 1, so the file of
another one fits without a complaint and would give people the messages of strangers. But in a newer copy of the same
database most people still have their name, address or password, and most messages their author and second, whatever
was renamed or edited since.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import connection
from django.db.models import QuerySet
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import FOLLOWS, MESSAGES, OLD_TABLES, USERS, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.source import Reference
from legacy_import.source.record import SourceRecord
from legacy_import.steps.classify import Check
from legacy_import.tables import Models, table_of
from MiniTwit.json_records import JsonRecord
from MiniTwit.text_ids import old_id, texts_of

# Of the file's users whose id an account has, this share must carry the same name in an upload of unknown origin.
SHARED_USERS = 0.9
# Beyond this share of other people or texts it is another database.
MOST_DIFFERENT = 0.5
EXAMPLES = 3  # of a doubt
LONGEST_EXAMPLE = 120  # characters
VANISHED_SHOWN = 10  # rows of each table
LONGEST_VANISHED = 200  # characters of a value

SHARED = """
SELECT count(*) AS total,
    count(*) FILTER (WHERE account.id IS NOT NULL OR merged.id IS NOT NULL OR refused.id IS NOT NULL) AS known,
    count(account.id) AS accounts,
    count(*) FILTER (WHERE account.username = old.username OR account.changed_at IS NOT NULL) AS same,
    count(*) FILTER (WHERE account.username = old.username) AS namesakes
FROM ({users}) AS old
LEFT JOIN {user} AS account ON account.legacy_id = old.legacy_id
LEFT JOIN {merged} AS merged ON merged.legacy_id = old.legacy_id
LEFT JOIN {rejected} AS refused ON refused.run_id = {users_run} AND refused."table" = 'user'
    AND refused.position = old.position
"""
# A name that was lengthened or shortened is not visibly another; nor is a person whose address or hash is their own.
OTHER_PEOPLE = """
SELECT pairs.*, username AS old, imported_username AS imported,
    lower(username COLLATE "C") <> lower(imported_username COLLATE "C")
    AND NOT (least(length(username), length(imported_username)) >= 3 AND (
        strpos(lower(username), lower(imported_username)) > 0
        OR strpos(lower(imported_username), lower(username)) > 0))
    AND NOT (email = imported_email AND email <> '' AND email_holders = 1)
    AND NOT (password = imported_password AND left(password, 1) <> '!' AND password_holders = 1) AS different
FROM (
    SELECT old.legacy_id, old.username, old.email, old.password, account.username AS imported_username,
        account.email AS imported_email, account.password AS imported_password,
        count(*) OVER (PARTITION BY old.email) AS email_holders,
        count(*) OVER (PARTITION BY old.password) AS password_holders
    FROM ({rows}) AS old JOIN {user} AS account ON account.legacy_id = old.legacy_id
) AS pairs
"""
OTHER_TEXTS = """
SELECT old.legacy_id, old.text AS old, message.text AS imported,
    old.text <> message.text
        AND (old.author_id, old.pub_date) IS DISTINCT FROM (message.author_id, message.pub_date) AS different
FROM ({rows}) AS old JOIN {message} AS message ON message.legacy_id = old.legacy_id
"""
FIGURES = "SELECT count(*), count(*) FILTER (WHERE different) FROM ({pairs}) AS pairs"
SIDE_BY_SIDE = """
SELECT legacy_id, left(old, {longest}), left(imported, {longest}) FROM ({pairs}) AS pairs
WHERE different ORDER BY legacy_id LIMIT {examples}
"""
# What compares the rows of a table with the imported ones of their ids, and what those are if they are different.
# Follows have no ids to compare.
COMPARED = {USERS: (OTHER_PEOPLE, "people"), MESSAGES: (OTHER_TEXTS, "texts")}

# There is one old database, so every row with an old id came from it; a follow did if an import brought it. A sample
# shows the old id and what the row is.
VANISHED = {
    USERS: """
        SELECT account.legacy_id, account.username AS what, '' AS more FROM {user} AS account
        WHERE account.legacy_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = account.legacy_id)
        UNION ALL
        SELECT merged.legacy_id, survivor.username, 'merged into the account of this name'
        FROM {merged} AS merged JOIN {user} AS survivor ON survivor.id = merged.user_id
        WHERE NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = merged.legacy_id)
            AND NOT EXISTS (SELECT FROM {user} AS own WHERE own.legacy_id = merged.legacy_id)
    """,
    MESSAGES: """
        SELECT message.legacy_id, author.username AS what, message.text AS more
        FROM {message} AS message JOIN {user} AS author ON author.id = message.author_id
        WHERE message.legacy_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM {checked} AS old WHERE old.legacy_id = message.legacy_id)
    """,
    FOLLOWS: """
        SELECT who.legacy_id, who.username AS what, whom.username AS more
        FROM {follow} AS follow
        JOIN {user} AS who ON who.id = follow.who_id JOIN {user} AS whom ON whom.id = follow.whom_id
        WHERE follow.import_run IS NOT NULL AND NOT EXISTS (
            SELECT FROM {checked} AS old WHERE old.who_id = follow.who_id AND old.whom_id = follow.whom_id)
    """,
}


@dataclass(frozen=True)
class SharedUsers:
    """How the users of an old database compare with the accounts.

    Attributes:
        total: users in the old table. known: those that were imported, merged or refused.
        accounts: those whose old id an account has. same: those of them with the same name, or renamed since.
        namesakes: those with the same name.
    """

    total: int
    known: int
    accounts: int
    same: int
    namesakes: int

    @property
    def look_alike(self) -> bool:
        return self.accounts > 0 and self.same >= SHARED_USERS * self.accounts


@dataclass(frozen=True)
class VanishedRow(JsonRecord):
    """An imported row that the old table no longer has: its old id, and what it is."""

    legacy_id: int | str | None
    what: str
    more: str


@dataclass(frozen=True)
class OtherDatabase(JsonRecord):
    """Why an old database does not look like the one imported before.

    Attributes:
        table: user or message.
        compared: old rows whose id an imported row has. different: those of them that are visibly something else.
        examples: some of these, each `{"legacy_id", "old", "here"}`; `here` is what the imported row holds.
    """

    code: ClassVar[str] = "wrong_file"

    table: str
    compared: int
    different: int
    examples: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {"code": self.code, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        table = OLD_TABLES[self.table]
        return (
            f"{self.different:,} of the {self.compared:,} {table.rows} whose ids were imported before are other "
            f"{COMPARED[table][1]}."
        )

    def objection_to(self, label: str) -> str:
        """Why the import is refused, up to what to do if staff know better."""
        first = self.examples[0]
        return (
            f"{label} does not look like the database imported before: {self.sentence} Old id {first['legacy_id']} "
            f"is “{first['old']}” in it and “{first['here']}” among the imported rows. Nothing was imported. If it "
            "is the right one all the same"
        )


def users_run_before(models: Models, reference: Reference) -> ImportRun:
    """Return the import of the users that an import of the messages of this source rests on.

    For an upload the content decides, which `check_shared_users` compares later.

    Raises:
        RunError: no users were imported from this database yet.
    """
    runs = applied_users_runs(models)
    run = runs.first() if reference.uploaded else runs.filter(source_key=reference.key("")).first()
    if run is None:
        raise RunError(
            "users_first",
            f"The users of {reference.label} have not been imported yet. Import its users first: messages and "
            "follows need the users' new ids.",
        )
    return run


def applied_users_runs(models: Models) -> QuerySet[ImportRun]:
    """The imports of users that count, newest first."""
    return models.run.objects.filter(kind="users", state="applied").order_by("-id")


def shared_users(users: sql.Composable, users_run_id: int, models: Models) -> SharedUsers:
    """Compare the cleaned users of the old database, which the given statement reads, with the accounts."""
    query = sql.SQL(SHARED).format(
        users=users,
        users_run=sql.Literal(users_run_id),
        user=table_of(models.user),
        merged=table_of(models.merged),
        rejected=table_of(models.rejected),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return SharedUsers(*cursor.fetchone())


def check_shared_users(shared: SharedUsers, users_run: ImportRun, source: SourceRecord) -> list[str]:
    """Refuse an upload of another database; return what the preview says of one that has changed.

    Raises:
        RunError: the upload's users are not the ones that were imported.
    """
    imported = SourceRecord.from_json(users_run.source)
    same_file = source.sha256 == imported.sha256
    if source.uploaded and not same_file and not shared.look_alike:
        raise RunError(
            "other_database",
            f"{source.label} is not the database whose users were imported (import {users_run.pk}, "
            f"{imported.label}): {shared.accounts:,} of its {shared.total:,} users have an account "
            f"of their old id, and {shared.same:,} of those the same name. Import its users first.",
        )
    warnings = []
    if not same_file:
        warnings.append(f"The database has changed since its users were imported (import {users_run.pk}).")
    if later := shared.total - shared.known:
        warnings.append(
            f"{later:,} of its {shared.total:,} users are missing, because they came later. What they wrote and "
            "whom they follow is rejected until the users are imported again."
        )
    return warnings


def doubt_of(table: OldTable, rows: sql.Composable, models: Models) -> OtherDatabase | None:
    """Compare the cleaned rows of an old table, which the given statement reads, with the imported rows of their
    ids."""
    statement, _ = COMPARED[table]
    pairs = sql.SQL(statement).format(rows=rows, user=table_of(models.user), message=table_of(models.message))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(FIGURES).format(pairs=pairs))
        compared, different = cursor.fetchone()
        if different <= MOST_DIFFERENT * compared:
            return None
        names = {"pairs": pairs, "longest": sql.Literal(LONGEST_EXAMPLE), "examples": sql.Literal(EXAMPLES)}
        cursor.execute(sql.SQL(SIDE_BY_SIDE).format(**names))
        examples = [
            {"legacy_id": old_id(table.name, number), "old": old, "here": imported}
            for number, old, imported in cursor.fetchall()
        ]
    return OtherDatabase(table.name, compared, different, examples)


def doubt_of_checked(check: Check, counts: TableCounts) -> OtherDatabase | None:
    """The same for the checked rows of a run."""
    if check.table not in COMPARED or counts.unchanged >= counts.changed + counts.kept + counts.rejected:
        return None  # most of the rows that were imported before are the same
    rows = sql.SQL("SELECT * FROM {} WHERE own_reason IS NULL").format(check.checked)
    return doubt_of(check.table, rows, check.models)


def vanished_rows(check: Check, counts: TableCounts) -> tuple[int, list[VanishedRow]]:
    """How many imported rows have vanished from an old table, and the first of them.

    An import reports them and leaves them alone.
    """
    models = check.models
    # Each of these old messages is another imported one; where those are all, none has to be looked for.
    if check.table is MESSAGES:
        imported = models.message.objects.filter(legacy_id__isnull=False).count()
        if imported == counts.unchanged + counts.changed:
            return 0, []
    rows = sql.SQL(VANISHED[check.table]).format(
        user=table_of(models.user),
        message=table_of(models.message),
        follow=table_of(models.follow),
        merged=table_of(models.merged),
        checked=check.checked,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS vanished").format(rows))
        count = cursor.fetchone()[0]
        if not count:
            return 0, []
        cursor.execute(
            # The fence: to find ten quickly, PostgreSQL would look for each row in all of the old ones in turn.
            sql.SQL(
                "SELECT legacy_id, left(what, {longest}), left(more, {longest}) FROM ({rows} OFFSET 0) AS vanished"
                " ORDER BY 1, 2, 3 LIMIT {shown}"
            ).format(rows=rows, longest=sql.Literal(LONGEST_VANISHED), shown=sql.Literal(VANISHED_SHOWN))
        )
        rows = cursor.fetchall()
    texts = texts_of(check.table.name if check.table.has_ids else USERS.name, (number for number, *_ in rows))
    return count, [VanishedRow(texts.get(number, number), what, more) for number, what, more in rows]
