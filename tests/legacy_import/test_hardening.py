"""`harden_legacy_passwords`: the weak old hashes become strong, and nobody notices."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult

from fixtures import sample_hashes
from legacy_import import tasks
from legacy_import.models import ReplacedRow
from legacy_import.runs import lifecycle
from legacy_import.steps import hardening
from MiniTwit.hashers.hardened import HardenedPasswordHasher
from MiniTwit.hashers.strict import PBKDF2SHA256PasswordHasher
from MiniTwit.models import User
from tests.legacy_import.importing import preview_of, undo
from tests.legacy_import.old_database import make_old_database
from tests.legacy_import.test_passwords import import_users, imported, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

OVER = "pbkdf2_sha256_over$"
WEAK = {
    1: sample_hashes.keyed(1, "sha1"),
    2: sample_hashes.keyed(2, "md5"),
    3: sample_hashes.bare_md5(3),
    4: sample_hashes.pbkdf2(4),
    5: sample_hashes.pbkdf2(5, digest="sha512"),
    6: sample_hashes.aspnet(6, 2),
    7: sample_hashes.aspnet(7, 3, "sha256"),
    8: sample_hashes.password_of(8),
}
STRONG = {9: sample_hashes.scrypt(9), 10: f"pbkdf2:sha256:600000$salt${'0b1dd8b6' * 8}", 11: None}


@pytest.fixture(autouse=True)
def quick_hashers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PBKDF2SHA256PasswordHasher, "iterations", 1_200)
    monkeypatch.setattr(HardenedPasswordHasher, "iterations", 100_000)  # fewer are not taken for hardened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    users = [(user_id, f"user {user_id}", "", stored) for user_id, stored in (WEAK | STRONG).items()]
    path = make_old_database(tmp_path / "old.db", user=users)
    import_users(path)
    return path


def harden(*arguments: str) -> str:
    output = io.StringIO()
    call_command("harden_legacy_passwords", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def passwords() -> dict[int, str]:
    return dict(User.objects.values_list("legacy_id", "password"))


def change_old(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.execute(statement, values)
        old.commit()


def test_weak_hashes_are_wrapped_and_the_old_passwords_go_on_working(path):
    before = passwords()
    assert "8 passwords would be hardened" in harden("--dry-run")
    assert passwords() == before

    answer = harden()
    assert "werkzeug_md5: 2 weak" in answer
    assert "8 passwords hardened." in answer
    after = passwords()
    for user_id in WEAK:
        assert after[user_id].startswith(OVER)
        assert before[user_id].rpartition("$")[2] not in after[user_id]
        assert check_password(sample_hashes.password_of(user_id), after[user_id])
        assert not check_password("password-0", after[user_id])
    assert {user_id: after[user_id] for user_id in STRONG} == {user_id: before[user_id] for user_id in STRONG}
    assert not User.objects.filter(changed_at__isnull=False).exists()
    assert "0 passwords hardened." in harden()

    assert sign_in(imported(1), sample_hashes.password_of(1))
    assert User.objects.get(legacy_id=1).password.startswith("pbkdf2_sha256$1200$")


def test_the_worker_hardens_after_an_import_in_steps_that_others_need_not_wait_for(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HARDEN_AFTER_IMPORT = True
    monkeypatch.setattr(tasks, "HARDENING_SECONDS", 0)
    users = [(user_id, f"user {user_id}", "", stored) for user_id, stored in (WEAK | STRONG).items()]
    path = make_old_database(tmp_path / "old.db", user=users)
    run = preview_of("users", path)
    lifecycle.confirm(run.pk)
    tasks.apply_run.call(run.pk)
    queue = DBTaskResult.objects.ready().filter(task_path=tasks.harden_passwords.module_path)
    assert queue.count() == 1
    tasks.request_hardening(run.pk)  # as a second import would: once is enough
    assert queue.count() == 1
    steps = 0
    while queued := queue.first():
        (after,) = queued.args_kwargs["args"] or (0,)
        DBTaskResult.objects.filter(pk=queued.pk).delete()
        assert queued.priority < 0
        tasks.harden_passwords.call(after)
        steps += 1
    assert steps == len(WEAK) + 1
    after_all = passwords()
    assert all(after_all[user_id].startswith(OVER) for user_id in WEAK)
    assert check_password(sample_hashes.password_of(2), after_all[2])
    assert not User.objects.filter(changed_at__isnull=False).exists()
    again = import_users(path)
    assert (again.counts["user"]["unchanged"], again.verification["ok"]) == (11, True)


def test_it_goes_on_where_it_was_stopped(path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hardening, "HARDENED_AT_A_TIME", 3)

    def stop(found: hardening.Hardening) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hardening.harden_passwords(on_progress=stop)
    assert sum(password.startswith(OVER) for password in passwords().values()) == 3
    assert "5 passwords hardened." in harden()


def test_who_signs_in_meanwhile_keeps_the_new_password(path):
    weak = list(hardening.weak_passwords())
    User.objects.filter(legacy_id=2).update(password="new here")
    strong = [f"strong {pk}" for pk, _ in weak]
    assert hardening.write_passwords(weak, strong) == 7
    assert User.objects.get(legacy_id=2).password == "new here"


@pytest.mark.parametrize("existing", ["keep", "update"])
def test_importing_again_does_not_bring_the_weak_hash_back(path, existing):
    harden()
    hardened = passwords()
    again = import_users(path, existing=existing)
    assert (again.counts["user"]["unchanged"], again.audit["disagreements"]) == (11, [])
    assert again.verification["ok"]

    change_old(path, "UPDATE user SET email = 'new@example.com' WHERE user_id = 1")
    again = import_users(path, existing="update")
    assert (again.counts["user"]["changed"], again.verification["ok"]) == (1, True)
    assert User.objects.get(legacy_id=1).email == "new@example.com"
    assert passwords() == hardened


def test_hardening_between_preview_and_confirmation(path):
    change_old(path, "UPDATE user SET email = 'new@example.com'")
    run = preview_of("users", path, existing="update")
    assert f"preview of import {run.pk} still holds old hashes" in harden()
    hardened = passwords()
    lifecycle.confirm(run.pk)
    assert lifecycle.apply(run.pk).counts["user"]["changed"] == 11
    assert User.objects.get(legacy_id=1).email == "new@example.com"
    assert passwords() == hardened


def test_a_password_that_was_changed_in_the_old_application_is_brought(path):
    harden()
    other = sample_hashes.pbkdf2(77, salt="another")
    change_old(path, "UPDATE user SET pw_hash = ? WHERE user_id = 4", other)
    assert import_users(path, existing="update").counts["user"]["changed"] == 1
    assert sign_in(imported(4), sample_hashes.password_of(77))


def test_undo_takes_hardened_accounts_out_and_brings_no_weak_hash_back(path):
    first = User.objects.first().import_run
    change_old(path, "UPDATE user SET email = 'new@example.com' WHERE user_id = 1")
    change_old(path, "UPDATE user SET pw_hash = ? WHERE user_id = 4", sample_hashes.pbkdf2(77, salt="another"))
    update = import_users(path, existing="update")
    harden()
    assert all(row.before["password"].startswith(OVER) for row in ReplacedRow.objects.all())

    assert undo(update).undo_result["user"]["restored"] == 2
    ann = User.objects.get(legacy_id=1)
    assert (ann.email, ann.password[: len(OVER)]) == ("", OVER)
    assert check_password(sample_hashes.password_of(1), ann.password)
    assert User.objects.get(legacy_id=4).password.startswith(OVER)
    assert sign_in(imported(4), sample_hashes.password_of(4))

    # Only who signed in stays: that password was made here.
    lifecycle.request_undo(first)
    lifecycle.undo(first)
    assert list(User.objects.values_list("legacy_id", flat=True)) == [4]
