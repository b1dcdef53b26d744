"""The files of a dump of a server: how they are encoded, their statements, and what these mean by a name."""

import re
from collections.abc import Callable, Sequence

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.dumps.declarations import (
    DROP,
)
from legacy_import.source.snapshot.dumps.dialects import ServerDialect
from legacy_import.source.snapshot.dumps.insert_statements import (
    DOTTED,
    NAME,
    SPACE,
    names_in,
)
from legacy_import.source.snapshot.dumps.loading import Loading, Part, shown
from legacy_import.source.snapshot.dumps.sql_splitter import Statement, StatementReader
from legacy_import.source.snapshot.file_types import encoding_of, read_head
from legacy_import.source.snapshot.progress import OnProgress, megabytes

STATEMENTS_BETWEEN_REPORTS = 500
TAIL_BYTES = 4096

WORDS = re.compile(rf"{SPACE}(\w*)[\s(]*(\w*)")
COMMAND = re.compile(rf"{SPACE}\\")
PLACE = re.compile(
    rf"""{SPACE}(?:USE\s+(?P<used>{NAME})|\\c(?:onnect)?\s+(?:-\S+\s+)*(?P<connected>[^\s]+)
    |SET\s+search_path\s*(?:=|TO)\s*(?P<path>{NAME}|'[^']*'))""",
    re.IGNORECASE | re.VERBOSE,
)
UTC = re.compile(r"TIME_ZONE\s*=\s*['\"]\+00:00['\"]", re.IGNORECASE)
OLD_STRINGS = re.compile(r"standard_conforming_strings = off", re.IGNORECASE)

Key = tuple[str, str]  # the place of a table (its database or schema), and its name in lower case


class ServerDump:
    """The files of a dump, to be read as often as necessary.

    Attributes:
        place: where statements work that name no place: the database or schema.
        encoding: of the file that is being read. is_utc: whether its times are those of UTC.
    """

    def __init__(
        self, dialect: ServerDialect, parts: Sequence[Part], loading: Loading, on_progress: OnProgress
    ) -> None:
        self.dialect = dialect
        self.parts = parts
        self.loading = loading
        self.on_progress = on_progress
        self.doubts: list[str] = []
        self.place = ""
        self.encoding = "utf-8"
        self.is_utc = False
        self.has_old_strings = False

    def read(self, take: Callable[[Statement], None]) -> None:
        """Hand over every statement, in order."""
        self.place = ""
        for part in self.parts:
            self.loading.label = part.label
            size = part.path.stat().st_size
            self.look_at_head(part)
            errors = "strict" if "16" in self.encoding else "surrogateescape"
            with part.path.open(encoding=self.encoding, errors=errors, newline="") as file:
                reader = StatementReader(file, part.label, self.dialect.splitter)
                try:
                    for number, statement in enumerate(reader):
                        self.loading.check_time(statement.line)
                        self.follow(statement)
                        take(statement)
                        if number % STATEMENTS_BETWEEN_REPORTS == 0:
                            self.on_progress(
                                f"Loading the dump: {megabytes(min(size, reader.position))} of {megabytes(size)}"
                            )
                    self.take_last(reader, take)
                except UnicodeDecodeError as error:
                    raise self.loading.refusal(
                        "damaged_file", reader.line, "after it comes what is not text. Write the dump again"
                    ) from error

    def look_at_head(self, part: Part) -> None:
        """Find out how the file is encoded, and what its times and texts mean."""
        data = read_head(part.path, part.label)
        self.encoding = encoding_of(data)
        head = data.decode(self.encoding, "replace")
        self.is_utc = UTC.search(head) is not None
        self.has_old_strings = OLD_STRINGS.search(head) is not None
        if self.encoding == "utf-8" and (named := self.dialect.encoding.search(head)):
            self.encoding = self.dialect.encodings.get(named[1].upper(), "utf-8")
        if self.dialect.first_line.search(head) and not self.doubts:
            self.look_at_end(part)

    def look_at_end(self, part: Part) -> None:
        """Notice that a dump does not end with the line that the server's own program ends it with."""
        with part.path.open("rb") as file:
            file.seek(max(0, part.path.stat().st_size - TAIL_BYTES))
            tail = file.read().replace(b"\0", b"").decode("utf-8", "replace")  # UTF-16, too
        if not self.dialect.last_line.search(tail):
            self.doubts.append(
                "The last line of the dump is not the one that such dumps end with: it may be cut short. Compare the "
                "numbers of rows with those of the old database, or write the dump again."
            )

    def take_last(self, reader: StatementReader, take: Callable[[Statement], None]) -> None:
        """Take the last statement where only its semicolon is missing."""
        rest = reader.rest
        if is_empty(rest):
            return
        if COMMAND.match(rest):
            take(Statement(rest, reader.line))
            return
        text, token_at = f"{rest}\n;", self.dialect.splitter.token.search
        found = token_at(text)
        while found and found.lastgroup == "quoted":
            found = token_at(text, found.end())
        try:
            if found is None or found.lastgroup != "end":
                raise self.cut_short(reader.line)
            take(Statement(text, reader.line))
        except SourceError as error:
            raise (self.cut_short(reader.line) if error.code == "damaged_file" else error) from error

    def cut_short(self, line: int) -> SourceError:
        sentence = "it ends in the middle. Write the dump again, and copy all of it"
        return self.loading.refusal("cut_short", line, sentence)

    def follow(self, statement: Statement) -> None:
        """Keep up with which database or schema the next statements mean."""
        if not statement.lines and (found := PLACE.match(statement.text)):
            named = names_in(found["used"] or found["connected"] or found["path"].strip("'") or "")
            self.place = named[0].lower() if named and named[0].lower() != "public" else ""

    def key(self, schema: str, name: str) -> Key:
        """What tells tables of the same name apart."""
        schema = schema.rpartition(".")[2].lower()
        return (schema if schema not in ("", "public") else self.place), name.lower()

    def more_than_rows(self, statement: Statement, what: str = "") -> SourceError:
        """The refusal of a statement that would have to be executed to know the rows."""
        what = what or f"“{shown(statement.text)}” is more than tables and rows"
        return self.loading.refusal("unknown_statement", statement.line, f"{what}. {self.restore}")

    @property
    def restore(self) -> str:
        return (
            f"Restore the dump into a server (`{self.dialect.restore}`), and give that one, as "
            f"{self.dialect.scheme}://USER:PASSWORD@HOST/old"
        )


def dropped_keys(dump: ServerDump, statement: Statement) -> list[Key]:
    found = DROP.match(statement.text)
    tables = re.findall(DOTTED, found["tables"]) if found else []
    names = [names_in(table) for table in tables]
    return [dump.key(".".join(name[:-1]), name[-1]) for name in names if name]


def words_of(text: str) -> tuple[str, str]:
    """The first word of a statement, and the first two, in capitals."""
    words = WORDS.match(text)
    return (words[1].upper(), f"{words[1]} {words[2]}".upper()) if words else ("", "")


def is_empty(text: str) -> bool:
    """Whether a statement is nothing but comments."""
    words = WORDS.match(text if text.endswith("\n") else f"{text}\n")
    return words is None or not text[words.start(1) :].strip(" \t\r\n\f;\ufeff")
