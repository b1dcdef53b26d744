"""What staff choose for an import holds, whichever way leads to the run that is applied.

The options are taken from `ImportOptions` itself, so that one that is added later is tried as well.
"""

from argparse import ArgumentParser
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from legacy_import.admin.start_form import StartForm
from legacy_import.errors import RunError
from legacy_import.management.commands.import_legacy import Command
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.runs import lifecycle
from legacy_import.runs.records import Choices
from MiniTwit.models import User
from tests.legacy_import.commands import import_legacy
from tests.legacy_import.conftest import ask_for_preview, confirm, newest_run, page_of, preview
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

OPTIONS = [field.name for field in fields(ImportOptions)]
MAPPING = {
    "user": "user",
    "user-shown": "user",
    "user-user_id": "user_id",
    "user-username": "username",
    "user-pw_hash": "pw_hash",
}


@pytest.fixture
def old(tmp_path: Path, settings: Any) -> Path:
    settings.LEGACY_DATABASE_URL = f"sqlite:///{tmp_path / 'old.db'}"
    return make_old_database(tmp_path / "old.db", user=[(1, "ann", "ann@example.com", "correct horse")])


def other_choices() -> dict[str, str]:
    """For each option something else than what it is by default."""
    form = StartForm("users")
    return {
        name: next(str(choice) for choice, _ in form.fields[name].choices if choice != getattr(ImportOptions(), name))
        for name in OPTIONS
    }


def chosen_for(run: ImportRun) -> dict[str, str]:
    return {name: run.options[name] for name in OPTIONS}


def test_every_option_can_be_chosen_on_the_page_and_on_the_command_line() -> None:
    parser = ArgumentParser()
    Command().add_arguments(parser)
    arguments = {action.dest: action for action in parser._actions}
    form = StartForm("users")
    for name, default in asdict(ImportOptions()).items():
        choices = {choice for choice, _ in form.fields[name].choices}
        assert set(arguments[name].choices or ()) == choices
        assert arguments[name].default == form.fields[name].initial == default


def test_what_an_older_program_kept_of_a_run_can_be_read() -> None:
    """What it did not know is as by default, and what is no longer known is left out."""
    assert ImportOptions.from_json({"existing": "update", "gone": 1}) == ImportOptions(existing="update")
    assert TableCounts.from_json({"read": 3, "gone": 1}) == TableCounts(read=3)


def test_a_changed_mapping_forgets_no_option(admin: Client, old: Path) -> None:
    """Passwords that were to be unusable became usable because the mapping was changed."""
    first = preview(admin, "users", **other_choices())
    assert chosen_for(first) == other_choices()
    admin.post(f"{page_of(first)}mapping/", MAPPING)
    second = lifecycle.stage(newest_run().pk)
    assert second.pk > first.pk
    assert chosen_for(second) == other_choices()
    admin.post(f"{page_of(second)}mapping/", {"automatic": "yes"})
    third = lifecycle.stage(newest_run().pk)
    assert chosen_for(third) == other_choices()
    confirm(admin, third)
    assert not User.objects.get(username="ann").has_usable_password()


def test_what_was_found_of_an_old_database_is_no_choice(admin: Client, old: Path) -> None:
    """A run that follows another one takes its choices over as they are."""
    run = preview(admin, "users", **other_choices())
    admin.post(f"{page_of(run)}mapping/", MAPPING)
    second = lifecycle.stage(newest_run().pk)
    for staged in (run, second):
        assert Choices.from_json(staged.options).as_json() == staged.options
        assert staged.findings["unique_ids"]["user"]


def test_whoever_starts_again_from_a_run_finds_its_options_chosen(admin: Client, old: Path) -> None:
    run = preview(admin, "users", **other_choices())
    page = admin.post(f"{page_of(run)}cancel/", follow=True)
    assert f"users/?like={run.pk}" in page.content.decode()
    form = admin.get(page.context["page"].start_url).context["form"]
    assert {name: form[name].value() for name in OPTIONS} == other_choices()
    # Messages have options of their own, and what is no run's number is no run.
    for address in (f"messages/?like={run.pk}", "users/?like=x", f"users/?like={'9' * 30}"):
        form = admin.get(f"/admin/legacy_import/importrun/{address}").context["form"]
        assert form["existing"].value() == ImportOptions().existing


def test_a_refused_upload_that_comes_again_has_the_options_it_had(admin: Client, old: Path) -> None:
    make_old_database(old, schema={"people": "nr, called, letters"}, user=())
    file = SimpleUploadedFile("old.db", old.read_bytes())
    refused = ask_for_preview(admin, "users", source="upload", upload=file, **other_choices())
    with pytest.raises(RunError, match="no table user"):
        lifecycle.stage(refused.pk)
    columns = {"user": "people", "user-shown": "people", "user-user_id": "nr", "user-username": "called"}
    page = admin.post(f"{page_of(refused)}mapping/", columns, follow=True)
    form = page.context["form"]
    assert {name: form[name].value() for name in OPTIONS} == other_choices()


def test_the_command_line_hands_on_every_option(old: Path) -> None:
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in other_choices().items()]
    answer = import_legacy("users", "--source", str(old), *arguments)
    assert chosen_for(ImportRun.objects.get(pk=answer["run"])) == other_choices()
    assert answer["notes"]["user"] == {"plain_password": 1, "unusable_password": 1}
