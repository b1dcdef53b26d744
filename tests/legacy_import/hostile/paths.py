"""Paths where a file should be, and names that files should not have."""

import os
import random
import socket
from pathlib import Path

from tests.legacy_import.hostile.catalogue import bare, hostile

NAMES = (
    *("it's.db", 'quo"ted.db', "line\nbreak.db", "user\u202ebd.lqs", "%41%00?mode=rw#x.db", "a b\tc.db", "-rf.db"),
    *("file:x.db", "<b>.db", "%s%(x)s{}.db", "é\u0301.db", "\x1b[31m.db", "sqlite:x", ";rm -rf x.db", "x" * 250),
    *("$(touch x).db", "`x`.db", "\\.db", "🦆.db", ":memory:", "a?cache=shared", "\u200b", "..db", "null"),
)


@hostile(files=len(NAMES))
def odd_names(folder: Path, chance: random.Random) -> Path:
    """A sound database, or none, of a name that somebody could take for something else."""
    path = bare(folder)
    if chance.random() < 0.3:
        path.write_bytes(b"no database")
    return path.rename(folder / chance.choice(NAMES))


@hostile(files=14)
def not_a_file(folder: Path, chance: random.Random) -> Path:
    path, other = folder / "minitwit.db", folder / "other.db"
    match chance.randrange(9):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            path.symlink_to("/dev/null")
        case 4:
            path.symlink_to(path)
        case 5:
            path.symlink_to(folder / "nowhere")
        case 6:
            bare(folder).rename(other)
            path.symlink_to(other)
        case 7:
            bare(folder).chmod(0)
        case _:
            here = os.getcwd()
            os.chdir(folder)  # the path of a socket must be short
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("minitwit.db")
            os.chdir(here)
    return path


@hostile(files=6)
def impossible_paths(folder: Path, chance: random.Random) -> Path:
    return folder / chance.choice(["x" * 5000, "a\0b", "a/" * 3000, "nowhere.db", "nowhere/minitwit.db", "~root/x"])


@hostile(files=4)
def something_else_beside_it(folder: Path, chance: random.Random) -> Path:
    """A folder or a pipe where SQLite keeps its log or its journal."""
    path = bare(folder)
    beside = Path(f"{path}{chance.choice(['-wal', '-journal', '-shm'])}")
    if chance.random() < 0.5:
        beside.mkdir()
    else:
        os.mkfifo(beside)
    return path
