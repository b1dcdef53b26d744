"""Staff upload an old database instead of configuring one; what they upload is not to be trusted."""

import os
import shutil
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.runs.files import ORPHAN_SECONDS, CappedUploadHandler, discard_unneeded_uploads
from MiniTwit.models import Message
from tests.legacy_import.conftest import ask_for_preview, confirm, page_of, preview, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

START_USERS = "/admin/legacy_import/importrun/users/"


def upload_of(path: Path, name: str = "minitwit.db") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, path.read_bytes())


def post(client: Client, upload: SimpleUploadedFile | None) -> str:
    """Send the start page's form; return the page that says what is wrong."""
    data: dict[str, Any] = {
        "source": "upload",
        "existing": "update",
        "duplicates": "reject",
        "plain_passwords": "hash",
    }
    response = client.post(START_USERS, data | ({"upload": upload} if upload else {}))
    assert response.status_code == 200
    assert response.context["form"]["existing"].value() == "update"
    return response.content.decode()


def stored(import_dir: Path) -> list[Path]:
    return sorted(import_dir.glob("upload-*"))


def test_users_are_uploaded_and_their_messages_follow_from_the_same_file(
    admin: Client, sample: Path, import_dir: Path
) -> None:
    users = confirm(admin, preview(admin, "users", source="upload", upload=upload_of(sample)))
    assert users.verification["ok"]
    (file,) = stored(import_dir)
    page = text_of(admin, "/admin/legacy_import/importrun/messages/")
    assert f"The file uploaded for import {users.pk}" in page

    messages = preview(admin, "messages", source="stored")
    assert messages.source["sha256"] == users.source["sha256"]
    assert file.exists()
    messages = confirm(admin, messages)
    assert messages.verification["ok"]
    assert Message.objects.count() == messages.counts["message"]["new"]
    assert stored(import_dir) == []


def test_an_upload_is_for_this_account_only_and_its_name_is_ours(
    admin: Client, sample: Path, import_dir: Path
) -> None:
    run = preview(admin, "users", source="upload", upload=upload_of(sample, "../../../etc/<b>passwd'; --.db"))
    (file,) = stored(import_dir)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(import_dir.stat().st_mode) == 0o700
    assert file.read_bytes() == sample.read_bytes()
    assert "passwd" not in file.name
    page = text_of(admin, page_of(run))
    assert "&lt;b&gt;passwd" in page
    assert "<b>passwd" not in page
    assert str(import_dir) not in page


@pytest.mark.parametrize("end", ["cancelled", "superseded", "failed", "undone", "newer users"])
def test_an_upload_goes_when_nobody_needs_it_any_more(
    admin: Client, sample: Path, import_dir: Path, end: str
) -> None:
    run = ask_for_preview(admin, "users", source="upload", upload=upload_of(sample))
    (file,) = stored(import_dir)
    if end == "failed":
        file.write_bytes(sample.read_bytes()[:9000])
        with pytest.raises(lifecycle.RunError):
            lifecycle.stage(run.pk)
    else:
        lifecycle.stage(run.pk)
        assert file.exists()
    if end == "cancelled":
        admin.post(f"{page_of(run)}cancel/")
    elif end == "superseded":
        preview(admin, "users", source="upload", upload=upload_of(sample))
    elif end == "undone":
        confirm(admin, run)
        assert file.exists()
        admin.post(f"{page_of(run)}undo/")
        lifecycle.undo(run.pk)
    elif end == "newer users":
        confirm(admin, run)
        assert file.exists()
        confirm(admin, preview(admin, "users", source="upload", upload=upload_of(sample)))
    assert not file.exists()
    run.refresh_from_db()
    assert run.state == ("applied" if end == "newer users" else end)


def test_a_failed_messages_import_does_not_take_the_users_upload_with_it(
    admin: Client, sample: Path, import_dir: Path
) -> None:
    confirm(admin, preview(admin, "users", source="upload", upload=upload_of(sample)))
    messages = preview(admin, "messages", source="stored")
    admin.post(f"{page_of(messages)}cancel/")
    assert len(stored(import_dir)) == 1
    assert confirm(admin, preview(admin, "messages", source="stored")).state == "applied"


def test_an_upload_that_was_left_by_a_crash_is_swept_up(import_dir: Path) -> None:
    old, young = import_dir / "upload-old.sqlite3", import_dir / "upload-young.sqlite3"
    for path in (old, young):
        path.touch()
    long_ago = time.time() - ORPHAN_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    discard_unneeded_uploads()
    assert stored(import_dir) == [young]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"7z\xbc\xaf\x27\x1c and so on", "a 7-Zip archive. Unpack it first"),
        (b"hello, this is text", "is not a SQLite database: it is a text file"),
        (b"\x37\x7f\x06\x82" + bytes(100), "Give the database file beside it"),
    ],
)
def test_a_file_that_is_no_sqlite_database_is_refused(
    admin: Client, import_dir: Path, content: bytes, sentence: str
) -> None:
    page = post(admin, SimpleUploadedFile("minitwit.db", content))
    assert sentence in page
    assert stored(import_dir) == []
    assert not ImportRun.objects.exists()


def test_a_database_is_uploaded_with_its_write_ahead_log(
    admin: Client, sample: Path, import_dir: Path, tmp_path: Path
) -> None:
    live = tmp_path / "live.db"
    shutil.copy(sample, live)
    with closing(sqlite3.connect(live)) as connection:
        before = connection.execute("SELECT count(*) FROM user").fetchone()[0]
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO user (username, email, pw_hash) VALUES ('recent', 'r@b.cc', 'x')")
        connection.commit()
        database = upload_of(live)
        log = upload_of(tmp_path / "live.db-wal", "live.db-wal")
    alone = preview(admin, "users", source="upload", upload=database)
    assert alone.counts["user"]["read"] == before
    assert "upload the -wal file with it" in text_of(admin, page_of(alone))
    database.seek(0)
    users = confirm(admin, preview(admin, "users", source="upload", upload=database, upload_wal=log))
    assert users.counts["user"]["read"] == before + 1
    assert users.verification["ok"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in stored(import_dir)] == [0o600, 0o600]
    messages = confirm(admin, preview(admin, "messages", source="stored"))
    assert messages.verification["ok"]
    assert stored(import_dir) == []


def test_a_dump_is_uploaded_and_loaded_by_the_worker(admin: Client, import_dir: Path, tmp_path: Path) -> None:
    text = "CREATE TABLE user(user_id,username,email,pw_hash);\nINSERT INTO user VALUES(1,'ann','a@b.cc','x');\n"
    run = confirm(admin, preview(admin, "users", source="upload", upload=SimpleUploadedFile("a.sql", text.encode())))
    assert run.counts["user"]["new"] == 1
    assert run.verification["ok"]
    assert "SQLite dump" in text_of(admin, page_of(run))
    assert [file.name for file in import_dir.iterdir()] == [stored(import_dir)[0].name]

    broken = ask_for_preview(admin, "users", source="upload", upload=SimpleUploadedFile("b.sql", text[:-9].encode()))
    with pytest.raises(lifecycle.RunError, match="line 2: it ends in the middle"):
        lifecycle.stage(broken.pk)
    assert not list(import_dir.glob("snapshot*"))


def test_a_log_that_is_none_or_belongs_to_no_database_is_refused(
    admin: Client, sample: Path, import_dir: Path
) -> None:
    data = {"source": "upload", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    page = admin.post(START_USERS, data | {"upload": upload_of(sample), "upload_wal": upload_of(sample, "x-wal")})
    assert "x-wal is not the -wal file" in page.content.decode()
    log = SimpleUploadedFile("a.sql-wal", b"\x37\x7f\x06\x82" + bytes(28))
    dump = SimpleUploadedFile("a.sql", b"CREATE TABLE user(a);")
    page = admin.post(START_USERS, data | {"upload": dump, "upload_wal": log})
    assert "is a SQLite dump, which has no -wal file" in page.content.decode()
    assert stored(import_dir) == []
    assert not ImportRun.objects.exists()


def test_a_file_that_is_too_large_is_refused_and_not_kept(
    admin: Client, sample: Path, import_dir: Path, settings: Any
) -> None:
    settings.LEGACY_UPLOAD_MAX_BYTES = 100_000
    page = post(admin, upload_of(sample))
    assert "but at most 97.7\xa0KB can be uploaded" in page
    assert stored(import_dir) == []
    assert not ImportRun.objects.exists()


def test_no_more_than_the_limit_of_an_upload_reaches_the_disk(settings: Any) -> None:
    settings.LEGACY_UPLOAD_MAX_BYTES = 1000
    handler = CappedUploadHandler()
    handler.new_file("upload", "minitwit.db", "application/octet-stream", 5000, None)
    for start in range(0, 5000, 500):
        handler.receive_data_chunk(bytes(500), start)
    upload = handler.file_complete(5000)
    assert Path(upload.temporary_file_path()).stat().st_size == 1000
    assert upload.size == 5000
    upload.close()


def test_the_page_asks_for_the_file_that_was_forgotten(admin: Client) -> None:
    assert "Choose the file of the old MiniTwit" in post(admin, None)


def test_a_stored_file_cannot_be_asked_for_when_there_is_none(admin: Client, sample: Path) -> None:
    response = admin.post(
        START_USERS, {"source": "stored", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    )
    assert "source" in response.context["form"].errors
    assert not ImportRun.objects.exists()


def test_the_client_cannot_name_a_file_of_the_server(admin: Client, sample: Path) -> None:
    response = admin.post(
        START_USERS, {"source": str(sample), "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    )
    assert "source" in response.context["form"].errors
    assert not ImportRun.objects.exists()
