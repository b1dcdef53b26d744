"""Compare the live tables with what the models say.

The program keeps no list of types. Django's schema editor builds the models' tables in a schema of their own, inside
a transaction that is rolled back, and PostgreSQL's catalogs describe both sides in the same words. Constraints and
indexes are compared by their definitions; their names do not count, because migrations of different ages name them
differently. Tables of no model, such as the import's staging tables, are ignored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.apps import apps
from django.db import connection, models, transaction
from psycopg2 import sql

from MiniTwit.database import triggers
from MiniTwit.database.queries import rows_of, value_of
from MiniTwit.models import Message
from MiniTwit.skeletons import Skeleton
from MiniTwit.skeletons.function import CREATE_FUNCTIONS

EXPECTED_SCHEMA = "minitwit_expected"
# What the migrations create besides the models' tables.
BESIDE_THE_MODELS = (
    triggers.CREATE_FUNCTION,
    triggers.CREATE_USER_TRIGGER,
    triggers.CREATE_MESSAGE_TRIGGER,
    triggers.CREATE_EDIT_FUNCTION,
    triggers.CREATE_EDIT_TRIGGER,
    triggers.CREATE_LOG_FUNCTION,
    triggers.CREATE_LOG_TRIGGER,
    triggers.CREATE_LOG_TRUNCATE_TRIGGER,
    triggers.CREATE_COUNT_FUNCTION,
    triggers.CREATE_COUNT_TRIGGER,
)

FUNCTION = f"function {Skeleton.function}"
BUILD_SEARCH_INDEXES = "Searching is slow without it. Build it: `python manage.py build_search_indexes`."

TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p')
"""

COLUMNS = """
SELECT pg_class.relname, attname, format_type(atttypid, atttypmod), attnotnull,
       CASE WHEN attidentity <> '' THEN 'identity' ELSE coalesce(pg_get_expr(adbin, adrelid), 'none') END
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = %(schema)s::regnamespace AND relname = ANY(%(tables)s) AND attnum > 0 AND NOT attisdropped
ORDER BY relname, attnum
"""

# NOT NULL is compared as a property of the column; from PostgreSQL 18 on it is a constraint ('n') as well.
CONSTRAINTS = """
SELECT relname, pg_get_constraintdef(pg_constraint.oid, true), conname
FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
WHERE relnamespace = %(schema)s::regnamespace AND relname = ANY(%(tables)s) AND contype IN ('p', 'f', 'u', 'c', 'x')
ORDER BY relname, conname
"""

INDEXES = """
SELECT table_class.relname,
       regexp_replace(pg_get_indexdef(indexrelid, 0, true), '^CREATE (UNIQUE )?INDEX .*? ON ', '\\1INDEX ON ')
           || CASE WHEN indisvalid THEN '' ELSE ' (invalid: its building failed)' END,
       index_class.relname
FROM pg_index
JOIN pg_class AS table_class ON table_class.oid = indrelid
JOIN pg_class AS index_class ON index_class.oid = indexrelid
WHERE table_class.relnamespace = %(schema)s::regnamespace AND table_class.relname = ANY(%(tables)s)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY 1, 3
"""

TRIGGERS = """
SELECT relname, tgname,
       pg_get_triggerdef(pg_trigger.oid, true) || CASE WHEN tgenabled = 'O' THEN '' ELSE ' (disabled)' END, prosrc
FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid
JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE relnamespace = %(schema)s::regnamespace AND relname = ANY(%(tables)s) AND NOT tgisinternal
ORDER BY relname, tgname
"""

# A body that is an expression is kept as a tree.
FUNCTIONS = """
SELECT proname, coalesce(pg_get_function_sqlbody(oid), prosrc) FROM pg_proc
WHERE proname LIKE %s AND pronamespace = %s::regnamespace ORDER BY proname
"""


@dataclass(frozen=True)
class Column:
    type: str  # with its length, e.g. "character varying(254)"
    required: bool
    default: str  # an SQL expression, "identity" or "none"


@dataclass(frozen=True)
class Trigger:
    definition: str
    function_body: str


@dataclass
class Table:
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)  # definition: name
    indexes: dict[str, str] = field(default_factory=dict)  # definition: name
    triggers: dict[str, Trigger] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One difference between the tables and the models."""

    table: str
    subject: str  # e.g. "column username"
    expected: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.table}, {self.subject}: expected {self.expected}, found {self.found}. {self.remedy}"


def find_drift(app_labels: Sequence[str]) -> list[Difference]:
    """Return where the tables of these applications differ from their models, table by table."""
    names = table_names(app_labels)
    with transaction.atomic():
        live_schema = value_of("SELECT current_schema()")
        live, live_functions = _read_tables(live_schema, names), _read_functions(live_schema)
        _build_expected_tables(app_labels, live_schema)
        expected, expected_functions = _read_tables(EXPECTED_SCHEMA, names), _read_functions(EXPECTED_SCHEMA)
        transaction.set_rollback(True)
    differences: list[Difference] = []
    if live_functions and live_functions != expected_functions:
        remedy = (
            "The search and the watch-list may miss messages. Restore the functions as "
            "MiniTwit/skeletons/function.py has them (CREATE OR REPLACE), then drop the indexes whose names end in "
            "_trigrams, which use them, and run `python manage.py build_search_indexes`."
        )
        differences.append(Difference(Message._meta.db_table, FUNCTION, "the one in the code", "another", remedy))
    for name in names:
        if name in live:
            differences += _compare(name, expected[name], live[name])
        else:
            differences.append(Difference(name, "table", "a table", "nothing", "Run `python manage.py migrate`."))
    return differences


def models_of(app_labels: Sequence[str], *, many_to_many: bool = False) -> list[type[models.Model]]:
    """The models of these applications that have tables; on request with those that Django makes for many-to-many."""
    return [
        model
        for label in app_labels
        for model in apps.get_app_config(label).get_models(include_auto_created=many_to_many)
        if model._meta.managed and not model._meta.proxy
    ]


def table_names(app_labels: Sequence[str]) -> list[str]:
    """The tables of these applications' models, many-to-many ones included."""
    return [model._meta.db_table for model in models_of(app_labels, many_to_many=True)]


def _build_expected_tables(app_labels: Sequence[str], live_schema: str) -> None:
    with connection.cursor() as cursor:
        schemas = [sql.Identifier(EXPECTED_SCHEMA), sql.Identifier(live_schema)]
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(schemas[0]))
        cursor.execute(sql.SQL("SET LOCAL search_path TO {}, {}").format(*schemas))
        cursor.execute(CREATE_FUNCTIONS)  # before the indexes that use it
        with connection.schema_editor(atomic=False) as editor:
            for model in models_of(app_labels):
                editor.create_model(model)
        for statement in BESIDE_THE_MODELS:
            cursor.execute(statement)


def _read_tables(schema: str, names: Sequence[str]) -> dict[str, Table]:
    """Describe the tables of one schema, which comes first in the search path, so that no name is qualified."""
    parameters: dict[str, Any] = {"schema": connection.ops.quote_name(schema), "tables": list(names)}
    tables = {name: Table() for (name,) in rows_of(TABLES, parameters) if name in names}
    for table, name, column_type, required, default in rows_of(COLUMNS, parameters):
        tables[table].columns[name] = Column(column_type, required, default)
    for table, definition, name in rows_of(CONSTRAINTS, parameters):
        tables[table].constraints[definition] = name
    for table, definition, name in rows_of(INDEXES, parameters):
        tables[table].indexes[definition] = name
    for table, name, definition, body in rows_of(TRIGGERS, parameters):
        tables[table].triggers[name] = Trigger(definition, body)
    return tables


def _read_functions(schema: str) -> list[tuple[Any, ...]]:
    """Names and bodies of the function that the search indexes use, and of the one that it calls, if they exist."""
    return rows_of(FUNCTIONS, [f"{Skeleton.function}%", connection.ops.quote_name(schema)])


Part = TypeVar("Part")


def _only_in(one: dict[str, Part], other: dict[str, Part]) -> Iterator[tuple[str, Part]]:
    return ((key, part) for key, part in one.items() if key not in other)


def _compare(table: str, expected: Table, live: Table) -> Iterator[Difference]:
    yield from _missing(table, expected, live)
    yield from _superfluous(table, expected, live)
    for name, column in expected.columns.items():
        if name in live.columns:
            yield from _compare_column(table, name, column, live.columns[name])
    for name, trigger in expected.triggers.items():
        if name in live.triggers:
            yield from _compare_trigger(table, name, trigger, live.triggers[name])


def _missing(table: str, expected: Table, live: Table) -> Iterator[Difference]:
    for name, column in _only_in(expected.columns, live.columns):
        remedy = "Its data is gone: restore the table from a backup, or undo and redo the migration that adds it."
        yield Difference(table, f"column {name}", column.type, "nothing", remedy)
    for definition, name in _only_in(expected.constraints, live.constraints):
        remedy = f'Restore it: ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition};'
        yield Difference(table, f"constraint {name}", definition, "nothing", remedy)
    for definition, name in _only_in(expected.indexes, live.indexes):
        create = f"CREATE {definition}".replace("INDEX ON", f'INDEX "{name}" ON', 1)
        remedy = BUILD_SEARCH_INDEXES if " USING gin " in definition else f"Restore it: {create};"
        yield Difference(table, f"index {name}", definition, "nothing", remedy)
    for name, trigger in _only_in(expected.triggers, live.triggers):
        remedy = f"Restore it: {trigger.definition};"
        yield Difference(table, f"trigger {name}", trigger.definition, "nothing", remedy)


def _superfluous(table: str, expected: Table, live: Table) -> Iterator[Difference]:
    def difference(subject: str, found: str, drop: str, place: str = "the model") -> Difference:
        return Difference(table, subject, "none", found, f"Remove it: {drop}; or add it to {place}.")

    for name, column in _only_in(live.columns, expected.columns):
        yield difference(f"column {name}", column.type, f'ALTER TABLE "{table}" DROP COLUMN "{name}"')
    for definition, name in _only_in(live.constraints, expected.constraints):
        yield difference(f"constraint {name}", definition, f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    for definition, name in _only_in(live.indexes, expected.indexes):
        yield difference(f"index {name}", definition, f'DROP INDEX "{name}"')
    for name, trigger in _only_in(live.triggers, expected.triggers):
        drop = f'DROP TRIGGER "{name}" ON "{table}"'
        yield difference(f"trigger {name}", trigger.definition, drop, "MiniTwit/database/triggers.py")


def _compare_column(table: str, name: str, expected: Column, live: Column) -> Iterator[Difference]:
    alter = f'Restore it: ALTER TABLE "{table}" ALTER COLUMN "{name}"'
    if live.type != expected.type:
        yield Difference(table, f"column {name}, type", expected.type, live.type, f"{alter} TYPE {expected.type};")
    if live.required != expected.required:
        words = {True: "NOT NULL", False: "NULL allowed"}
        remedy = f"{alter} {'SET' if expected.required else 'DROP'} NOT NULL;"
        yield Difference(table, f"column {name}, nullability", words[expected.required], words[live.required], remedy)
    if live.default != expected.default:
        change = {"none": "DROP DEFAULT", "identity": "ADD GENERATED BY DEFAULT AS IDENTITY"}
        remedy = f"{alter} {change.get(expected.default, f'SET DEFAULT {expected.default}')};"
        yield Difference(table, f"column {name}, default", expected.default, live.default, remedy)


def _compare_trigger(table: str, name: str, expected: Trigger, live: Trigger) -> Iterator[Difference]:
    if live.definition != expected.definition:
        remedy = f'Restore it: DROP TRIGGER "{name}" ON "{table}"; {expected.definition};'
        yield Difference(table, f"trigger {name}", expected.definition, live.definition, remedy)
    elif live.function_body != expected.function_body:
        code = "MiniTwit/database/triggers.py"
        remedy = f"Restore it: CREATE OR REPLACE the function as {code} has it."
        yield Difference(table, f"trigger {name}, function", f"the body in {code}", "another", remedy)
