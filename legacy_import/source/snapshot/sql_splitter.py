"""Part the text of a dump into its statements, as a stream and in time that grows with its length alone.

`sqlite3.complete_statement` would look at a long statement from its beginning for every line of it, which a text
made for the purpose turns into hours. So only triggers, which hold statements themselves, are left to it.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from legacy_import.source.errors import SourceError

BLOCK_CHARACTERS = 1024 * 1024
# The longest value that is read has 16 MiB, and a BLOB takes two characters per byte.
LONGEST_STATEMENT = 34 * 1024 * 1024
# What may be outside of quotes. SQLite needs a kilobyte of memory for each row of `VALUES (1), (2), ...`.
LONGEST_UNQUOTED = 1024 * 1024

QUOTED = r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/"""
UNFINISHED = r"""['"`\[]|--|/\*"""
TOKEN = re.compile(rf"(?P<quoted>{QUOTED})|(?P<unfinished>{UNFINISHED})|(?P<end>;)")
CREATE_TRIGGER = re.compile(
    r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/)*+CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b", re.IGNORECASE
)
# `INSERT INTO name(columns) VALUES(row);` with parentheses in the row up to three deep, as dumps have them.
NAME = r"""(?:\w++|"[^"]*+"|'[^']*+')"""
VALUE = r"""[^()'"`;\[/-]++|'[^']*+'|-(?!-)|/(?!\*)"""
for _ in range(3):
    VALUE = rf"{VALUE}|\((?:{VALUE})*+\)"
ONE_ROW = re.compile(
    rf"\s*+(?P<head>INSERT INTO {NAME}\s*+(?:\({NAME}(?:,\s*+{NAME})*+\))?\s*+VALUES)\s*+(?P<row>\((?:{VALUE})*+\));",
    re.IGNORECASE,
)
LONGEST_TRIGGER = 64 * 1024


@dataclass(slots=True)
class Statement:
    """One statement with its semicolon, and the line of the dump on which it ends.

    Attributes:
        head, row: of an INSERT of one row, what comes before its values, and these in their parentheses; several
            such statements can be run as one.
    """

    text: str
    line: int
    head: str = ""
    row: str = ""


class StatementReader:
    """Reads statements from a text.

    Attributes:
        rest: after the last statement, what followed it; a comment or space unless the dump is cut short.
    """

    def __init__(self, file: TextIO, label: str) -> None:
        self.file = file
        self.label = label
        self.line = 1
        self.rest = ""
        self.in_trigger: bool | None = None  # unknown before the first semicolon of a statement

    def __iter__(self) -> Iterator[Statement]:
        buffer, start, scanned, unquoted = "", 0, 0, 0
        while block := self.file.read(BLOCK_CHARACTERS):
            buffer = buffer[start:] + block
            scanned, start = scanned - start, 0
            while True:
                if (
                    scanned == start
                    and (insert := ONE_ROW.match(buffer, start))
                    and len(insert[0]) < LONGEST_UNQUOTED
                ):
                    yield self.statement(insert[0], insert["head"], insert["row"])
                    start = scanned = insert.end()
                    continue
                token = TOKEN.search(buffer, scanned)
                if token is None:
                    break
                unquoted += token.start() - scanned
                if token.lastgroup == "unfinished":
                    scanned = token.start()
                    break
                scanned = token.end()
                if token.lastgroup == "end" and not self.is_inside_trigger(buffer, start, scanned):
                    self.check_length(scanned - start, unquoted)
                    yield self.statement(buffer[start:scanned])
                    start, unquoted, self.in_trigger = scanned, 0, None
            self.check_length(len(buffer) - start, unquoted)
        self.rest = buffer[start:]
        self.line += self.rest.count("\n")

    def statement(self, text: str, head: str = "", row: str = "") -> Statement:
        self.line += text.count("\n")
        return Statement(text, self.line, head, row)

    def is_inside_trigger(self, buffer: str, start: int, end: int) -> bool:
        """Whether a semicolon only ends one of the statements that a trigger consists of."""
        if self.in_trigger is None:
            self.in_trigger = CREATE_TRIGGER.match(buffer, start, end) is not None
        if self.in_trigger and end - start > LONGEST_TRIGGER:
            raise self.too_long()
        return self.in_trigger and not is_complete(buffer[start:end])

    def check_length(self, characters: int, unquoted: int) -> None:
        if characters > LONGEST_STATEMENT or unquoted > LONGEST_UNQUOTED:
            raise self.too_long()

    def too_long(self) -> SourceError:
        return SourceError(
            "statement_too_long",
            f"{self.label} cannot be loaded: the statement after line {self.line:,} is too long. Write the dump with "
            "one INSERT for each row, as `sqlite3 minitwit.db .dump` does.",
        )


def is_complete(text: str) -> bool:
    """Whether a text ends with the end of a statement. (Bytes that are not UTF-8 do not matter.)"""
    return sqlite3.complete_statement(text.encode("utf-8", "replace").decode())
