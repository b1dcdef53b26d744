"""Databases with something beside them: write-ahead logs and journals, damaged or of another file."""

import random
import shutil
import sqlite3
from pathlib import Path

from tests.legacy_import.hostile.catalogue import healthy, hostile
from tests.legacy_import.hostile.damage import changed, flip

FRAME = 24 + 4096


def with_wal(folder: Path, commits: int = 8, rewinds: int = 0) -> Path:
    """A database whose last rows stand in its write-ahead log only.

    Args:
        rewinds: how often the log was begun anew; what is left of earlier rounds stands behind the newest.
    """
    live = healthy(folder).rename(folder / "live.db")
    path = folder / "minitwit.db"
    connection = sqlite3.connect(live, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for number in range(rewinds + 1):
        if number:
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        for commit in range(max(1, commits // (number + 1))):
            identity = 1000 * (number + 1) + commit
            connection.execute("INSERT INTO user VALUES (?, ?, '', '')", [identity, f"late {identity}"])
            connection.execute("INSERT INTO message VALUES (?, 1, ?, 5, 0)", [identity, "late " * 500])
    for ending in ("", "-wal"):
        shutil.copy(f"{live}{ending}", f"{path}{ending}")
    connection.close()
    live.unlink()
    return path


def wal_of(path: Path) -> Path:
    return Path(f"{path}-wal")


@hostile(files=20)
def deep_wals(folder: Path, chance: random.Random) -> Path:
    return with_wal(folder, commits=chance.choice([1, 30, 200]), rewinds=chance.randrange(6))


@hostile(files=30)
def flipped_wals(folder: Path, chance: random.Random) -> Path:
    path = with_wal(folder, rewinds=chance.randrange(3))
    data = bytearray(wal_of(path).read_bytes())
    flip(data, chance, 0, len(data), most=20)
    changed(wal_of(path), data)
    return path


@hostile(files=15)
def bad_salts_and_checksums(folder: Path, chance: random.Random) -> Path:
    path = with_wal(folder)
    data = bytearray(wal_of(path).read_bytes())
    start = chance.choice([0, 32 + chance.randrange(len(data) // FRAME) * FRAME])
    flip(data, chance, start, start + 24, most=8)
    changed(wal_of(path), data)
    return path


@hostile(files=15)
def truncated_wals(folder: Path, chance: random.Random) -> Path:
    path = with_wal(folder)
    data = wal_of(path).read_bytes()
    changed(wal_of(path), data[: chance.choice([chance.randrange(40), chance.randrange(len(data))])])
    return path


@hostile(files=10)
def databases_damaged_under_their_wal(folder: Path, chance: random.Random) -> Path:
    path = with_wal(folder)
    data = bytearray(path.read_bytes())
    flip(data, chance, 0, len(data), most=50)
    return changed(path, data)


@hostile(files=8)
def wals_of_another_database(folder: Path, chance: random.Random) -> Path:
    (folder / "other").mkdir()
    other = with_wal(folder / "other", commits=chance.randint(1, 10))
    path = healthy(folder, users=chance.randint(1, 10))
    shutil.copy(wal_of(other), wal_of(path))
    return path


@hostile(files=8)
def noise_instead_of_a_wal(folder: Path, chance: random.Random) -> Path:
    path = with_wal(folder)
    head = chance.choice([b"", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", wal_of(path).read_bytes()[:32]])
    changed(wal_of(path), head + chance.randbytes(chance.choice([3, 3000, 100_000])))
    return path


@hostile(files=10)
def journals_beside_the_file(folder: Path, chance: random.Random) -> Path:
    """What a crash in the middle of a change leaves: SQLite would play it back into the file."""
    path = healthy(folder)
    data = path.read_bytes()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN")
    connection.execute("UPDATE message SET text = text || 'changed'")
    journal = bytearray(Path(f"{path}-journal").read_bytes())
    connection.execute("ROLLBACK")
    connection.close()
    if chance.random() < 0.7:
        flip(journal, chance, 0, len(journal), most=30)
    changed(path, data)
    Path(f"{path}-journal").write_bytes(chance.choice([journal, chance.randbytes(1000), journal[:700]]))
    return path
