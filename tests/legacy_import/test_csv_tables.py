"""The tables of an old MiniTwit as CSV files, in a ZIP or one alone."""

from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError
from legacy_import.source.snapshot import csv_tables
from tests.legacy_import.packed import open_source, refusal, zipped

USERS = 'user_id,username,email,pw_hash\n1,ann,a@x,"hash"\n2,007,,\n'
MESSAGES = (
    'message_id,author_id,text,pub_date,flagged\n5,1,"one, two\nthree ""four""",1600000000,0\n6,2,42,2020-01-01,\n'
)
FOLLOWS = "who_id,whom_id\n1,2\n,2\n"
TABLES = {
    "user": [(1, "ann", "a@x", "hash"), (2, "007", None, None)],
    "message": [(5, 1, 'one, two\nthree "four"', 1_600_000_000, 0), (6, 2, "42", "2020-01-01", None)],
    "follower": [(1, 2), (None, 2)],
}


def packed(tmp_path: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    return zipped(tmp_path / "old.zip", **{name: text.encode(encoding) for name, text in files.items()})


def read(path: Path, tmp_path: Path, *required: str) -> tuple[dict[str, list[Any]], list[str]]:
    with open_source(path, tmp_path, required=required or tuple(TABLES)) as source:
        rows = {
            name: [tuple(row.values[: len(TABLES[name][0])]) for row in source.rows(name)]
            for name in (required or TABLES)
        }
        return rows, source.description.warnings


@pytest.mark.parametrize(
    "names",
    [("user.csv", "message.csv", "follower.csv"), ("x/Users.CSV", "x/Tweets.txt", "x/follows"), ("a", "b", "c")],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_three_tables_in_a_zip(tmp_path: Path, names: Any, delimiter: str, encoding: str) -> None:
    texts = [text.replace(",", delimiter).replace(f"one{delimiter}", "one,") for text in (USERS, MESSAGES, FOLLOWS)]
    files = {**dict(zip(names, texts, strict=True)), "README": '"Hello"!, there.\nSo, read this.\n'}
    path = packed(tmp_path, files, encoding)
    rows, warnings = read(path, tmp_path)
    assert rows == TABLES
    assert warnings == ["Files that hold nothing of a MiniTwit were not read: old.zip (README)."]
    assert not list(tmp_path.glob("snapshot-*"))


def test_one_table_alone_is_read_as_what_its_columns_say(tmp_path: Path) -> None:
    path = tmp_path / "export-2020.csv"
    path.write_text("Id;Name;E-Mail;Password;;\r\n1;ann;a@x;hash;;\r\n\r\n2;007;;;;\r\n", newline="")
    assert read(path, tmp_path, "user") == ({"user": TABLES["user"]}, [])
    with open_source(path, tmp_path, required=("user",)) as source:
        assert source.description.kind == "table of values (CSV)"
    error = refusal_of(path, tmp_path, "message")
    assert error.code == "missing_table"


def refusal_of(path: Path, tmp_path: Path, table: str) -> Any:
    with pytest.raises(SourceError) as error:
        open_source(path, tmp_path, required=(table,))
    return error.value


def test_values_without_headings_are_taken_for_minitwits_own_and_staff_are_told(tmp_path: Path) -> None:
    files = {
        "user.csv": USERS.partition("\n")[2],
        "messages.csv": MESSAGES.partition("\n")[2],
        "follower.csv": FOLLOWS.partition("\n")[2],
    }
    rows, warnings = read(packed(tmp_path, files), tmp_path)
    assert rows == TABLES
    assert len(warnings) == 3
    assert "user.csv) does not name its columns" in warnings[0]


def test_an_encoding_that_is_not_certain_is_said(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes("user_id,username,email\n1,größe für ähnliche,a@x\n".encode("cp1252"))
    rows, warnings = read(path, tmp_path, "user")
    assert rows["user"][0][1] == "größe für ähnliche"
    assert "was read as Windows-1252" in warnings[0]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (USERS + "3,bo\n", "damaged_file", "line 4: it has 2 values for 4 columns"),
        (USERS + "3,bo,b@x,hash,more\n", "damaged_file", "line 4: it has 5 values for 4 columns"),
        (USERS + '3,"never closed,b@x,hash\n', "damaged_file", "unexpected end of data"),
        (USERS + '3,"bo" odd,b@x,hash\n', "damaged_file", "line 4: it is not in order"),
        (USERS.replace("email", "Username"), "damaged_file", "line 1: it names the column username twice"),
        (USERS + "3," + "x" * 17_000_000 + ",,\n", "value_too_long", "16 MiB"),
        (USERS + "3," + "," * 18_000_000 + "\n", "value_too_long", "line 4: it is longer than 16 MiB"),
        (USERS + '3,"' + "x\n" * 9_000_000 + '",,\n', "value_too_long", "16 MiB"),
        ("a,b\n1,2\n", "missing_table", "user_id,username,email,pw_hash for user.csv"),
        ("1,2,3\n4,5,6\n", "missing_table", "Name the columns in the first line"),
        ("user_id," * 1500 + "\n1,2\n", "damaged_file", "more than 1,000 columns"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line_and_a_way_out(
    tmp_path: Path, text: str, code: str, sentence: str
) -> None:
    path = tmp_path / "users.csv"
    path.write_text(text)
    error = refusal(path, tmp_path)
    assert error.code == code
    assert sentence in error.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(b"\xef\xbb\xbf" + USERS.encode() + b"3,\xff\xfe,,\n")
    assert refusal(path, tmp_path).code == "damaged_file"


def test_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    error = refusal(packed(tmp_path, {"a/user.csv": USERS, "b/user.csv": USERS}), tmp_path)
    assert error.code == "several_databases"
    assert "comes in another file, too" in error.message


def test_tables_of_values_beside_a_dump_are_not_read(tmp_path: Path) -> None:
    dump = "INSERT INTO user VALUES(9,'zoe','z@x','hash');\n"
    rows, _ = read(packed(tmp_path, {"user.csv": USERS, "dump.sql": dump}), tmp_path, "user")
    assert rows["user"] == [(9, "zoe", "z@x", "hash")]


def test_many_rows_are_put_in_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_tables, "ROWS_AT_ONCE", 2)
    path = tmp_path / "follower.csv"
    path.write_text("who_id,whom_id\n" + "".join(f"{n},{n + 1}\n" for n in range(7)))
    assert len(read(path, tmp_path, "follower")[0]["follower"]) == 7
