"""What the settings say about values that they cannot use, and whether the operator's guide knows them all."""

import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from backoffice import environment, var_dir
from backoffice.checks import refuse_to_serve_what_is_broken
from MiniTwit.storage.private_files import make_private_folder, open_privately, write_private_file_once

READERS = "text|flag|whole_number|words|time_zone|host_names|origins|networks|url_prefix|getenv|environ.get"
READS = re.compile(rf"""\b(?:{READERS})\(\s*"([A-Z_]+)"|os\.environ\["([A-Z_]+)"\]""")
NOT_SETTINGS = {"DJANGO_SETTINGS_MODULE"}


def test_the_operator_s_guide_lists_the_settings_that_the_code_reads() -> None:
    files = [path for name in ("backoffice", "MiniTwit", "legacy_import") for path in Path(name).rglob("*.py")]
    source = "\n".join(path.read_text() for path in [*files, *Path().glob("*.py")])
    read = {one or other for one, other in READS.findall(source)} - NOT_SETTINGS
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", Path("docs/operating.md").read_text(), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    assert read == listed


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda name: environment.flag(name, default=False), "Yes", True),
        (lambda name: environment.flag(name, default=True), " off ", False),
        (lambda name: environment.flag(name, default=True), "", True),
        (lambda name: environment.whole_number(name, default=3), "0", 0),
        (lambda name: environment.whole_number(name, default=3), "", 3),
        (environment.words, "a, b,,", ["a", "b"]),
        (environment.time_zone, "Europe/Copenhagen", "Europe/Copenhagen"),
        (
            lambda name: environment.host_names(name, default=[]),
            ".example.com,[::1],*",
            [".example.com", "[::1]", "*"],
        ),
        (environment.origins, "https://desk.example.com:8443", ["https://desk.example.com:8443"]),
        (environment.url_prefix, "/a/desk/", "/a/desk"),
        (environment.url_prefix, "/", ""),
    ],
)
def test_a_setting_is_read(
    read: Callable[[str], Any], value: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SETTING", value)
    assert read("SOME_SETTING") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda name: environment.flag(name, default=False), "maybe"),
        (lambda name: environment.whole_number(name, default=3), "abc"),
        (lambda name: environment.whole_number(name, default=3), "2G"),
        (lambda name: environment.whole_number(name, default=3), "-1"),
        (lambda name: environment.whole_number(name, default=3), "٣"),
        (lambda name: environment.whole_number(name, default=3), "9" * 5000),
        (lambda name: environment.whole_number(name, default=3, most=10), "11"),
        (environment.time_zone, "Mars"),
        (environment.time_zone, "../etc/passwd"),
        (environment.time_zone, "Europe"),
        (lambda name: environment.host_names(name, default=[]), "https://desk.example.com"),
        (lambda name: environment.host_names(name, default=[]), "desk.example.com:8000"),
        (environment.origins, "desk.example.com"),
        (lambda name: environment.networks(name, default=[]), "proxy.example.com"),
        (environment.url_prefix, "desk"),
        (environment.url_prefix, "//example.com"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    read: Callable[[str], Any], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SETTING", value)
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_SETTING is .*\. Give .*; or unset it\.$"):
        read("SOME_SETTING")


def test_the_folder_of_the_site_is_closed_to_others_from_the_beginning(tmp_path: Path) -> None:
    folder = var_dir.prepare(tmp_path / "var")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    var_dir.secret_key(folder)
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


def test_what_an_older_version_left_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir(mode=0o755)
    log = folder / "web.log"
    log.touch(mode=0o644)
    with open(make_private_folder(folder) / "web.log", "wb", opener=open_privately):
        pass
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(log.stat().st_mode)) == (0o700, 0o600)


def test_a_file_that_is_written_once_keeps_its_content(tmp_path: Path) -> None:
    for content in ("first", "second"):
        write_private_file_once(tmp_path / "key", content)
    assert (tmp_path / "key").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, reason in (
        (file, "is a file"),
        (file / "var", "does not exist"),
        (tmp_path / "lost" / "var", f"{tmp_path / 'lost'} does not exist"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(ImproperlyConfigured, match=f"^VAR_DIR is {path}, .*{reason}"):
            var_dir.prepare(path)


def test_an_empty_key_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    with pytest.raises(ImproperlyConfigured, match="secret_key is empty"):
        var_dir.secret_key(tmp_path)


@pytest.mark.story
def test_another_account_is_told_that_it_may_not_write(as_nobody: dict[str, Any], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("var")
    (folder / "secret_key").touch(mode=0o600)
    program = """
import sys
from pathlib import Path
from django.core.exceptions import ImproperlyConfigured
from backoffice import var_dir
folder = Path(sys.argv[1])
print(var_dir.fault_of(folder))
for use in (lambda: var_dir.secret_key(folder), lambda: var_dir.prepare(folder / "new")):
    try:
        use()
    except ImproperlyConfigured as error:
        print(error)
"""
    options = dict(as_nobody)
    command = [options.pop("python"), "-W", "error", "-c", program, str(folder)]
    result = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, **options)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stderr
    assert lines[0].startswith(f"VAR_DIR is {folder}, and the account nobody may not write to it.")
    assert lines[1].startswith("The account nobody can neither read nor make")
    assert lines[2].startswith(
        f"VAR_DIR is {folder / 'new'}, which the account nobody cannot use: Permission denied."
    )


def test_a_production_site_without_static_files_is_not_served(settings: Any, tmp_path: Path) -> None:
    refuse_to_serve_what_is_broken()
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    with pytest.raises(ImproperlyConfigured, match=r"Run `python manage\.py collectstatic`"):
        refuse_to_serve_what_is_broken()
    warnings = [message.id for message in checks.run_checks(include_deployment_checks=True)]
    assert "backoffice.W001" in warnings


def test_the_check_says_what_is_wrong_with_the_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "gone"
    errors = [message for message in checks.run_checks() if message.id == "backoffice.E001"]
    assert [error.msg.split(",")[0] for error in errors] == [f"VAR_DIR is {tmp_path / 'gone'}"]
    with pytest.raises(ImproperlyConfigured, match="may not write to it"):
        refuse_to_serve_what_is_broken()
