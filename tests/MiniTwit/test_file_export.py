"""Export to a file: what is in it, what is not, and that it can be imported again."""

import codecs
import csv
import io
import json
import zipfile
from typing import Any
from xml.parsers import expat

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from MiniTwit.admin.files import exporting
from MiniTwit.admin.files.cell_text import CUT_MARK, REPLACEMENT
from MiniTwit.models import Message
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_user
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
        "_x000D_",
        "#N/A",
        "two\nlines",
        "two\rlines",
    ]
    for text in texts:
        make_message(author, text)
    exported = export(admin, "message", kind)
    previewed = preview(admin, "message", exported, kind)
    assert previewed.context["result"].totals["skip"] == len(texts), previewed.context["result"].totals
    Message.objects.update(text="overwritten")
    confirm(admin, "message", preview(admin, "message", exported, kind))
    assert sorted(Message.objects.values_list("text", flat=True)) == sorted(texts)


def test_yes_and_no_are_the_same_in_the_csv_file_of_any_spreadsheet(admin: Client) -> None:
    """A German one would write its own TRUE as WAHR."""
    make_message(flagged=True)
    workbook = openpyxl.load_workbook(io.BytesIO(export(admin, "message", "xlsx")))
    headings, values = workbook.worksheets[0].iter_rows()
    flagged = values[[cell.value for cell in headings].index("flagged")]
    assert (flagged.value, flagged.data_type) == (1, "n")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_exported_text_is_no_formula_for_a_spreadsheet(admin: Client, kind: str) -> None:
    make_message(text="=HYPERLINK(1)")
    exported = export(admin, "message", kind)
    if kind == "csv":
        cells = [cell for row in csv.reader(io.StringIO(exported.decode("utf-8-sig"))) for cell in row]
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
    monkeypatch.setattr(exporting, "MAX_SHEET_ROWS", 2)  # with the headings
    make_message(text="one"), make_message(text="two")
    posted = {"resource": "0", "format": FORMATS["xlsx"], "messageresource_text": "on"}
    page = admin.post("/admin/MiniTwit/message/export/", posted).content.decode()
    assert "more than the 1 rows that an XLSX sheet can hold" in page
    assert export(admin, "message", "csv").count(b"\r\n") == 3


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_reads_the_rows_in_portions(admin: Client, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 3)
    author = make_user()
    Message.objects.bulk_create(Message(author=author, text=f"message {number}") for number in range(10))
    with CaptureQueriesContext(connection) as queries:
        exported = export(admin, "message", kind)
    if kind == "xlsx":
        rows = list(openpyxl.load_workbook(io.BytesIO(exported)).worksheets[0].values)
        texts = {row[2] for row in rows[1:]}
    elif kind == "csv":
        texts = {row["text"] for row in csv.DictReader(io.StringIO(exported.decode("utf-8-sig")))}
    else:
        texts = {row["text"] for row in json.loads(exported)}
    assert texts == {f"message {number}" for number in range(10)}
    cursors = [query["sql"] for query in queries if "DECLARE" in query["sql"]]
    assert len(cursors) == 1
    assert "WITH HOLD" not in cursors[0]  # which would copy all of it first


def test_an_empty_list_is_an_empty_file(admin: Client) -> None:
    assert export(admin, "message", "csv").decode("utf-8-sig").strip() == "id,author,text,pub_date,flagged,legacy_id"
    assert json.loads(export(admin, "message", "json")) == []


NOT_IN_XML = "\x0b\x1f\ufffe\uffff"


def test_xlsx_holds_all_rows_and_says_which_characters_it_could_not_store(admin: Client) -> None:
    odd = make_message(text=f"a{NOT_IN_XML}b")
    long = make_message(text="🎉" * 20_000)
    make_message(text="plain")
    exported = export(admin, "message", "xlsx")
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                expat.ParserCreate().Parse(archive.read(name), True)  # as strict as Excel
    workbook = openpyxl.load_workbook(io.BytesIO(exported))
    texts = {row[0]: row[2] for row in workbook.worksheets[0].values}
    assert texts[str(odd.pk)] == f"a{4 * REPLACEMENT}b"
    assert len(texts[str(long.pk)].encode("utf-16-le")) // 2 <= 32_767
    assert texts[str(long.pk)].endswith(CUT_MARK)
    assert len(texts) == 4
    noted = {(row[0], row[1]) for row in workbook["Notes"].values}
    assert {(str(odd.pk), "text"), (str(long.pk), "text")} <= noted
    listed = admin.get("/admin/MiniTwit/message/").content.decode()
    assert "1 value holds characters that XLSX cannot store" in listed
    assert "1 value is longer than the 32,767 characters of a cell" in listed
    assert f"a{NOT_IN_XML}b".encode() in export(admin, "message", "csv")


def test_a_workbook_that_holds_everything_has_one_sheet(admin: Client) -> None:
    make_message(text="plain")
    workbook = openpyxl.load_workbook(io.BytesIO(export(admin, "message", "xlsx")))
    assert len(workbook.worksheets) == 1
    assert "cannot store" not in admin.get("/admin/MiniTwit/message/").content.decode()


def test_excel_sees_that_a_csv_file_is_utf_8(admin: Client) -> None:
    make_message(text="Größe")
    assert export(admin, "message", "csv").startswith(codecs.BOM_UTF8)


# The ticked rows


def test_the_ticked_rows_are_exported_and_no_others(admin: Client) -> None:
    one, two, _other = make_message(text="one"), make_message(text="two"), make_message(text="other")
    page = admin.post(
        "/admin/MiniTwit/message/?flagged__exact=0",
        {"action": "export_ticked", "index": "0", "select_across": "0", "_selected_action": [one.pk, two.pk]},
    )
    assert "The 2 rows that you ticked go into the file." in page.content.decode()
    one.flagged = True  # and so leaves the list that it was ticked in
    one.save()
    ticked = {"export_items": page.context["form"].initial["export_items"]}
    posted = {"resource": "0", "format": "0", "messageresource_text": "on"} | ticked
    exported = admin.post(page.context["export_url"], posted).getvalue().decode("utf-8-sig")
    assert sorted(exported.split()) == ["one", "text", "two"]


def test_all_rows_that_match_are_exported_by_the_filters_of_the_list(admin: Client) -> None:
    shown = make_message(text="shown", flagged=True)
    make_message(text="hidden")
    ticked = {"action": "export_ticked", "index": "0", "select_across": "1", "_selected_action": [shown.pk]}
    response = admin.post("/admin/MiniTwit/message/?flagged__exact=1&q=shown", ticked)
    assert response["Location"] == "/admin/MiniTwit/message/export/?flagged__exact=1&q=shown"


@pytest.mark.parametrize("model", ["user", "message", "follow", "moderationevent"])
def test_every_list_with_an_export_offers_it_for_ticked_rows_to_those_who_may(client: Client, model: str) -> None:
    make_follow(), make_message()
    client.force_login(make_staff(f"view_{model}"))
    assert "export_ticked" not in client.get(f"/admin/MiniTwit/{model}/").content.decode()
    client.force_login(make_staff(f"view_{model}", f"export_{model}"))
    if model != "moderationevent":  # the list is empty, and Django shows no actions then
        assert "export_ticked" in client.get(f"/admin/MiniTwit/{model}/").content.decode()


def test_ticked_rows_are_for_those_who_may_export(client: Client) -> None:
    message = make_message()
    client.force_login(make_staff("view_message", "moderate_message"))
    ticked = {"action": "export_ticked", "index": "0", "select_across": "0", "_selected_action": [message.pk]}
    assert b"export_items" not in client.post("/admin/MiniTwit/message/", ticked, follow=True).content
    posted = {"resource": "0", "format": "0", "messageresource_text": "on", "export_items": [message.pk]}
    assert client.post("/admin/MiniTwit/message/export/", posted).status_code == 403


@pytest.mark.parametrize("given", ["x", "-1", "9" * 30, ["1"] * 501])
def test_ids_that_no_list_sends_are_refused(admin: Client, given: Any) -> None:
    posted = {"resource": "0", "format": "0", "messageresource_text": "on", "export_items": given}
    assert admin.post("/admin/MiniTwit/message/export/", posted).status_code == 400


def test_an_export_keeps_to_the_filters_of_the_list(admin: Client) -> None:
    make_message(text="shown"), make_message(text="hidden", flagged=True)
    posted = {"resource": "0", "format": "0", "messageresource_text": "on"}
    exported = admin.post("/admin/MiniTwit/message/export/?flagged__exact=1", posted).getvalue()
    assert exported.decode("utf-8-sig").split() == ["text", "hidden"]
