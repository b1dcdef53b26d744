"""Staff import the old database on the admin's pages: both imports, what can stand against them, and undoing."""

import csv
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.outcomes import REASONS
from legacy_import.runs import lifecycle
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.conftest import (
    ask_for_preview,
    confirm,
    newest_run,
    page_of,
    preview,
    text_of,
)
from tests.legacy_import.old_database import LOOSE_SCHEMA, make_old_database
from tests.MiniTwit.factories import make_member

# Progress is written, and cancellation heard, on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

START_USERS = "/admin/legacy_import/importrun/users/"
START_MESSAGES = "/admin/legacy_import/importrun/messages/"
SCRIPT = "<script>alert('old')</script>"


def old_database(path: Path, settings: Any, **rows: Any) -> Path:
    """A small configured old database."""
    users = [(1, "Ada", "ada@example.com", "plain"), (2, "Bob", "bob@example.com", "plain")]
    make_old_database(path / "old.db", **{"user": users} | rows)
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path / 'old.db'}"
    return path / "old.db"


def test_both_imports_from_the_buttons_to_the_rows(admin: Client, configured: Path) -> None:
    dashboard = text_of(admin, "/admin/")
    assert START_USERS in dashboard
    assert "Import the users first" in dashboard

    users = preview(admin, "users")
    page = text_of(admin, page_of(users))
    assert "Nothing has been written yet" in page
    assert f"{users.audit['checked']} sample rows went through import-export" in page
    for code in ("duplicate_username", "unusable_password"):
        assert code in page
    assert users.source["sha256"] in page
    assert not User.objects.filter(legacy_id__isnull=False).exists()

    page = text_of(admin, page_of(confirm(admin, users)))
    assert "Every row of the old database arrived as it was" in page
    assert f"/admin/MiniTwit/user/?import_run={users.pk}" in page
    assert START_MESSAGES in page
    assert User.objects.filter(import_run=users.pk).count() == users.counts["user"]["new"]

    messages = confirm(admin, preview(admin, "messages"))
    page = text_of(admin, page_of(messages))
    for table in ("message", "follow"):
        assert f"/admin/MiniTwit/{table}/?import_run={messages.pk}" in page
    assert Message.objects.count() == messages.counts["message"]["new"] > 4000
    assert Follow.objects.count() == messages.counts["follower"]["new"] > 1000
    assert "4,034 new" in text_of(admin, "/admin/")


def test_a_preview_accounts_for_every_row_and_shows_why(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    response = admin.get(page_of(run), follow=True)
    (table,) = response.context["result"].tables
    outcomes = {outcome.name: outcome.rows for outcome in table.outcomes()}
    assert sum(outcomes.values()) == table.counts.read == run.source["tables"]["user"]
    assert len(table.invalid_rows) == outcomes["rejected"]
    assert not response.context["result"].has_errors()
    assert REASONS["username_taken"] in response.content.decode()


def test_what_the_old_database_holds_is_never_markup_here(admin: Client, tmp_path: Path, settings: Any) -> None:
    old_database(
        tmp_path,
        settings,
        user=[(1, "Ada", f"{SCRIPT}@example.com", "x"), (2, f"\t{SCRIPT}", "", "x")],
        message=[(1, 1, f"{SCRIPT} & more", 1_582_100_838, 0), (2, 99, SCRIPT, 1_582_100_838, 0)],
    )
    users = preview(admin, "users")
    pages = [text_of(admin, page_of(users))]
    confirm(admin, users)
    messages = preview(admin, "messages")
    pages.append(text_of(admin, page_of(messages)))
    confirm(admin, messages)
    pages += [text_of(admin, page_of(messages)), text_of(admin, "/admin/MiniTwit/message/")]
    for page in pages:
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in pages[0]
    assert "&lt;script&gt;alert" in pages[1]


def test_a_page_stays_small_whatever_the_old_database_holds(admin: Client, tmp_path: Path, settings: Any) -> None:
    letters = "&<" * 30_000
    path = old_database(
        tmp_path,
        settings,
        user=[(number, f"user {number}", letters, "x") for number in range(1, 21)],
    )
    make_more_tables(path, 300)
    run = preview(admin, "users")
    page = text_of(admin, page_of(run))
    assert run.counts["user"]["new"] == 20
    assert len(page) < 200_000
    assert "and 280 more tables" in page


def make_more_tables(path: Path, number: int) -> None:
    connection = sqlite3.connect(path)
    for table in range(number):
        connection.execute(f"CREATE TABLE {'a_long_name_' * 50}{table} (id integer)")
    connection.close()


def test_a_second_confirmation_says_that_the_import_goes_on_already(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    admin.post(f"{page_of(run)}confirm/")
    response = admin.post(f"{page_of(run)}confirm/", follow=True)
    assert f"Import {run.pk} was confirmed already: it is being imported." in response.content.decode()
    lifecycle.apply(run.pk)
    response = admin.post(f"{page_of(run)}confirm/", follow=True)
    assert "it is imported." in response.content.decode()
    assert User.objects.filter(import_run=run.pk).count() == run.counts["user"]["new"]


def test_an_undo_that_waits_for_the_worker_can_be_withdrawn(admin: Client, configured: Path) -> None:
    run = confirm(admin, preview(admin, "users"))
    page = admin.post(f"{page_of(run)}undo/", follow=True).content.decode()
    assert "Cancel the undoing" in page
    page = admin.post(f"{page_of(run)}cancel/", follow=True).content.decode()
    assert f"Undoing import {run.pk} was cancelled. Nothing was taken out." in page
    with pytest.raises(RunError):
        lifecycle.undo(run.pk)  # what the worker finds in its queue all the same
    run.refresh_from_db()
    assert run.state == "applied"
    assert User.objects.filter(import_run=run.pk).count() == run.counts["user"]["new"]


def test_looking_changes_nothing(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    for address in ("confirm", "cancel", "mapping"):
        assert admin.get(f"{page_of(run)}{address}/")["Location"] == f"{page_of(run)}change/"
    run.refresh_from_db()
    assert run.state == "previewed"
    confirm(admin, run)
    text_of(admin, f"{page_of(run)}undo/")
    run.refresh_from_db()
    assert run.undo_requested_at is None


def test_a_forged_confirmation_from_another_site_is_refused(configured: Path, admin: Client) -> None:
    run = preview(admin, "users")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="admin"))
    assert strict.post(f"{page_of(run)}confirm/").status_code == 403
    run.refresh_from_db()
    assert run.state == "previewed"


def test_a_cancelled_preview_writes_nothing_and_says_what_to_do(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    page = admin.post(f"{page_of(run)}cancel/", follow=True).content.decode()
    assert "Nothing was written" in page
    assert START_USERS in page
    assert not User.objects.filter(legacy_id__isnull=False).exists()
    assert (
        "cannot be confirmed: it is cancelled" in admin.post(f"{page_of(run)}confirm/", follow=True).content.decode()
    )


def test_a_newer_preview_takes_the_place_of_an_older_one(admin: Client, configured: Path) -> None:
    older, newer = preview(admin, "users"), preview(admin, "users")
    page = text_of(admin, page_of(older))
    assert "A newer preview took the place" in page
    assert f'href="{page_of(newer)}change/"' in page


def test_an_import_is_undone_after_a_question(admin: Client, configured: Path) -> None:
    users = confirm(admin, preview(admin, "users"))
    messages = confirm(admin, preview(admin, "messages"))
    refused = text_of(admin, f"{page_of(users)}undo/")
    assert "Undo that import first" in refused
    assert 'value="Undo this import"' not in refused

    assert "What stays" in text_of(admin, f"{page_of(messages)}undo/")
    Message.objects.filter(legacy_id=1).update(text="Edited here.", changed_at=now())
    page = admin.post(f"{page_of(messages)}undo/", follow=True).content.decode()
    assert "Undoing the import" in page
    lifecycle.undo(messages.pk)
    page = text_of(admin, page_of(messages))
    assert "This import was undone" in page
    assert Message.objects.get().text == "Edited here."


def test_messages_are_locked_until_the_users_are_here(admin: Client, configured: Path) -> None:
    page = text_of(admin, START_MESSAGES)
    assert "Import the users first" in page
    assert START_USERS in page
    response = admin.post(START_MESSAGES, {"source": "configured", "existing": "update"})
    assert "The users of" in response.content.decode()
    assert response.context["form"]["existing"].value() == "update"
    assert not ImportRun.objects.exists()


def test_one_import_at_a_time(admin: Client, configured: Path) -> None:
    run = ask_for_preview(admin, "users")
    assert f"Import {run.pk} is reading" in text_of(admin, START_USERS)
    assert f"Import {run.pk} (users) is running; only one" in text_of(admin, START_MESSAGES)
    response = admin.post(
        START_USERS, {"source": "configured", "existing": "keep", "duplicates": "merge", "plain_passwords": "hash"}
    )
    assert f"Import {run.pk}, started by admin, is still at work" in response.content.decode()
    assert response.context["form"]["duplicates"].value() == "merge"
    assert ImportRun.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "No old database is configured"),
        ("oracle://localhost/old", "cannot be read from an address that starts with oracle://"),
    ],
)
def test_without_a_configured_database_the_page_asks_for_a_file(
    admin: Client, settings: Any, url: str, sentence: str
) -> None:
    settings.LEGACY_DATABASE_URL = url
    response = admin.get(START_USERS)
    assert sentence in response.content.decode()
    assert list(response.context["form"].references) == []


def test_a_configured_file_that_is_gone(admin: Client, settings: Any, tmp_path: Path) -> None:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path}/gone.db"
    page = admin.post(
        START_USERS, {"source": "configured", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    )
    assert f"There is no file {tmp_path}/gone.db" in page.content.decode()
    assert not ImportRun.objects.exists()


def test_a_damaged_database_fails_and_the_run_says_so(admin: Client, settings: Any, tmp_path: Path) -> None:
    path = old_database(tmp_path, settings)
    path.write_bytes(path.read_bytes()[:5000])
    run = ask_for_preview(admin, "users")
    with pytest.raises(lifecycle.RunError):
        lifecycle.stage(run.pk)
    page = text_of(admin, page_of(run))
    assert "damaged" in page or "cannot be read" in page
    assert "Make a new preview" in page


def test_rows_on_which_the_two_rules_disagree_cannot_be_confirmed(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    run.audit["disagreements"] = ["user row 3: new by the set-based rules, kept row by row."]
    run.save()
    page = text_of(admin, page_of(run))
    assert "user row 3: new by the set-based rules" in page
    assert 'value="Confirm import"' not in page
    assert "This is a fault of the program" in admin.post(f"{page_of(run)}confirm/", follow=True).content.decode()


def test_rejected_rows_can_be_taken_to_a_spreadsheet(admin: Client, settings: Any, tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'with "quotes", and\nlines']
    users = [(number, name, name, "secret") for number, name in enumerate(names * 2, start=1)]
    old_database(tmp_path, settings, user=users, schema=LOOSE_SCHEMA)
    run = preview(admin, "users")
    before = csv_rows(admin, run, "user")
    confirm(admin, run)
    after = csv_rows(admin, run, "user")
    assert before == after
    assert len(after) == run.counts["user"]["rejected"] > len(names)
    assert {row["email"] for row in after} >= {"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\r=1", names[-1]}
    assert "pw_hash" not in after[0]
    assert after[-1]["meaning"]


def csv_rows(client: Client, run: ImportRun, table: str) -> list[dict[str, str]]:
    response = client.get(f"{page_of(run)}rejected/{table}.csv")
    assert response.status_code == 200
    assert response.streaming
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_there_are_no_rejected_rows_of_a_table_that_was_not_imported(admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    assert admin.get(f"{page_of(run)}rejected/message.csv").status_code == 404
    assert admin.get(f"{page_of(run)}rejected/pg_authid.csv").status_code == 404


def test_the_history_lists_every_run_and_changes_none(admin: Client, configured: Path) -> None:
    confirm(admin, preview(admin, "users"))
    run = preview(admin, "users")
    page = text_of(admin, "/admin/legacy_import/importrun/")
    assert "imported" in page
    assert "waiting for confirmation" in page
    assert f"{run.counts['user']['read']} users read" in page
    assert admin.get("/admin/legacy_import/importrun/add/").status_code == 403
    assert admin.post(f"{page_of(run)}delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/legacy_import/importrun/999999/change/").status_code == 404


def test_an_importer_does_everything(client: Client, configured: Path) -> None:
    client.force_login(make_member("Importers"))
    run = confirm(client, preview(client, "users"))
    assert run.created_by_name == run.confirmed_by_name == "one of the Importers"
    client.post(f"{page_of(run)}undo/")
    lifecycle.undo(run.pk)
    assert newest_run().undone_by_name == "one of the Importers"


def test_an_auditor_looks_and_changes_nothing(client: Client, admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    auditor = Client()
    auditor.force_login(make_member("Auditors"))
    page = text_of(auditor, page_of(run))
    assert "Confirm import" not in page
    assert "/cancel/" not in page
    rejected = auditor.get(f"{page_of(run)}rejected/user.csv")
    assert rejected.status_code == 200
    assert rejected.getvalue(), "the end of an answer lifts the limit of its statements"
    for address in ("confirm", "cancel", "undo"):
        assert auditor.post(f"{page_of(run)}{address}/").status_code == 403
    for start in (START_USERS, START_MESSAGES):
        assert auditor.get(start).status_code == 403
        assert auditor.post(start, {"source": "configured"}).status_code == 403
    assert "Import legacy users" not in text_of(auditor, "/admin/")
    run.refresh_from_db()
    assert run.state == "previewed"


def test_other_staff_see_nothing_of_the_import(client: Client, admin: Client, configured: Path) -> None:
    run = preview(admin, "users")
    moderator = Client()
    moderator.force_login(make_member("Moderators"))
    for address in ("", "status/", "confirm/", "cancel/", "undo/", "rejected/user.csv"):
        method = moderator.post if address in ("confirm/", "cancel/") else moderator.get
        assert method(f"{page_of(run)}{address}", follow=True).status_code == 403
    assert moderator.get("/admin/legacy_import/importrun/").status_code == 403
    dashboard = text_of(moderator, "/admin/")
    assert "Import legacy users" not in dashboard
    assert "/admin/legacy_import/" not in dashboard
    assert "/admin/MiniTwit/message/" in dashboard


def test_who_is_not_signed_in_is_asked_to(configured: Path, admin: Client) -> None:
    run = preview(admin, "users")
    for address in (START_USERS, f"{page_of(run)}rejected/user.csv", f"{page_of(run)}change/"):
        assert Client().get(address).headers["Location"].startswith("/admin/login/")
    assert Client().get(f"{page_of(run)}status/").status_code == 403


def test_the_addresses_that_others_link_to() -> None:
    assert reverse("admin:legacy_import_users") == START_USERS
    assert reverse("admin:legacy_import_messages") == START_MESSAGES


def test_after_an_undo_the_dashboard_does_not_say_done(admin: Client, configured: Path) -> None:
    confirm(admin, preview(admin, "users"))
    first = confirm(admin, preview(admin, "messages"))
    again = confirm(admin, preview(admin, "messages"))
    assert again.counts["message"]["new"] == 0
    lifecycle.request_undo(first.pk)
    lifecycle.undo(first.pk)
    assert "The last import was undone." in text_of(admin, "/admin/")
