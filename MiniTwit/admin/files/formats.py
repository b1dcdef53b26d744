"""The formats that files of users, messages and follows may have, and how one of each is opened."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from import_export.formats.base_formats import CSV, JSON, XLSX

from MiniTwit.admin.files.csv_files import open_csv
from MiniTwit.admin.files.json_files import open_json
from MiniTwit.admin.files.rows import FileRow, Options, TableFile, UnreadableFileError
from MiniTwit.admin.files.xlsx_files import open_xlsx

logger = logging.getLogger(__name__)

FILE_FORMATS = [CSV, XLSX, JSON]
OPENERS = {"csv": open_csv, "xlsx": open_xlsx, "json": open_json}


@contextmanager
def open_table(path: Path, options: Options, known: list[str]) -> Iterator[TableFile]:
    """Open a file in the format that `options` names.

    Args:
        known: the columns that the program knows.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file.
    """
    file_format = options["format"]
    try:
        table = OPENERS[file_format](path, options, known)
    except (UnreadableFileError, OSError):
        raise
    except Exception as error:  # what a parser raises on bytes that are not of its format is not documented
        raise unreadable(file_format) from error
    try:
        yield replace(table, rows=guarded(table.rows, file_format))
    finally:
        table.close()


def guarded(rows: Iterator[FileRow], file_format: str) -> Iterator[FileRow]:
    """Yield the rows; an error in reading them is a fault of the file."""
    try:
        yield from rows
    except (UnreadableFileError, OSError):
        raise
    except Exception as error:
        raise unreadable(file_format) from error


def unreadable(file_format: str) -> UnreadableFileError:
    logger.info("An upload could not be read", exc_info=True)
    return UnreadableFileError(
        f"The file could not be read as {file_format.upper()}: it is damaged, or something else. Choose the format "
        "that it has."
    )


def format_name(index: Any) -> str:
    """The name of the format for a form's choice."""
    return str(FILE_FORMATS[int(index)]().get_title())
