"""The formats that files of users, messages and follows may have, with limits on what one upload may cost."""

import json
import zipfile
from io import BytesIO
from typing import Any

import openpyxl
import tablib
from import_export.formats.base_formats import CSV, JSON, XLSX

from MiniTwit.admin.cell_text import unescape, without_mark

MAX_BYTES = 5 * 1024 * 1024  # of an uploaded file
MAX_ROWS = 2_000  # every row is validated by several queries while the browser waits
MAX_COLUMNS = 50
MAX_UNPACKED_BYTES = 100 * 1024 * 1024  # an XLSX file is a zip archive


class UnreadableFileError(Exception):
    """The file cannot be taken; the message is a sentence for the person who chose it."""


class BoundedFormat:
    """Refuses files that are too long or whose headings are not clear."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        dataset = super().create_dataset(in_stream, **kwargs)  # type: ignore[misc]
        headers = [str(header or "").strip() for header in dataset.headers or []]
        if not headers or len(dataset) == 0:
            raise UnreadableFileError(
                "The file holds no rows: it needs the names of the columns and at least one row."
            )
        for header in headers:
            if headers.count(header) > 1:
                raise UnreadableFileError(f"The column “{header}” stands in the file more than once.")
        if len(dataset) > MAX_ROWS:
            raise UnreadableFileError(
                f"The file holds more than the {MAX_ROWS:,} rows that can be imported at a time. Split the file."
            )
        dataset.headers = headers
        return dataset


class SpreadsheetSafeFormat(BoundedFormat):
    """Takes off the mark that `without_formula` put on."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> tablib.Dataset:
        dataset = super().create_dataset(in_stream, **kwargs)
        return tablib.Dataset(*([without_mark(value) for value in row] for row in dataset), headers=dataset.headers)


class BoundedCSV(SpreadsheetSafeFormat, CSV):
    pass


class _ObjectsJSON(JSON):
    """Reads values by their names; tablib goes by their order, which may differ from one object to the next."""

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        rows = json.loads(in_stream)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnreadableFileError("A JSON file must be a list of objects, one for each row.")
        headers = list(dict.fromkeys(name for row in rows for name in row))
        return tablib.Dataset(*([row.get(name) for name in headers] for row in rows), headers=headers)


class BoundedJSON(BoundedFormat, _ObjectsJSON):
    pass


class _BoundedSheet(XLSX):
    """Reads the first sheet up to the limits, whatever size it claims to have."""

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        with zipfile.ZipFile(BytesIO(in_stream)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise UnreadableFileError(
                    "The workbook is too large when unpacked. Save only the sheet with the rows."
                )
        workbook = openpyxl.load_workbook(BytesIO(in_stream), read_only=True, data_only=True)
        rows = workbook.worksheets[0].iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS, values_only=True)
        headers = list(next(rows, ()))
        while headers and headers[-1] is None:
            headers.pop()
        filled = (
            [unescape(value) if isinstance(value, str) else value for value in row[: len(headers)]]
            for row in rows
            if any(value is not None for value in row)
        )
        return tablib.Dataset(*filled, headers=headers)


class BoundedXLSX(SpreadsheetSafeFormat, _BoundedSheet):
    pass


FILE_FORMATS = [BoundedCSV, BoundedXLSX, BoundedJSON]
