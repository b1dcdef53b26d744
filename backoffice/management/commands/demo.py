"""`make demo`: all that you need to try the back office, in one process group that Ctrl-C ends."""

import http.client
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from backoffice import environment, static_files
from backoffice.child_processes import ChildProcesses
from backoffice.database import DATABASE_NAME, embedded_server
from fixtures import sample_legacy_database
from MiniTwit.models import ModerationReason, WatchTerm
from MiniTwit.storage.private_files import make_private_folder, write_private_file_once

HOST = "127.0.0.1"
FIRST_PORT = 8000
PORTS_TO_TRY = 20
STAFF_USERNAME = "admin"
ANSWER_SECONDS = 60
# A demo runs as production does, except for what needs a domain name and a certificate.
DEMO_SETTINGS = {
    "DEBUG": "0",
    "ALLOWED_HOSTS": f"localhost,{HOST}",
    "SECURE_SSL_REDIRECT": "0",
    "SECURE_COOKIES": "0",
    "WEB_WORKERS": "1",
    "WEB_GRACEFUL_SECONDS": "5",
}


class Command(BaseCommand):
    help = (
        "Prepares the database, a staff account and a sample old database, and runs the web server and the worker "
        "until Ctrl-C. PORT, DEMO_PASSWORD, DATABASE_URL and LEGACY_DATABASE_URL may be set."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        # A signal only sets a flag, which is read between the steps, so that every child that starts is also ended.
        self._interrupted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)
        with ChildProcesses() as children:
            try:
                self._prepare_and_serve(children)
            except KeyboardInterrupt:
                self.stderr.write("Ending the web server, the worker and the database ...")

    def _note_signal(self, *_signal: object) -> None:
        self._interrupted = True

    def _prepare_and_serve(self, children: ChildProcesses) -> None:
        log_dir = make_private_folder(settings.VAR_DIR / "log")
        listener = listen()
        port = listener.getsockname()[1]
        self._migrate_and_collect(log_dir, children)
        call_command("loaddata", "roles", verbosity=0)
        # From then on these lists are the moderators' own.
        if not ModerationReason.objects.exists():
            call_command("loaddata", "moderation_reasons", verbosity=0)
        if not WatchTerm.objects.exists():
            call_command("loaddata", "watch_list", verbosity=0)
        password = staff_password()
        ensure_staff_account(password)
        legacy_url = settings.LEGACY_DATABASE_URL or f"sqlite:///{quote(str(ensure_sample_database()))}"
        connection.close()
        self._check(children)

        worker = [sys.executable, "manage.py", "db_worker", "--no-reload"]
        children.start("background worker", worker, log_dir / "worker.log", **surroundings(legacy_url))
        web = [sys.executable, "-m", "gunicorn", "backoffice.wsgi", f"--bind=fd://{listener.fileno()}"]
        children.start(
            "web server", web, log_dir / "web.log", **surroundings(legacy_url), keep_open=[listener.fileno()]
        )
        listener.close()
        self._wait_for_sign_in_page(port, children)
        self.stdout.write(f"Sign in at http://{HOST}:{port}/admin/ as {STAFF_USERNAME} / {password}")
        self.stdout.flush()
        while True:
            self._check(children)
            time.sleep(0.2)

    def _migrate_and_collect(self, log_dir: Path, children: ChildProcesses) -> None:
        """Migrate without the old database, which staff import on the pages."""
        commands = {"migrate": "migration"}
        if not static_files.are_collected(settings.STATIC_ROOT):
            commands["collectstatic"] = "collection of static files"
        for command, name in commands.items():
            arguments = [sys.executable, "manage.py", command, "--no-input"]
            children.start(name, arguments, log_dir / f"{command}.log", **surroundings(legacy_url=""))
        while children:
            for child in [child for child in children if child.exit_code() == 0]:
                children.remove(child)
            self._check(children)
            time.sleep(0.1)

    def _wait_for_sign_in_page(self, port: int, children: ChildProcesses) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while (answer := ask_for_sign_in_page(port)) != "200":
            self._check(children)
            if time.monotonic() > deadline:
                raise CommandError(f"The sign-in page is not served ({answer}). See {children[-1].log}")
            time.sleep(0.1)

    def _check(self, children: ChildProcesses) -> None:
        """Raise when the demo has to end: after Ctrl-C, or when a child has ended by itself."""
        if self._interrupted:
            raise KeyboardInterrupt
        if child := children.ended():
            said = "\n".join(child.log.read_text(errors="replace").splitlines()[-5:])
            raise CommandError(
                f"The {child.name} ended by itself (exit code {child.exit_code()}):\n{said}\n"
                f"The whole log: {child.log}"
            )


def listen() -> socket.socket:
    """Take the port before anything else is done: PORT, or the first free one from 8000 on.

    The web server inherits the socket, so no other program can take the port in between.
    """
    wanted = os.environ.get("PORT", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and int(wanted) < 65536):
        raise CommandError(f"PORT is {wanted!r}; it must be a number below 65536.")
    ports = [int(wanted)] if wanted else range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY)
    for port in ports:
        try:
            return socket.create_server((HOST, port), backlog=128)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
    raise CommandError(
        f"No port for the web server: {HOST}:{ports[-1]}: {reason}. Choose another: make demo PORT=9000"
    )


def surroundings(legacy_url: str) -> dict[str, Any]:
    """Where the children run, and with which settings."""
    embedded_url = embedded_server(settings.VAR_DIR / "postgres").url(DATABASE_NAME)
    own = {
        "DATABASE_URL": environment.text("DATABASE_URL", default=embedded_url),
        "VAR_DIR": str(settings.VAR_DIR),
        "LEGACY_DATABASE_URL": legacy_url,
    }
    return {"directory": settings.BASE_DIR, "environment": os.environ | DEMO_SETTINGS | own}


def staff_password() -> str:
    """DEMO_PASSWORD, or one that is made once and kept, so that a second demo leaves all staff signed in."""
    if given := os.environ.get("DEMO_PASSWORD"):
        return given
    path: Path = settings.VAR_DIR / "demo_password"
    if not path.exists():
        write_private_file_once(path, secrets.token_urlsafe(9))
    return path.read_text().strip()


def ensure_staff_account(password: str) -> None:
    user_model = get_user_model()
    account = user_model.objects.filter(username=STAFF_USERNAME).first()
    if account is None:
        user_model.objects.create_superuser(STAFF_USERNAME, password=password)
        return
    if account.legacy_id is not None:
        raise CommandError(
            f"The account {STAFF_USERNAME} came from the old database, and imported accounts are never staff. Create "
            "a staff account with `python manage.py createsuperuser`, and run the web server and the worker yourself."
        )
    if not account.check_password(password):
        account.set_password(password)
    account.is_staff = account.is_superuser = account.is_active = True
    account.save()


def ensure_sample_database() -> Path:
    """Make the sample once; under another name first, so that an interrupted one is never taken for it."""
    path: Path = settings.VAR_DIR / "sample" / "minitwit_sample.db"
    if not path.exists():
        make_private_folder(path.parent)
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        sample_legacy_database.create(unfinished)
        unfinished.rename(path)
    return path


def ask_for_sign_in_page(port: int) -> str:
    """Return the answer's status, or why there is none."""
    request = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        request.request("GET", "/admin/login/")
        return str(request.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        request.close()
