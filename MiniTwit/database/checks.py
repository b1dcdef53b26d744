"""Check the database itself, for `check --database default`, `migrate` and `check_schema`, before anything is done.

A database gets its encoding, its locale and its owners before its tables, and none of them is easily changed later.
Wrong ones make the search overlook messages, or a command fail in the middle.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

OLDEST_VERSION = 14
APPS = ("MiniTwit", "legacy_import")

DATABASE = """
SELECT to_jsonb(pg_database) || jsonb_build_object(
    'name', datname, 'encoding', pg_encoding_to_char(encoding), 'role', current_user, 'schema', current_schema(),
    'search_path', current_setting('search_path'),
    'may_create_in_schema', has_schema_privilege(current_schema(), 'CREATE'),
    'may_create_in_database', has_database_privilege(oid, 'CREATE'),
    'may_create_temporary_tables', has_database_privilege(oid, 'TEMPORARY'),
    'trigrams', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'),
    'trigrams_available', EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm'),
    'is_superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
FROM pg_database WHERE datname = current_database()
"""
TABLES_OF_OTHERS = """
SELECT relname, pg_get_userbyid(relowner) FROM pg_class
WHERE relkind IN ('r', 'p') AND relname = ANY(%s) AND relnamespace = current_schema()::regnamespace
    AND NOT pg_has_role(relowner, 'USAGE')
ORDER BY relname
"""
# Locales are tested by their effect, whatever their names and providers are.
LETTERS = "SELECT upper('ø') = 'Ø' AND lower('Ø') = 'ø', upper('i') = 'I' AND lower('I') = 'i'"
NEW_DATABASE = (
    "Make a new database, and restore a dump into it: CREATE DATABASE {new} TEMPLATE template0 ENCODING 'UTF8' "
    "LOCALE 'C.UTF-8'; on PostgreSQL 17 and newer with LOCALE_PROVIDER builtin."
)


@dataclass(frozen=True)
class Facts:
    """What PostgreSQL says about a database, the current role, and the schema that the role works in."""

    database: dict[str, Any]
    folds_letters: bool
    folds_i: bool
    tables_of_others: Sequence[tuple[str, str]]

    @property
    def locale(self) -> str:
        for name in ("datlocale", "daticulocale", "datctype"):
            if self.database.get(name):
                return str(self.database[name])
        return "unknown"

    @property
    def remedy(self) -> str:
        return NEW_DATABASE.format(new=quoted(f"{self.database['name']}_new"))


def check_databases(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Django's check for `--database`; `migrate` asks it as well."""
    return [
        problem
        for alias in databases or ()
        if connections[alias].vendor == "postgresql"
        for problem in problems_of(connections[alias])
    ]


def problems_of(connection: BaseDatabaseWrapper) -> list[checks.CheckMessage]:
    """Everything that keeps this application from working right in a database; the gravest first."""
    version = connection.pg_version // 10_000  # type: ignore[attr-defined]
    if version < OLDEST_VERSION:
        return [
            checks.Error(
                f"The database server is PostgreSQL {version}; the back office needs {OLDEST_VERSION} or newer.",
                hint="Let DATABASE_URL name a newer server.",
                id="MiniTwit.E101",
            )
        ]
    facts = read_facts(connection)
    return [*rights(facts), *encoding(facts), *locale(facts)]


def read_facts(connection: BaseDatabaseWrapper) -> Facts:
    tables = [
        model._meta.db_table
        for label in APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(DATABASE)
        database = json.loads(cursor.fetchone()[0])
        cursor.execute(TABLES_OF_OTHERS, [tables])
        tables_of_others = cursor.fetchall()
        folds_letters = folds_i = True
        if database["encoding"] == "UTF8":
            cursor.execute(LETTERS)
            folds_letters, folds_i = cursor.fetchone()
    return Facts(database, folds_letters, folds_i, tables_of_others)


def rights(facts: Facts) -> Iterator[checks.CheckMessage]:
    database, role = facts.database, quoted(facts.database["role"])
    if database["schema"] is None:
        yield checks.Error(
            f"The search_path of the role {role} is {database['search_path']}, and none of these schemas exists or "
            "may be used by the role. So tables can be neither found nor created.",
            hint=f"As an administrator: ALTER ROLE {role} SET search_path = public; GRANT USAGE, CREATE ON SCHEMA "
            f"public TO {role};",
            id="MiniTwit.E102",
        )
        return
    if not database["may_create_in_schema"]:
        schema = quoted(database["schema"])
        yield checks.Error(
            f"The role {role} may not create tables in the schema {schema}. (From PostgreSQL 15 on, only the owner "
            "of a database may do that in public.)",
            hint=f"As an administrator, in this database: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};",
            id="MiniTwit.E103",
        )
    if not database["may_create_temporary_tables"]:
        name = quoted(database["name"])
        yield checks.Error(
            f"The role {role} may not create temporary tables, which the scan for the watch-list needs.",
            hint=f"As an administrator: GRANT TEMPORARY ON DATABASE {name} TO {role};",
            id="MiniTwit.E110",
        )
    if not database["trigrams"] and not database["trigrams_available"]:
        yield checks.Error(
            "PostgreSQL's extension pg_trgm, which the search needs, is not installed on the database server.",
            hint="Install the server's contrib package, for example postgresql-contrib.",
            id="MiniTwit.E104",
        )
    elif not database["trigrams"] and not database["may_create_in_database"]:
        yield checks.Error(
            f"The extension pg_trgm, which the search needs, is not in this database, and the role {role} may not "
            "put it there.",
            hint="As an administrator, in this database: CREATE EXTENSION pg_trgm;",
            id="MiniTwit.E105",
        )
    if facts.tables_of_others:
        table, owner = facts.tables_of_others[0]
        yield checks.Error(
            f"{len(facts.tables_of_others)} tables of the back office belong to other roles than {role} (for example "
            f"{quoted(table)} to {quoted(owner)}), so {role} can neither migrate them nor build their indexes.",
            hint=f"As an administrator, in this database: GRANT {quoted(owner)} TO {role}; or give each of the "
            f"tables to the role: ALTER TABLE {quoted(table)} OWNER TO {role};",
            id="MiniTwit.E106",
        )


def encoding(facts: Facts) -> Iterator[checks.CheckMessage]:
    found = facts.database["encoding"]
    if found != "UTF8":
        yield checks.Error(
            f"The database {quoted(facts.database['name'])} has the encoding {found}. Messages and names in other "
            "letters could not be stored, and upper and lower case would not be matched.",
            hint=facts.remedy,
            id="MiniTwit.E107",
        )


def locale(facts: Facts) -> Iterator[checks.CheckMessage]:
    if not facts.folds_i:
        yield checks.Warning(
            f"The locale of the database is {facts.locale}, in which the capital of i is İ. Usernames and words are "
            "not matched as in other languages: “casino” is not “CASINO”.",
            hint=facts.remedy,
            id="MiniTwit.W108",
        )
    elif not facts.folds_letters:
        yield checks.Warning(
            f"The locale of the database is {facts.locale}, which knows the capitals of English letters only: “blød” "
            "and “BLØD” are different words wherever PostgreSQL compares regardless of case.",
            hint=facts.remedy,
            id="MiniTwit.W109",
        )


def quoted(name: str) -> str:
    """A name as an identifier of SQL, for a statement that an administrator copies."""
    return '"' + name.replace('"', '""') + '"'
