"""Choosing the old tables and columns, in a browser."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from MiniTwit.models import User
from tests.browser.conftest import Visitor
from tests.browser.test_import import PATIENCE
from tests.legacy_import.old_schemas import HASH, write_script

pytestmark = pytest.mark.django_db(transaction=True)

expect.set_options(timeout=PATIENCE)

OLD = f"""
CREATE TABLE users (id integer primary key, created_at, updated_at, deleted_at, username, email, password, avatar_url,
    bio, phone);
INSERT INTO users (id, username, email, password) VALUES (1, 'ann', 'ann@example.com', '{HASH}'),
    (2, 'bob', 'a.very.long.address.of.bob@mail.example.com', '{HASH}'), (3, 'cleo', '', '{HASH}');
CREATE TABLE authors (author_id integer primary key, name, mail);
INSERT INTO authors VALUES (7, 'Dora', 'dora@example.com'), (8, 'Émile <b>Zola</b>', NULL);
CREATE TABLE messages (id integer primary key, user_id integer, text, created_at, flagged);
"""


def test_another_table_brings_its_columns_at_once_and_is_then_imported(
    visitor: Visitor, tmp_path: Path, settings: Any, import_dir: Path, worker: Callable[[], subprocess.Popen]
) -> None:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{write_script(tmp_path / 'old.db', OLD)}"
    worker()
    page = visitor.arrive("/admin/legacy_import/importrun/users/")
    page.get_by_role("button", name="Preview").click()
    mapping = page.locator("#mapping")
    expect(mapping).to_contain_text("several tables that could hold the users")
    expect(page.get_by_role("button", name="Confirm import")).to_have_count(0)
    expect(mapping.locator(".legacy-values").nth(3)).to_have_text("hidden")
    visitor.look("14_mapping_undecided")

    mapping.locator("select").first.select_option("authors")
    expect(mapping.get_by_label("Username")).to_have_value("name")
    expect(mapping.locator(".legacy-values").nth(1)).to_contain_text("Émile <b>Zola</b>")
    expect(mapping.get_by_label("Password")).to_have_value("")
    mapping.get_by_label("E-mail address").select_option("")
    expect(mapping.locator(".legacy-values").nth(2)).to_have_text("")
    mapping.get_by_role("button", name="Preview with this mapping").click()
    expect(mapping).to_contain_text("Chosen by importer on")
    visitor.look("15_mapping_chosen")
    # What is changed after the preview has to be previewed first.
    confirm = page.get_by_role("button", name="Confirm import")
    mapping.get_by_label("E-mail address").select_option("mail")
    expect(confirm).to_be_disabled()
    expect(page.get_by_text("The mapping was changed: make a preview with it first.")).to_be_visible()
    mapping.get_by_label("E-mail address").select_option("")
    expect(page.get_by_text("The mapping was changed: make a preview with it first.")).to_be_hidden()
    expect(confirm).to_be_enabled()
    page.get_by_role("button", name="Confirm import").click()
    expect(page.locator("text=Every row of the old database arrived as it was")).to_be_visible()
    visitor.look("16_mapping_applied")
    assert sorted(User.objects.filter(legacy_id__isnull=False).values_list("username", "email")) == [
        ("Dora", ""),
        ("Émile <b>Zola</b>", ""),
    ]
    assert visitor.complaints == []
