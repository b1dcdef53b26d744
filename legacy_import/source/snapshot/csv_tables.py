"""Load the tables of an old MiniTwit from CSV files: user.csv, message.csv, follower.csv, or one of them alone."""

import csv
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import TextIO

from legacy_import.source.errors import SourceError
from legacy_import.source.recognition.known_names import (
    COLUMN_NAMES,
    LIKELY,
    best_likeness,
    column_spellings,
    is_follow_side,
    plain,
)
from legacy_import.source.snapshot.dumps.implied_schema import implied_table, is_text
from legacy_import.source.snapshot.dumps.loading import Loading, Part, shown
from legacy_import.source.snapshot.progress import OnProgress, megabytes
from legacy_import.source.snapshot.servers import quoted
from legacy_import.source.wording import listed
from MiniTwit.text_files import ENCODINGS, chosen_encoding, read_head, recognised_delimiter, told_delimiter

LONGEST_LINE = 17 * 1024 * 1024  # characters; a value has at most 16 MiB
MOST_COLUMNS = 1000
ROWS_AT_ONCE = 2000
CHARACTERS_AT_ONCE = 4 * 1024 * 1024
WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
GIVE_TABLES = (
    "Name the columns in the first line, as MiniTwit does: user_id,username,email,pw_hash for user.csv; "
    "message_id,author_id,text,pub_date,flagged for message.csv; who_id,whom_id for follower.csv. Give all three in "
    "one ZIP"
)
HEADINGS = frozenset(name for names in COLUMN_NAMES.values() for name in names)

Value = str | int | None


def load_csv(parts: Sequence[Part], label: str, target: Path, on_progress: OnProgress) -> list[str]:
    """Load tables of values into a new file.

    Returns:
        What staff are to be warned of.

    Raises:
        SourceError: none of them is a table of a MiniTwit, or a row cannot be read; the sentence names the line.
    """
    size = sum(part.path.stat().st_size for part in parts)
    loading = Loading.of(label, target, size)
    loader = CsvLoader(loading, on_progress, is_alone=len(parts) == 1)
    with closing(loading.open(target, size)) as connection:
        connection.execute("BEGIN")
        for part in parts:
            loading.label = part.label
            loader.load(connection, part)
        connection.execute("COMMIT")
    if not loader.tables:
        names = listed([part.label for part in parts])
        raise SourceError("missing_table", f"{names}: no table of users, messages or follows. {GIVE_TABLES}.")
    if loader.ignored:
        loader.warnings.append(f"Files that hold nothing of a MiniTwit were not read: {listed(loader.ignored)}.")
    return loader.warnings


class CsvLoader:
    """Loads one file after the other.

    Attributes:
        tables: the names of those that were made. ignored: the files of which none was made.
    """

    def __init__(self, loading: Loading, on_progress: OnProgress, *, is_alone: bool) -> None:
        self.loading = loading
        self.on_progress = on_progress
        self.is_alone = is_alone
        self.tables: list[str] = []
        self.ignored: list[str] = []
        self.warnings: list[str] = []

    def load(self, connection: sqlite3.Connection, part: Part) -> None:
        encoding, doubt = chosen_encoding(part.path, "")
        head = read_head(part.path, encoding)
        delimiter, skipped = told_delimiter(head)
        with part.path.open(encoding=encoding, newline="") as file:
            records = self.records(file, delimiter or recognised_delimiter(head, known_headings))
            try:
                line, first = next(islice(records, skipped, None), (1, []))
            except SourceError:
                if self.is_alone or is_named_for_a_table(part):
                    raise
                line, first = 1, []  # a text that has nothing to do with the tables
            name, columns, is_row = self.columns_of(part, first, line)
            if not name:
                self.ignored.append(part.label)
                return
            if doubt:
                self.warnings.append(
                    f"{part.label} is not UTF-8 and was read as {ENCODINGS[encoding]}. Compare the letters with "
                    "accents; if they are wrong, save the file as UTF-8."
                )
            self.tables.append(name)
            self.make(connection, name, columns)
            self.fill(connection, name, columns, chain([(line, first)] if is_row else [], records), part)

    def columns_of(self, part: Part, first: list[str], line: int) -> tuple[str, list[str], bool]:
        """The table's name and columns, and whether the first line is a row; no name for what is no table of ours."""
        if len(first) > MOST_COLUMNS:
            raise self.loading.refusal("damaged_file", line, f"it has more than {MOST_COLUMNS:,} columns")
        columns, kinds = without_empty_end(first), [kind_of(cell) for cell in first]
        name = table_name(part, columns)
        if "number" in kinds:  # no heading is a number
            implied = implied_table(name, (), kinds)
            if implied is None:
                return "", [], True
            columns = list(implied.columns)
            self.warnings.append(
                f"{part.label} does not name its columns: they were taken for MiniTwit's own, in this order: "
                f"{', '.join(columns)}."
            )
        elif not known_headings(columns):
            return "", [], False
        if name:
            self.check_columns(columns, name, line)
        return name, columns, "number" in kinds

    def records(self, file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The records of a file that are not empty, each with the line on which it ends."""
        reader = csv.reader(self.lines(file), delimiter=delimiter, strict=True)
        try:
            for record in reader:
                if any(record):
                    yield reader.line_num, record
        except UnicodeDecodeError as error:
            what = "after it comes what is not text of its encoding. Save the file as UTF-8"
            raise self.loading.refusal("damaged_file", reader.line_num, what) from error
        except csv.Error as error:
            if "field limit" in str(error):
                what = "it holds a value longer than 16 MiB"
                raise self.loading.refusal("value_too_long", reader.line_num, what) from error
            what = f"it is not in order ({error}). Write the file again, with texts in quotes"
            raise self.loading.refusal("damaged_file", reader.line_num, what) from error

    def lines(self, file: TextIO) -> Iterator[str]:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) >= LONGEST_LINE:
                raise self.loading.refusal("value_too_long", number, "it is longer than 16 MiB")
            yield line

    def check_columns(self, columns: list[str], name: str, line: int) -> None:
        plain_names = [column.strip().lower() for column in columns]
        if twice := next((each for each in plain_names if plain_names.count(each) > 1), None):
            what = f"it names the column {shown(twice) or 'without a name'} twice. Keep one of them"
            raise self.loading.refusal("damaged_file", line, what)
        if name.lower() in (table.lower() for table in self.tables):
            raise self.loading.refusal("several_databases", line, f"{shown(name)} comes in another file, too")

    def make(self, connection: sqlite3.Connection, name: str, columns: list[str]) -> None:
        connection.execute(f"CREATE TABLE {quoted(name)} ({', '.join(quoted(column.strip()) for column in columns)})")

    def fill(
        self,
        connection: sqlite3.Connection,
        name: str,
        columns: list[str],
        records: Iterator[tuple[int, list[str]]],
        part: Part,
    ) -> None:
        insert = f"INSERT INTO {quoted(name)} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 -- quoted
        texts = [is_text(column) for column in columns]
        rows: list[list[Value]] = []
        line = characters = 0
        for line, record in records:
            if len(record) < len(columns) or any(record[len(columns) :]):
                what = (
                    f"it has {len(record)} values for {len(columns)} columns. Write an empty one with its separator"
                )
                raise self.loading.refusal("damaged_file", line, what)
            rows.append([value_of(cell, as_text=as_text) for cell, as_text in zip(record, texts, strict=False)])
            characters += sum(map(len, record))
            if len(rows) >= ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
                self.put(connection, insert, rows, line)
                rows, characters = [], 0
                self.on_progress(f"Reading {part.label}, line {line:,} of {megabytes(part.path.stat().st_size)}")
        self.put(connection, insert, rows, line)

    def put(self, connection: sqlite3.Connection, insert: str, rows: list[list[Value]], line: int) -> None:
        self.loading.check_time(line)
        try:
            connection.executemany(insert, rows)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self.loading.explain(insert, line, error) from error


def value_of(cell: str, *, as_text: bool) -> Value:
    """What a cell means: a number where the whole of it is one, unless its column holds texts; nothing if empty."""
    if not cell:
        return None
    return int(cell) if not as_text and WHOLE_NUMBER.fullmatch(cell) else cell


def kind_of(cell: str) -> str:
    """What a value of the first line is; headings are never numbers."""
    return "number" if WHOLE_NUMBER.fullmatch(cell) else "text" if cell else "null"


def known_headings(cells: Sequence[str]) -> int:
    """How many cells are columns that a MiniTwit has, whatever it calls them."""
    return sum(plain(cell) in HEADINGS or is_follow_side("", cell) for cell in cells if len(cell) < 100)


def without_empty_end(cells: Sequence[str]) -> list[str]:
    """Headings without the empty ones that spreadsheets append to every line."""
    names = list(cells)
    while names and not names[-1].strip():
        names.pop()
    return names


def stem_of(part: Part) -> str:
    stem = PurePath((part.name or part.label).replace("\\", "/")).name
    while "." in stem[1:]:
        stem = stem.rpartition(".")[0]
    return stem


def is_named_for_a_table(part: Part) -> bool:
    return best_likeness(stem_of(part)) >= LIKELY


def table_name(part: Part, columns: Sequence[str]) -> str:
    """What the table is called: as its file, if that says it; or else what its columns say; empty if neither does."""
    if is_named_for_a_table(part):
        return stem_of(part)
    found = {
        table: [
            canonical
            for (owner, canonical), names in COLUMN_NAMES.items()
            if owner == table and any(column_spellings(table, table, column) & set(names) for column in columns)
        ]
        for table in ("user", "message", "follower")
    }
    if {"author_id", "text"} <= set(found["message"]):
        return "message"
    if {"who_id", "whom_id"} <= set(found["follower"]):
        return "follower"
    return "user" if "username" in found["user"] and {"email", "pw_hash"} & set(found["user"]) else ""
