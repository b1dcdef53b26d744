"""Files of whole lists, row by row: neither the rows nor the file are ever in memory as a whole.

import-export's Resources say what a row holds; this module writes the rows into a file.
"""

import csv
import json
import tempfile
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from import_export.formats.base_formats import CSV, JSON, XLSX, Format
from import_export.resources import Resource

from MiniTwit.admin.files.cell_text import without_formula
from MiniTwit.admin.files.xlsx_writer import MAX_SHEET_ROWS, WorkbookWriter

CHUNK = 2_000  # rows that the database sends at a time
LINES = 200  # rows that are sent to the browser at a time
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes a CSV file for one of the old encodings


class Export:
    """A list as a file.

    Args:
        queryset: its rows.
        resource: what import-export makes of each.
        columns: the names of the resource's fields that become columns; all of them by default.

    Attributes:
        notes: sentences about what the file could not hold; known once a workbook is written.
    """

    def __init__(self, queryset: QuerySet, resource: Resource, columns: list[str] | None) -> None:
        self.queryset = queryset
        self.resource = resource
        self.columns = columns
        self.headers: list[str] = resource.get_export_headers(selected_fields=columns)
        self.notes: list[str] = []

    def rows(self, **kwargs: Any) -> Iterator[list[Any]]:
        """Each row's values."""
        for _, values in self.rows_by_id(**kwargs):
            yield values

    def rows_by_id(self, **kwargs: Any) -> Iterator[tuple[Any, list[Any]]]:
        """Each row's id and values. One transaction gives them one snapshot, and the server keeps a cursor."""
        fields = self.resource.get_export_fields(self.columns)
        with transaction.atomic():
            for instance in self.queryset.iterator(chunk_size=CHUNK):
                yield instance.pk, [self.resource.export_field(field, instance, **kwargs) for field in fields]

    def response(self, file_format: Format, file_name: str) -> HttpResponseBase:
        """The file in one of the formats.

        Raises:
            ValueError: the format cannot hold the rows; the message is a sentence that says why.
        """
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        content_type = file_format.get_content_type()
        match file_format:
            case CSV():
                content_type = f"{content_type}; charset=utf-8"
                return StreamingHttpResponse(self.csv_lines(), content_type=content_type, headers=headers)
            case JSON():
                return StreamingHttpResponse(self.json_lines(), content_type=content_type, headers=headers)
            case XLSX():
                workbook = self.write_workbook()
                return FileResponse(workbook, content_type=content_type, as_attachment=True, filename=file_name)
        raise ValueError(f"{file_format.get_title()} is not offered.")

    def csv_lines(self) -> Iterator[str]:
        """The lines of a CSV file, several at a time; what a spreadsheet would take for a formula is marked."""
        writer = csv.writer(Echo())
        buffer = [BYTE_ORDER_MARK + writer.writerow(self.headers)]
        for row in self.rows():
            buffer.append(writer.writerow(map(without_formula, row)))
            if len(buffer) >= LINES:
                yield "".join(buffer)
                buffer = []
        yield "".join(buffer)

    def json_lines(self) -> Iterator[str]:
        """A list of objects, one on a line."""
        before = "["
        for row in self.rows():
            yield before + "\n" + json.dumps(dict(zip(self.headers, row, strict=True)), ensure_ascii=False)
            before = ","
        yield "[]\n" if before == "[" else "\n]\n"

    def write_workbook(self) -> Any:
        """Write a workbook into a temporary file, row by row, and return the file."""
        if self.queryset.order_by().values("pk")[:MAX_SHEET_ROWS].count() == MAX_SHEET_ROWS:
            raise ValueError(
                f"The list holds more than the {MAX_SHEET_ROWS - 1:,} rows that an XLSX sheet can hold. Export it as "
                "CSV or JSON, or filter it first."
            )
        writer = WorkbookWriter(self.resource.get_display_name(), self.headers)
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the response closes it
        try:
            for row_id, row in self.rows_by_id(force_native_type=True):
                writer.append(row_id, row)
        except BaseException:
            with file:
                writer.save(file)  # which also removes the library's own temporary file
            raise
        writer.save(file)
        self.notes = writer.sentences()
        file.seek(0)
        return file


class Echo:
    """What `csv` writes to: it hands each line straight back."""

    def write(self, line: str) -> str:
        return line
