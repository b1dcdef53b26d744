"""A workbook that is written row by row.

Every value is exported. What a workbook cannot hold is replaced or cut, and a second sheet, *Notes*, names the rows.
"""

from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell

from MiniTwit.admin.files.cell_text import MAX_CELL_CHARACTERS, REPLACEMENT, cut, escape, storable, without_formula

MAX_SHEET_ROWS = 1_048_576  # Excel's specification; the headings are one of them
MAX_NOTED_ROWS = 1_000  # in the sheet of notes; the totals count all


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
