"""What CREATE TABLE and ALTER TABLE say in a dump of PostgreSQL or MySQL: columns, keys, and references."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from legacy_import.source.snapshot.dumps.insert_statements import DOTTED, NAME, SPACE, names_in, unquoted

CREATE = re.compile(
    rf"{SPACE}CREATE\s+(?:UNLOGGED\s+|FOREIGN\s+)?TABLE\s+(?P<careful>IF\s+NOT\s+EXISTS\s+)?(?P<table>{DOTTED}){SPACE}\(",
    re.IGNORECASE,
)
ALTER = re.compile(
    rf"{SPACE}ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<table>{DOTTED})(?P<actions>.*)",
    re.IGNORECASE | re.DOTALL,
)
DROP = re.compile(
    rf"{SPACE}DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<tables>{DOTTED}(?>(?:{SPACE},{SPACE}{DOTTED})*))", re.IGNORECASE
)
NAMED = rf"(?:CONSTRAINT\s+(?:{NAME}\s+)?)?"
COLUMNS = rf"\({SPACE}(?P<columns>{NAME}(?:\s*\(\d+\))?(?>(?:{SPACE},{SPACE}{NAME}(?:\s*\(\d+\))?)*)){SPACE}\)"
PRIMARY_KEY = re.compile(rf"{NAMED}PRIMARY\s+KEY\s*(?:{NAME}\s*)?(?:USING\s+\w+\s*)?{COLUMNS}", re.IGNORECASE)
REFERENCES = rf"REFERENCES\s+(?P<table>{DOTTED})\s*(?:\(\s*(?P<others>{NAME}(?>(?:{SPACE},{SPACE}{NAME})*))\s*\))?"
FOREIGN_KEY = re.compile(rf"{NAMED}FOREIGN\s+KEY\s*(?:{NAME}\s*)?{COLUMNS}\s*{REFERENCES}", re.IGNORECASE)
INLINE_REFERENCE = re.compile(rf"\b{REFERENCES}", re.IGNORECASE)
CONSTRAINT = re.compile(
    r"(?:CONSTRAINT|PRIMARY\s+KEY|UNIQUE\s*\(|UNIQUE\s+(?:KEY|INDEX)|FOREIGN\s+KEY|CHECK\s*\(|EXCLUDE\s|LIKE\s)",
    re.IGNORECASE,
)
# Of MySQL alone: elsewhere `key text` is a column.
INDEX = re.compile(r"(?:FULLTEXT|SPATIAL|KEY|INDEX)\s", re.IGNORECASE)
COLUMN = re.compile(rf"(?P<name>{NAME})\s+(?P<kind>{DOTTED})(?P<rest>.*)", re.DOTALL)
ARRAY = re.compile(r"\s*(?:\([^)]*\))?\s*\[")
WITH_ZONE = re.compile(r"\s*(?:\(\d+\))?\s*with\s+time\s+zone", re.IGNORECASE)
KEY_INLINE = re.compile(r"\bPRIMARY\s+KEY\b", re.IGNORECASE)
# Changes after which the columns are others than CREATE TABLE has said.
CHANGED_COLUMNS = re.compile(
    rf"\b(?:ADD\s+(?!CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|KEY|INDEX|FULLTEXT|SPATIAL|CHECK|GENERATED|EXCLUDE)"
    rf"(?:COLUMN\s+)?{NAME}|DROP\s+COLUMN|RENAME|CHANGE\s|ATTACH|INHERIT)",
    re.IGNORECASE,
)
MOST_COLUMNS = 2000  # that a table of SQLite may have
MOST_REFERENCES = 1000
SPELLINGS = {
    "int": "int4",
    "integer": "int4",
    "serial": "int4",
    "serial4": "int4",
    "smallint": "int2",
    "smallserial": "int2",
    "serial2": "int2",
    "bigint": "int8",
    "bigserial": "int8",
    "serial8": "int8",
    "boolean": "bool",
    "real": "float4",
    "double": "float8",
    "float": "float8",
    "decimal": "numeric",
    "character": "bpchar",
}
MYSQL_SPELLINGS = {
    "integer": "int",
    "int4": "int",
    "int8": "bigint",
    "int2": "smallint",
    "middleint": "mediumint",
    "serial": "bigint",
    "bool": "tinyint",
    "boolean": "tinyint",
    "numeric": "decimal",
    "dec": "decimal",
    "fixed": "decimal",
    "real": "double",
    "float8": "double",
    "float4": "float",
}


@dataclass(frozen=True)
class DeclaredColumn:
    """A column: its name, and its type as the server calls it; `is_unsigned` for MySQL."""

    name: str
    kind: str
    is_unsigned: bool = False


@dataclass(frozen=True)
class Declaration:
    """A table as a dump declares it.

    Attributes:
        schema: what was before the name, if anything. is_careful: IF NOT EXISTS.
        key: the columns of the primary key. references: column, table, column of that.
    """

    schema: str
    name: str
    is_careful: bool = False
    columns: tuple[DeclaredColumn, ...] = ()
    key: tuple[str, ...] = ()
    references: tuple[tuple[str, str, str], ...] = ()

    def with_constraints(self, text: str) -> "Declaration":
        """The same with the keys and references that an item or an action adds."""
        declaration = self
        for found in PRIMARY_KEY.finditer(text):
            declaration = replace(declaration, key=tuple(names_in(without_lengths(found["columns"]))))
        for found in FOREIGN_KEY.finditer(text):
            declaration = declaration.referring(names_in(without_lengths(found["columns"])), found)
        return declaration

    def referring(self, columns: list[str], found: re.Match[str]) -> "Declaration":
        others = names_in(found["others"] or "")
        if len(columns) != 1 or len(others) > 1 or len(self.references) >= MOST_REFERENCES:
            return self
        reference = (columns[0], names_in(found["table"])[-1], others[0] if others else "")
        return replace(self, references=(*self.references, reference))


def created_table(text: str, quoted: str, *, is_mysql: bool) -> Declaration | None:
    """Read a CREATE TABLE; None if it is none with a list of columns.

    Args:
        quoted: the expression for what is in quotes, and for comments.
    """
    head = CREATE.match(text)
    if head is None:
        return None
    *schema, name = names_in(head["table"])
    declaration = Declaration(".".join(schema), name, is_careful=bool(head["careful"]))
    for item in items_of(text, head.end(), quoted):
        plain = without_texts(item, quoted)
        if CONSTRAINT.match(plain) or (is_mysql and INDEX.match(plain)):
            declaration = declaration.with_constraints(plain)
        elif column := COLUMN.match(plain):
            declaration = with_column(declaration, column, is_mysql=is_mysql)
        else:
            return None
        if len(declaration.columns) > MOST_COLUMNS:
            break
    return declaration if declaration.columns else None


def with_column(declaration: Declaration, column: re.Match[str], *, is_mysql: bool) -> Declaration:
    name, rest = unquoted(column["name"]), column["rest"]
    kind = names_in(column["kind"])[-1].lower()
    spelt = (MYSQL_SPELLINGS if is_mysql else SPELLINGS).get(kind, kind)
    if ARRAY.match(rest) and not is_mysql:
        spelt = "array"
    elif kind == "timestamp" and WITH_ZONE.match(rest):
        spelt = "timestamptz"
    is_unsigned = is_mysql and (kind == "serial" or " unsigned" in f" {rest.lower()}")
    declaration = replace(declaration, columns=(*declaration.columns, DeclaredColumn(name, spelt, is_unsigned)))
    if KEY_INLINE.search(rest):
        declaration = replace(declaration, key=(name,))
    reference = INLINE_REFERENCE.search(rest)
    return declaration.referring([name], reference) if reference else declaration


def items_of(text: str, start: int, quoted: str) -> Iterator[str]:
    """What a list in parentheses holds, item by item, without comments; nothing more if the list does not end."""
    item: list[str] = []
    depth = 1
    for part in re.compile(rf"(?P<quoted>{quoted})|[(),]|[^(),'\"`/\-#]+|.", re.DOTALL | re.MULTILINE).finditer(
        text, start
    ):
        mark = part[0]
        if part["quoted"] and mark.startswith(("--", "/*", "#")):
            continue
        depth += (mark == "(") - (mark == ")")
        if depth == 0 or (depth == 1 and mark == ","):
            if written := "".join(item).strip():
                yield written
            item = []
            if not depth:
                return
        else:
            item.append(mark)
    yield ""  # which is no column


def without_lengths(columns: str) -> str:
    """Names of columns without the lengths that MySQL's keys have."""
    return re.sub(r"\(\d+\)", "", columns)


def without_texts(text: str, quoted: str) -> str:
    """A part of a statement with its texts emptied and without its comments."""
    pattern = re.compile(quoted, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    return pattern.sub(lambda found: found[0] if found[0][0] in '"`' else " " if found[0][0] in "-/#" else "''", text)
