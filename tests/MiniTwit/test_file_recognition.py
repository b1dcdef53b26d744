"""How files are read: the encodings, delimiters and sheets that spreadsheet programs of all countries write."""

import csv
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from MiniTwit.admin.files.formats import open_table
from MiniTwit.admin.files.rows import FileRow, TableFile, UnreadableFileError

KNOWN = ["id", "author", "text", "pub_date", "flagged", "legacy_id"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def read(path: Path, content: bytes, file_format: str = "csv", **options: str) -> tuple[TableFile, list[FileRow]]:
    path.write_bytes(content)
    with open_table(path, options | {"format": file_format}, KNOWN) as table:
        return table, list(table.rows)


def workbook(*rows: list[Any], **others: list[list[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Rows"
    for row in rows:
        book.worksheets[0].append(row)
    for title, lines in others.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    book.save(buffer := io.BytesIO())
    return buffer.getvalue()


# Text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_what_spreadsheets_write_is_recognised(path: Path, delimiter: str, encoding: str) -> None:
    text = io.StringIO()
    rows = [["id", "author", "text"], ["1", "Jörg Müller", "Straße, Größe; “schön”"], ["2", "Zoë", "zwei\r\nZeilen"]]
    csv.writer(text, delimiter=delimiter).writerows(rows)
    table, found = read(path, text.getvalue().encode(encoding))
    assert [[*row.values()] for row in found] == rows[1:]
    assert bool(table.doubts) == (encoding == "cp1252")
    assert table.chosen["delimiter"] == delimiter


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("author,text\nana,Zażółć gęślą jaźń i dzień dobry\n", "cp1250"),
        ("author,text\nана,Привет, как дела? Сегодня хорошая погода\n".replace(", ", " "), "cp1251"),
        ("author,text\nana,Καλημέρα σας τι κάνετε\n", "cp1253"),
        ("author,text\nana,Skære øre blød\n", "cp1252"),
        ("author,text\nana,5 €\n", "cp1252"),
    ],
)
def test_an_encoding_that_is_not_unicode_is_a_guess_that_can_be_chosen(path: Path, text: str, encoding: str) -> None:
    table, (row,) = read(path, text.encode(encoding))
    assert row["text"] == text.split("\n")[1].split(",")[1]
    assert table.chosen["encoding"] == encoding
    assert "is a guess" in table.doubts[0]
    other, (row,) = read(path, text.encode(encoding), encoding="mac_roman")
    assert row["text"] != text.split("\n")[1].split(",")[1]
    assert not other.doubts


def test_the_line_by_which_excel_tells_the_delimiter_is_no_heading(path: Path) -> None:
    table, (row,) = read(path, b"sep=;\r\nauthor;text\r\nana;a,b\r\n")
    assert (table.headers, row["text"]) == (["author", "text"], "a,b")


def test_a_delimiter_can_be_chosen(path: Path) -> None:
    table, _ = read(path, b"author;text,pub_date\n")
    assert len(table.headers) == 2
    assert read(path, b"author;text,pub_date\n", delimiter=";")[0].headers == ["author", "text,pub_date"]


def test_headings_are_matched_whatever_their_case_and_spaces(path: Path) -> None:
    table, (row,) = read(path, b" ID ,Author,TEXT,Pub Date,Colour\n1,ana,hello,,red\n")
    assert table.headers == ["id", "author", "text", "pub_date", "Colour"]
    assert row == {"id": "1", "author": "ana", "text": "hello", "pub_date": "", "Colour": "red"}
    with pytest.raises(UnreadableFileError, match="more than one column “id”"):
        read(path, b"id,ID\n1,2\n")


def test_a_text_of_any_length_is_read(path: Path) -> None:
    _, (row,) = read(path, f"author,text\nana,{'x' * 200_000}\n".encode())
    assert len(row["text"]) == 200_000


def test_what_a_spreadsheet_appends_to_a_row_is_no_value_and_what_is_missing_is_said(path: Path) -> None:
    _, rows = read(path, b"id,author,text,,\n1,ana,whole,,\n,,,,\n2,ana\n3,ana,more,than,there are\n")
    assert [bool(row.problem) for row in rows] == [False, False, True, True]
    assert "has 2 of 3 values" in rows[2].problem
    assert "no row may hold more values" in rows[3].problem


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (b'author,text\nana,"never closed\n', {}, "line 2"),
        (b'author,text\nana,"a"b\n', {}, "line 2"),
        (b"author,text\nana,\xff\n", {"encoding": "utf-8"}, "The file is not UTF-8"),
        (b"PK\x03\x04", {}, "Choose the format XLSX"),
        (b"\xd0\xcf\x11\xe0", {}, "Choose the format XLSX"),
        (b"", {}, "holds no rows"),
        (b",".join(b"c%d" % n for n in range(60)) + b"\n", {}, "more than 50 columns"),
    ],
)
def test_text_that_is_not_in_order_is_refused(
    path: Path, content: bytes, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UnreadableFileError, match=sentence):
        read(path, content, **options)


# JSON


def test_json_of_any_encoding_is_read_object_by_object(path: Path) -> None:
    objects = [{"id": 1, "Text": "Größe"}, {"author": "ana", "id": "2"}, {"id": 1.0, "Text": True}]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        table, rows = read(path, json.dumps(objects, ensure_ascii=False).encode(encoding), "json")
        assert table.headers == ["id", "text", "author"]
        assert rows == [{"id": 1, "text": "Größe"}, {"author": "ana", "id": "2"}, {"id": 1, "text": True}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[{"id": 1}, 2]', "a list of objects"),
        (b'{"id": 1}', "a list of objects"),
        (b'[{"id": 1}', "could not be read as JSON"),
        (b'[{"id": 1}] and more', "could not be read as JSON"),
        (b'[{"text": "\\ud800"}]', "half a character"),
    ],
)
def test_json_that_is_something_else_is_refused(path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFileError, match=sentence):
        read(path, content, "json")


def test_a_value_that_is_named_twice_or_is_no_value_is_said(path: Path) -> None:
    content = b'[{"text": "a", "Text": "b"}, {"text": ["c"]}, {"id": 12345678901234567890}, {"text": "\\\\ud800"}]'
    with pytest.raises(UnreadableFileError, match="more than one column"):
        read(path, content, "json")
    _, rows = read(path, content.replace(b"Text", b"text"), "json")
    assert "more than once" in rows[0].problem
    assert "a list or an object" in rows[1]["text"].sentence
    assert "15 digits" in rows[2]["id"].sentence
    assert rows[3]["text"] == "\\ud800"


# Workbooks


def test_the_first_sheet_that_is_shown_is_read_and_named(path: Path) -> None:
    book = workbook(["author", "text"], ["ana", "first"], Second=[["author", "text"], ["ana", "second"]], Hidden=[])
    book["Hidden"].sheet_state = "hidden"
    table, (row,) = read(path, saved(book), "xlsx")
    assert (table.read_as["Sheet"], row["text"]) == ("Rows", "first")
    assert table.read_as["Sheets that are not read"] == "Second, Hidden (hidden)"
    assert read(path, saved(book), "xlsx", sheet="Second")[1][0]["text"] == "second"
    book["Rows"].sheet_state = "hidden"
    assert read(path, saved(book), "xlsx")[1][0]["text"] == "second"
    with pytest.raises(UnreadableFileError, match=r"no sheet named “Third”\. It has: Rows, Second, Hidden"):
        read(path, saved(book), "xlsx", sheet="Third")


def test_a_cell_that_shows_something_else_than_it_holds_is_refused(path: Path) -> None:
    day = datetime(2024, 5, 31)
    book = workbook(
        ["author", "text", "id", "pub_date"], ["=A1", "#N/A", 12345678901234567, day.date()], ["a", "b", 1.0, day]
    )
    _, (bad, good) = read(path, saved(book), "xlsx")
    assert "a formula (=A1)" in bad["author"].sentence
    assert "the error #N/A" in bad["text"].sentence
    assert "15 digits" in bad["id"].sentence
    assert good == {"author": "a", "text": "b", "id": 1, "pub_date": day}
    assert type(good["id"]) is int


def test_yes_and_no_are_read_as_libreoffice_writes_them(path: Path) -> None:
    _, rows = read(
        path, saved(workbook(["author", "flagged"], ["a", "=TRUE()"], ["b", "=FALSE()"], ["c", True])), "xlsx"
    )
    assert [row["flagged"] for row in rows] == [True, False, True]


def test_merged_cells_are_refused(path: Path) -> None:
    book = workbook(["author", "text"], ["ana", "one"], [None, "two"])
    book.worksheets[0].merge_cells("A2:A3")
    with pytest.raises(UnreadableFileError, match=r"merged cells \(A2:A3\)"):
        read(path, saved(book), "xlsx")


def test_a_value_beyond_the_headings_or_the_claimed_size_is_seen(path: Path) -> None:
    book = workbook(["author", "text"], ["ana", "one"], ["ana", "two", "three"])
    _, rows = read(path, saved(book), "xlsx")
    assert [bool(row.problem) for row in rows] == [False, True]
    small = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(book))) as old, zipfile.ZipFile(small, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'ref="A1:C3"', b'ref="A1:A2"'))
    assert read(path, small.getvalue(), "xlsx")[1] == rows


def test_a_rows_number_counts_the_empty_rows_before_it(path: Path) -> None:
    _, rows = read(path, saved(workbook(["author"], [None], ["ana"])), "xlsx")
    assert [row.number for row in rows if any(row.values())] == [2]
