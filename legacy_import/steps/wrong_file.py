"""Whether an old database is the one that was imported before, judged by the rows whose ids stand here already.

Every MiniTwit counts its users and messages from 1. So another one's file fits without a complaint, and would give
people the messages of strangers. But in a newer copy of the same database most people still have their name, their
address or their password, and most messages their author and second, whatever was renamed or edited meanwhile.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection
from psycopg2 import sql

from legacy_import.errors import RunError
from legacy_import.rules.options import TableCounts
from legacy_import.steps import nothing_arrives
from legacy_import.steps.classify import Check
from legacy_import.tables import Models, table_of

# Beyond this share of other people or texts it is another database.
MOST_DIFFERENT = 0.5
EXAMPLES = 3
CODE = "wrong_file"
LONGEST_EXAMPLE = 120  # characters

# A name that was lengthened or shortened is not visibly another; nor is a person whose address or hash nobody shares.
OTHER_PEOPLE = """
SELECT pairs.*, username AS old, username_here AS here,
    lower(username COLLATE "C") <> lower(username_here COLLATE "C")
    AND NOT (least(length(username), length(username_here)) >= 3 AND (
        strpos(lower(username), lower(username_here)) > 0 OR strpos(lower(username_here), lower(username)) > 0))
    AND NOT (email = email_here AND email <> '' AND email_holders = 1)
    AND NOT (password = password_here AND left(password, 1) <> '!' AND password_holders = 1) AS different
FROM (
    SELECT old.legacy_id, old.username, old.email, old.password,
        here.username AS username_here, here.email AS email_here, here.password AS password_here,
        count(*) OVER (PARTITION BY old.email) AS email_holders,
        count(*) OVER (PARTITION BY old.password) AS password_holders
    FROM ({rows}) AS old JOIN {user} AS here ON here.legacy_id = old.legacy_id
) AS pairs
"""
OTHER_TEXTS = """
SELECT old.legacy_id, old.text AS old, here.text AS here,
    old.text <> here.text AND (old.author_id, old.pub_date) IS DISTINCT FROM (here.author_id, here.pub_date)
        AS different
FROM ({rows}) AS old JOIN {message} AS here ON here.legacy_id = old.legacy_id
"""
PAIRS = {"user": OTHER_PEOPLE, "message": OTHER_TEXTS}
FIGURES = "SELECT count(*), count(*) FILTER (WHERE different) FROM ({pairs}) AS pairs"
SIDE_BY_SIDE = """
SELECT legacy_id, left(old, {longest}), left(here, {longest}) FROM ({pairs}) AS pairs
WHERE different ORDER BY legacy_id LIMIT {examples}
"""
WHAT = {"user": ("users", "people"), "message": ("messages", "texts")}


@dataclass(frozen=True)
class Doubt:
    """Why an old database does not look like the one imported before.

    Attributes:
        table: user or message.
        compared: rows whose ids stand here already. different: those of them that are visibly something else.
        examples: some of these, each `{"legacy_id", "old", "here"}`.
    """

    table: str
    compared: int
    different: int
    examples: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"code": CODE, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        rows, others = WHAT[self.table]
        return (
            f"{self.different:,} of the {self.compared:,} {rows} whose ids are here already are other {others} here."
        )


def doubt_of(table: str, rows: sql.Composable, models: Models) -> Doubt | None:
    """Compare the cleaned rows of an old table, which the given statement reads, with those of the same ids here."""
    pairs = sql.SQL(PAIRS[table]).format(rows=rows, user=table_of(models.user), message=table_of(models.message))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(FIGURES).format(pairs=pairs))
        compared, different = cursor.fetchone()
        if different <= MOST_DIFFERENT * compared:
            return None
        names = {"pairs": pairs, "longest": sql.Literal(LONGEST_EXAMPLE), "examples": sql.Literal(EXAMPLES)}
        cursor.execute(sql.SQL(SIDE_BY_SIDE).format(**names))
        examples = [{"legacy_id": legacy_id, "old": old, "here": here} for legacy_id, old, here in cursor.fetchall()]
    return Doubt(table, compared, different, examples)


def doubt_of_checked(check: Check, counts: TableCounts) -> Doubt | None:
    """The same for the checked rows of a run; follows have no ids to compare."""
    if check.table not in PAIRS or counts.unchanged >= counts.changed + counts.kept + counts.rejected:
        return None  # most of the rows that are here are the same
    rows = sql.SQL("SELECT * FROM {} WHERE own_reason IS NULL").format(check.checked)
    return doubt_of(check.table, rows, check.resource.models)


def refuse_doubtful(run: Any) -> None:
    """Raise RunError if the old database does not look like the one imported before, or nothing of it arrives."""
    insist = f"insist: tick so on the preview of import {run.pk}, or run import_legacy {run.kind} with --insist."
    for doubt in run.audit.get("doubts", []):
        if doubt["code"] == nothing_arrives.CODE:
            raise RunError(
                nothing_arrives.CODE,
                f"{run.source['label']}: {doubt['sentence']} Nothing was imported. If that is right, {insist}",
            )
        example = doubt["examples"][0]
        raise RunError(
            CODE,
            f"{run.source['label']} does not look like the database imported before: {doubt['sentence']} "
            f"Old id {example['legacy_id']} is “{example['old']}” there and “{example['here']}” here. Nothing was "
            f"imported. If it is the right one all the same, {insist}",
        )
