"""A MariaDB server of the tests' own: in a folder of theirs, on a socket, gone with them."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pymysql

PROGRAM = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SYSTEM_TABLES = Path("/usr/share/mysql")
WHY_NOT = "MariaDB is not installed: apt-get install mariadb-server-core"
USER, PASSWORD = "legacy", "s3cret of MariaDB"
SCRIPTS = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
PATIENCE = 60  # seconds


class MariaDB:
    """A running server.

    Attributes:
        socket: where it listens.
    """

    def __init__(self, place: Path) -> None:
        self.socket = place

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"mysql://{USER}:{quote(password)}@{quote(str(self.socket), safe='')}/{database}"

    def connect(self, database: str | None = None) -> "pymysql.Connection":
        return pymysql.connect(
            unix_socket=str(self.socket), user=USER, password=PASSWORD, database=database, autocommit=True
        )


@contextmanager
def running() -> Iterator[MariaDB]:
    """Make a server and start it."""
    with tempfile.TemporaryDirectory(prefix="mariadb_") as folder:  # a socket's path has to be short
        data, place = Path(folder) / "data", Path(folder) / "socket"
        data.mkdir()
        program = [
            *(str(PROGRAM), "--no-defaults", f"--datadir={data}", f"--user={pwd.getpwuid(os.getuid()).pw_name}"),
            *("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--log-warnings=0"),
        ]
        # What mariadb-install-db does, which Debian has in a larger package.
        script = "create database mysql;\nuse mysql;\nSET @auth_root_socket=NULL;\n"
        script += "".join((SYSTEM_TABLES / name).read_text() for name in SCRIPTS)
        script += f"FLUSH PRIVILEGES;\nGRANT ALL ON *.* TO {USER}@localhost IDENTIFIED BY '{PASSWORD}';\n"
        bootstrap = [*program, "--bootstrap", "--enforce-storage-engine="]
        done = subprocess.run(bootstrap, input=script.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        with open(Path(folder) / "log", "wb") as log:
            process = subprocess.Popen(
                [*program, f"--socket={place}", "--skip-networking"], stdout=log, stderr=subprocess.STDOUT
            )
            try:
                wait_until_it_answers(MariaDB(place), process)
                yield MariaDB(place)
            finally:
                process.terminate()
                process.wait()


def wait_until_it_answers(server: MariaDB, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket(socket.AF_UNIX) as knock:
            if knock.connect_ex(str(server.socket)) == 0:
                return
        assert process.poll() is None, "MariaDB did not start."
        assert time.monotonic() < deadline, "MariaDB does not answer."
        time.sleep(0.1)
