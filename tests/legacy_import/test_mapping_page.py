"""Staff see which old table and column feeds what, change it, and find their choice again."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from legacy_import.errors import RunError
from legacy_import.models import ImportRun, SourceMapping
from legacy_import.runs import chosen_mapping, lifecycle
from legacy_import.source.recognition.mapping import mappings_from_words
from legacy_import.tables import Models
from MiniTwit.models import Message, User
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import ask_for_preview, confirm, newest_run, page_of, preview, text_of
from tests.legacy_import.old_schemas import FLASK, HASH, SCHEMAS, write_script
from tests.MiniTwit.factories import make_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

SCRIPT = "<script>alert(1)</script>"
CLUB = f"""
CREATE TABLE club_people (nr integer primary key, called TEXT, letters TEXT, door_code TEXT, note TEXT);
INSERT INTO club_people VALUES (1, 'ann', 'ann@example.com', '{HASH}', '{SCRIPT}'), (2, 'bob', '', 'open sesame', '');
CREATE TABLE users (id integer primary key, username, email, password);
INSERT INTO users VALUES (7, 'cleo', 'cleo@example.com', 'plain and secret');
CREATE TABLE films (id integer primary key, title);
"""
PEOPLE = {
    "user": "club_people",
    "user-shown": "club_people",
    "user-user_id": "nr",
    "user-username": "called",
    "user-email": "letters",
    "user-pw_hash": "door_code",
}


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return tmp_path / "old.db"


def choose(client: Client, run: ImportRun, **choices: str) -> ImportRun:
    """Ask for a preview with another mapping, and do the worker's part."""
    response = client.post(f"{page_of(run)}mapping/", choices)
    assert response.status_code == 302
    newer = newest_run()
    assert newer.pk > run.pk
    return lifecycle.stage(newer.pk)  # type: ignore[no-any-return]


def mapping_section(page: str) -> str:
    return page[page.index('id="mapping"') : page.index("</section>", page.index('id="mapping"'))]


def test_the_preview_begins_with_what_is_read_from_where(admin: Client, old: Path) -> None:
    write_script(old, SCHEMAS["gorm with its own dates and a join table"])
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    section = mapping_section(page)
    assert page.index('id="mapping"') < page.index("import-totals")
    assert "Recognised by the names" in section
    assert '<option value="users" selected>' in section
    assert '<option value="username" selected>username: ann, bob, eve</option>' in section
    assert '<option value="password" selected>password: hidden</option>' in section
    assert "<span>ann</span><span>bob</span><span>eve</span>" in section
    assert HASH not in page
    # And what the sample rows show stands under both names.
    assert "pw_hash (password)" in page


def test_another_table_is_chosen_imported_and_remembered(admin: Client, old: Path) -> None:
    write_script(old, CLUB)
    first = preview(admin, "users")
    assert first.source["mapping"]["user"]["table"] == "users"

    second = choose(admin, first, **PEOPLE)
    first.refresh_from_db()
    assert first.state == "superseded"
    page = text_of(admin, page_of(second))
    assert "Chosen by admin on" in page
    assert "1 column of club_people not imported" in page
    assert "open sesame" not in page
    assert SCRIPT not in page
    confirm(admin, second)
    assert list(User.objects.filter(import_run=second.pk).order_by("legacy_id").values_list("username", "email")) == [
        ("ann", "ann@example.com"),
        ("bob", ""),
    ]
    # The next import of this old database uses it, from the command line, too.
    assert import_legacy("users")["tables"]["user"]["unchanged"] == 2
    third = preview(admin, "users")
    assert third.source["mapping"] == second.source["mapping"]

    fourth = choose(admin, third, automatic="yes")
    assert fourth.source["mapping"]["user"]["table"] == "users"
    assert not SourceMapping.objects.exists()


def test_a_column_that_was_left_out_stays_left_out(admin: Client, old: Path) -> None:
    write_script(old, FLASK)
    chosen = {"user": "user", "user-shown": "user", "user-user_id": "user_id", "user-username": "username"}
    run = choose(admin, preview(admin, "users"), **chosen, **{"user-email": "", "user-pw_hash": "pw_hash"})
    assert run.counts["user"]["notes"] == {"empty_email": 3}
    assert import_legacy("users")["notes"] == {"user": {"empty_email": 3}}


def test_without_javascript_another_table_brings_its_own_columns(admin: Client, old: Path) -> None:
    """The page cannot show them before it knows the table, so it sends those of the table that it showed."""
    write_script(old, CLUB + "CREATE TABLE members (id integer primary key, nick, mail);")
    sent = {"user": "members", "user-shown": "users", "user-username": "username", "user-user_id": "id"}
    run = choose(admin, preview(admin, "users"), **sent)
    assert run.source["mapping"]["user"] == {
        "table": "members",
        "columns": {"user_id": "id", "username": "nick", "email": "mail"},
    }
    assert run.counts["user"]["read"] == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"user-username": ""}, "Choose the column that holds this."),
        ({"user-username": "title"}, "Select a valid choice"),
        ({"user": "no such table"}, "Select a valid choice"),
        ({"user": ""}, "This field is required"),
        ({"user": "users", "user-shown": "users", "user-username": "password"}, "looks like passwords"),
    ],
)
def test_what_cannot_be_meant_is_said_beside_its_select_box(
    admin: Client, old: Path, changes: dict[str, str], complaint: str
) -> None:
    write_script(old, CLUB)
    run = preview(admin, "users")
    data = {**PEOPLE, **changes}
    if data["user"] == "users":
        data |= {"user-user_id": "id", "user-email": "", "user-pw_hash": ""}
    response = admin.post(f"{page_of(run)}mapping/", data)
    assert response.status_code == 200
    assert complaint in mapping_section(response.content.decode())
    assert newest_run() == run
    assert not SourceMapping.objects.exists()


def test_a_mapping_that_was_changed_is_not_confirmed_as_the_old_one(admin: Client, old: Path) -> None:
    """Without JavaScript both buttons can be pressed; *Confirm* must not import what the page no longer shows."""
    write_script(old, CLUB)
    run = preview(admin, "users")
    sent = {"user": "users", "user-shown": "users", "user-user_id": "id", "user-username": "username"}
    sent |= {"user-email": "email", "user-pw_hash": "password"}
    for changed in ({"user-email": ""}, PEOPLE, {"user": "club_people"}, {"user-username": ""}):
        response = admin.post(f"{page_of(run)}confirm/", sent | changed)
        assert response.status_code == 409
        page = response.content.decode()
        assert "the mapping was changed after this preview" in page
        assert "data-mapping-changed>" in page, "not hidden"
        shown = response.context["page"].mapping_form
        assert all(shown[field].value() == value for field, value in changed.items())
        run.refresh_from_db()
        assert run.state == "previewed"
    assert admin.post(f"{page_of(run)}confirm/", sent).status_code == 302
    run.refresh_from_db()
    assert run.state == "applying"
    assert User.objects.filter(legacy_id__isnull=False).count() == 0
    lifecycle.apply(run.pk)
    assert User.objects.get(legacy_id=7).email == "cleo@example.com"


def test_a_wide_table_can_be_confirmed_with_a_column_from_its_end(admin: Client, old: Path) -> None:
    """A page does not offer every column of every table, but it offers those that are used."""
    columns = ", ".join(f"c{number}" for number in range(60))
    write_script(old, f"CREATE TABLE people (id integer primary key, {columns}, username);")
    with sqlite3.connect(old) as database:
        database.execute("INSERT INTO people (id, username) VALUES (1, 'ann')")
    database.close()
    run = preview(admin, "users")
    form = admin.get(page_of(run), follow=True).context["page"].mapping_form
    assert form["user-username"].value() == "username"
    assert ("username", "username: ann") in form.fields["user-username"].choices
    sent = {"user": "people", "user-user_id": "id", "user-username": "username", "user-email": "", "user-pw_hash": ""}
    assert admin.post(f"{page_of(run)}confirm/", sent).status_code == 302


def test_a_choice_that_was_made_after_the_preview_asks_for_another_preview(admin: Client, old: Path) -> None:
    write_script(old, CLUB)
    first = preview(admin, "users")
    chosen = ask_for_preview(admin, "users")
    mapping = mappings_from_words(["user=club_people", "user.username=club_people.called"])
    chosen_mapping.choose_for(first, mapping, User.objects.get(username="admin"), Models())
    lifecycle.cancel(chosen.pk)
    response = admin.post(f"{page_of(first)}confirm/", follow=True)
    assert "admin chose another mapping for this old database. Make a new preview." in response.content.decode()
    second = preview(admin, "users")
    assert second.source["mapping"]["user"]["table"] == "club_people"
    chosen_mapping.choose_for(second, {}, User.objects.get(username="admin"), Models())
    response = admin.post(f"{page_of(second)}confirm/", follow=True)
    assert "the mapping that had been chosen was dropped" in response.content.decode()


def test_two_sets_of_tables_wait_for_a_choice(admin: Client, old: Path) -> None:
    write_script(old, CLUB)
    with sqlite3.connect(old) as database:
        database.execute("CREATE TABLE authors (author_id integer primary key, name)")
        database.execute("INSERT INTO authors VALUES (3, 'dora')")
    database.close()
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    assert "several tables that could hold the users (users with 1 row, authors with 1 row)" in page
    assert "Choose the tables first" in page
    assert "Confirm import" not in page
    with pytest.raises(RunError, match="several tables"):
        lifecycle.confirm(run.pk)

    same = {"user": "users", "user-shown": "users", "user-user_id": "id", "user-username": "username"}
    chosen = choose(admin, run, **same, **{"user-email": "email", "user-pw_hash": "password"})
    assert "Confirm import" in text_of(admin, page_of(chosen))
    confirm(admin, chosen)
    assert User.objects.get(legacy_id__isnull=False).username == "cleo"


def test_messages_have_a_mapping_of_their_own_and_their_users_the_one_they_came_with(
    admin: Client, old: Path
) -> None:
    write_script(
        old,
        CLUB + "CREATE TABLE notices (nr integer primary key, who TEXT, words TEXT, day INTEGER);"
        "INSERT INTO notices VALUES (1, 'ann', 'hello', 1600000000), (2, 'bob', 'hi', 1600000060);",
    )
    confirm(admin, choose(admin, preview(admin, "users"), **PEOPLE))
    # No table looks like messages. The run is refused, and its page asks which one it is.
    refused = ask_for_preview(admin, "messages")
    with pytest.raises(RunError, match="no table message"):
        lifecycle.stage(refused.pk)
    page = text_of(admin, page_of(refused))
    assert "Column mapping" in page
    assert '<option value="notices"' in page

    notices = {"message": "notices", "message-shown": "notices", "message-message_id": "nr", "follower": ""}
    columns = {"message-author_id": "who", "message-text": "words", "message-pub_date": "day"}
    run = choose(admin, refused, **notices, **columns, **{"message-flagged": ""})
    assert run.counts["message"]["new"] == 2
    assert run.counts["message"]["notes"] == {"author_by_name": 2, "flagged_unknown": 2}
    applied = confirm(admin, run)
    assert applied.verification["ok"]
    assert Message.objects.filter(author__username="ann").get().text == "hello"
    # A newer preview remembers both.
    assert preview(admin, "messages").counts["message"]["unchanged"] == 2


def test_a_newer_copy_that_is_uploaded_is_read_with_the_same_tables(admin: Client, tmp_path: Path) -> None:
    def upload(name: str) -> ImportRun:
        file = SimpleUploadedFile("old.db", (tmp_path / name).read_bytes())
        return preview(admin, "users", source="upload", upload=file)

    write_script(tmp_path / "first.db", CLUB)
    confirm(admin, choose(admin, upload("first.db"), **PEOPLE))
    write_script(tmp_path / "newer.db", CLUB + "INSERT INTO club_people VALUES (3, 'eve', '', '', '');")
    newer = upload("newer.db")
    assert newer.source["mapping"]["user"]["table"] == "club_people"
    assert (newer.counts["user"]["unchanged"], newer.counts["user"]["new"]) == (2, 1)


def test_the_choice_for_a_refused_upload_waits_for_the_file_to_come_again(admin: Client, tmp_path: Path) -> None:
    write_script(tmp_path / "old.db", CLUB + "DROP TABLE users;")

    def ask() -> ImportRun:
        file = SimpleUploadedFile("old.db", (tmp_path / "old.db").read_bytes())
        return ask_for_preview(admin, "users", source="upload", upload=file)

    refused = ask()
    with pytest.raises(RunError, match="no table user"):
        lifecycle.stage(refused.pk)
    response = admin.post(f"{page_of(refused)}mapping/", PEOPLE, follow=True)
    assert "Upload old.db once more" in response.content.decode()
    assert lifecycle.stage(ask().pk).counts["user"]["new"] == 2


def test_only_those_who_may_import_choose(client: Client, admin: Client, old: Path) -> None:
    write_script(old, CLUB)
    run = preview(admin, "users")
    auditor = Client()
    auditor.force_login(make_member("Auditors"))
    page = text_of(auditor, page_of(run))
    assert "<code>users</code>" in mapping_section(page)
    assert "<select" not in mapping_section(page)
    assert auditor.post(f"{page_of(run)}mapping/", PEOPLE).status_code == 403
    assert newest_run() == run


def test_an_applied_run_keeps_its_mapping(admin: Client, old: Path) -> None:
    write_script(old, SCHEMAS["sqlalchemy"])
    run = confirm(admin, preview(admin, "users"))
    page = text_of(admin, page_of(run))
    assert "<code>password_hash</code>" in mapping_section(page)
    response = admin.post(f"{page_of(run)}mapping/", PEOPLE, follow=True)
    assert "is over" in response.content.decode()


def test_rejected_rows_are_downloaded_under_the_names_that_staff_know(admin: Client, old: Path) -> None:
    write_script(old, "CREATE TABLE users (id, name, mail, pass); INSERT INTO users VALUES (1, '', 'x@y.zz', 'p')")
    run = preview(admin, "users")
    answer = admin.get(f"{page_of(run)}rejected/user.csv")
    lines = b"".join(answer).decode().splitlines()  # type: ignore[arg-type]
    assert lines[0].endswith("user_id (id),username (name),email (mail)")
    assert re.search(r"empty_username,.*,1,,x@y.zz", lines[1])


def test_the_page_stays_small_whatever_tables_there_are(admin: Client, old: Path) -> None:
    write_script(old, FLASK)
    with sqlite3.connect(old) as database:
        for table in range(100):
            columns = ", ".join(f"a_long_column_name_{number} TEXT" for number in range(100))
            database.execute(f"CREATE TABLE a_long_table_name_{table} ({columns})")
            database.execute(f"INSERT INTO a_long_table_name_{table} (a_long_column_name_1) VALUES (?)", ["x" * 9999])
    database.close()
    run = preview(admin, "users")
    assert run.counts["user"]["new"] == 3
    assert len(text_of(admin, page_of(run))) < 150_000
