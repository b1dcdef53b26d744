"""Which tables a dump of a server has, their columns, keys and references."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.known_names import UNKNOWN, best_likeness
from legacy_import.source.snapshot.dumps.declarations import (
    ALTER,
    CHANGED_COLUMNS,
    MOST_COLUMNS,
    Declaration,
    DeclaredColumn,
    created_table,
    without_texts,
)
from legacy_import.source.snapshot.dumps.dump_files import COMMAND, Key, ServerDump, dropped_keys, is_empty, words_of
from legacy_import.source.snapshot.dumps.implied_schema import GIVE_BOTH, ImpliedTable, implied_table, is_text
from legacy_import.source.snapshot.dumps.insert_statements import SPACE, kinds_of_values, names_in, rows_head
from legacy_import.source.snapshot.dumps.loading import shown, what_was_left_out
from legacy_import.source.snapshot.dumps.sql_splitter import Statement
from legacy_import.source.snapshot.servers import (
    SHOWN_NAMES,
    Column,
    Table,
    check_tables,
    could_be_wanted,
)

MOST_TABLES = 1000

CONDITIONAL = re.compile(r"/\*M?!\d*|\*/")  # marks of comments that MySQL executes
HARMLESS_COMMANDS = re.compile(rf"{SPACE}\\(?:c|connect|restrict|unrestrict|encoding|set|pset|echo|timing|q)\b")
ROWS_ELSEWHERE = re.compile(
    rf"{SPACE}(?:\\(?:i|ir|include|include_relative|copy)\b|(?:SOURCE|LOAD\s+DATA)\b)", re.IGNORECASE
)


class Outline:
    """Which tables a dump has."""

    def __init__(self, dump: ServerDump) -> None:
        self.dump = dump
        self.loading = dump.loading
        self.declared: dict[Key, Declaration] = {}
        self.implied: dict[Key, ImpliedTable] = {}
        self.lacking: dict[Key, SourceError] = {}  # tables of rows whose columns are not known
        self.changed: dict[Key, Statement] = {}  # by statements that are not run
        self.left_out: list[str] = []

    def take(self, statement: Statement) -> None:
        """Learn from a statement, leave it out, or refuse the dump because of it."""
        if statement.lines or is_empty(statement.text):
            return
        text, dialect = statement.text, self.dump.dialect
        verb, both = words_of(text)
        if COMMAND.match(text) or ROWS_ELSEWHERE.match(text):
            self.command(statement)
        elif both in ("CREATE TABLE", "CREATE UNLOGGED"):
            self.create(statement)
        elif both == "ALTER TABLE":
            self.alter(statement)
        elif both == "DROP TABLE":
            self.drop(statement)
        elif verb in ("INSERT", "REPLACE", "COPY"):
            self.rows(statement)
        elif verb in dialect.without_effect or both in dialect.without_effect:
            if both.startswith("DELIMITER") and "\n" in text.strip():
                self.left_out.append(shown(CONDITIONAL.sub(" ", text.strip().partition("\n")[2])))
        elif verb in dialect.left_out or both in dialect.left_out:
            self.left_out.append(shown(text))
        else:
            raise self.dump.more_than_rows(statement)

    def command(self, statement: Statement) -> None:
        """A command of the program that reads such dumps."""
        if ROWS_ELSEWHERE.match(statement.text):
            what = f"“{shown(statement.text)}” takes rows from another file"
            raise self.dump.more_than_rows(statement, what)
        if not HARMLESS_COMMANDS.match(statement.text):
            self.left_out.append(shown(statement.text))

    def create(self, statement: Statement) -> None:
        dialect = self.dump.dialect
        table = created_table(statement.text, dialect.quoted, is_mysql=dialect.is_mysql)
        if table is None:
            if statement.text.count("(") > statement.text.count(")"):
                raise self.loading.refusal("damaged_file", statement.line, "it is not whole")
            self.left_out.append(shown(statement.text))
            return
        key = self.dump.key(table.schema, table.name)
        if key in self.declared and not table.is_careful:
            what = f"it makes the table {shown(table.name)} a second time. Write the dump again"
            raise self.loading.refusal("damaged_file", statement.line, what)
        names = [column.name.lower() for column in table.columns]
        if len(names) > min(MOST_COLUMNS, len(set(names))):
            what = f"the table {shown(table.name)} has a column twice, or more than {MOST_COLUMNS:,} columns"
            raise self.loading.refusal("damaged_file", statement.line, what)
        self.declared.setdefault(key, replace(table, schema=key[0]))
        if len(self.declared) > MOST_TABLES:
            raise self.loading.refusal("too_many_tables", statement.line, f"it has more than {MOST_TABLES:,} tables")

    def alter(self, statement: Statement) -> None:
        found = ALTER.match(statement.text)
        *schema, name = names_in(found["table"]) if found else ["", ""]
        key = self.dump.key(".".join(schema), name)
        if found is None or key not in self.declared:
            return
        actions = without_texts(found["actions"], self.dump.dialect.quoted)
        self.declared[key] = self.declared[key].with_constraints(actions)
        if CHANGED_COLUMNS.search(actions):
            self.changed.setdefault(key, statement)

    def drop(self, statement: Statement) -> None:
        for key in dropped_keys(self.dump, statement):
            self.declared.pop(key, None)
            self.implied.pop(key, None)

    def rows(self, statement: Statement) -> None:
        """Rows of a table, of which there may be no CREATE TABLE."""
        head = rows_head(statement.text)
        if head is None:
            raise self.dump.more_than_rows(statement)
        key = self.dump.key(head.schema, head.table)
        if not head.is_plain:
            self.lacking.setdefault(key, self.dump.more_than_rows(statement))
        elif key not in self.declared and key not in self.implied and key not in self.lacking:
            kinds = [] if head.columns else kinds_of_values(statement.text, head.end)
            self.imply(key, head.table, head.columns, kinds, statement.line)

    def imply(self, key: Key, name: str, columns: Sequence[str], kinds: Sequence[str], line: int) -> None:
        """Make a table of what its rows imply, where there is no CREATE TABLE."""
        if table := implied_table(name, columns, kinds):
            self.implied[key] = table
        else:
            self.lacking[key] = self.loading.refusal(
                "missing_schema",
                line,
                f"there is no CREATE TABLE for {shown(name)}, and a row of {len(kinds)} values is none of MiniTwit's "
                f"own. {GIVE_BOTH}",
            )

    def wanted(self) -> dict[Key, Table]:
        """The tables that could be those of a MiniTwit.

        Raises:
            SourceError: there are none, or it cannot be known what is in one of them.
        """
        affinity = self.dump.dialect.affinity
        keys = {each.name.lower(): key_of(each) for each in self.declared.values() if key_of(each)}
        self.all = {key: table_of(each, affinity, keys) for key, each in self.declared.items()}
        for key, implied in self.implied.items():
            columns = tuple(DeclaredColumn(name, "") for name in implied.columns)
            table = table_of(Declaration(key[0], implied.name, columns=columns), affinity, keys)
            self.all.setdefault(key, replace(table, columns=tuple(map(implied_column, table.columns))))
        wanted = {
            key: table
            for key, table in self.all.items()
            if key[0] not in self.dump.dialect.own_schemas and could_be_wanted(table)
        }
        if not self.dump.dialect.is_mysql:  # where the tables of `public` are meant before others of their names
            wanted = {key: table for key, table in wanted.items() if not key[0] or ("", key[1]) not in wanted}
        for key, error in self.lacking.items():
            if error.code == "missing_schema" and key in self.declared:
                continue  # its CREATE TABLE came later
            if key in wanted or (key not in self.all and best_likeness(key[1]) > UNKNOWN):
                raise error
        for key, statement in self.changed.items():
            if key in wanted:
                raise self.dump.more_than_rows(statement)
        if not wanted and self.lacking:
            raise next(iter(self.lacking.values()))
        self.check_places(wanted)
        check_tables(list(wanted.values()), list(self.all.values()), self.dump.parts[0].label)
        return wanted

    def check_places(self, wanted: dict[Key, Table]) -> None:
        names = [name for _, name in wanted]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            places = " and ".join(place or "the main one" for place, name in wanted if name == twice)
            raise SourceError(
                "several_databases",
                f"{self.dump.parts[0].label} holds the table {shown(twice)} of several databases or schemas: "
                f"{places}. Dump the one of the old MiniTwit alone.",
            )

    def warnings(self, wanted: dict[Key, Table]) -> list[str]:
        warnings = [
            table.warning for key, table in self.implied.items() if key in wanted and key not in self.declared
        ]
        others = sorted(
            {table.name for key, table in self.all.items() if key not in wanted} | {n for _, n in self.lacking}
        )
        if others:
            more = f" and {len(others) - SHOWN_NAMES:,} more" if len(others) > SHOWN_NAMES else ""
            names = ", ".join(map(shown, others[:SHOWN_NAMES]))
            warnings.append(f"Tables that are nothing of a MiniTwit were not read: {names}{more}.")
        return warnings + what_was_left_out(self.left_out)


def implied_column(column: Column) -> Column:
    """A column of which only the name is known: the values of most are numbers or dates."""
    return replace(column, affinity="TEXT" if is_text(column.name) else "NUMERIC")


def table_of(declaration: Declaration, affinity: Callable[[str], str], keys: Mapping[str, str]) -> Table:
    """A declared table as it is made in SQLite.

    Args:
        keys: the primary keys of tables, for references that name no column.
    """
    references = {
        own.lower(): (table, other or keys[table.lower()])
        for own, table, other in declaration.references
        if other or table.lower() in keys
    }
    columns = tuple(
        Column(each.name, affinity(each.kind), each.kind, references.get(each.name.lower()))
        for each in declaration.columns
    )
    key = key_of(declaration).lower()
    usable = next(
        (
            column.name
            for column, declared in zip(columns, declaration.columns, strict=True)
            if column.name.lower() == key
            and column.affinity == "INTEGER"
            and column.kind not in ("bool", "bit")
            # A number beyond what SQLite has as a row id stays an ordinary value.
            and not (declared.is_unsigned and column.kind == "bigint")
        ),
        None,
    )
    return Table(declaration.schema, declaration.name, columns, usable)


def key_of(declaration: Declaration) -> str:
    """The column that is the primary key alone, if one is."""
    return declaration.key[0] if len(declaration.key) == 1 else ""
