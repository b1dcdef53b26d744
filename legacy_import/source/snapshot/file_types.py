"""What a file is, by its first bytes. Its name says nothing that could be relied on."""

import codecs
import re
from enum import Enum
from pathlib import Path

from legacy_import.source.errors import SourceError

HEAD_BYTES = 64 * 1024  # enough to see past the comments that a dump begins with
SQLITE_MAGIC = b"SQLite format 3\0"
WAL_MAGICS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
ADVICE = "Give the database file of the old MiniTwit, often called minitwit.db, a dump of it, or a ZIP of either."


class Kind(Enum):
    """What the import can read; the value is what staff call it."""

    SQLITE = "SQLite database"
    DUMP = "SQLite dump"
    POSTGRESQL_DUMP = "PostgreSQL dump"
    POSTGRESQL_ARCHIVE = "PostgreSQL dump in the custom format"
    MYSQL_DUMP = "MySQL or MariaDB dump"
    CSV = "table of values (CSV)"
    ZIP = "ZIP archive"
    GZIP = "gzip archive"


KNOWN_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (SQLITE_MAGIC, Kind.SQLITE),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),  # an empty one
    (b"\x1f\x8b", Kind.GZIP),
)
TEXT_DUMPS = frozenset({Kind.DUMP, Kind.POSTGRESQL_DUMP, Kind.MYSQL_DUMP})
# Where the custom format of pg_dump says which one it is: itself, in a tar archive, or one file of a directory.
PGDMP, FORMAT_PLACE, DIRECTORY_FORMAT = b"PGDMP", 10, 5
TAR_MAGIC, TAR_PLACE = b"ustar", 257
UNPACK_FIRST = "unpack it first, and give the file inside"
EXPORT_TO_SQLITE = "export its tables into a SQLite file, or as user.csv, message.csv and follower.csv in one ZIP"
# (offset, the bytes there, what kind of file that is, what to do about it)
OTHER_FILES: tuple[tuple[int, bytes, str, str], ...] = (
    (8, b"DUCK", "a DuckDB database", EXPORT_TO_SQLITE),
    (4, b"Standard Jet DB", "a Microsoft Access database", EXPORT_TO_SQLITE),
    (4, b"Standard ACE DB", "a Microsoft Access database", EXPORT_TO_SQLITE),
    (0, b"H:2,block:", "an H2 database", EXPORT_TO_SQLITE),
    (0, b"** This file contains an SQLite 2", "a SQLite 2 database", "convert it with `sqlite OLD .dump` first"),
    (0, b"PAR1", "a Parquet file", ""),
    (0, b"BZh", "a bzip2 archive", UNPACK_FIRST),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK_FIRST),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK_FIRST),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK_FIRST),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK_FIRST),
    (
        0,
        b"version https://git-lfs.",
        "a pointer of Git LFS instead of the file",
        "fetch the file with `git lfs pull`",
    ),
    (257, b"ustar", "a tar archive", UNPACK_FIRST),
    (0, b"%PDF-", "a PDF document", ""),
    (0, b"\x89PNG", "a picture", ""),
    (0, b"\xff\xd8\xff", "a picture", ""),
    (0, b"\x7fELF", "a program", ""),
    (0, b"MZ", "a program", ""),
    *(
        (0, magic, "a SQLite write-ahead log (-wal)", "give the database file beside it, and this one with it")
        for magic in WAL_MAGICS
    ),
    (0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "a SQLite rollback journal", "give the database file beside it"),
    (24, b"\x18\xe2\x2d\x00", "the shared memory of a SQLite database (-shm)", "give the database file beside it"),
)
# Dumps of servers say so in their first lines, or are given away by what SQLite does not know.
FIRST_LINES: tuple[tuple[str, Kind], ...] = (
    (r"^-- PostgreSQL database (cluster )?dump", Kind.POSTGRESQL_DUMP),
    (r"^-- (MySQL|MariaDB) dump|^(--|#) phpMyAdmin|/\*M?!\d{5,6}", Kind.MYSQL_DUMP),
)
OF_SQLITE = re.compile(r"^[ \t]*PRAGMA\s|\bAUTOINCREMENT\b|\bsqlite_sequence\b", re.MULTILINE | re.IGNORECASE)
SQL_SERVER_MARKS = (r"^SET ANSI_NULLS", r"^GO\r?$", r"\[dbo\]\.", r"\bIDENTITY\s*\(\d", r"\bNVARCHAR\s*\(max\)")
POSTGRESQL_MARKS = (
    r"^[ \t]*SET\s+(statement_timeout|lock_timeout|client_encoding|search_path|standard_conforming_strings)\b",
    r"\bpg_catalog\.",
    r"^[ \t]*COPY\s.+\sFROM\s+stdin",
    r"^\\(connect|c|restrict|i|copy)\s",
    r"\bOWNER TO\b",
    r"'::|\)::",
    r"\bnextval\s*\(",
    r"\b(big|small)?serial\d?\b",
    r"\bCREATE\s+EXTENSION\b",
    r"\bALTER\s+TABLE\s+ONLY\b",
    r"\bDROP\s+TABLE\b[^;]{0,200}\bCASCADE\b",
    r"\bcharacter\s+varying\b",
    r"\btimestamptz\b|\bwith(out)?\s+time\s+zone\b",
    r"\bGENERATED\s+(ALWAYS|BY\s+DEFAULT)\s+AS\s+IDENTITY\b",
)
MYSQL_MARKS = (
    r"\bENGINE\s*=\s*\w",
    r"\bAUTO_INCREMENT\b",
    r"\bCHARSET\s*=",
    r"\bunsigned\b",
    r"^[ \t]*(UN)?LOCK\s+TABLES\b",
    r"^[ \t]*USE\s+[`\w]+\s*;",
    r"^[ \t]*DELIMITER\s",
    r"^[ \t]*INSERT\s+(?!INTO\b|OR\b)[`\w]+[`\s(]",
    r"\bSET\s+(NAMES|FOREIGN_KEY_CHECKS)\b",
    r"\bCREATE\s+(DATABASE|SCHEMA)\b",
)
SERVER_MARKS: tuple[tuple[re.Pattern[str], Kind | str], ...] = tuple(
    (re.compile("|".join(marks), re.MULTILINE | re.IGNORECASE), server)
    for marks, server in (
        (SQL_SERVER_MARKS, "Microsoft SQL Server"),
        (POSTGRESQL_MARKS, Kind.POSTGRESQL_DUMP),
        (MYSQL_MARKS, Kind.MYSQL_DUMP),
    )
)
# What else a text can be.
TEXTS: tuple[tuple[str, str], ...] = (
    (r"<!doctype html|<html", "an HTML page, perhaps the answer to a failed download"),
    (r"<\?xml|<\w+[ >]", "an XML file"),
    (r"[\[{]", "a JSON file"),
)
CSV = re.compile(r"[^\n,;|\t]*([,;|\t])[^\n]*\n[^\n]*\1")
SPACE_AND_COMMENTS = re.compile(r"(?>(?:\s|\ufeff|(?:--|#)[^\n]*(?:\n|$)|/\*.*?\*/)*)", re.DOTALL)
DUMP_BEGINNING = re.compile(
    r"(PRAGMA\s+\w|BEGIN\b|CREATE\s+(TEMP|TABLE|UNIQUE|INDEX|VIEW|TRIGGER|VIRTUAL)|(INSERT|REPLACE)\s+(OR\s|INTO\s)"
    r"|DROP\s+(TABLE|INDEX|VIEW|TRIGGER)|COMMIT\s*;)",
    re.IGNORECASE,
)
SERVER_BEGINNING = re.compile(
    r"(SET|USE|CREATE|DROP|ALTER|INSERT|REPLACE|BEGIN|START|LOCK|COPY|GRANT|TRUNCATE|COMMENT|IF|GO|DELIMITER)\b"
    r"|SELECT\s+pg_catalog|\\\w",
    re.IGNORECASE,
)
ESCAPED_QUOTE = re.compile(r"\w\\'\w")  # within a text, as only MySQL writes one
COMMENTS_OR_TEXTS = re.compile(r"(--[^\n]*|/\*.*?\*/)|'[^']*'", re.DOTALL)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def recognise(path: Path, label: str) -> Kind:
    """Return what the file is.

    Raises:
        SourceError: there is no such file, it cannot be opened, or the import cannot read such files.
    """
    return recognise_head(read_head(path, label), label)


def read_head(path: Path, label: str) -> bytes:
    """Return the first bytes of a file, or say why there are none."""
    try:
        if path.is_dir():
            raise SourceError("not_sqlite", f"{label} is a folder. Name the database file inside it.")
        if path.exists() and not path.is_file():  # opening a pipe waits until a program writes into it
            raise SourceError("not_sqlite", f"{label} is a pipe, a socket or a device. Name an ordinary file.")
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError("no_such_file", f"There is no file {label}. Check the path.") from None
    except OSError as error:
        raise SourceError("unreadable_file", f"{label} cannot be opened: {error.strerror}.") from None


def recognise_head(head: bytes, label: str) -> Kind:
    """Return what a file with these first bytes is, or raise a SourceError that says what it is instead."""
    for magic, kind in KNOWN_BEGINNINGS:
        if head.startswith(magic):
            return kind
    if not head:
        raise refusal(label, "an empty file", "Copy the old database again")
    if archive := postgresql_archive(head, label):
        return archive
    for offset, magic, name, advice in OTHER_FILES:
        if head[offset:].startswith(magic):
            raise refusal(label, name, advice)
    text = decoded(head)
    if text is None:
        raise refusal(label, "a file of an unknown kind, perhaps a damaged or an encrypted database", "")
    if len(head) == HEAD_BYTES:  # which ends in the middle of a word, perhaps
        text = text[: text.rfind("\n") + 1] or text
    return recognise_text(text, label)


def postgresql_archive(head: bytes, label: str) -> Kind | None:
    """Tell the formats of pg_dump that are no text."""
    is_tar = head[TAR_PLACE:].startswith(TAR_MAGIC) and head.startswith(b"toc.dat\0")
    if head.startswith(PGDMP) and head[FORMAT_PLACE : FORMAT_PLACE + 1] == bytes([DIRECTORY_FORMAT]):
        raise refusal(
            label,
            "the table of contents of a PostgreSQL dump in the directory format",
            "write the whole folder out with `pg_restore -f dump.sql FOLDER`, and give dump.sql",
        )
    return Kind.POSTGRESQL_ARCHIVE if is_tar or head.startswith(PGDMP) else None


def recognise_text(text: str, label: str) -> Kind:
    """Tell whose dump a text is, or what else it is."""
    start = SPACE_AND_COMMENTS.match(text)
    comments = text[: start.end() if start else 0]
    statements = text[len(comments) :]
    if server := server_of(comments, statements):
        if isinstance(server, Kind):
            return server
        raise refusal(label, f"a dump of {server}", EXPORT_TO_SQLITE)
    if DUMP_BEGINNING.match(statements):
        return Kind.DUMP
    for pattern, name in TEXTS:
        if re.match(pattern, statements, re.IGNORECASE):
            raise refusal(label, name, "")
    if CSV.match(text.removeprefix("\ufeff")):
        return Kind.CSV
    raise refusal(label, "a text file", "")


def server_of(comments: str, statements: str) -> Kind | str | None:
    """Which server's dump a text is, by the comments before its first statement and what follows."""
    for pattern, kind in FIRST_LINES:
        if re.search(pattern, comments, re.MULTILINE):
            return kind
    if not SERVER_BEGINNING.match(statements):
        return None
    code = COMMENTS_OR_TEXTS.sub(lambda found: found[1] or "''", statements)
    if OF_SQLITE.search(code):
        return None
    marked = next((server for pattern, server in SERVER_MARKS if pattern.search(code)), None)
    return marked or (Kind.MYSQL_DUMP if ESCAPED_QUOTE.search(statements) else None)


def refusal(label: str, what: str, advice: str) -> SourceError:
    advice = f"{advice[0].upper()}{advice[1:]}." if advice else ADVICE
    return SourceError("not_sqlite", f"{label} is not a SQLite database: it is {what}. {advice}")


def decoded(head: bytes) -> str | None:
    """The head of a text file, to recognise it by; None if it is none. Letters may be wrong."""
    encoding = encoding_of(head)
    if encoding.startswith("utf-16"):
        text = head[: len(head) // 2 * 2].decode(encoding, "replace")
        return None if "\0" in text else text
    text = head.decode(encoding, "replace")
    controls = sum(character < " " and character not in "\t\r\n\f" for character in text[:4096])
    if controls + text.count("\ufffd") <= len(text) // 50:
        return text
    return None if controls else head.decode("latin-1")  # of letters in another encoding, perhaps


def encoding_of(head: bytes) -> str:
    """How a text is encoded: by its byte order mark, or by the places of its NUL bytes."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    start = head[:64]
    if len(start) >= 8 and not any(start[0:-1:2]) and all(start[1::2]):
        return "utf-16-be"
    if len(start) >= 8 and all(start[0::2]) and not any(start[1::2]):
        return "utf-16-le"
    return "utf-8"
