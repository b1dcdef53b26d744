"""What a newcomer gets from `make demo`: the real command, with its own database, web server and worker."""

import http.cookiejar
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError
from django.test import Client

from backoffice.child_processes import SETPRIV
from backoffice.management.commands.demo import ensure_staff_account, listen, staff_password

pytestmark = pytest.mark.story

NO_DATABASE = "postgresql://minitwit@database.invalid/minitwit"
SIGN_IN_LINE = re.compile(r"Sign in at (http://127\.0\.0\.1:(\d+)/admin/) as admin / (.+)\n")


class Demo:
    """A running `manage.py demo`, as a terminal would run it."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        unset = {"DEBUG", "DATABASE_URL", "LEGACY_DATABASE_URL", "DEMO_PASSWORD", "PORT", "DJANGO_SETTINGS_MODULE"}
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=settings.BASE_DIR,
            env=inherited | {"VAR_DIR": str(var_dir)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._var_dir = var_dir

    def wait_for_sign_in_line(self) -> tuple[str, str]:
        """Return the address and the password it prints."""
        line = self.process.stdout.readline()
        match = SIGN_IN_LINE.fullmatch(line)
        assert match, line + self.process.stderr.read()
        return match[1], match[3]

    def family(self) -> list[psutil.Process]:
        """Every process of the demo, the database's included."""
        postmaster = psutil.Process(int((self._var_dir / "postgres" / "postmaster.pid").read_text().split()[0]))
        command = psutil.Process(self.process.pid)
        return [command, *command.children(recursive=True), postmaster, *postmaster.children(recursive=True)]

    def child(self, word: str) -> psutil.Process:
        (found,) = [
            process for process in psutil.Process(self.process.pid).children() if word in " ".join(process.cmdline())
        ]
        return found

    def finish(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code and what was written since the sign-in line."""
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def start(**environment: str) -> Demo:
        demos.append(Demo(tmp_path, **environment))
        return demos[-1]

    yield start
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.finish()


def sign_in(address: str, password: str) -> str:
    """Sign in as a browser does and return the page that follows."""
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    with browser.open(f"{address}login/?next=/admin/password_change/") as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert token
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]}
    with browser.open(page.url, urllib.parse.urlencode(form).encode()) as page:
        return page.url + "\n" + page.read().decode()


def assert_served_as_in_production(address: str, page: str) -> None:
    """No error page of DEBUG, which shows settings; static files as `collectstatic` makes them."""
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as not_found:
        browser.open(urllib.parse.urljoin(address, "/no/such/page/"))
    answer = not_found.value.read().decode()
    assert (not_found.value.code, "DEBUG" in answer) == (404, False)
    not_found.value.close()
    stylesheet = re.search(r'href="(/static/backoffice/theme\.\w+\.css)"', page)
    assert stylesheet
    with browser.open(urllib.parse.urljoin(address, stylesheet[1])) as styles:
        assert styles.headers["Cache-Control"].endswith("immutable")


def own_files(var_dir: Path) -> Iterator[Path]:
    """What the back office has written, but for static files and the database's own folder, which is closed."""
    for path in var_dir.iterdir():
        if path.name != "static":
            yield path
            yield from path.rglob("*") if path.name != "postgres" else ()


def assert_gone(family: list[psutil.Process]) -> None:
    _gone, left_over = psutil.wait_procs(family, timeout=20)
    assert left_over == []


def test_a_newcomer_signs_in_and_neither_ctrl_c_nor_a_crash_leaves_anything_running(
    start_demo: Callable[..., Demo], tmp_path: Path
) -> None:
    demo = start_demo()
    address, password = demo.wait_for_sign_in_line()
    url, _newline, page = sign_in(address, password).partition("\n")
    assert url.endswith("/admin/password_change/")
    assert "admin" in page

    assert_served_as_in_production(address, page)
    others_may_read = [path for path in own_files(tmp_path) if path.stat().st_mode & 0o077]
    assert others_may_read == []

    worker_environment = demo.child("db_worker").environ()
    sample = tmp_path / "sample" / "minitwit_sample.db"
    assert worker_environment["LEGACY_DATABASE_URL"] == f"sqlite:///{sample}"
    with sqlite3.connect(f"file:{sample}?mode=ro", uri=True) as old:
        assert old.execute("SELECT count(*) FROM user").fetchone()[0] > 100
    old.close()

    family = demo.family()
    os.killpg(demo.process.pid, signal.SIGINT)
    code, output, errors = demo.finish()
    assert (code, output) == (0, ""), "nothing but the one line on standard output"
    assert "Traceback" not in errors
    assert_gone(family)
    (line,) = (tmp_path / "log" / "web.log").read_text().splitlines()
    assert line.endswith("Not Found: /no/such/page/"), "nothing but what was asked for in vain"

    # A second one finds the database, the account and the static files; it lives as long as its worker.
    shutil.rmtree(sample.parent)
    second = start_demo(LEGACY_DATABASE_URL="sqlite:////srv/minitwit.db")
    assert second.wait_for_sign_in_line()[1] == password, "the account is kept"
    worker = second.child("db_worker")
    assert worker.environ()["LEGACY_DATABASE_URL"] == "sqlite:////srv/minitwit.db"
    assert not sample.exists(), "no sample beside an old database that is named"
    family = second.family()
    worker.kill()
    code, _output, errors = second.finish()
    assert code == 1
    assert "The background worker ended by itself" in errors
    assert str(tmp_path / "log" / "worker.log") in errors
    assert "Traceback" not in errors
    assert_gone(family)


@pytest.mark.django_db
def test_a_password_that_is_given_takes_the_place_of_the_kept_one(
    client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    kept = staff_password()
    ensure_staff_account(kept)
    monkeypatch.setenv("DEMO_PASSWORD", "let me in")
    ensure_staff_account(staff_password())
    opens = {}
    for password in (kept, "let me in"):
        answer = client.post("/admin/login/?next=/admin/", {"username": "admin", "password": password})
        opens[password] = answer.status_code == 302
    assert opens == {kept: False, "let me in": True}


needs_setpriv = pytest.mark.skipif(not SETPRIV, reason="Without setpriv, children outlive a killed parent.")
PARENT = """
import os, sys, time
from pathlib import Path
from backoffice.child_processes import ChildProcesses
with ChildProcesses() as children:
    children.start("sleeper", ["sleep", "600"], Path(sys.argv[1]), directory=Path.cwd(), environment=os.environ)
    print("started", flush=True)
    time.sleep(600)
"""


@needs_setpriv
def test_children_of_a_killed_parent_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "sleeper.log")]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "started\n"
        children = psutil.Process(parent.pid).children()
        assert children
        parent.kill()
    assert_gone(children)


@pytest.mark.slow
@needs_setpriv
def test_a_demo_that_is_killed_leaves_nothing_running(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo(DEMO_PASSWORD="let me in")
    address, password = demo.wait_for_sign_in_line()
    assert sign_in(address, password).startswith(f"{address}password_change/")
    family = demo.family()
    assert {"db_worker", "gunicorn"} <= {word for process in family for word in process.cmdline()}
    demo.process.kill()
    demo.finish()
    assert_gone(family)


def test_a_port_that_is_taken(start_demo: Callable[..., Demo], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output, errors = start_demo(PORT=str(port), DATABASE_URL=NO_DATABASE).finish()
    assert (code, output) == (1, "")
    assert f"127.0.0.1:{port}: Address already in use. Choose another: make demo PORT=9000" in errors


@pytest.mark.parametrize("port", ["eighty", "70000"])
def test_a_port_that_is_none(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match=f"PORT is '{port}'; it must be a number below 65536"):
        listen()


def test_without_a_port_the_first_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    with listen() as first, listen() as second:
        assert 8000 <= first.getsockname()[1] < second.getsockname()[1]
