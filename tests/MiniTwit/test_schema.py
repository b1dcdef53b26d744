"""`check_schema` finds whatever somebody did to the tables behind the models' back, and says how to mend it."""

import io
import json
import re
from collections.abc import Iterable

import pytest
from django.core.management import call_command
from django.db import connection

from MiniTwit.database.schema_check import find_drift

pytestmark = pytest.mark.django_db


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def check_schema(*arguments: str) -> tuple[int, str]:
    """Return the command's exit code and what it wrote."""
    output = io.StringIO()
    try:
        call_command("check_schema", *arguments, stdout=output, stderr=output)
    except SystemExit as end:
        return int(end.code or 0), output.getvalue()
    return 0, output.getvalue()


def test_after_migrating_the_tables_are_as_the_models_say() -> None:
    code, output = check_schema()
    assert code == 0
    assert re.fullmatch(r"The \d+ tables are as the models say\.\n", output)
    code, output = check_schema("--json")
    assert code == 0
    assert json.loads(output)["ok"] is True
    assert json.loads(output)["tables"] >= 9


DRIFTS = {
    "a dropped column": (
        'ALTER TABLE "MiniTwit_message" DROP COLUMN flagged',
        "MiniTwit_message, column flagged: expected boolean, found nothing.",
    ),
    "an extra column": (
        'ALTER TABLE "MiniTwit_message" ADD COLUMN likes integer',
        "MiniTwit_message, column likes: expected none, found integer.",
    ),
    "a changed type": (
        'ALTER TABLE "MiniTwit_user" ALTER COLUMN import_run TYPE bigint',
        "MiniTwit_user, column import_run, type: expected integer, found bigint.",
    ),
    "a changed length": (
        'ALTER TABLE "MiniTwit_user" ALTER COLUMN username TYPE varchar(150)',
        "column username, type: expected character varying(254), found character varying(150).",
    ),
    "a dropped NOT NULL": (
        'ALTER TABLE "MiniTwit_message" ALTER COLUMN text DROP NOT NULL',
        "MiniTwit_message, column text, nullability: expected NOT NULL, found NULL allowed.",
    ),
    "an added NOT NULL": (
        'ALTER TABLE "MiniTwit_user" ALTER COLUMN date_joined SET NOT NULL',
        "MiniTwit_user, column date_joined, nullability: expected NULL allowed, found NOT NULL.",
    ),
    "a changed default": (
        'ALTER TABLE "MiniTwit_user" ALTER COLUMN is_active SET DEFAULT false',
        "MiniTwit_user, column is_active, default: expected true, found false.",
    ),
    "a dropped default": (
        'ALTER TABLE "MiniTwit_message" ALTER COLUMN flagged DROP DEFAULT',
        "MiniTwit_message, column flagged, default: expected false, found none.",
    ),
    "a lost identity": (
        'ALTER TABLE "MiniTwit_follow" ALTER COLUMN id DROP IDENTITY',
        "MiniTwit_follow, column id, default: expected identity, found none.",
    ),
    "a dropped check": (
        'ALTER TABLE "MiniTwit_follow" DROP CONSTRAINT follow_not_oneself',
        "MiniTwit_follow, constraint follow_not_oneself: expected CHECK",
    ),
    "a dropped unique constraint": (
        'ALTER TABLE "MiniTwit_follow" DROP CONSTRAINT follow_unique_pair',
        "MiniTwit_follow, constraint follow_unique_pair: expected UNIQUE (who_id, whom_id), found nothing.",
    ),
    "a dropped primary key": (
        'ALTER TABLE "MiniTwit_message" DROP CONSTRAINT "MiniTwit_message_pkey" CASCADE',
        "MiniTwit_message, constraint MiniTwit_message_pkey: expected PRIMARY KEY (id), found nothing.",
    ),
    "a dropped index": (
        "DROP INDEX message_newest",
        "MiniTwit_message, index message_newest: expected INDEX ON",
    ),
    "an extra index": (
        'CREATE INDEX too_many ON "MiniTwit_message" (pub_date)',
        'MiniTwit_message, index too_many: expected none, found INDEX ON "MiniTwit_message" USING btree (pub_date).',
    ),
    "a dropped trigger": (
        'DROP TRIGGER minitwit_message_changed ON "MiniTwit_message"',
        "MiniTwit_message, trigger minitwit_message_changed: expected CREATE TRIGGER",
    ),
    "a disabled trigger": (
        'ALTER TABLE "MiniTwit_user" DISABLE TRIGGER minitwit_user_changed',
        "(disabled)",
    ),
    "another function behind the triggers": (
        "CREATE OR REPLACE FUNCTION minitwit_track_change() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NEW; END $$",
        "MiniTwit_user, trigger minitwit_user_changed, function: expected the body in MiniTwit/database/triggers.py",
    ),
    "a dropped column of the import's records": (
        "ALTER TABLE legacy_import_importrun DROP COLUMN error_code",
        "legacy_import_importrun, column error_code: expected character varying(40), found nothing.",
    ),
    "a dropped many-to-many table": (
        'DROP TABLE "MiniTwit_user_groups"',
        "MiniTwit_user_groups, table: expected a table, found nothing. Run `python manage.py migrate`.",
    ),
}


# What no statement of one line brings back, and what staff decide about.
NOT_MENDED = [name for name in DRIFTS if name.startswith(("a dropped column", "an extra"))]
NOT_MENDED += ["another function behind the triggers", "a dropped many-to-many table"]


def drift(names: Iterable[str]) -> list[str]:
    """Let the tables drift in each of these ways, and return what the check says of them, a line each."""
    statements, sentences = zip(*(DRIFTS[name] for name in names), strict=True)
    run(*statements)
    code, output = check_schema()
    assert code == 1
    assert [sentence for sentence in sentences if sentence not in output] == []
    *lines, _count = output.splitlines()
    return lines


def test_drift_is_found_and_named_and_the_advice_mends_it() -> None:
    """All ways at once: to look at every table takes longer than to let one drift."""
    for line in drift(name for name in DRIFTS if name not in NOT_MENDED):
        _difference, restore, remedy = line.partition("Restore it: ")
        assert restore, line
        run(remedy)
    assert check_schema()[0] == 0


def test_drift_that_staff_decide_about_is_found_and_named() -> None:
    advice = "\n".join(drift(NOT_MENDED))
    for words in ("manage.py migrate", "from a backup", "or add it to the model", "CREATE OR REPLACE the function"):
        assert words in advice


def test_a_dropped_foreign_key_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = '\"MiniTwit_message\"'::regclass"
        )
        (name,) = cursor.fetchone()
    run(f'ALTER TABLE "MiniTwit_message" DROP CONSTRAINT "{name}"')
    (difference,) = find_drift(["MiniTwit"])
    assert difference.subject == f"constraint {name}"
    assert difference.expected.startswith('FOREIGN KEY (author_id) REFERENCES "MiniTwit_user"(id)')


def test_several_differences_are_all_in_the_json() -> None:
    run("DROP INDEX message_newest", 'ALTER TABLE "MiniTwit_user" ALTER COLUMN email DROP NOT NULL')
    code, output = check_schema("--json")
    report = json.loads(output)
    assert (code, report["ok"]) == (1, False)
    assert {(found["table"], found["subject"]) for found in report["differences"]} == {
        ("MiniTwit_message", "index message_newest"),
        ("MiniTwit_user", "column email, nullability"),
    }


def test_the_same_index_under_another_name_is_no_drift() -> None:
    run("ALTER INDEX message_newest RENAME TO message_by_date")
    assert find_drift(["MiniTwit"]) == []


def test_staging_tables_are_left_alone() -> None:
    run("CREATE UNLOGGED TABLE legacy_staging_7_message (legacy_id bigint)")
    assert check_schema()[0] == 0


def test_checking_leaves_nothing_behind() -> None:
    find_drift(["MiniTwit", "legacy_import"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'minitwit_expected'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT current_schema()")
        assert cursor.fetchone() == ("public",)
