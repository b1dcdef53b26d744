"""Export to a file: what is in it, what is not, and that it can be imported again."""

import csv
import io
import json
import zipfile

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from MiniTwit.admin import exports
from MiniTwit.models import Message
from tests.MiniTwit.factories import make_message, make_user
from tests.MiniTwit.files import FORMATS, confirm, export, preview

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_uploads")]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_exported_comes_back_unchanged(admin: Client, kind: str) -> None:
    author = make_user("=cmd|'/C calc'!A0")
    texts = [
        "=1+1",
        "'=1+1",
        "-5",
        "@home",
        "+1",
        "\tx",
        "two\r\nlines",
        '"quoted", 100%',
        "  spaces  ",
        "🎉",
        "00123",
    ]
    if kind == "xlsx":  # XML knows one kind of line break
        texts.remove("two\r\nlines")
    for text in texts:
        make_message(author, text)
    exported = export(admin, "message", kind)
    previewed = preview(admin, "message", exported, kind)
    assert previewed.context["result"].totals["skip"] == len(texts), previewed.context["result"].totals
    Message.objects.update(text="overwritten")
    confirm(admin, "message", preview(admin, "message", exported, kind))
    assert sorted(Message.objects.values_list("text", flat=True)) == sorted(texts)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_exported_text_is_no_formula_for_a_spreadsheet(admin: Client, kind: str) -> None:
    make_message(text="=HYPERLINK(1)")
    exported = export(admin, "message", kind)
    if kind == "csv":
        cells = [cell for row in csv.reader(io.StringIO(exported.decode())) for cell in row]
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(exported)).worksheets[0]
        cells = [str(cell.value) for row in sheet.rows for cell in row]
        assert not [cell for row in sheet.rows for cell in row if cell.data_type == "f"]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith("=")]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_of_users_holds_no_password(admin: Client, kind: str) -> None:
    user = make_user("amy")
    user.set_password("the secret of amy")
    user.save()
    exported = export(admin, "user", kind, userresource_password="on", password="on")
    if kind == "xlsx":
        with zipfile.ZipFile(io.BytesIO(exported)) as archive:
            exported = b"".join(archive.read(name) for name in archive.namelist())
    assert b"amy" in exported
    assert b"pbkdf2" not in exported
    assert b"password" not in exported


# Who may


def test_a_list_that_is_longer_than_a_sheet_is_refused_as_xlsx_only(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MAX_SHEET_ROWS", 2)  # with the headings
    make_message(text="one"), make_message(text="two")
    posted = {"resource": "0", "format": FORMATS["xlsx"], "messageresource_text": "on"}
    page = admin.post("/admin/MiniTwit/message/export/", posted).content.decode()
    assert "more than the 1 rows that an XLSX sheet can hold" in page
    assert export(admin, "message", "csv").count(b"\r\n") == 3


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_reads_the_rows_in_portions(admin: Client, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(exports, "CHUNK", 3)
    author = make_user()
    Message.objects.bulk_create(Message(author=author, text=f"message {number}") for number in range(10))
    with CaptureQueriesContext(connection) as queries:
        exported = export(admin, "message", kind)
    if kind == "xlsx":
        rows = list(openpyxl.load_workbook(io.BytesIO(exported)).worksheets[0].values)
        texts = {row[2] for row in rows[1:]}
    elif kind == "csv":
        texts = {row["text"] for row in csv.DictReader(io.StringIO(exported.decode()))}
    else:
        texts = {row["text"] for row in json.loads(exported)}
    assert texts == {f"message {number}" for number in range(10)}
    cursors = [query["sql"] for query in queries if "DECLARE" in query["sql"]]
    assert len(cursors) == 1
    assert "WITH HOLD" not in cursors[0]  # which would copy all of it first


def test_an_empty_list_is_an_empty_file(admin: Client) -> None:
    assert export(admin, "message", "csv").decode().strip() == "id,author,text,pub_date,flagged,legacy_id"
    assert json.loads(export(admin, "message", "json")) == []


def test_control_characters_that_xlsx_cannot_hold_are_named(admin: Client) -> None:
    make_message(text="a\x0bb")
    posted = {"resource": "0", "format": FORMATS["xlsx"], "messageresource_text": "on"}
    page = admin.post("/admin/MiniTwit/message/export/", posted).content.decode()
    assert "Export as CSV or JSON." in page
    assert b"a\x0bb" in export(admin, "message", "csv")


def test_an_export_keeps_to_the_filters_of_the_list(admin: Client) -> None:
    make_message(text="shown"), make_message(text="hidden", flagged=True)
    posted = {"resource": "0", "format": "0", "messageresource_text": "on"}
    exported = admin.post("/admin/MiniTwit/message/export/?flagged__exact=1", posted).getvalue()
    assert exported.decode().split() == ["text", "hidden"]
    assert admin.post("/admin/MiniTwit/message/export/", posted | {"export_items": "1"}).status_code == 400
