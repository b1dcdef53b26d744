"""CSV files of users, messages and follows; encoding and delimiter are recognised, or chosen by staff."""

import csv
from collections.abc import Generator, Iterator
from pathlib import Path

from MiniTwit.admin.files.cell_text import without_mark
from MiniTwit.admin.files.rows import FileRow, Options, TableFile, UnreadableFileError, column_names, row_of
from MiniTwit.text_files import (
    DELIMITERS,
    ENCODINGS,
    chosen_encoding,
    read_head,
    recognised_delimiter,
    told_delimiter,
)


def open_csv(path: Path, options: Options, known: list[str]) -> TableFile:
    """Open a CSV file.

    Args:
        known: the columns that the program knows, by which the delimiter is recognised.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file; reading the rows may raise it, too.
    """
    refuse_workbooks(path)
    encoding, doubt = chosen_encoding(path, options.get("encoding", ""))
    head = read_head(path, encoding)
    delimiter, skipped = told_delimiter(head)
    delimiter = (
        options.get("delimiter", "")
        or delimiter
        or recognised_delimiter(head, lambda found: known_headings(found, known))
    )
    records = read_records(path, encoding, delimiter)
    for _ in range(skipped):
        next(records, None)
    names = column_names(next(records, []), known)
    title = ENCODINGS.get("utf-8" if encoding == "utf-8-sig" else encoding.removesuffix("-le").removesuffix("-be"))
    return TableFile(
        headers=[name for name in names if name],
        rows=read_rows(records, names),
        read_as={"Format": "CSV", "Encoding": title or encoding, "Delimiter": DELIMITERS[delimiter]},
        doubts=[doubt] if doubt else [],
        chosen={"format": "csv", "encoding": encoding, "delimiter": delimiter},
        close=records.close,
    )


def read_rows(records: Iterator[list[str]], names: list[str]) -> Iterator[FileRow]:
    while names and not names[-1]:
        names = names[:-1]  # what spreadsheets append to every line
    for number, record in enumerate(records, 1):
        row = row_of(number, names, [without_mark(value) for value in record])
        if any(record) and len(record) < len(names):
            row.problem = (
                f"The row has {len(record)} of {len(names)} values: which of them are missing cannot be told. Write "
                "an empty value with its separator, too."
            )
        yield row


def read_records(path: Path, encoding: str, delimiter: str) -> Generator[list[str], None, None]:
    with path.open(encoding=encoding, newline="") as file:
        records = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield from records
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"The file is not {ENCODINGS.get(encoding, encoding)}: text near line {records.line_num + 1} cannot "
                "be read as such. Choose the encoding that it has; UTF-8 is best."
            ) from error
        except csv.Error as error:
            raise UnreadableFileError(
                f"The file could not be read as CSV: line {records.line_num} is not in order ({error}). Choose the "
                "format that it has, or mend the line."
            ) from error


def refuse_workbooks(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError("The file could not be read as text: it is a workbook. Choose the format XLSX.")


def known_headings(found: list[str], known: list[str]) -> int:
    """How many cells are headings that the program knows."""
    try:
        return sum(name in known for name in column_names(found, known))
    except UnreadableFileError:
        return 0
