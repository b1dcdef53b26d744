"""A PostgreSQL of the checkout's own: created on first use, shared by every process, stopped by the last one.

Two file locks beside the data directory synchronise the processes. The kernel releases both when their holder dies,
however it dies:

- A process that starts or stops the server holds `<directory>.lock`, exclusively.
- Every process that uses the server holds `<directory>.users`, shared. A process that leaves tries to lock it
  exclusively. If it can, it is the last one and stops the server. If the last one is killed, the next one does so.

The server listens on a Unix socket only, in a directory that no other account may enter, so it needs no password.

PostgreSQL does not run as root. When root starts the server, it runs as an account of its own. That account need not
be able to enter the folders above the data directory: its programs start in that directory.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from django.core.exceptions import ImproperlyConfigured
from psycopg2 import sql

from backoffice.embedded_postgresql.file_locks import open_lock_file, wait_for_lock
from backoffice.embedded_postgresql.programs import runnable_programs
from MiniTwit.storage.private_files import make_private_folder

SUPERUSER = "postgres"
PORT = 5432  # names the socket file; nothing listens on the network
SYSTEM_ACCOUNT = "embedded_postgres"  # PostgreSQL refuses to run as root
OWN_DIRECTORY = Path("/proc/self/cwd")  # the working directory, also where the folders above it cannot be entered
LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
STARTING_SECONDS = 300  # recovering from a crash in the middle of a large import takes long
ANSWERING_SECONDS = 60

# Imports load millions of rows in one transaction. Fewer checkpoints and more memory for building indexes make that
# faster. The server has no replicas, so a minimal write-ahead log is enough: it leaves out what
# `legacy_import/steps/bulk_load.py` writes into new files, which PostgreSQL synchronises at the commit instead.
# None of these settings makes a crash more dangerous.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "maintenance_work_mem": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",  # minimal logging allows none
    "io_method": "sync",  # the data lies in the system's cache, and I/O worker processes would only cost time
}


class EmbeddedServer:
    """The server that keeps its data in `data_dir`, run with the PostgreSQL programs in `programs`.

    `software` are the folders that the programs and their libraries lie in.
    """

    def __init__(self, data_dir: Path, *, programs: Path, software: Sequence[Path]) -> None:
        self.data_dir = data_dir.absolute()
        self.programs = programs
        self.software = software
        self._process_id = os.getpid()
        self._users_file = -1

    def join(self) -> None:
        """Start the server unless it runs, and use it until this process ends.

        Raises:
            ImproperlyConfigured: the server cannot be made, started or reached; the message says why.
        """
        try:
            if not self.data_dir.parent.exists():
                make_private_folder(self.data_dir.parent)
            with self._starting_or_stopping():
                self._users_file = open_lock_file(self._beside("users"))
                wait_for_lock(self._users_file, self._beside("users"), fcntl.LOCK_SH)
                atexit.register(self.leave)
                _exit_when_terminated()
                if not self.data_dir.exists() or not any(self.data_dir.iterdir()):
                    self._create()
                self._start_and_wait()
        except PermissionError as error:
            raise ImproperlyConfigured(
                f"The embedded PostgreSQL in {self.data_dir} belongs to another account ({error}). Work as that "
                "account, or name another folder in VAR_DIR or another server in DATABASE_URL."
            ) from error

    def revive(self) -> None:
        """Start the server again if it has ended; this process uses it already."""
        with self._starting_or_stopping():
            if not self._is_running():
                self._start_and_wait()

    def leave(self) -> None:
        """Stop the server if no other process uses it. In a forked child this does nothing."""
        if self._users_file < 0 or os.getpid() != self._process_id:
            return
        atexit.unregister(self.leave)
        try:
            with self._starting_or_stopping():
                self._stop_if_last()
        except ImproperlyConfigured as error:
            sys.stderr.write(f"The embedded PostgreSQL was not stopped: {error}\n")
        finally:
            os.close(self._users_file)
            self._users_file = -1

    def _stop_if_last(self) -> None:
        try:
            fcntl.flock(self._users_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # other processes still use it
        if self._is_running():
            self._run("pg_ctl", "stop", "--mode=fast", "--wait")
        if self.socket_dir != self.data_dir:
            with contextlib.suppress(OSError):
                self.socket_dir.rmdir()

    def ensure_database(self, name: str) -> None:
        """Create the database `name` unless it exists."""
        with self._starting_or_stopping():
            connection = psycopg2.connect(self.url(SUPERUSER))
            connection.autocommit = True
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                    if cursor.fetchone() is None:
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            finally:
                connection.close()

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_dir), safe='/')}&port={PORT}"

    @property
    def socket_dir(self) -> Path:
        """The data directory, or a folder of its own where a socket cannot have that path.

        Systems refuse long paths of sockets, and a comma in an address separates two servers.
        """
        is_short = len(os.fsencode(self.data_dir / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH
        if is_short and re.fullmatch(r"[\w/.+-]+", str(self.data_dir)):
            return self.data_dir
        path_hash = hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:16]
        return Path("/tmp") / f"minitwit-{path_hash}"  # noqa: S108 -- its owner and mode are checked

    def _beside(self, suffix: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{suffix}")

    @contextlib.contextmanager
    def _starting_or_stopping(self) -> Iterator[None]:
        lock_file = open_lock_file(self._beside("lock"))
        try:
            wait_for_lock(lock_file, self._beside("lock"), fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock_file)

    def _create(self) -> None:
        """Create the data directory under another name and rename it when it is complete."""
        for left_over in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        new_dir = Path(tempfile.mkdtemp(prefix=f"{self.data_dir.name}.new-", dir=self.data_dir.parent))
        if os.geteuid() == 0:
            account = _system_account()
            os.chown(new_dir, account.pw_uid, account.pw_gid)
        self._run(
            "initdb",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            # The same sort order and the same letters on every machine, whatever its language.
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            data_dir=new_dir,
        )
        new_dir.rename(self.data_dir)

    def _start_and_wait(self) -> None:
        """Return when the server answers. A process that was killed may have begun to start or stop it."""
        deadline = time.monotonic() + ANSWERING_SECONDS
        while True:
            if not self._is_running():
                try:
                    self._start()
                except ImproperlyConfigured:
                    if not self._is_running():  # another process began to start it and was killed
                        raise
            try:
                psycopg2.connect(self.url(SUPERUSER)).close()
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    raise ImproperlyConfigured(
                        f"The embedded PostgreSQL in {self.data_dir} runs but does not answer: {error}"
                    ) from error
                time.sleep(0.1)
            else:
                return

    def _start(self) -> None:
        for stale in ("postmaster.pid", f".s.PGSQL.{PORT}.lock"):
            # A crash leaves these files behind. If another process has the dead server's number now, PostgreSQL
            # mistakes that process for the server and refuses to start.
            (self.data_dir / stale).unlink(missing_ok=True)
        if self.socket_dir != self.data_dir:
            self._make_socket_dir()
        socket_dir = "." if self.socket_dir == self.data_dir else str(self.socket_dir)
        settings = SERVER_SETTINGS | {"unix_socket_directories": socket_dir}
        self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={STARTING_SECONDS}",
            "--log=server.log",
            "--options=" + " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items()),
        )

    def _is_running(self) -> bool:
        """Look at the process that postmaster.pid names: after a crash another program may have its number."""
        try:
            process_id = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(process_id)
            return process.name() == "postgres" and Path(process.cwd()) == self.data_dir.resolve()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def _make_socket_dir(self) -> None:
        owner = self.data_dir.stat()
        with contextlib.suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
            os.chown(self.socket_dir, owner.st_uid, owner.st_gid)
        found = self.socket_dir.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.st_uid or found.st_mode & 0o077:
            raise ImproperlyConfigured(
                f"{self.socket_dir} is for the socket of the embedded PostgreSQL, but other accounts may enter it. "
                "Remove it, or name a folder with a shorter path in VAR_DIR."
            )

    def _run(self, program: str, *arguments: str, data_dir: Path | None = None) -> None:
        """Run one of PostgreSQL's programs in the data directory, as the account that owns it."""
        directory = data_dir or self.data_dir
        owner = directory.stat()
        if os.geteuid() == 0 and owner.st_uid == 0:
            raise ImproperlyConfigured(
                f"{directory} belongs to root, and PostgreSQL does not run as root. Give it to another account."
            )
        switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        programs = runnable_programs(self.programs, self.software, switch)
        # The server keeps what it inherits, so its output goes to files and never to a pipe that a process reads.
        with tempfile.TemporaryFile() as output:
            result = subprocess.run(  # noqa: S603 -- our own programs and options
                [programs / program, *arguments],
                cwd=directory,
                env={**os.environ, "PGDATA": str(OWN_DIRECTORY) if switch and OWN_DIRECTORY.exists() else "."},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,  # Ctrl-C ends this process only
                **switch,  # type: ignore[call-overload]
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        if result.returncode != 0:
            log = directory / "server.log"
            said += "".join(log.read_text(errors="replace").splitlines(keepends=True)[-5:]) if log.exists() else ""
            raise ImproperlyConfigured(
                f"The embedded PostgreSQL in {self.data_dir} failed at `{program} {arguments[0]}`:\n{said.strip()}\n"
                "If its data may go, remove that folder; or name another server in DATABASE_URL."
            )


def _exit_when_terminated() -> None:
    """Let `kill` end this process as an exit does, so that it leaves the server. An existing handler stays."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def _system_account() -> pwd.struct_passwd:
    """Return the account that the server runs as when root starts it; create it when it is missing."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_ACCOUNT)
    try:
        subprocess.run(  # noqa: S603 -- nothing in it comes from outside
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise _no_account(str(error)) from error
    except subprocess.CalledProcessError as error:
        with contextlib.suppress(KeyError):  # another checkout was faster
            return pwd.getpwnam(SYSTEM_ACCOUNT)
        raise _no_account(error.stderr.strip()) from error
    return pwd.getpwnam(SYSTEM_ACCOUNT)


def _no_account(reason: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"PostgreSQL does not run as root, and its account {SYSTEM_ACCOUNT} could not be made: {reason}. "
        "Make that account, work as an ordinary user, or name a server in DATABASE_URL."
    )
