"""The main job, in a browser: from signing in to both results."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from MiniTwit.models import Follow, Message, User
from tests.browser.conftest import Visitor, make_user_who_may_import

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60_000  # milliseconds; only a broken program waits so long
expect.set_options(timeout=PATIENCE)

StartWorker = Callable[[], subprocess.Popen]


def test_both_imports_by_clicking(visitor: Visitor, configured: Path, worker: StartWorker) -> None:
    page = visitor.page
    make_user_who_may_import()
    page.goto(f"{visitor.address}/admin/")
    visitor.sign_in()
    visitor.look("01_dashboard")
    page.get_by_role("link", name="Import legacy messages", exact=True).click()
    expect(page.locator(".legacy-sentence")).to_contain_text("Import the users first")
    visitor.look("02_messages_locked")

    page.get_by_role("link", name="Home").click()
    page.get_by_role("link", name="Import legacy users", exact=True).click()
    visitor.look("03_start_users")
    page.get_by_role("button", name="Preview").click()
    # Nobody is there to do it, and the page says so by itself.
    expect(page.locator(".work-waiting")).to_contain_text("python manage.py db_worker")
    visitor.look("04_no_worker")
    worker()
    # And it goes on by itself as soon as somebody is.
    confirm = page.get_by_role("button", name="Confirm import")
    expect(confirm).to_be_visible()
    expect(page.locator("body")).to_contain_text("sample rows went through import-export's own path: all agree")
    visitor.look("05_preview_users")
    confirm.dblclick()
    expect(page.locator("text=Every row of the old database arrived as it was")).to_be_visible()
    expect(page.locator(".import-totals")).to_contain_text(f"{User.objects.filter(legacy_id__isnull=False).count()}")
    visitor.look("06_result_users")

    page.get_by_role("link", name="Import legacy messages", exact=True).click()
    visitor.look("07_start_messages")
    page.get_by_role("button", name="Preview").click()
    expect(confirm).to_be_visible()
    visitor.look("08_preview_messages")
    confirm.click()
    expect(page.locator("text=Every row of the old database arrived as it was")).to_be_visible()
    expect(page.locator(".import-totals")).to_contain_text(f"{Message.objects.count():,} new messages")
    expect(page.locator(".import-totals")).to_contain_text(f"{Follow.objects.count():,} new follows")
    visitor.look("09_result_messages")

    page.get_by_role("link", name="See the messages", exact=True).click()
    expect(page.locator("#result_list, .grp-changelist-results").first).to_be_visible()
    page.goto(f"{visitor.address}/admin/")
    expect(page.locator(".legacy-import .legacy-state")).to_have_text(["done", "done"])
    visitor.look("10_dashboard_done")
    page.get_by_role("link", name="Imports", exact=True).click()
    expect(page.locator(".grp-changelist-results tbody tr")).to_have_count(2)
    visitor.look("11_history")
    page.locator(".grp-changelist-results tbody a").first.click()
    page.get_by_role("link", name="Undo this import", exact=True).click()
    expect(page.locator("text=What stays")).to_be_visible()
    visitor.look("12_undo")
    assert visitor.complaints == []


def test_without_javascript_the_page_reloads_until_the_preview_is_there(
    visitor_without_javascript: Visitor, configured: Path, worker: StartWorker
) -> None:
    visitor = visitor_without_javascript
    visitor.arrive("/admin/legacy_import/importrun/users/")
    visitor.page.get_by_role("button", name="Preview").click()
    expect(visitor.page.locator(".work-phase")).to_have_text("Waiting to begin")
    worker()
    expect(visitor.page.get_by_role("button", name="Confirm import")).to_be_visible()
    assert re.search(r"/importrun/\d+/change/", visitor.page.url)
    assert visitor.complaints == []


def test_a_file_is_chosen_by_uploading_it(
    visitor: Visitor, sample: Path, import_dir: Path, worker: StartWorker, settings: Any, tmp_path: Path
) -> None:
    """One that is too large is refused before it travels, and another one goes through."""
    settings.LEGACY_UPLOAD_MAX_BYTES = sample.stat().st_size + 1
    too_large = tmp_path / "large.db"
    too_large.write_bytes(sample.read_bytes() + b"more")
    worker()
    page = visitor.arrive("/admin/legacy_import/importrun/users/")
    page.wait_for_load_state()  # the script of the page looks at the size
    start = page.url
    page.set_input_files("#id_upload", too_large)
    page.get_by_role("button", name="Preview").click()
    complaint = page.locator("#id_upload").evaluate("input => input.validationMessage")
    assert f"at most {sample.stat().st_size + 1:,} can be uploaded" in complaint
    assert page.url == start
    page.set_input_files("#id_upload", sample)
    expect(page.locator("input[value=upload]")).to_be_checked()
    visitor.look("13_start_upload")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Confirm import")).to_be_visible()
    expect(page.locator(".legacy-facts")).to_contain_text("Uploaded file")
    assert visitor.complaints == []
