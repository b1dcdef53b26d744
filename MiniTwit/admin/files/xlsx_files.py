"""XLSX files: one sheet of a workbook, read or written row by row, whatever size it claims to have.

A spreadsheet may show another value than it holds. So the reader refuses and names a formula, an error or a merged
range, whose value would be old or missing. The writer exports every value: what a workbook cannot hold is replaced or
cut, and a second sheet, *Notes*, names the rows.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell

from MiniTwit.admin.files.cell_text import (
    MAX_CELL_CHARACTERS,
    REPLACEMENT,
    cut,
    escape,
    storable,
    unescape,
    without_formula,
    without_mark,
)
from MiniTwit.admin.files.rows import (
    BadCell,
    Options,
    TableFile,
    UnreadableFileError,
    column_names,
    is_empty,
    number_of,
    row_of,
)

MAX_UNPACKED_BYTES = 300 * 1024 * 1024  # an XLSX file is a zip archive
MAX_UNPACKED_BESIDE = 100 * 1024 * 1024  # what is not a sheet is read into memory
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*\bref=\"([A-Z0-9:]{1,30})\"")
CONSTANTS = {"=TRUE()": True, "=FALSE()": False}  # so LibreOffice writes a yes or no
BLOCK = 1024 * 1024
MAX_SHEET_ROWS = 1_048_576  # Excel's specification; the headings are one of them
MAX_NOTED_ROWS = 1_000  # in the sheet of notes; the totals count all


def open_xlsx(path: Path, options: Options, known: list[str]) -> TableFile:
    """Open a sheet of a workbook: the chosen one, or the first that is not hidden.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file.
    """
    refuse_bombs(path)
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))  # openpyxl judges names by their ends
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that openpyxl would not write again
            workbook = opened.enter_context(closing(openpyxl.load_workbook(file, read_only=True)))
        sheet, others = choose_sheet(workbook, options.get("sheet", ""))
        refuse_merged_cells(sheet)
        sheet.reset_dimensions()  # they may be wrong, and what is beyond them would be left out
        rows = read_sheet(sheet)
        names = column_names(headings(next(rows, [])), known)
        beside = {"Sheets that are not read": ", ".join(others)} if others else {}
        return TableFile(
            headers=[name for name in names if name],
            rows=(row_of(number, names, cells) for number, cells in enumerate(rows, 1)),
            read_as={"Format": "XLSX", "Sheet": sheet.title} | beside,
            chosen={"format": "xlsx", "sheet": sheet.title},
            close=opened.pop_all().close,
        )


def choose_sheet(workbook: Any, chosen: str) -> tuple[Any, list[str]]:
    """The sheet to read, and the titles of the others."""
    sheets = {sheet.title: sheet for sheet in workbook.worksheets}
    shown = [title for title, sheet in sheets.items() if sheet.sheet_state == "visible"]
    if not shown:
        raise UnreadableFileError("The workbook has no sheet that is shown. Show the one with the rows.")
    title = chosen or shown[0]
    if title not in sheets:
        raise UnreadableFileError(f"The workbook has no sheet named “{title}”. It has: {', '.join(sheets)}.")
    return sheets[title], [name if name in shown else f"{name} (hidden)" for name in sheets if name != title]


def headings(cells: list[Any]) -> list[Any]:
    while cells and is_empty(cells[-1]):
        cells = cells[:-1]
    return ["" if isinstance(cell, BadCell) else cell for cell in cells]


def read_sheet(sheet: Any) -> Iterator[list[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in sheet.iter_rows(max_row=MAX_SHEET_ROWS):
            yield [value_of(cell) for cell in row]


def value_of(cell: Any) -> Any:
    """What a cell holds, or why it cannot be read."""
    value = cell.value
    match cell.data_type:
        case "f":
            formula = str(getattr(value, "text", value))
            if formula.upper() in CONSTANTS:
                return CONSTANTS[formula.upper()]
            return BadCell(f"The cell holds a formula ({formula[:40]}): copy the cells and paste their values.")
        case "e":
            return BadCell(f"The cell holds the error {value}.")
    if isinstance(value, str):
        return without_mark(unescape(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_of(value)
    if isinstance(value, time | timedelta) or (isinstance(value, date) and not isinstance(value, datetime)):
        return BadCell("The cell holds a time or a date alone, not a date with its time.")
    return value


def refuse_bombs(path: Path) -> None:
    """Refuse a workbook that is too large when unpacked. No entry unpacks to more than it declares."""
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    beside = sum(size for name, size in sizes.items() if "worksheets/" not in name)
    if sum(sizes.values()) > MAX_UNPACKED_BYTES or beside > MAX_UNPACKED_BESIDE:
        raise UnreadableFileError("The workbook is too large when unpacked. Save only the sheet with the rows.")


def refuse_merged_cells(sheet: Any) -> None:
    """Refuse a sheet in which a cell spans several rows or columns: only the first of them has the value."""
    tail = b""
    with sheet._get_source() as source:
        while block := source.read(BLOCK):
            if found := MERGED.search(tail + block):
                raise UnreadableFileError(
                    f"The sheet “{sheet.title}” has merged cells ({found[1].decode()}), whose value belongs to the "
                    "first of them alone. Unmerge them, and write the value into every row that it is meant for."
                )
            tail = block[-100:]


class WorkbookWriter:
    """A workbook of one sheet, and a second one with notes where something does not fit.

    Attributes:
        replaced, cut: how many values had characters replaced, or were cut.
    """

    def __init__(self, title: str, headers: list[str]) -> None:
        self.headers = headers
        self.workbook = openpyxl.Workbook(write_only=True)
        self.sheet = self.workbook.create_sheet(title[:31])
        self.sheet.append([self._cell(header) for header in headers])
        self.replaced = self.cut = 0
        self.noted: list[list[Any]] = []

    def append(self, row_id: Any, values: list[Any]) -> None:
        """Write a row.

        Args:
            row_id: what a note calls the row, its id.
        """
        cells = []
        for header, value in zip(self.headers, values, strict=True):
            cells.append(self._cell(self._fitting(row_id, header, value)) if isinstance(value, str) else value)
        self.sheet.append(cells)

    def save(self, file: Any) -> None:
        """Write the workbook into a file, and remove the library's temporary ones."""
        if self.replaced or self.cut:
            notes = self.workbook.create_sheet("Notes")
            for sentence in self.sentences():
                notes.append([sentence])
            notes.append([])
            notes.append(["id", "column", "what"])
            for note in self.noted:
                notes.append([self._cell(str(value)) for value in note])
        self.workbook.save(file)

    def sentences(self) -> list[str]:
        """What does not fit into the workbook, counted; empty if everything does."""
        found = []
        if self.replaced:
            found.append(
                f"{self.replaced:,} {'value holds' if self.replaced == 1 else 'values hold'} characters that XLSX "
                f"cannot store; each of them is replaced by U+FFFD ({REPLACEMENT})."
            )
        if self.cut:
            found.append(
                f"{self.cut:,} {'value is' if self.cut == 1 else 'values are'} longer than the "
                f"{MAX_CELL_CHARACTERS:,} characters of a cell and cut there."
            )
        if found:
            shown = "These are the first rows." if self.replaced + self.cut > MAX_NOTED_ROWS else ""
            found.append(f"CSV and JSON hold everything as it is. {shown}".strip())
        return found

    def _fitting(self, row_id: Any, header: str, value: str) -> str:
        text = without_formula(value)
        if (kept := storable(text)) != text:
            self.replaced += 1
            self._note(row_id, header, "characters replaced by U+FFFD")
        if (fitting := cut(kept)) != kept:
            self.cut += 1
            self._note(row_id, header, f"cut; it has {len(value):,} characters")
        return fitting

    def _note(self, *note: Any) -> None:
        if len(self.noted) < MAX_NOTED_ROWS:
            self.noted.append([*note])

    def _cell(self, text: str) -> WriteOnlyCell:
        """A cell of text. Set past openpyxl's own rules, by which “#N/A” is an error and an escape sequence counts
        as seven characters."""
        cell = WriteOnlyCell(self.sheet)
        cell._value, cell.data_type = escape(text), "s"
        return cell
