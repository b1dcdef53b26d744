"""What a file does to values that are here: nothing is emptied, dropped or taken for another unseen."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from MiniTwit.admin.files import checking, import_worker, importing
from MiniTwit.models import FileImport, Follow, Message, ModerationReason, User
from tests.MiniTwit.factories import make_follow, make_message, make_superuser, make_user
from tests.MiniTwit.files import FORMATS, confirm, export, preview, table
from tests.MiniTwit.forms import save_on_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_uploads")]


def sent(client: Client, model: str, data: bytes, kind: str = "csv", **options: str) -> HttpResponse:
    upload = SimpleUploadedFile(f"rows.{kind}", data)
    posted = {"resource": "0", "format": FORMATS[kind], "import_file": upload} | options
    return client.post(f"/admin/MiniTwit/{model}/import/", posted)


def notes_of(previewed: HttpResponse) -> dict[tuple[str, str], int]:
    return {(note.kind, note.column): note.count for note in previewed.context["report"].counted_notes}


def test_a_short_row_is_refused_and_empties_nothing(admin: Client) -> None:
    make_user("Ada Bergamot", email="ada@example.org", first_name="Ada")
    page = preview(admin, "user", b"username,email,first_name\nAda Bergamot\n")
    assert [row.number for row in page.context["result"].invalid_rows] == [1]
    assert "The row has 1 of 3 values" in page.content.decode()
    assert User.objects.get(username="Ada Bergamot").email == "ada@example.org"


def test_an_empty_cell_leaves_the_value_unless_staff_choose_otherwise(admin: Client) -> None:
    make_user("amy", email="amy@example.org", first_name="Amy")
    data = table(["username", "email", "first_name"], ["amy", "", "Amelia"])
    previewed = preview(admin, "user", data)
    assert notes_of(previewed) == {("left", "email"): 1}
    confirm(admin, "user", previewed)
    amy = User.objects.get(username="amy")
    assert (amy.email, amy.first_name) == ("amy@example.org", "Amelia")

    emptying = sent(admin, "user", data, empty_cells="clear")
    assert "1 value would be emptied" in emptying.content.decode()
    assert "this is what I want" in confirm(admin, "user", emptying).content.decode()  # asked once more
    assert User.objects.get(username="amy").email == "amy@example.org"
    confirm(admin, "user", emptying, consent="on")
    assert User.objects.get(username="amy").email == ""


def test_json_tells_a_missing_value_from_an_empty_one(admin: Client) -> None:
    make_user("amy", email="amy@example.org", first_name="Amy")
    emptying = sent(
        admin, "user", b'[{"username": "amy", "email": null}, {"username": "bob"}]', "json", empty_cells="clear"
    )
    confirm(admin, "user", emptying, consent="on")
    assert list(User.objects.filter(username="amy").values_list("email", "first_name")) == [("", "Amy")]


def test_the_heading_of_the_id_is_recognised_in_any_case(admin: Client) -> None:
    make_message(text="here")
    exported = export(admin, "message").replace(b"id,author", b"ID,Author", 1)
    assert dict(preview(admin, "message", exported).context["result"].totals)["skip"] == 1


def test_an_export_that_lost_its_ids_is_not_taken_for_new_messages_unseen(admin: Client) -> None:
    make_message(text="here")
    lines = [line.split(b",", 1)[1] for line in export(admin, "message").splitlines()]
    previewed = preview(admin, "message", b"\n".join(lines))
    page = previewed.content.decode()
    assert "every row becomes a new message" in page
    assert "exists already, word for word" in page
    confirm(admin, "message", previewed)
    assert Message.objects.count() == 1
    confirm(admin, "message", previewed, consent="on")
    assert Message.objects.count() == 2


def test_a_new_message_without_more_needs_no_consent(admin: Client) -> None:
    make_user("amy")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "hello"]))
    assert "every row becomes a new message" in previewed.content.decode()
    assert "The file has no column id, pub_date, flagged: those values" in previewed.content.decode()
    confirm(admin, "message", previewed)
    assert Message.objects.count() == 1


def test_changed_rows_are_shown_whatever_number_of_unchanged_ones_is_before_them(admin: Client) -> None:
    User.objects.bulk_create(User(username=f"user {n}", email="a@example.org") for n in range(130))
    rows = [[f"user {n}", "a@example.org"] for n in range(129)] + [["user 129", "other@example.org"]]
    previewed = preview(admin, "user", table(["username", "email"], *rows))
    assert dict(previewed.context["result"].totals)["skip"] == 129
    (row,) = previewed.context["result"].valid_rows()
    assert (row.import_type, row.number) == ("update", 130)
    assert "other" in row.diff[1]


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("pub_date", "31/05/2024 18:30", "write it like 2024-05-31T18:30:00+00:00"),
        ("pub_date", "2024-05-31x18:30", "is not a date and time"),
        ("pub_date", "9999-12-31T23:59:59-10:00", "the years are 2 to 9998"),
        ("flagged", "WAHR", "“WAHR” is neither 1 (yes) nor 0 (no)."),
        ("id", "1,234", "“1,234” is not an id"),
        ("id", "1.5", "“1.5” is not an id"),
        ("id", "1.23457E+11", "is not an id"),
        ("author", " AMY ", "There is “amy”."),
        ("text", "cut […cut: the text is longer than a cell]", "was cut when it was exported"),
        ("legacy_id", "77", "has the old id none, not 77"),
        ("text", "a\0b", "NUL"),
    ],
)
def test_a_value_that_is_not_clear_is_refused_with_what_is_right(
    admin: Client, column: str, value: str, sentence: str
) -> None:
    message = make_message(make_user("amy"), "here")
    row = {"id": str(message.pk), "author": "amy", "text": "other", "pub_date": "", "flagged": "", "legacy_id": ""}
    row |= {column: value}
    page = preview(admin, "message", table([*row], [*row.values()])).content.decode()
    assert sentence in page.replace("&#x27;", "'")
    assert "Confirm import" not in page


@pytest.mark.parametrize("kind", FORMATS)
def test_exported_messages_of_any_old_number_can_be_imported_again(admin: Client, kind: str) -> None:
    for number in (-5, 0, 2**62 + 5, 2**63 - 1):
        Message.objects.filter(pk=make_message(text=f"old {number}").pk).update(legacy_id=number)
    previewed = preview(admin, "message", export(admin, "message", kind), kind)
    assert dict(previewed.context["result"].totals)["skip"] == 4


def test_an_id_with_the_fraction_of_a_spreadsheet_is_the_same_id(admin: Client) -> None:
    message = make_message(text="here")
    previewed = preview(admin, "message", table(["id", "text"], [f"{message.pk}.0", "other"]))
    assert dict(previewed.context["result"].totals)["update"] == 1


def test_what_a_spreadsheet_made_of_a_text_is_said(admin: Client) -> None:
    amy = make_user("123")
    data = table(["author", "text", "pub_date"], [123, True, "2024-05-31"], kind="xlsx")
    previewed = preview(admin, "message", data, "xlsx")
    found = {("number", "author"): 1, ("number", "text"): 1, ("midnight", "pub_date"): 1, ("zone", "pub_date"): 1}
    assert notes_of(previewed) == found
    confirm(admin, "message", previewed)
    assert Message.objects.get(author=amy).text == "TRUE"


def test_a_username_that_only_looks_new_is_said(admin: Client) -> None:
    make_user("amy")
    previewed = preview(admin, "user", table(["username"], ["Amy"], ["amy "], ["bob"]))
    assert notes_of(previewed) == {("similar", "username"): 2, ("spaces", "username"): 1}
    assert "“Amy”: “amy”" in previewed.content.decode()


def test_a_file_cannot_rename_an_account_or_come_from_another_database(admin: Client) -> None:
    amy, bob = make_user("amy"), make_user("bob")
    renamed = preview(admin, "user", table(["id", "username"], [amy.pk, "amelia"])).content.decode()
    assert "A file cannot rename an account" in renamed
    swapped = preview(admin, "user", table(["id", "username", "email"], [bob.pk, "amy", "a@b.org"]))
    assert f"“amy” has the id {amy.pk}." in swapped.content.decode()


def test_a_file_writes_the_columns_that_it_changes_and_no_others(admin: Client) -> None:
    make_user("amy", email="Amy@EXAMPLE.org", first_name="Amy")
    previewed = preview(admin, "user", table(["username", "first_name"], ["amy", "Amelia"]))
    confirm(admin, "user", previewed)
    assert list(User.objects.filter(username="amy").values_list("email", "first_name")) == [
        ("Amy@EXAMPLE.org", "Amelia")
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_line_ends_and_what_a_cell_cannot_hold_are_no_change(admin: Client, kind: str) -> None:
    texts = ["a\r\nb", "a\nb", "a\rb", "a\x0b\uffffb", "🎉" * 20_000]
    for text in texts:
        make_message(text=text)
    exported = export(admin, "message", kind)
    if kind == "csv":
        exported = exported.replace(b"a\r\nb", b"a\nb")  # as an editor would
    previewed = preview(admin, "message", exported, kind)
    assert dict(previewed.context["result"].totals)["skip"] == len(texts)
    Message.objects.filter(text="a\r\nb").update(text="other")
    confirm(admin, "message", preview(admin, "message", export_of("a\r\nb", kind), kind))
    assert sorted(Message.objects.values_list("text", flat=True)) == sorted([*texts[1:], "a\r\nb"])


def export_of(text: str, kind: str) -> bytes:
    message = Message.objects.get(text="other")
    return table(["id", "text"], [message.pk, text.replace("\r", "_x000D_") if kind == "xlsx" else text], kind=kind)


def test_opening_and_saving_a_message_keeps_its_line_ends(admin: Client) -> None:
    message = make_message(text="one\ntwo")
    save_on_page(admin, message, text="one\r\ntwo")  # as every browser sends it
    message.refresh_from_db()
    assert (message.text, message.changed_at) == ("one\ntwo", None)
    ModerationReason.objects.create(name="Typing error")
    save_on_page(admin, message, text="one\r\nthree", reason="Typing error")
    message.refresh_from_db()
    assert message.text == "one\nthree"


def test_the_rows_of_a_preview_can_be_read_in_another_way(admin: Client) -> None:
    data = "username;first_name\nmarie;Zoë\n".encode("mac_roman")
    previewed = preview(admin, "user", data)
    assert "its encoding is a guess" in previewed.content.decode()
    again = admin.post(previewed.context["file_import_url"], {"encoding": "mac_roman"})
    assert "Zoë" in again.content.decode()
    assert "is a guess" not in again.content.decode()
    confirm(admin, "user", again)
    assert User.objects.get(username="marie").first_name == "Zoë"


def test_empty_rows_are_counted_and_left_out(admin: Client) -> None:
    previewed = preview(admin, "user", b"username,email\namy,\n,,,\n,\nbob,\n")
    assert (previewed.context["result"].total_rows, previewed.context["report"].blank) == (2, 2)


def test_a_server_that_cannot_keep_a_file_says_so(admin: Client, kept_uploads: Path) -> None:
    kept_uploads.rmdir()
    kept_uploads.write_text("not a folder")  # the superuser of a machine may write everywhere else
    page = preview(admin, "user", table(["username"], ["amy"])).content.decode()
    assert "The server could not keep the file" in page
    assert "nothing was imported" in page
    assert not FileImport.objects.exists()


def test_a_file_that_vanished_is_asked_for_again(admin: Client, kept_uploads: Path) -> None:
    previewed = preview(admin, "user", table(["username"], ["amy"]))
    for file in kept_uploads.iterdir():
        file.unlink()
    assert "Choose the file again" in confirm(admin, "user", previewed).content.decode()
    assert not User.objects.filter(username="amy").exists()


def test_a_row_that_came_since_the_preview_is_noticed(admin: Client) -> None:
    amy, bob = make_user("amy"), make_user("bob")
    previewed = preview(admin, "follow", table(["who", "whom"], ["amy", "bob"]))
    make_follow(amy, bob)
    page = confirm(admin, "follow", previewed).content.decode()
    assert "rows were changed elsewhere since the preview (in the file: 1)" in page
    assert Follow.objects.count() == 1


def test_a_file_is_read_in_portions(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHUNK", 2)
    amy = make_user("amy")
    here = [make_message(amy, f"message {n}") for n in range(3)]
    rows: list[list[Any]] = [[m.pk, "amy", f"changed {m.pk}"] for m in here] + [
        ["", "amy", f"new {n}"] for n in range(3)
    ]
    rows.append([here[0].pk, "amy", "twice"])
    page = preview(admin, "message", table(["id", "author", "text"], *rows)).content.decode()
    assert "The same as row 1 of the file" in page
    confirm(admin, "message", preview(admin, "message", table(["id", "author", "text"], *rows[:-1])))
    assert sorted(Message.objects.values_list("text", flat=True)) == sorted(
        [*(f"changed {m.pk}" for m in here), "new 0", "new 1", "new 2"]
    )


# Large files


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("MiniTwit.admin.files.importing.SMALL", 3)


@pytest.mark.usefixtures("few_are_many")
def test_a_large_file_is_checked_and_imported_in_the_background(admin: Client, kept_uploads: Path) -> None:
    make_user("user 4", email="a@example.org")
    data = table(["username", "email"], *([f"user {n}", "b@example.org"] for n in range(6)))
    response = preview(admin, "user", data)
    address = response["Location"]
    assert "being checked" in admin.get(address).content.decode()
    assert admin.get(f"{address}status/").json()["phase"] == "Waiting for the worker"
    (file_import,) = FileImport.objects.all()
    import_worker.run_file_import.call(file_import.pk)
    previewed = admin.get(address)
    assert dict(previewed.context["result"].totals)["new"] == 5
    assert User.objects.filter(username__startswith="user ").count() == 1
    confirmed = confirm(admin, "user", previewed)
    assert confirmed.redirect_chain[-1][0] == address
    import_worker.run_file_import.call(file_import.pk)
    assert "was imported on" in admin.get(address).content.decode()
    assert User.objects.filter(email="b@example.org").count() == 6
    assert list(kept_uploads.iterdir()) == []
    import_worker.run_file_import.call(file_import.pk)  # a second time, and nothing is left to do
    assert admin.get(f"{address}status/").json()["stage"] == "done"


def test_a_file_may_hold_more_rows_than_are_checked_at_once(admin: Client, kept_uploads: Path) -> None:
    data = table(["username"], *([f"user {n}"] for n in range(importing.SMALL + 1)))
    address = preview(admin, "user", data)["Location"]
    import_worker.run_file_import.call(FileImport.objects.get().pk)
    assert dict(admin.get(address).context["result"].totals)["new"] == importing.SMALL + 1


@pytest.mark.usefixtures("few_are_many")
def test_an_import_in_the_background_can_be_cancelled_and_belongs_to_one_person(
    admin: Client, client: Client, kept_uploads: Path
) -> None:
    data = table(["username"], *([f"user {n}"] for n in range(6)))
    address = preview(admin, "user", data)["Location"]
    other = Client()
    other.force_login(make_superuser("other"))
    assert "is not yours" in other.get(address, follow=True).content.decode()
    assert other.get(f"{address}status/").status_code == 404
    assert other.post(f"{address}cancel/").status_code == 302
    page = admin.post(f"{address}cancel/", follow=True).content.decode()
    assert "was cancelled. Nothing was imported." in page
    (file_import,) = FileImport.objects.all()
    import_worker.run_file_import.call(file_import.pk)
    assert list(kept_uploads.iterdir()) == []
    assert not User.objects.filter(username__startswith="user ").exists()


@pytest.mark.parametrize("step", ["checking", "importing"])
@pytest.mark.usefixtures("few_are_many")
def test_a_request_to_cancel_counts_until_the_end_is_written(step: str, admin: Client) -> None:
    """It comes after the last look for one."""
    address = preview(admin, "user", table(["username"], *([f"user {n}"] for n in range(6))))["Location"]
    if step == "importing":
        import_worker.execute(FileImport.objects.get())
        confirm(admin, "user", admin.get(address))
    file_import = FileImport.objects.get(state=step)
    import_worker.execute(file_import, lambda done: FileImport.objects.update(cancel_requested=True))
    assert FileImport.objects.get().state == "cancelled"
    assert not User.objects.filter(username__startswith="user ").exists()


def test_a_dead_worker_is_noticed(admin: Client) -> None:
    previewed = preview(admin, "user", table(["username"], ["amy"]))
    FileImport.objects.update(state="importing", picked_up_at="2024-05-31T00:00:00Z")
    page = admin.get(previewed.context["file_import_url"]).content.decode()
    assert "The process that worked on this file died. Nothing was imported" in page


def test_a_days_old_import_is_forgotten(admin: Client) -> None:
    preview(admin, "user", table(["username"], ["amy"]))
    FileImport.objects.update(created_at="2024-05-31T00:00:00Z")
    preview(admin, "user", table(["username"], ["bob"]))
    assert FileImport.objects.count() == 1


def test_the_export_of_a_workbook_says_in_its_second_sheet_what_it_lacks_and_comes_back(admin: Client) -> None:
    make_message(text="a\x0bb")
    exported = export(admin, "message", "xlsx")
    assert openpyxl.load_workbook(io.BytesIO(exported)).sheetnames[1] == "Notes"
    previewed = preview(admin, "message", exported, "xlsx")
    assert previewed.context["report"].read_as["Sheets that are not read"] == "Notes"
    assert dict(previewed.context["result"].totals)["skip"] == 1


def test_a_form_of_one_line_does_not_drop_the_line_ends_of_a_stored_name(admin: Client) -> None:
    amy = make_user("amy", first_name="Amy\nLee")
    save_on_page(admin, amy, first_name="AmyLee", last_name="Doe")  # as every browser sends it
    amy.refresh_from_db()
    assert (amy.first_name, amy.last_name) == ("Amy\nLee", "Doe")


def test_an_import_that_no_task_stands_for_is_ended(admin: Client) -> None:
    previewed = preview(admin, "user", table(["username"], ["amy"]))
    FileImport.objects.update(state="importing", requested_at="2024-05-31T00:00:00Z")
    page = admin.get(previewed.context["file_import_url"], follow=True).content.decode()
    assert "died before it began. Nothing was imported" in page


def test_a_file_that_is_made_to_take_long_takes_no_time(admin: Client) -> None:
    message = make_message(text="".join(map(chr, range(0x4E00, 0x5500))))
    long = "1" * 1_000_000
    page = preview(admin, "message", table(["id", "pub_date"], [message.pk, long])).content.decode()
    assert "is not a date and time" in page
    assert long not in page
    assert "could not be read" not in page
    quotes = preview(admin, "user", (", ',\" " * 10_000 + "\na\n").encode()).content.decode()
    assert "errornote" in quotes
    texts = ["".join(map(chr, range(start, start + 1_700))) for start in (0x4E00, 0x6000)]
    messages = [make_message(text=texts[0]) for _ in range(20)]
    rows = [[each.pk, texts[1]] for each in messages]
    assert dict(preview(admin, "message", table(["id", "text"], *rows)).context["result"].totals)["update"] == 20
