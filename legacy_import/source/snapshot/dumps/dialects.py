"""How PostgreSQL and MySQL write their dumps: quotes, literals, encodings, and which statements say what."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from legacy_import.source.snapshot.column_types import mysql_affinity, postgresql_affinity
from legacy_import.source.snapshot.dumps.sql_splitter import COMMENT, LONGEST_STATEMENT, Dialect, token_of
from legacy_import.source.snapshot.file_types import Kind

Convert = Callable[[bytes], bytes]
NO_VALUES = ("NULL", "DEFAULT")

COPY_ROWS = re.compile(r"(?>(?:\s|--[^\n]*\n)*)COPY\s[^;]*\sFROM\s+STDIN\b", re.IGNORECASE)
ESCAPED_TEXT = r"'(?>(?:[^'\\]++|\\.|'')*)'"
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"


@dataclass(frozen=True)
class ServerDialect:
    """How a kind of server writes its dumps.

    Attributes:
        quoted: the expression for texts, names and comments.
        literal: the expression for a plain value, in a group of its own; what is around it does not matter.
        read: gives the value, as the bytes of its text, that a literal means.
        convert: of some types: gives the form of a value that the import understands.
        without_effect, left_out: beginnings of statements that say nothing about the rows, and of others that are not
            run either, but named.
        encodings: what the dump calls its encoding, and what Python calls it. encoding: finds it.
        own_schemas: of the server itself.
        restore: the command that restores a dump. scheme: of the address of such a server.
        first_line, last_line: of a dump that the server's own program wrote.
    """

    name: str
    splitter: Dialect
    quoted: str
    literal: str
    read: Callable[[str, str], bytes | None]
    affinity: Callable[[str], str]
    convert: Mapping[str, Convert]
    without_effect: tuple[str, ...]
    left_out: tuple[str, ...]
    encoding: re.Pattern[str]
    encodings: Mapping[str, str]
    own_schemas: frozenset[str]
    restore: str
    scheme: str
    first_line: re.Pattern[str]
    last_line: re.Pattern[str]
    is_mysql: bool = False


def with_time(value: bytes) -> bytes:
    """A date as the import reads it, with a time."""
    return value if b":" in value else value + b" 00:00:00"


def with_minutes(value: bytes) -> bytes:
    """A time with an offset of hours and minutes."""
    return value + b":00" if value[-3:-2] in (b"+", b"-") and b":" in value else value


# PostgreSQL


def postgresql_truth(value: bytes) -> bytes:
    return b"1" if value.lower() in {b"t", b"true", b"1", b"y", b"yes", b"on"} else b"0"


def postgresql_bytes(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode("ascii")) if value.startswith(b"\\x") else value


def postgresql_value(literal: str, encoding: str) -> bytes | None:
    if literal[0] == "'":
        text = literal[1:-1].replace("''", "'")
    elif literal[0] in "eE":
        text = with_escapes(literal[2:-1].replace("''", "'"), POSTGRESQL_ESCAPES)
    elif literal.upper() in NO_VALUES:
        return None
    else:
        text = literal
    return text.encode("utf-8", "surrogateescape")


def with_escapes(text: str, escapes: Mapping[str, str]) -> str:
    if "\\" not in text:
        return text
    return ESCAPE.sub(lambda found: escapes.get(found[1], found[1]), text)


ESCAPE = re.compile(r"\\(.)", re.DOTALL)
POSTGRESQL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
POSTGRESQL_QUOTED = (
    rf"(?<![\w$])E{ESCAPED_TEXT}|'[^']*+'|\"[^\"]*+\"|--[^\n]*\n|{COMMENT}"
    r"|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*+)?)\$.*?\$(?P=tag)\$"
)
POSTGRESQL = ServerDialect(
    name="PostgreSQL",
    splitter=Dialect(
        token=token_of(
            r"""'"\-/;$\\E""",
            POSTGRESQL_QUOTED,
            r"""(?<![\w$])E'|['"]|--|/\*|(?<![\w$])\$(?:[^\W\d]\w*+)?\$|\\""",
            command=r"\\[^\n]*\n",
        ),
        rows_follow=COPY_ROWS,
        longest_unquoted=LONGEST_STATEMENT,
    ),
    quoted=POSTGRESQL_QUOTED,
    literal=(
        r"(?:(?:timestamp(?:\s+with(?:out)?\s+time\s+zone|tz)?|date|uuid|bytea)\s+)?"
        rf"(NULL\b|DEFAULT\b|TRUE\b|FALSE\b|{NUMBER}|E{ESCAPED_TEXT}|'(?>(?:[^']++|'')*)')"
        r"(?>(?:\s*::\s*[\w.\"]++(?:\s+(?:varying|precision|with(?:out)?\s+time\s+zone))?(?:\s*\([\d,\s]*\))?(?:\[\])?)*)"
    ),
    read=postgresql_value,
    affinity=postgresql_affinity,
    convert={
        "bool": postgresql_truth,
        "bytea": postgresql_bytes,
        "date": with_time,
        "timestamptz": with_minutes,
    },
    without_effect=(
        *(
            "SET",
            "RESET",
            "BEGIN",
            "START",
            "COMMIT",
            "END",
            "ANALYZE",
            "VACUUM",
            "LOCK",
            "COMMENT",
            "GRANT",
            "REVOKE",
        ),
        *("SECURITY", "REINDEX", "CLUSTER", "REASSIGN", "SELECT PG_CATALOG", "SELECT SETVAL", "REFRESH"),
        *("CREATE SEQUENCE", "CREATE INDEX", "CREATE UNIQUE", "CREATE SCHEMA", "CREATE EXTENSION", "CREATE TYPE"),
        *("CREATE DOMAIN", "CREATE DATABASE", "CREATE ROLE", "CREATE USER", "CREATE PUBLICATION", "CREATE POLICY"),
        *("ALTER SEQUENCE", "ALTER INDEX", "ALTER SCHEMA", "ALTER EXTENSION", "ALTER TYPE", "ALTER DATABASE"),
        *("ALTER ROLE", "ALTER USER", "ALTER DEFAULT", "ALTER FUNCTION", "ALTER VIEW", "ALTER PUBLICATION"),
        *("ALTER MATERIALIZED", "ALTER DOMAIN", "ALTER PROCEDURE", "ALTER AGGREGATE", "ALTER OPERATOR"),
        *("DROP SEQUENCE", "DROP INDEX", "DROP SCHEMA", "DROP EXTENSION", "DROP TYPE", "DROP DATABASE", "DROP VIEW"),
        *(
            "DROP ROLE",
            "DROP USER",
            "DROP FUNCTION",
            "DROP TRIGGER",
            "DROP DOMAIN",
            "DROP POLICY",
            "DROP MATERIALIZED",
        ),
    ),
    left_out=(
        *("CREATE VIEW", "CREATE OR", "CREATE MATERIALIZED", "CREATE FUNCTION", "CREATE PROCEDURE", "CREATE TRIGGER"),
        *("CREATE CONSTRAINT", "CREATE RULE", "CREATE EVENT", "CREATE TEMP", "CREATE TEMPORARY", "CREATE AGGREGATE"),
        *("CREATE OPERATOR", "CREATE CAST", "CREATE SERVER", "CREATE FOREIGN", "CREATE COLLATION", "CREATE TEXT"),
        *("DO", "SELECT", "CALL", "EXECUTE", "LOAD", "NOTIFY", "LISTEN", "WITH", "EXPLAIN", "CREATE LANGUAGE"),
    ),
    encoding=re.compile(r"^SET client_encoding = '([\w-]+)'", re.MULTILINE | re.IGNORECASE),
    encodings={
        **{f"LATIN{number}": f"iso8859-{part}" for number, part in {1: 1, 2: 2, 3: 3, 4: 4, 5: 9, 9: 15}.items()},
        **{f"WIN{page}": f"cp{page}" for page in range(1250, 1259)},
        "EUC_JP": "euc_jp",
        "EUC_KR": "euc_kr",
        "SJIS": "cp932",
        "BIG5": "big5",
        "GBK": "gbk",
        "GB18030": "gb18030",
        "KOI8R": "koi8_r",
    },
    own_schemas=frozenset({"pg_catalog", "information_schema"}),
    restore="psql old -f dump.sql",
    scheme="postgresql",
    first_line=re.compile(r"^-- PostgreSQL database (?:cluster )?dump", re.MULTILINE),
    last_line=re.compile(r"PostgreSQL database (?:cluster )?dump complete"),
)

# MySQL


def mysql_value(literal: str, encoding: str) -> bytes | None:
    if literal[0] in "'\"":
        return mysql_text(literal, "utf-8")
    if literal[-1] in "'\"":
        return mysql_marked_text(literal, encoding)
    if literal[:2].lower() == "0x":
        return bytes.fromhex(literal[2:] if len(literal) % 2 == 0 else f"0{literal[2:]}")
    word = literal.upper()
    if word in ("TRUE", "FALSE"):
        return b"1" if word == "TRUE" else b"0"
    return None if word in NO_VALUES else literal.encode()


def mysql_marked_text(literal: str, encoding: str) -> bytes:
    """What a literal means that says before its quotes what is in them: bytes, digits, or text."""
    mark, _, rest = literal.partition("'") if "'" in literal else literal.partition('"')
    text = literal[len(mark) :]
    match mark.strip().lower():
        case "x":
            return bytes.fromhex(rest[:-1])
        case "b":
            return str(int(rest[:-1], 2)).encode()
        case "_binary":  # bytes are written as if they were text of the dump's encoding
            return mysql_text(text, "utf-8" if encoding.startswith("utf") else encoding)
    return mysql_text(text, "utf-8")


def mysql_text(literal: str, encoding: str) -> bytes:
    mark = literal[0]
    return with_escapes(literal[1:-1].replace(mark * 2, mark), MYSQL_ESCAPES).encode(encoding, "surrogateescape")


def mysql_bit(value: bytes) -> bytes:
    return value if value.isdigit() else str(int.from_bytes(value[:8], "big")).encode()


def with_utc(value: bytes) -> bytes:
    return value + b"+00:00" if b":" in value and value[-6:-5] not in (b"+", b"-") else value


MYSQL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "0": "\0", "Z": "\x1a", "%": "\\%", "_": "\\_"}
MYSQL_TEXT = rf"""{ESCAPED_TEXT}|"(?>(?:[^"\\]++|\\.|"")*)\""""
MYSQL_QUOTED = rf"{MYSQL_TEXT}|`[^`]*+`|--(?=\s)[^\n]*\n|\#[^\n]*\n|{COMMENT}"
MYSQL = ServerDialect(
    name="MySQL or MariaDB",
    splitter=Dialect(
        token=token_of(
            r"""'"`\-/;#D""",
            MYSQL_QUOTED,
            r"""['"`#]|--(?:\s|$)|/\*|(?<![^\n])DELIMITER\s""",
            command=r"(?<![^\n])DELIMITER[ \t]+(?:;[ \t\r]*\n|(?!;[ \t\r]*\n)\S.*?^[ \t]*DELIMITER[ \t]+;[ \t\r]*\n)",
        ),
        longest_unquoted=LONGEST_STATEMENT,
    ),
    quoted=MYSQL_QUOTED,
    literal=(
        rf"(NULL\b|DEFAULT\b|TRUE\b|FALSE\b|0x[0-9a-f]++|x'(?>(?:[0-9a-f]{{2}})*)'|b'[01]{{1,64}}+'|{NUMBER}"
        rf"|(?:_\w+\s*|N)?(?:{MYSQL_TEXT}))"
    ),
    read=mysql_value,
    affinity=mysql_affinity,
    convert={"date": with_time, "bit": mysql_bit},
    without_effect=(
        *("SET", "USE", "LOCK", "UNLOCK", "BEGIN", "START", "COMMIT", "ANALYZE", "OPTIMIZE", "FLUSH", "GRANT"),
        *("CREATE DATABASE", "CREATE SCHEMA", "CREATE INDEX", "CREATE UNIQUE", "CREATE FULLTEXT", "CREATE USER"),
        *("ALTER DATABASE", "ALTER SCHEMA", "ALTER USER", "DROP DATABASE", "DROP SCHEMA", "DROP INDEX", "DROP VIEW"),
        *("DROP TRIGGER", "DROP PROCEDURE", "DROP FUNCTION", "DROP EVENT", "DROP USER", "SHOW", "DESC", "DESCRIBE"),
        *("CREATE SEQUENCE", "DROP SEQUENCE", "DELIMITER"),
    ),
    left_out=(
        *("CREATE VIEW", "CREATE OR", "CREATE ALGORITHM", "CREATE DEFINER", "CREATE SQL", "CREATE TRIGGER"),
        *("CREATE PROCEDURE", "CREATE FUNCTION", "CREATE EVENT", "CREATE TEMPORARY", "SELECT", "CALL", "DO", "WITH"),
        *("EXPLAIN", "PREPARE", "EXECUTE", "DEALLOCATE", "INSTALL", "HANDLER"),
    ),
    encoding=re.compile(r"\bSET NAMES '?([\w]+)", re.IGNORECASE),
    encodings={
        "LATIN1": "cp1252",
        "LATIN2": "iso8859-2",
        "LATIN5": "iso8859-9",
        "LATIN7": "iso8859-13",
        "CP1250": "cp1250",
        "CP1251": "cp1251",
        "CP1256": "cp1256",
        "CP1257": "cp1257",
        "KOI8R": "koi8_r",
        "GBK": "gbk",
        "GB2312": "gb2312",
        "GB18030": "gb18030",
        "BIG5": "big5",
        "SJIS": "cp932",
        "CP932": "cp932",
        "EUCKR": "euc_kr",
        "UJIS": "euc_jp",
        "GREEK": "iso8859-7",
        "HEBREW": "iso8859-8",
    },
    own_schemas=frozenset({"mysql", "information_schema", "performance_schema", "sys"}),
    restore="mysql old < dump.sql",
    scheme="mysql",
    first_line=re.compile(r"^-- (?:MySQL|MariaDB) dump", re.MULTILINE),
    last_line=re.compile(r"-- Dump completed"),
    is_mysql=True,
)

DIALECTS = {Kind.POSTGRESQL_DUMP: POSTGRESQL, Kind.MYSQL_DUMP: MYSQL}
