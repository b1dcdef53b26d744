"""The old application may be running: its file is read as of one moment, whoever writes to it meanwhile."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from legacy_import.source import SourceError, SQLiteSource, source_at
from legacy_import.source.snapshot import live_sqlite
from legacy_import.source.snapshot.progress import silent
from tests.legacy_import.old_database import make_old_database

pytestmark = pytest.mark.story

PERSON = (1, "ann", "ann@example.com", "x")

# Changes every account again and again, and keeps one change of so many; little memory, so that a change is in the
# file before it is completed. Dates may be those of a file system that knows only whole seconds.
WRITER = """
import itertools, os, sqlite3, sys, time
path, kept, dates = sys.argv[1:]
live = sqlite3.connect(path, timeout=60, isolation_level=None)
live.execute("PRAGMA cache_size=10")
live.execute("PRAGMA synchronous=OFF")
for number in itertools.count(2):
    live.execute("BEGIN IMMEDIATE")
    live.execute("UPDATE user SET email = ?", [f"{number}@example.com"])
    live.execute("ROLLBACK" if number % int(kept) else "COMMIT")
    if dates == "long ago":
        os.utime(path, (number, number))
    elif dates == "whole seconds":
        os.utime(path, (int(time.time()), int(time.time())))
    if number == 2:
        print("writing", flush=True)
"""
# Opens a file in WAL mode as soon as it is being copied, changes every account, and leaves no log behind; again and
# again, but so that the file looks as if nobody ever wrote to it.
VISITOR = """
import os, sqlite3, sys, time
path, copy = sys.argv[1:]
print("writing", flush=True)
while not (os.path.exists(copy) and os.path.getsize(copy)):
    pass
while True:
    live = sqlite3.connect(path, timeout=60, isolation_level=None)
    live.execute("PRAGMA synchronous=OFF")
    live.execute("UPDATE user SET email = ?", ["x" * 3000])
    live.close()
    os.utime(path, (2, 2))
    time.sleep(0.5)
"""
TOUCHER = """
import os, sys, time
print("writing", flush=True)
while True:
    os.utime(sys.argv[1])
    time.sleep(0.01)
"""
# Keeps a file in WAL mode open until it is told to close it.
OWNER = """
import sqlite3, sys
live = sqlite3.connect(sys.argv[1], isolation_level=None)
live.execute("INSERT INTO user VALUES (2, 'bob', '', '')")
print("writing", flush=True)
sys.stdin.readline()
live.close()
print("closed", flush=True)
"""
HOLDER = """
import sqlite3, sys, time
live = sqlite3.connect(sys.argv[1], isolation_level=None)
live.execute("PRAGMA locking_mode=EXCLUSIVE")
live.execute("BEGIN EXCLUSIVE")
print("writing", flush=True)
time.sleep(600)
"""


def open_live(path: Path, snapshot: Path | None = None) -> SQLiteSource:
    return SQLiteSource.open(source_at(str(path)), snapshot or path.with_suffix(".snapshot"), required=("user",))


def usernames(path: Path) -> list[object]:
    with open_live(path) as source:
        return [row.values[1] for row in source.rows("user")]


def run_script(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def written_long_ago(path: Path) -> Path:
    os.utime(path, (1e9, 1e9))
    return path


@contextmanager
def at_work(script: str, *arguments: object) -> Iterator[None]:
    """A process that does something with the file, from its first deed on."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "writing\n"
            yield
        finally:
            process.kill()


def old_file_of_many(path: Path) -> Path:
    return make_old_database(path, user=[(n, f"user{n}", "first", "x") for n in range(1, 5000)])


def address_of_all(path: Path) -> str:
    """The address that every account has: more than one of them is a copy of more than one moment."""
    with open_live(path) as source:
        (address,) = {row.values[2] for row in source.rows("user")}
    return str(address)


def test_a_live_file_is_read_as_it_was_when_the_import_began(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    with open_live(path) as source:
        run_script(path, "INSERT INTO user VALUES (2, 'late', '', '')")
        assert [row.values[1] for row in source.rows("user")] == ["ann"]


@pytest.mark.parametrize("dates", ["now", "long ago"])
def test_a_file_that_others_write_to_is_read_as_of_one_moment(tmp_path, dates):
    path = old_file_of_many(tmp_path / "old.db")
    with at_work(WRITER, path, 2, dates):
        assert len({address_of_all(path) for _ in range(8)}) > 2


@pytest.mark.parametrize("dates", ["now", "long ago", "whole seconds"])
def test_what_others_write_and_take_back_is_not_read(tmp_path, dates):
    path = old_file_of_many(tmp_path / "old.db")
    with at_work(WRITER, path, 1_000_000, dates):
        assert {address_of_all(path) for _ in range(10)} == {"first"}


def test_a_wal_file_that_is_opened_and_closed_while_it_is_copied_is_read_as_of_one_moment(tmp_path):
    """The accounts lie at its end, behind what takes a while to copy."""
    path = tmp_path / "old.db"
    run_script(
        path,
        "PRAGMA journal_mode=WAL; CREATE TABLE user (user_id integer primary key, username, email, pw_hash);"
        "CREATE TABLE pictures (bytes); INSERT INTO pictures VALUES (zeroblob(150000000));"
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)"
        " INSERT INTO user SELECT n, 'user' || n, 'first', 'x' FROM numbers",
    )
    written_long_ago(path)
    with at_work(VISITOR, path, path.with_suffix(".snapshot")):
        assert address_of_all(path) == "x" * 3000


def test_a_large_file_that_others_write_to_without_a_pause_is_read_in_the_end(tmp_path):
    """SQLite's backup takes several steps for it, and begins anew after every change."""
    path = old_file_of_many(tmp_path / "old.db")
    run_script(path, "CREATE TABLE pictures (bytes); INSERT INTO pictures VALUES (zeroblob(150000000))")
    with at_work(WRITER, path, 1, "now"):
        assert address_of_all(path).endswith("@example.com")


def test_a_file_that_stays_locked_is_given_up_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(live_sqlite, "LONGEST_LOCK", 1.0)
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    with at_work(HOLDER, path), pytest.raises(SourceError) as error:
        open_live(path)
    assert error.value.code == "source_locked"
    assert "Stop the old application" in error.value.message
    assert not path.with_suffix(".snapshot").exists()
    assert usernames(path) == ["ann"]


class Cancelled(Exception):  # noqa: N818 -- not an error
    """Somebody does not want to wait any longer."""


def cancel_at(word: str) -> Callable[[str], None]:
    def on_progress(line: str) -> None:
        if word in line:
            raise Cancelled(line)

    return on_progress


def test_waiting_for_a_locked_file_can_be_cancelled(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    with at_work(HOLDER, path), pytest.raises(Cancelled, match=r"another program that has locked old\.db"):
        live_sqlite.take_snapshot(path, "old.db", tmp_path / "snapshot", cancel_at("locked"))


@pytest.mark.parametrize("prepare", [lambda path: path, written_long_ago], ids=["backed up", "copied as it lies"])
def test_copying_a_large_file_shows_progress_and_can_be_cancelled(tmp_path, prepare):
    path = old_file_of_many(tmp_path / "old.db")
    run_script(path, "CREATE TABLE pictures (bytes); INSERT INTO pictures VALUES (zeroblob(150000000))")
    prepare(path)
    with pytest.raises(Cancelled, match=r"^Copying old\.db, \d+ %$"):
        live_sqlite.take_snapshot(path, "old.db", tmp_path / "snapshot", cancel_at("Copying"))


def test_no_thread_is_left_that_closes_the_file_while_it_is_copied_for_the_next_run(tmp_path):
    """Closing a file gives up the locks of the whole process."""
    path = run_script(
        tmp_path / "old.db", "CREATE TABLE pictures (bytes); INSERT INTO pictures VALUES (zeroblob(9e7))"
    )
    with pytest.raises(SourceError, match="no table user"):
        open_live(path)
    assert "hashing" not in {thread.name for thread in threading.enumerate()}


def test_rows_in_the_wal_of_a_live_file_are_read(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    live = sqlite3.connect(path)
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("INSERT INTO user VALUES (2, 'recent', '', '')")
    live.commit()
    with open_live(path) as source:
        assert source.tables["user"].rows == 2
        assert source.description.warnings == []
    live.close()


def copied_with_its_log(tmp_path: Path) -> Path:
    """A database whose second row is in its log."""
    path = make_old_database(tmp_path / "live.db", user=[PERSON])
    with closing(sqlite3.connect(path)) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("INSERT INTO user VALUES (2, 'recent', '', '')")
        live.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", tmp_path / f"copy.db{ending}")
    return tmp_path / "copy.db"


@pytest.mark.parametrize("mode", [b"\x02\x02", b"\x01\x01"], ids=["in WAL mode", "with a log all the same"])
def test_rows_in_a_wal_that_nobody_has_open_are_read_and_nothing_is_left_beside_it(tmp_path, mode):
    """SQLite would make an index of the log, of this account, where the old application might not write any more."""
    copy = copied_with_its_log(tmp_path)
    data = bytearray(copy.read_bytes())
    data[18:20] = mode
    copy.write_bytes(data)
    written_long_ago(copy)
    assert usernames(copy) == ["ann", "recent"]
    assert {file.name for file in tmp_path.glob("copy.*")} == {"copy.db", "copy.db-wal", "copy.snapshot"}


def test_a_wal_file_is_opened_only_while_somebody_has_it_open_and_stays_as_it_is(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    run_script(path, "PRAGMA journal_mode=WAL")
    with live_sqlite.opened(written_long_ago(path), "old.db", silent, comes_back=False) as live:
        assert live is None
    assert list(tmp_path.iterdir()) == [path]
    command = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdin
        assert owner.stdout
        assert owner.stdout.readline() == "writing\n"
        with live_sqlite.opened(path, "old.db", silent, comes_back=False) as live:
            assert live is not None
            owner.stdin.write("close\n")
            owner.stdin.flush()
            assert owner.stdout.readline() == "closed\n"
            # The application's own log and index are still there, and so none of this account are made.
            assert {file.name for file in tmp_path.iterdir()} == {"old.db", "old.db-wal", "old.db-shm"}
            assert live.execute("SELECT count(*) FROM user").fetchone() == (2,)


def test_a_wal_file_that_is_never_quiet_is_given_up_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(live_sqlite, "ATTEMPTS", 3)
    path = run_script(tmp_path / "old.db", "PRAGMA journal_mode=WAL; CREATE TABLE user (user_id)")
    with at_work(TOUCHER, path), pytest.raises(SourceError) as error:
        open_live(path)
    assert error.value.code == "source_busy"
    assert "Stop the old application" in error.value.message


def test_a_log_that_begins_anew_while_it_is_copied_makes_no_copy_of_one_moment(tmp_path):
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    with closing(sqlite3.connect(path, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("INSERT INTO user VALUES (2, 'bob', '', '')")
        live.execute("PRAGMA wal_checkpoint(FULL)")
        written_long_ago(path)
        snapshot = tmp_path / "snapshot"
        assert live_sqlite.copy_as_it_lies(path, "old.db", snapshot, silent)
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("snapshot*")} == {0o600}
        write_once = iter(["INSERT INTO user VALUES (3, 'carol', '', '')"])

        def write_meanwhile(line: str) -> None:
            for statement in write_once:
                live.execute(statement)

        assert not live_sqlite.copy_as_it_lies(path, "old.db", snapshot, write_meanwhile)


@pytest.mark.parametrize("code", ["SQLITE_BUSY_RECOVERY", "SQLITE_IOERR", "SQLITE_PROTOCOL"])
def test_a_file_that_cannot_be_opened_for_the_moment_is_not_taken_for_damaged(code):
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = getattr(sqlite3, code)
    assert not live_sqlite.is_damage(error)


def test_a_wal_file_whose_tables_are_still_in_the_log_is_refused_for_the_lack_of_it(tmp_path):
    live = sqlite3.connect(tmp_path / "live.db")
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("CREATE TABLE user (user_id integer primary key, username, email, pw_hash)")
    copied = written_long_ago(Path(shutil.copy(tmp_path / "live.db", tmp_path / "copied.db")))
    with pytest.raises(SourceError) as error:
        open_live(copied)
    assert error.value.code == "missing_table"
    assert "came without its -wal file" in error.value.message
    live.close()


def test_a_change_that_was_never_completed_is_taken_back(tmp_path):
    """As when the old application died while it was writing."""
    path = make_old_database(tmp_path / "old.db", user=[PERSON])
    live = sqlite3.connect(path)
    live.execute("PRAGMA cache_size=1")
    live.executemany("INSERT INTO user VALUES (?, ?, '', '')", [(number, "x" * 500) for number in range(2, 300)])
    copied = written_long_ago(Path(shutil.copy(path, tmp_path / "copied.db")))
    shutil.copy(f"{path}-journal", f"{copied}-journal")
    live.close()
    assert usernames(copied) == ["ann"]
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(copied)
    assert usernames(link) == ["ann"]  # the journal lies beside the file, not beside the link
    assert Path(f"{copied}-journal").exists()
    assert not Path(f"{copied.with_suffix('.snapshot')}-journal").exists()


def test_looking_at_a_wal_file_that_came_alone_leaves_nothing_beside_it_and_warns_each_time(tmp_path):
    """SQLite would make a log of its own for it, empty, which looks as if the old one had come along."""
    folder = tmp_path / "copied"
    folder.mkdir()
    path = folder / "old.db"
    run_script(path, "PRAGMA journal_mode=WAL; CREATE TABLE user (user_id, username, email, pw_hash)")
    for attempt in range(2):  # the first time it was written to just now
        with open_live(path, tmp_path / f"snapshot {attempt}") as source:
            assert "came without its -wal file" in source.description.warnings[0]
        assert list(folder.iterdir()) == [path]
        written_long_ago(path)
