"""Users sign in with the password of the old application, whichever way that kept it."""

import base64
import hashlib
import hmac
import os
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import axes.utils
import bcrypt
import psutil
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.db import connection
from django.test import Client

from fixtures import sample_hashes, sample_quirks
from legacy_import.models import ImportRun, RejectedRow
from legacy_import.rules.old_tables import USERS
from legacy_import.rules.options import ImportOptions
from legacy_import.rules.passwords import UNUSABLE, column, plain
from legacy_import.rules.passwords.hashing_process import hash_beside
from legacy_import.rules.passwords.plain import first_hash
from legacy_import.runs import lifecycle
from legacy_import.runs.foreground import import_at_once
from legacy_import.source import source_at
from legacy_import.source.copy_lines import Chunk
from legacy_import.source.values import LegacyRow
from legacy_import.steps import progress
from legacy_import.steps.lines import Lines, made_in_threads
from legacy_import.verify import verify
from MiniTwit.hashers.strict import PBKDF2SHA256PasswordHasher
from MiniTwit.models import User
from tests.legacy_import.conftest import page_of, text_of
from tests.legacy_import.old_database import make_old_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]

# A real old database with the passwords of its users; not part of the project.
COURSE = Path(os.environ.get("COURSE_DATA") or django_settings.BASE_DIR.parent / "shared" / "data")
SALT, PASSWORD = "Nq1fXSEO", "Grüße, 世界 $1"
QUICK = 1_200


@pytest.fixture(autouse=True)
def quick_hasher(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preferred hasher, with fewer rounds."""
    monkeypatch.setattr(PBKDF2SHA256PasswordHasher, "iterations", QUICK)


def import_users(path: Path, **options: str) -> Any:
    reference = source_at(str(path))
    return import_at_once(kind="users", reference=reference, options=ImportOptions(**options), origin="command")


def import_passwords(tmp_path: Path, *passwords: Any, **options: str) -> Any:
    """Import users 1, 2, … with these old passwords."""
    rows = [(number, f"user {number}", "", password) for number, password in enumerate(passwords, 1)]
    return import_users(make_old_database(tmp_path / "old.db", user=rows), **options)


def sign_in(user: User, password: str) -> bool:
    """Sign in as staff do, on the form."""
    client = Client()
    response = client.post("/admin/login/", {"username": user.username, "password": password, "next": "/admin/"})
    assert response.status_code == (302 if "_auth_user_id" in client.session else 200)
    return "_auth_user_id" in client.session


def imported(legacy_id: int) -> User:
    """An imported account, which a superuser made staff."""
    User.objects.filter(legacy_id=legacy_id).update(is_staff=True)
    return User.objects.get(legacy_id=legacy_id)


def werkzeug(digest: str, salt: str = SALT) -> str:
    if not salt:
        return f"{digest}$${hashlib.new(digest, PASSWORD.encode()).hexdigest()}"
    return f"{digest}${salt}${hmac.new(salt.encode(), PASSWORD.encode(), digest).hexdigest()}"


def pbkdf2(digest: str, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), SALT.encode(), rounds)


def aspnet(number: int, digest: str, salt: bytes, rounds: int = 1_000) -> str:
    key = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, rounds, 32)
    return base64.b64encode(struct.pack(">B3I", 1, number, rounds, len(salt)) + salt + key).decode()


def in_capitals(digest: str, salt: str, *, as_bytes: bool) -> str:
    """As ports to .NET and Java write it; some of them hash with the digits, others with what they stand for."""
    used = bytes.fromhex(salt) if as_bytes else salt.encode()
    key = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), used, 1_000)
    return f"pbkdf2:{digest}:1000${salt}${key.hex().upper()}"


def modular(name: str, digest: str, rounds: str) -> str:
    """As the Password Hashing Competition has it, in Rust for one."""
    salt = bytes(range(239, 255))
    key = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, 1_000)
    return "$".join(["", name, rounds, *(base64.b64encode(part).decode().rstrip("=") for part in (salt, key))])


HEX_SALT = "0F1E2D3C4B5A69788796A5B4C3D2E1F0"
# What passlib 1.7.4 made of the password.
PASSLIB_SALT = "7/Dx8vP09fb3.Pn6./z9/g"
PASSLIB_KEYS = (
    "r8aBAcZvKMcVZxekQKo3cCVCjPQ",
    "WavZP6WK64JUZSJxUofet1c6zlDLGxcciCL.QzoPRMs",
    "seLILYT9YRZutW4dA2noye00yUMCgcIVf1Zm.g8E2MTctlaGZJNUvK29Bczwj2OtClbpXQxU/7KB4jzOMVbiMA",
)
OLD_HASHES: dict[str, tuple[Any, str]] = {
    "pbkdf2 sha1": (f"pbkdf2:sha1:1000${SALT}${pbkdf2('sha1', 1000).hex()}", "pbkdf2_sha1"),
    "pbkdf2 sha256": (f"pbkdf2:sha256:1000${SALT}${pbkdf2('sha256', 1000).hex()}", "pbkdf2_sha256"),
    "pbkdf2 sha512": (f"pbkdf2:sha512:1000${SALT}${pbkdf2('sha512', 1000).hex()}", "pbkdf2_sha512"),
    **{
        name: (werkzeug(name), f"werkzeug_{name}") for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    },
    "md5 without salt": (werkzeug("md5", ""), "werkzeug_md5"),
    "sha1 without salt": (werkzeug("sha1", ""), "werkzeug_sha1"),
    "bare md5": (hashlib.md5(PASSWORD.encode()).hexdigest(), "werkzeug_md5"),
    "bare md5 in capitals": (hashlib.md5(PASSWORD.encode()).hexdigest().upper(), "werkzeug_md5"),
    **{
        f"bare {name}": (hashlib.new(name, PASSWORD.encode()).hexdigest(), f"werkzeug_{name}")
        for name in ("sha1", "sha256", "sha512")
    },
    **{
        f"passlib pbkdf2{name}": (f"$pbkdf2{name}$1000${PASSLIB_SALT}${key}", "pbkdf2_bytes")
        for name, key in zip(("", "-sha256", "-sha512"), PASSLIB_KEYS, strict=True)
    },
    "modular pbkdf2": (modular("pbkdf2-sha256", "sha256", "i=1000,l=32"), "pbkdf2_bytes"),
    "hexadecimal salt, meant as bytes": (in_capitals("sha256", HEX_SALT, as_bytes=True), "pbkdf2_hex"),
    "hexadecimal salt, meant as text": (in_capitals("sha256", HEX_SALT, as_bytes=False), "pbkdf2_hex"),
    "small hexadecimal salt, meant as bytes": (in_capitals("sha512", HEX_SALT.lower(), as_bytes=True), "pbkdf2_hex"),
    "capitals with another salt": (
        f"pbkdf2:sha1:1000${SALT}${pbkdf2('sha1', 1000).hex().upper()}",
        "pbkdf2_sha1",
    ),
    "a hash as a BLOB": (werkzeug("sha1").encode(), "werkzeug_sha1"),
    "ASP.NET 3 sha1": (aspnet(0, "sha1", bytes(range(16))), "aspnet_identity"),
    "ASP.NET 3 sha256": (aspnet(1, "sha256", bytes(range(100, 116))), "aspnet_identity"),
    "ASP.NET 3 sha512": (aspnet(2, "sha512", bytes(range(200, 232))), "aspnet_identity"),
    "Django": (f"pbkdf2_sha256$1000${SALT}${base64.b64encode(pbkdf2('sha256', 1000)).decode()}", "pbkdf2_sha256"),
    "plain": (PASSWORD, "pbkdf2_sha256"),
    "plain as a BLOB": (PASSWORD.encode(), "pbkdf2_sha256"),
}


def test_the_old_password_opens_the_account_and_is_stored_anew_by_that(tmp_path):
    run = import_passwords(tmp_path, *(stored for stored, _ in OLD_HASHES.values()))
    assert run.verification["ok"], run.verification
    for number, (name, (stored, algorithm)) in enumerate(OLD_HASHES.items(), 1):
        user = imported(number)
        assert user.password.split("$")[0] == algorithm, name
        assert user.password != stored or name == "Django"
        assert not check_password("another password", user.password), name
        assert not check_password(PASSWORD.upper(), user.password), name
        assert sign_in(user, PASSWORD), name
        user.refresh_from_db()
        assert user.password.startswith(f"pbkdf2_sha256${QUICK}$"), name
        assert check_password(PASSWORD, user.password), name


def test_the_sample_of_every_format_signs_in(sample):
    run = import_users(sample)
    assert run.verification["ok"], run.verification
    for user_id in sample_quirks.SIGN_IN:
        assert sign_in(imported(user_id), sample_hashes.password_of(user_id)), user_id
    assert sign_in(imported(421), "password-420")
    assert sign_in(imported(422), "correct horse battery staple")
    unusable = User.objects.filter(legacy_id__in=[*range(423, 431), *range(445, 449)])
    assert set(unusable.values_list("password", flat=True)) == {UNUSABLE}


@pytest.mark.skipif(not (COURSE / "minitwit_course.db").exists(), reason=f"there is no real old database in {COURSE}")
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_all_users_of_a_real_database_sign_in(tmp_path, every):
    import_users(COURSE / "minitwit_course.db")
    lines = (COURSE / "minitwit_course_passwords.tsv").read_text().splitlines()
    passwords = dict(line.split("\t", 1) for line in lines)
    assert len(passwords) == 200
    User.objects.filter(legacy_id__isnull=False).update(is_staff=True)
    tried = list(passwords.items())[::every]
    refused = [name for name, word in tried if not sign_in(User.objects.get(username=name), word)]
    assert refused == []


def test_a_bcrypt_hash_reads_72_bytes_of_a_long_password(tmp_path):
    long = "é" * 36 + "what comes after it does not count"
    stored = bcrypt.hashpw(long.encode()[:72], b"$2b$04$N9qo8uLOickgx2ZMRZoMye").decode()
    import_passwords(tmp_path, stored)
    password = User.objects.get().password
    assert check_password(long, password)
    assert not check_password("é" * 35, password)
    assert not check_password("é" * 36 + "\0", password)


UNVERIFIABLE = [
    *(None, "", "NULL", 123456, 3.5, "  "),
    *("pbkdf2:sha256:50000$salt$abcdef", "pbkdf2:sha256$salt$" + "ab" * 32, "sha1$salt$" + "ab" * 19),
    "pbkdf2:sha256:1000$$" + "ab" * 32,
    "pbkdf2:sha256:4000000000$salt$" + "ab" * 32,
    "scrypt:1073741824:8:1$salt$" + "ab" * 64,
    "scrypt:32768:8:100$salt$" + "ab" * 64,
    "$2b$31$N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11BaAVEwaZcNldEhj/6O",
    "bcrypt$$2b$31$N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11BaAVEwaZcNldEhj/6O",
    "$2b$10$N9qo8uLOickgx2ZMRZoMyeeWvva1KTvEP11Ba",
    base64.b64encode(struct.pack(">B3I", 1, 1, 2**32 - 1, 16) + bytes(48)).decode(),
    base64.b64encode(struct.pack(">B3I", 1, 9, 1_000, 16) + bytes(48)).decode(),
    "pbkdf2_sha256$4000000000$salt$" + base64.b64encode(bytes(32)).decode(),
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$Qm7xQm7xQm7xQm7x",
    "pbkdf2:sha256:1000$s\udcff$" + "ab" * 32,
    f"werkzeug_sha1$salt${'0' * 40}",
    "!secret",
]


def test_what_cannot_be_verified_becomes_unusable_and_is_noted(tmp_path):
    run = import_passwords(tmp_path, *UNVERIFIABLE)
    assert run.counts["user"]["notes"] == dict.fromkeys(("empty_email", "unusable_password"), len(UNVERIFIABLE))
    assert run.verification["ok"]
    for number, stored in enumerate(UNVERIFIABLE, 1):
        user = imported(number)
        axes.utils.reset()  # so many tries from one address would be refused
        assert user.password == UNUSABLE, stored
        assert not sign_in(user, str(stored or "x").encode("utf-8", "replace").decode()), stored


SECRETS = ["open sesame", "hunter2!", "tr\tap", "123123123", "5e884898da28047151d0e56f8dc62927"[:31], "pbkdf2:oops"]


def everything_stored(run: Any) -> str:
    """Every table of this run's staging and all tables of the import and of users, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(legacy_|MiniTwit_)'")
        tables = [name for (name,) in cursor.fetchall()]
        assert f"legacy_staging_{run.pk}_user" in tables or run.state == "applied"
        texts = []
        for table in tables:
            cursor.execute(f'SELECT string_agg(stored::text, chr(10)) FROM "{table}" AS stored')
            texts.append(cursor.fetchone()[0] or "")
    return "\n".join(texts)


@pytest.mark.parametrize("option", ["hash", "unusable"])
def test_no_clear_text_reaches_the_new_database(tmp_path, admin, caplog, option):
    # The second half is rejected, for its names are taken.
    rows = [(n, f"user {n % 6}", "", secret) for n, secret in enumerate([*SECRETS, *SECRETS], 1)]
    path = make_old_database(tmp_path / "old.db", user=rows)
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions(plain_passwords=option))
    run = lifecycle.stage(run.pk)
    page = text_of(admin, page_of(run))
    table = admin.get(f"/admin/legacy_import/importrun/{run.pk}/rejected/user.csv")
    download = b"".join(table.streaming_content).decode()  # type: ignore[attr-defined]
    before = everything_stored(run)
    lifecycle.confirm(run.pk)
    run = lifecycle.apply(run.pk)
    assert RejectedRow.objects.filter(run=run).count() == 6
    after = everything_stored(run)
    for place in (before, after, page, download, caplog.text):
        assert [secret for secret in SECRETS if secret in place or secret.replace("\t", "\\t") in place] == []
    assert run.counts["user"]["notes"]["plain_password"] == 2
    assert run.counts["user"]["notes"]["unusable_password"] == (4 if option == "hash" else 6)


def test_importing_the_same_password_again_changes_nothing(tmp_path):
    for option in ("hash", "unusable"):
        User.objects.all().delete()
        assert import_passwords(tmp_path, "open sesame", plain_passwords=option).counts["user"]["new"] == 1
        for existing in ("keep", "update"):
            again = import_passwords(tmp_path, "open sesame", plain_passwords=option, existing=existing)
            assert (again.counts["user"]["unchanged"], again.verification["ok"]) == (1, True)
    changed = import_passwords(tmp_path, "open barley", existing="update")
    assert (changed.counts["user"]["changed"], changed.verification["ok"]) == (1, True)
    assert sign_in(imported(1), "open barley")


def test_two_accounts_with_the_same_password_do_not_show_it(tmp_path):
    import_passwords(tmp_path, "open sesame", "open sesame")
    ours, theirs = User.objects.values_list("password", flat=True)
    assert [ours.split("$")[place] != theirs.split("$")[place] for place in (2, 3)] == [True, True]


def test_a_password_that_signing_in_renewed_is_kept(tmp_path):
    for stored in ("open sesame", werkzeug("sha1")):
        User.objects.all().delete()
        import_passwords(tmp_path, stored)
        assert sign_in(imported(1), "open sesame" if stored == "open sesame" else PASSWORD)
        renewed = User.objects.get().password
        again = import_passwords(tmp_path, stored, existing="update")
        assert again.counts["user"]["kept"] == 1
        assert User.objects.get().password == renewed


def test_hashing_passes_on_what_is_done_and_can_be_stopped():
    build = Lines(USERS.resource()).build
    taken = 0

    def chunks() -> Generator[Chunk, None, None]:
        nonlocal taken
        for taken in range(0, 100_000, 250):
            rows = [LegacyRow(n, (n, f"user {n}", "", f"secret {n}", None, None)) for n in range(taken, taken + 250)]
            yield partial(b"".join, map(build, rows))

    hashed = made_in_threads(chunks())
    first = next(hashed)()
    assert b"secret" not in first
    assert first.count(b"pbkdf2_sha256$") == 250
    hashed.close()
    assert taken < 10_000


@pytest.mark.parametrize("password", ["open sesame", "sésame \N{SNOWMAN}", '"', "\\n"])
def test_a_process_hashes_as_django_does_and_ends_with_its_thread(password: str):
    before = psutil.Process().children()

    def hash_in_thread() -> tuple[str, list[psutil.Process]]:
        return first_hash(password, "7"), [child for child in psutil.Process().children() if child not in before]

    with ThreadPoolExecutor(1, initializer=hash_beside) as pool:
        hashed, [process] = pool.submit(hash_in_thread).result()
    assert hashed == first_hash(password, "7")
    assert check_password(password, hashed)
    assert not process.is_running()


def test_a_process_that_hashes_ends_with_the_killed_one_that_started_it():
    script = (
        "from legacy_import.rules.passwords.hashing_process import HashingProcess\n"
        "process = HashingProcess()\n"
        "process.hash('open sesame', 'salt', 1)\n"
        "print(process._process.pid, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=django_settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(timeout=30)


def test_an_import_that_is_cancelled_while_it_hashes_leaves_nothing(tmp_path, monkeypatch: pytest.MonkeyPatch):
    rows = [(n, f"user {n}", "", f"secret {n}") for n in range(1, 3_001)]
    path = make_old_database(tmp_path / "old.db", user=rows)
    run = lifecycle.start(kind="users", reference=source_at(str(path)), options=ImportOptions())

    def hash_and_cancel(password: str, user_id: str) -> str:
        monkeypatch.setattr(column, "first_hash", first_hash)
        ImportRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        connection.close()
        monkeypatch.setattr(plain, "FIRST_ITERATIONS", 1_000)
        return first_hash(password, user_id)

    monkeypatch.setattr(column, "first_hash", hash_and_cancel)
    monkeypatch.setattr(progress, "INTERVAL", 0.1)
    with pytest.raises(lifecycle.RunError, match="cancelled"):
        lifecycle.stage(run.pk)
    assert ImportRun.objects.get(pk=run.pk).state == "cancelled"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE %s", [f"legacy_staging_{run.pk}_%"])
        assert cursor.fetchone()[0] == 0


def test_the_command_and_the_start_page_take_the_option(tmp_path, admin, settings):
    path = make_old_database(tmp_path / "old.db", user=[(1, "ann", "", "open sesame")])
    settings.LEGACY_DATABASE_URL = f"sqlite:///{path}"
    assert "Plain-text passwords" in admin.get("/admin/legacy_import/importrun/users/").content.decode()
    assert "Plain-text passwords" not in admin.get("/admin/legacy_import/importrun/messages/").content.decode()
    data = {"source": "configured", "existing": "keep", "duplicates": "reject", "plain_passwords": "unusable"}
    admin.post("/admin/legacy_import/importrun/users/", data)
    run = lifecycle.stage(ImportRun.objects.get().pk)
    assert run.options["plain_passwords"] == "unusable"
    assert "Make them unusable" in text_of(admin, page_of(run))
    call_command("import_legacy", "users", "--plain-passwords", "unusable", verbosity=0)
    assert User.objects.get(username="ann").password == UNUSABLE


def test_the_old_file_itself_is_not_written_to(tmp_path):
    import_passwords(tmp_path, "open sesame")
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        assert old.execute("SELECT pw_hash FROM user").fetchall() == [("open sesame",)]
    assert verify(tmp_path / "old.db", tables=["user"]).ok
