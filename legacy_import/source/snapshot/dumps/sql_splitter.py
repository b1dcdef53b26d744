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

COMMENT = r"/\*(?>(?:[^*]|\*(?!/))*)\*/"
CREATE_TRIGGER = re.compile(
    r"(?>(?:\s|--[^\n]*\n|/\*(?>(?:[^*]|\*(?!/))*)\*/)*)CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b", re.IGNORECASE
)
# `INSERT INTO name(columns) VALUES(row);` with parentheses in the row up to three deep, as dumps have them.
NAME = r"""(?:\w++|"[^"]*+"|'[^']*+')"""
VALUE = r"""[^()'"`;\[/-]++|'[^']*+'|-(?!-)|/(?!\*)"""
for _ in range(3):
    VALUE = rf"{VALUE}|\((?>(?:{VALUE})*)\)"
ONE_ROW = re.compile(
    rf"\s*+(?P<head>INSERT INTO {NAME}\s*+(?:\({NAME}(?>(?:,\s*+{NAME})*)\))?\s*+VALUES)"
    rf"\s*+(?P<row>\((?>(?:{VALUE})*)\));",
    re.IGNORECASE,
)
LONGEST_TRIGGER = 64 * 1024
END_OF_ROWS = re.compile(r"^\\\.\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class Dialect:
    """How a database writes its dumps.

    Attributes:
        token: finds the next thing that is more than itself: `quoted` (a text, a name, a comment), `unfinished` (the
            beginning of one), `command` (of the program that reads the dump, up to the end of its line), or `end`.
        one_row: recognises an INSERT of one row, as a whole.
        has_triggers: whether statements hold statements.
        rows_follow: recognises a statement after which rows come as lines, up to one with `\\.`.
        longest_unquoted: characters of a statement outside of quotes.
    """

    token: re.Pattern[str]
    one_row: re.Pattern[str] | None = None
    has_triggers: bool = False
    rows_follow: re.Pattern[str] | None = None
    longest_unquoted: int = LONGEST_UNQUOTED


def token_of(first: str, quoted: str, unfinished: str, command: str = r"(?!)") -> re.Pattern[str]:
    """The expression for tokens, all of which begin with one of the `first` characters: to look there is faster."""
    return re.compile(
        rf"(?=[{first}])(?:(?P<quoted>{quoted})|(?P<command>{command})|(?P<unfinished>{unfinished})|(?P<end>;))",
        re.DOTALL | re.MULTILINE | re.IGNORECASE,
    )


SQLITE = Dialect(
    token=token_of(
        r"""'"`\[\-/;""", rf"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*\n|{COMMENT}""", r"""['"`\[]|--|/\*"""
    ),
    one_row=ONE_ROW,
    has_triggers=True,
)


@dataclass(slots=True)
class Statement:
    """One statement with its semicolon, and the line of the dump on which it ends.

    Attributes:
        head, row: of an INSERT of one row, what comes before its values, and these in their parentheses; several
            such statements can be run as one.
        lines: in place of a statement, lines of the rows that follow one, each with its end.
    """

    text: str
    line: int
    head: str = ""
    row: str = ""
    lines: str = ""


class StatementReader:
    """Reads statements from a text.

    Attributes:
        rest: after the last statement, what followed it; a comment or space unless the dump is cut short.
    """

    def __init__(self, file: TextIO, label: str, dialect: Dialect = SQLITE) -> None:
        self.file = file
        self.label = label
        self.dialect = dialect
        self.line = 1
        self.rest = ""
        self.buffer = ""
        self.start = 0  # of the statement in the buffer
        self.dropped = 0  # characters, of the buffer before
        self.in_trigger: bool | None = None  # unknown before the first semicolon of a statement

    def __iter__(self) -> Iterator[Statement]:
        token_at, one_row = self.dialect.token.search, self.dialect.one_row
        scanned = unquoted = 0
        while self.read_on():
            scanned = max(0, scanned - self.dropped)
            buffer = self.buffer
            while True:
                if (
                    one_row is not None
                    and scanned == self.start
                    and (insert := one_row.match(buffer, scanned))
                    and len(insert[0]) < LONGEST_UNQUOTED
                ):
                    yield self.statement(insert[0], insert["head"], insert["row"])
                    self.start = scanned = insert.end()
                    continue
                token = token_at(buffer, scanned)
                if token is None:
                    break
                unquoted += token.start() - scanned
                if token.lastgroup == "unfinished":
                    scanned = token.start()
                    break
                scanned = token.end()
                if token.lastgroup == "quoted" or (
                    token.lastgroup == "end" and self.is_inside_trigger(buffer, self.start, scanned)
                ):
                    continue
                self.check_length(scanned - self.start, unquoted)
                text = buffer[self.start : scanned]
                yield self.statement(text)
                self.start, unquoted, self.in_trigger = scanned, 0, None
                if self.dialect.rows_follow and self.dialect.rows_follow.match(text):
                    yield from self.lines_of_rows()
                    buffer, scanned = self.buffer, self.start
            self.check_length(len(buffer) - self.start, unquoted)
        self.rest = self.buffer[self.start :]
        self.line += self.rest.count("\n")

    def read_on(self) -> bool:
        """Read the next block, and forget what was read before the statement. Returns False at the end."""
        block = self.file.read(BLOCK_CHARACTERS)
        if not block:
            return False
        self.buffer = self.buffer[self.start :] + block
        self.dropped, self.start = self.start, 0
        return True

    def lines_of_rows(self) -> Iterator[Statement]:
        """The lines after a statement that is followed by rows, many at a time."""
        self.skip_line()
        while (end := END_OF_ROWS.search(self.buffer, self.start)) is None:
            yield from self.lines_up_to(self.buffer.rfind("\n", self.start) + 1)
            self.check_length(len(self.buffer) - self.start, 0)
            if not self.read_on():
                if self.buffer[self.start :].rstrip("\r") != "\\.":
                    raise self.cut_short()
                self.start = len(self.buffer)
                return
        yield from self.lines_up_to(end.start())
        self.start = end.end()
        self.line += 1

    def skip_line(self) -> None:
        """Go on to the next line."""
        while (place := self.buffer.find("\n", self.start)) < 0:
            if not self.read_on():
                raise self.cut_short()
        self.start = place + 1
        self.line += 1

    def lines_up_to(self, stop: int) -> Iterator[Statement]:
        if stop > self.start:
            lines = self.buffer[self.start : stop]
            yield Statement("", self.line, lines=lines)
            self.line += lines.count("\n")
            self.start = stop

    def cut_short(self) -> SourceError:
        return SourceError(
            "cut_short",
            f"{self.label} cannot be loaded: line {self.line:,}: it ends within the rows of a table. Write the dump "
            "again, and copy all of it. Nothing was imported.",
        )

    @property
    def position(self) -> int:
        """How many bytes of the file were read."""
        return self.file.buffer.tell()

    def statement(self, text: str, head: str = "", row: str = "") -> Statement:
        self.line += text.count("\n")
        return Statement(text, self.line, head, row)

    def is_inside_trigger(self, buffer: str, start: int, end: int) -> bool:
        """Whether a semicolon only ends one of the statements that a trigger consists of."""
        if not self.dialect.has_triggers:
            return False
        if self.in_trigger is None:
            self.in_trigger = CREATE_TRIGGER.match(buffer, start, end) is not None
        if self.in_trigger and end - start > LONGEST_TRIGGER:
            raise self.too_long()
        return self.in_trigger and not is_complete(buffer[start:end])

    def check_length(self, characters: int, unquoted: int) -> None:
        if characters > LONGEST_STATEMENT or unquoted > self.dialect.longest_unquoted:
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
