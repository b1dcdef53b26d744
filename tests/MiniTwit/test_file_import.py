"""Import from a file, as staff go through it: choose a file, look at the preview, confirm."""

import json
import os
import re
import time
from html import unescape
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from MiniTwit.admin.files import checking, import_forms, uploads, xlsx_files
from MiniTwit.models import Follow, Message, User
from tests.MiniTwit.factories import make_follow, make_message, make_staff, make_superuser, make_user
from tests.MiniTwit.files import FORMATS, MESSAGE_COLUMNS, confirm, export, last_id, preview, table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_uploads")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("users.ods", "“users.ods” is an OpenDocument spreadsheet. Save the rows as CSV, XLSX or JSON"),
        ("old.DB", "“old.DB” is a database, which “Import legacy users” is for. Save"),
        ("users.log", "The name “users.log” ends in .log, which is none of them: choose the format"),
        ("users", "The name “users” has no ending that tells: choose the format"),
        ("users.csv", ""),
        ("users.TSV", ""),
        ("users.txt", ""),
    ],
)
def test_the_format_is_as_the_name_of_the_file_ends(admin: Client, name: str, sentence: str) -> None:
    chosen = {"resource": "0", "format": "", "import_file": SimpleUploadedFile(name, b"username\tid\nann\t\n")}
    page = admin.post("/admin/MiniTwit/user/import/", chosen)
    assert sentence in unescape(page.content.decode())
    assert ("confirm_form" in page.context) is not bool(sentence)
    assert page.context["form"].errors or not sentence


@pytest.mark.parametrize("kind", FORMATS)
def test_messages_are_previewed_and_then_imported(admin: Client, kind: str, kept_uploads: Path) -> None:
    make_user("Roger Histand")
    rows = [
        ["", "Roger Histand", "first", "2024-05-31T18:30:00+00:00", "1"],
        ["", "Roger Histand", "second", "2024-06-01 10:00", 0],
    ]
    previewed = preview(admin, "message", table(MESSAGE_COLUMNS, *rows, kind=kind), kind)
    assert previewed.context["result"].totals["new"] == 2
    assert not Message.objects.exists()

    result = confirm(admin, "message", previewed)
    assert "Import finished: 2 new" in result.content.decode()
    assert list(Message.objects.order_by("id").values_list("author__username", "text", "flagged")) == [
        ("Roger Histand", "first", True),
        ("Roger Histand", "second", False),
    ]
    assert list(kept_uploads.iterdir()) == []
    assert {entry.change_message for entry in LogEntry.objects.all()} == {f"Imported from the file “rows.{kind}”."}
    assert LogEntry.objects.count() == 2


def test_a_follow_is_given_by_two_usernames_and_one_that_is_here_is_skipped(admin: Client) -> None:
    amy, bob = make_user("amy"), make_user("bob")
    make_follow(amy, bob)
    previewed = preview(admin, "follow", table(["who", "whom"], ["amy", "bob"], ["bob", "amy"]))
    assert (previewed.context["result"].totals["new"], previewed.context["result"].totals["skip"]) == (1, 1)
    confirm(admin, "follow", previewed)
    assert Follow.objects.filter(who=bob, whom=amy).exists()
    assert Follow.objects.count() == 2


def test_ids_have_no_thousands_separators(admin: Client) -> None:
    message = make_message(id=1234567)
    exported = export(admin, "message")
    assert b"1234567," in exported
    message.delete()
    assert "There is no message 1234567." in preview(admin, "message", exported).content.decode()


def test_a_file_does_not_decide_about_a_message_that_is_here(admin: Client) -> None:
    here = make_message(text="as it was", flagged=True)
    rows = [[here.pk, here.author.username, "corrected", "2024-05-31T18:30:00Z", 0], ["", "amy", "new", "", 1]]
    make_user("amy")
    previewed = preview(admin, "message", table(MESSAGE_COLUMNS, *rows))
    assert "counts for new messages only" in admin.get("/admin/MiniTwit/message/import/").content.decode()
    confirm(admin, "message", previewed)
    assert set(Message.objects.values_list("text", "flagged")) == {("corrected", True), ("new", True)}


def test_json_values_go_by_their_names(admin: Client) -> None:
    make_user("amy")
    data = json.dumps([{"author": "amy", "text": "one"}, {"text": "two", "author": "amy"}]).encode()
    confirm(admin, "message", preview(admin, "message", data, "json"))
    assert set(Message.objects.values_list("author__username", "text")) == {("amy", "one"), ("amy", "two")}


# The preview


def test_a_preview_uses_up_no_ids(admin: Client) -> None:
    make_user("amy"), make_user("bob")
    for model, data in {
        "user": table(["username"], ["new one"], ["new two"]),
        "message": table(["author", "text"], ["amy", "hello"]),
        "follow": table(["who", "whom"], ["amy", "bob"]),
    }.items():
        before = last_id(model)
        assert preview(admin, model, data).context["result"].totals["new"]
        assert last_id(model) == before, model


def test_the_preview_shows_every_kind_of_row_with_its_number(admin: Client) -> None:
    roger = make_user("roger")
    here = make_message(roger, "as it was")
    rows = [
        [here.pk, "roger", "as it was", here.pub_date.isoformat(), 0],
        ["", "nobody", "text", "2024-05-31T18:30:00Z", 0],
        [here.pk + 999, "roger", "text", "2024-05-31T18:30:00Z", 0],
        ["", "roger", "", "yesterday", "perhaps"],
        ["", "roger", "<b>good</b>", "2024-05-31T18:30:00Z", 0],
    ]
    response = preview(admin, "message", table(MESSAGE_COLUMNS, *rows))
    page = response.content.decode()
    result = response.context["result"]
    assert [row.number for row in result.invalid_rows] == [2, 3, 4]
    assert dict(result.totals) == {"new": 1, "update": 0, "delete": 0, "skip": 1, "error": 0, "invalid": 3}
    for sentence in (
        "There is no account named “nobody”.",
        f"There is no message {here.pk + 999}.",
        "“yesterday” is not a date and time",
        "“perhaps” is neither 1 (yes) nor 0 (no).",
        "A value is missing.",
        "&lt;b&gt;good&lt;/b&gt;",
    ):
        assert sentence in page
    assert "confirm_form" not in response.context
    assert "Confirm import" not in page


def test_a_date_that_changes_is_shown_as_two_dates(admin: Client) -> None:
    here = make_message(text="good day", pub_date="2024-05-31T18:30:00Z")
    previewed = preview(
        admin, "message", table(["id", "text", "pub_date"], [here.pk, "good night", "2025-04-30T08:00Z"])
    )
    page = previewed.content.decode()
    assert "<del>2024-05-31T18:30:00+00:00</del><ins>2025-04-30T08:00:00+00:00</ins>" in page
    assert "good " in page.split("<del")[0].rsplit("<td", 1)[-1], "a text is compared by its letters"


def test_a_row_of_spaces_is_an_empty_row(admin: Client) -> None:
    make_user("amy")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "hello"], ["", " "], ["", ""]))
    assert "confirm_form" in previewed.context
    assert previewed.context["report"].blank == 2


def test_a_row_that_stands_twice_is_refused_in_the_preview(admin: Client) -> None:
    response = preview(admin, "user", table(["username", "email"], ["amy", "a@x.org"], ["amy", "b@x.org"]))
    assert [row.number for row in response.context["result"].invalid_rows] == [2]
    assert "The same as row 1 of the file" in response.content.decode()


def test_a_long_preview_is_bounded_and_says_so(admin: Client) -> None:
    response = preview(admin, "user", table(["username"], *([f"new {number}"] for number in range(130))))
    page = response.content.decode()
    assert page.count('class="new"') - 1 == 100  # one of them is the total
    assert "The first 100 of 130 new rows" in page


def test_columns_that_are_not_read_are_named(admin: Client) -> None:
    response = preview(admin, "user", table(["username", "colour"], ["amy", "red"]))
    assert response.context["report"].ignored == ["colour"]
    assert "<code>colour</code>" in response.content.decode()


# The confirmation


def test_a_confirmation_that_no_longer_fits_writes_and_logs_nothing(admin: Client, kept_uploads: Path) -> None:
    make_user("amy")
    soon_gone = make_user("bob")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "good"], ["bob", "bad"]))
    soon_gone.delete()
    response = confirm(admin, "message", previewed)
    page = response.content.decode()
    assert "Nothing was imported" in page
    assert "There is no account named “bob”." in page
    assert "Import finished" not in page
    assert not Message.objects.exists()
    assert not LogEntry.objects.exists()
    assert list(kept_uploads.iterdir()) == []


def test_a_database_error_in_the_middle_writes_and_logs_nothing(admin: Client) -> None:
    make_user("amy")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "good"], ["amy", "forbidden"]))
    with connection.cursor() as cursor:
        cursor.execute("""ALTER TABLE "MiniTwit_message" ADD CONSTRAINT no CHECK (text <> 'forbidden')""")
    page = confirm(admin, "message", previewed).content.decode()
    assert "Nothing was imported" in page
    assert "Row 2:" in page
    assert "Traceback" not in page
    assert not Message.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_preview_is_confirmed_once(admin: Client) -> None:
    make_user("amy")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "once"]))
    confirm(admin, "message", previewed)
    assert "was confirmed already" in confirm(admin, "message", previewed).content.decode()
    assert Message.objects.count() == 1


def test_a_small_file_that_cannot_be_read_in_another_way_says_why(admin: Client, kept_uploads: Path) -> None:
    previewed = preview(admin, "user", table(["username"], ["ann"]))
    again = admin.post(previewed.context["file_import_url"], {"encoding": "utf-16"})
    assert "The file is not utf-16-le: text near line 1 cannot be read as such." in again.content.decode()
    assert list(kept_uploads.iterdir()) == []


def test_the_browser_cannot_name_a_file_of_the_server(admin: Client, kept_uploads: Path) -> None:
    make_user("amy")
    previewed = preview(admin, "message", table(["author", "text"], ["amy", "hello"]))
    (kept,) = kept_uploads.iterdir()
    assert kept.name not in previewed.content.decode().replace(
        previewed.context["confirm_form"].initial["preview"], ""
    )
    secret = kept_uploads.parent / "secret.csv"
    secret.write_bytes(table(["author", "text"], ["amy", "secret"]))
    for forged in ("../secret.csv", str(secret), "", kept.name):
        page = confirm(admin, "message", previewed, preview=forged).content.decode()
        assert "Nothing was imported" in page
    assert not Message.objects.exists()
    assert secret.exists()


def test_a_preview_belongs_to_one_person_and_one_table(admin: Client) -> None:
    make_user("amy"), make_user("bob")
    previewed = preview(admin, "follow", table(["who", "whom"], ["amy", "bob"]))
    assert "Nothing was imported" in confirm(admin, "user", previewed).content.decode()
    other = Client()
    other.force_login(make_superuser("other"))
    assert "is not yours" in confirm(other, "follow", previewed).content.decode()
    assert not Follow.objects.exists()


def test_an_upload_that_cannot_be_confirmed_is_not_kept_and_forgotten_ones_go(
    admin: Client, kept_uploads: Path
) -> None:
    preview(admin, "user", table(["username"], ["amy"]))
    (forgotten,) = kept_uploads.iterdir()
    os.utime(forgotten, (time.time() - uploads.LIFETIME - 1,) * 2)
    preview(admin, "user", table(["username"], [""]))
    assert list(kept_uploads.iterdir()) == [forgotten]
    preview(admin, "user", table(["username"], ["bob"]))
    (kept,) = kept_uploads.iterdir()
    assert kept != forgotten
    assert re.fullmatch("[0-9a-f]{32}", kept.name)
    assert kept.stat().st_mode & 0o077 == 0


# Users


def test_a_file_gives_nobody_a_password_or_rights(admin: Client) -> None:
    columns = ["username", "email", "password", "is_staff", "is_superuser", "groups", "user_permissions", "id"]
    data = table(columns, ["mallory", "m@example.com", "pbkdf2_sha256$1$a$b", "1", "1", "1", "1", "77"])
    previewed = preview(admin, "user", data)
    assert previewed.context["report"].ignored == [*columns[2:]]
    confirm(admin, "user", previewed)
    mallory = User.objects.get(username="mallory")
    assert not mallory.has_usable_password()
    assert not mallory.is_staff
    assert not mallory.is_superuser
    assert not mallory.groups.exists()
    assert mallory.is_active


def test_a_file_cannot_change_a_staff_account(admin: Client) -> None:
    make_superuser("boss")
    make_user("amy")
    data = table(["username", "is_active"], ["boss", 0], ["amy", 0])
    response = preview(admin, "user", data)
    assert "This is a staff account" in response.content.decode()
    unchanged = table(["username", "is_active"], ["boss", 1], ["amy", 0])
    confirm(admin, "user", preview(admin, "user", unchanged))
    assert User.objects.get(username="boss").is_active
    assert not User.objects.get(username="amy").is_active


def test_an_invalid_old_address_does_not_keep_a_file_from_deactivating(admin: Client) -> None:
    make_user("amy", email="not an address")
    confirm(admin, "user", preview(admin, "user", table(["username", "is_active"], ["amy", "no"])))
    assert not User.objects.get(username="amy").is_active
    response = preview(admin, "user", table(["username", "email"], ["bob", "not an address"]))
    assert "Enter a valid email address." in response.content.decode()


def test_import_and_export_are_for_those_who_may(client: Client) -> None:
    make_message()
    client.force_login(make_staff("view_message", "change_message", "add_message"))
    for page in ("import", "export"):
        assert client.get(f"/admin/MiniTwit/message/{page}/").status_code == 403
    assert client.post("/admin/MiniTwit/message/process_import/", {"preview": "x"}).status_code == 403
    listed = client.get("/admin/MiniTwit/message/").content.decode()
    assert "import_link" not in listed
    assert "export_link" not in listed

    client.force_login(make_staff("view_message", "import_message", "export_message", username="importer"))
    listed = client.get("/admin/MiniTwit/message/").content.decode()
    assert "import_link" in listed
    assert "export_link" in listed
    assert client.get("/admin/MiniTwit/message/import/").status_code == 200
    assert b"Hello." in export(client, "message")
    assert client.get("/admin/MiniTwit/user/import/").status_code == 403


# Bad files


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        (b"PK\x03\x04 not a workbook", "xlsx", "could not be read as XLSX"),
        (b"[{", "json", "could not be read as JSON"),
        (b'{"username": "amy"}', "json", "must be a list of objects"),
        (b"username\namy,too,many\n", "csv", "no row may hold more values than there are columns"),
        (b"username\n", "csv", "holds no rows"),
        (b"username,username\na,b\n", "csv", "more than one column “username”"),
        (b"user;mail\na;b\n", "csv", "no column named username. Its columns are: user, mail."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    admin: Client, kept_uploads: Path, data: bytes, kind: str, sentence: str
) -> None:
    response = preview(admin, "user", data, kind)
    assert response.status_code == 200
    page = response.content.decode()
    assert sentence in page
    assert "Traceback" not in page
    assert list(kept_uploads.iterdir()) == []


def test_a_file_that_is_too_large_is_refused_with_a_sentence(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_forms, "MAX_BYTES", 1024)
    page = preview(admin, "user", table(["username"], ["x" * 2000])).content.decode()
    assert "at most 1.0" in page
    assert "Split the file." in page


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_with_too_many_rows_is_refused_with_a_sentence(
    admin: Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(checking, "MAX_ROWS", 10)
    rows = [[f"new {number}"] for number in range(11)]
    assert (
        "more than the 10 rows"
        in preview(admin, "user", table(["username"], *rows, kind=kind), kind).content.decode()
    )
    assert (
        "more than the 10"
        not in preview(admin, "user", table(["username"], *rows[1:], kind=kind), kind).content.decode()
    )


def test_a_workbook_that_unpacks_to_too_much_is_refused(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_files, "MAX_UNPACKED_BYTES", 1000)
    page = preview(admin, "user", table(["username"], ["amy"], kind="xlsx"), "xlsx").content.decode()
    assert "too large when unpacked" in page


@pytest.mark.usefixtures("nothing_waits")
def test_only_a_few_queries_are_made_for_a_chunk(admin: Client) -> None:
    amy = make_user("amy")
    rows = [[make_message(amy, f"m {n}").pk, "amy", f"changed {n}"] for n in range(30)]
    with CaptureQueriesContext(connection) as few:
        preview(admin, "message", table(["id", "author", "text"], *rows[:3]))
    with CaptureQueriesContext(connection) as many:
        preview(admin, "message", table(["id", "author", "text"], *rows))
    assert len(many) == len(few)
