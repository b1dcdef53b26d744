"""What the readers of files yield: rows by the names of their columns, and cells that cannot be read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from MiniTwit.excerpts import excerpt

MAX_BYTES = 100 * 1024 * 1024  # of an uploaded file
MAX_ROWS = 300_000
MAX_COLUMNS = 50
MAX_EXACT = 10**15  # a spreadsheet keeps 15 digits of a number

Options = dict[str, str]  # what staff chose about how a file is read; "" or nothing: recognise it


class UnreadableFileError(Exception):
    """The file cannot be read; the message is a sentence for the user who chose it."""


@dataclass(frozen=True)
class BadCell:
    """A cell that cannot be read; `sentence` says why."""

    sentence: str

    def __str__(self) -> str:
        return ""


class FileRow(dict[str, Any]):
    """One row of a file: its values by the names of the columns. A name that is missing has no value in this row.

    Attributes:
        number: the first row below the headings is 1.
        problem: why the whole row cannot be read.
        key: what identifies the row, once that was read.
    """

    number = 0
    problem = ""
    key: tuple[Any, ...] | None = None


@dataclass
class TableFile:
    """A file that is open.

    Attributes:
        headers: the columns, by the names that the program knows them by, where it knows them.
        rows: its rows, empty ones included.
        read_as: how it was read, for the page: a title and a value each.
        doubts: sentences about what was recognised but is not certain.
        chosen: the options in full, recognised ones included.
        close: closes the file.
    """

    headers: list[str]
    rows: Iterator[FileRow]
    read_as: dict[str, str]
    doubts: list[str] = field(default_factory=list)
    chosen: Options = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def column_names(found: list[Any], known: list[str]) -> list[str]:
    """The names of a file's columns; case and surrounding spaces do not matter.

    Raises:
        UnreadableFileError: there are none, too many, or one of them twice.
    """
    names = []
    for header in found:
        text = "" if header is None else str(header).strip()
        plain = "_".join(text.replace("-", "_").split()).casefold()
        names.append(plain if plain in known else text)
    if not any(names):
        raise UnreadableFileError("The file holds no rows: it needs the names of the columns and at least one row.")
    if len(names) > MAX_COLUMNS:
        raise UnreadableFileError(f"The file has more than {MAX_COLUMNS} columns: leave out those that are not read.")
    for name in names:
        if name and names.count(name) > 1:
            raise UnreadableFileError(f"The file has more than one column “{name}”. Keep one of them.")
    return names


def row_of(number: int, names: list[str], cells: list[Any]) -> FileRow:
    """A row of a table in which every cell belongs to the heading above it."""
    row = FileRow(
        (name, cell) for name, cell in zip(names, cells + [None] * (len(names) - len(cells)), strict=False) if name
    )
    row.number = number
    beyond = [cell for cell in cells[len(names) :] if not is_empty(cell)]
    nameless = [cell for name, cell in zip(names, cells, strict=False) if not name and not is_empty(cell)]
    if beyond or nameless:
        row.problem = (
            f"The row holds a value without a heading above it (“{shortened((beyond + nameless)[0])}”): no row may "
            "hold more values than there are columns."
        )
    return row


def is_empty(value: Any) -> bool:
    return value is None or value == ""


def shortened(value: Any, length: int = 40) -> str:
    return excerpt(str(value), length)


def number_of(value: Any) -> Any:
    """A number as a file holds it: a whole one without a point, or why it cannot be read."""
    if abs(value) >= MAX_EXACT:
        return BadCell(
            "This is a number of more than 15 digits, of which a spreadsheet keeps 15. Format the cell as text and "
            "write the number again."
        )
    return int(value) if value == int(value) else float(value)
