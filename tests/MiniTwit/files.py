"""Files that staff import and export, and the pages where they do it."""

import csv
import io
import json
from typing import Any

import openpyxl
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client

FORMATS = {"csv": "0", "xlsx": "1", "json": "2"}
MESSAGE_COLUMNS = ["id", "author", "text", "pub_date", "flagged"]


def table(columns: list[str], *rows: list[Any], kind: str = "csv") -> bytes:
    """A file of the given kind that holds these rows."""
    if kind == "json":
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows]).encode()
    if kind == "xlsx":
        workbook = openpyxl.Workbook()
        for row in (columns, *rows):
            workbook.worksheets[0].append(row)
        workbook.save(buffer := io.BytesIO())
        return buffer.getvalue()
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue().encode()


def preview(client: Client, model: str, data: bytes, kind: str = "csv") -> HttpResponse:
    upload = SimpleUploadedFile(f"rows.{kind}", data)
    return client.post(
        f"/admin/MiniTwit/{model}/import/", {"resource": "0", "format": FORMATS[kind], "import_file": upload}
    )


def confirm(client: Client, model: str, previewed: HttpResponse, **changes: Any) -> HttpResponse:
    posted = {"preview": previewed.context["confirm_form"].initial["preview"]} | changes
    return client.post(f"/admin/MiniTwit/{model}/process_import/", posted, follow=True)


def export(client: Client, model: str, kind: str = "csv", **columns: Any) -> bytes:
    page = client.get(f"/admin/MiniTwit/{model}/export/")
    names = [name for name in page.context["form"].fields if name.startswith(f"{model}resource_")]
    posted = {"resource": "0", "format": FORMATS[kind]} | dict.fromkeys(names, "on") | columns
    response = client.post(f"/admin/MiniTwit/{model}/export/", posted)
    assert "attachment" in response["Content-Disposition"]
    assert response.streaming
    return response.getvalue()


def last_id(table_name: str) -> int | None:
    """The last id that the table's sequence has given away."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM " + f'"MiniTwit_{table_name}_id_seq"')
        value, is_called = cursor.fetchone()
    return value if is_called else None


# The way of a file
