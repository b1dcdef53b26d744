"""Archives that are damaged, or that say of themselves what is not true."""

import gzip
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.legacy_import.hostile.catalogue import dump_of, healthy, hostile
from tests.legacy_import.hostile.damage import changed, flip
from tests.legacy_import.hostile.wals import wal_of, with_wal

NAMES = (
    *(
        "../../../../tmp/hostile-escaped.db",
        "/etc/minitwit.db",
        "C:\\minitwit.db",
        "..",
        ".",
        "a/" * 500 + "b",
        "x\0y",
    ),
    *(
        "user\u202egnp.db",
        "line\nbreak",
        "', ); DROP TABLE",
        "<b>bold</b>",
        "é" * 30_000,
        "con",
        " ",
        "\\\\host\\share",
    ),
)


def zipped(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return path


def database_or_dump(folder: Path, chance: random.Random) -> dict[str, bytes]:
    match chance.randrange(3):
        case 0:
            return {"minitwit.db": healthy(folder).read_bytes()}
        case 1:
            return {"dump.sql": dump_of(healthy(folder)).encode()}
        case _:
            path = with_wal(folder)
            return {"minitwit.db": path.read_bytes(), "minitwit.db-wal": wal_of(path).read_bytes()}


@hostile(files=60)
def flipped_zips(folder: Path, chance: random.Random) -> Path:
    path = zipped(folder / "minitwit.zip", database_or_dump(folder, chance), chance.choice([0, 8]))
    data = bytearray(path.read_bytes())
    where = chance.choice([(0, len(data)), (0, 60), (len(data) - 100, len(data))])
    flip(data, chance, *where, most=chance.choice([1, 5, 50]))
    return changed(path, data)


@hostile(files=30)
def truncated_zips(folder: Path, chance: random.Random) -> Path:
    path = zipped(folder / "minitwit.zip", database_or_dump(folder, chance))
    data = path.read_bytes()
    return changed(path, data[chance.choice([0, 0, 10]) : chance.randrange(len(data))])


@hostile(files=40)
def flipped_and_truncated_gzips(folder: Path, chance: random.Random) -> Path:
    packed = bytearray(gzip.compress(healthy(folder).read_bytes(), mtime=0))
    if chance.random() < 0.6:
        flip(packed, chance, 2, len(packed), most=chance.choice([1, 5, 50]))
    else:
        packed = packed[: chance.randrange(2, len(packed))]
    return changed(folder / "minitwit.db.gz", packed)


@hostile(files=len(NAMES))
def zips_with_paths(folder: Path, chance: random.Random) -> Path:
    data = healthy(folder).read_bytes()
    names = chance.sample(NAMES, chance.choice([1, 3]))
    return zipped(folder / "minitwit.zip", {name: data if n == 0 else b"x" for n, name in enumerate(names)})


@hostile(files=6)
def bombs(folder: Path, chance: random.Random) -> Path:
    """A little archive of which a great deal comes out."""
    head = chance.choice([b"SQLite format 3\0", b"BEGIN TRANSACTION;\n", b""])
    blocks = 600
    if chance.random() < 0.5:
        path = folder / "minitwit.gz"
        with gzip.GzipFile(path, "wb", mtime=0) as file:
            file.write(head)
            for _ in range(blocks):
                file.write(b" " * 1024 * 1024)
        return path
    path = folder / "minitwit.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("minitwit.db", "w") as member:
        member.write(head)
        for _ in range(blocks):
            member.write(bytes(1024 * 1024))
    return path


@hostile(files=12)
def odd_archives(folder: Path, chance: random.Random) -> Path:
    """Nested, without a database, with several, with very many files, with links, protected, packed otherwise."""
    data = healthy(folder).read_bytes()
    path = folder / "minitwit.zip"
    match chance.randrange(7):
        case 0:
            inner = zipped(folder / "inner.zip", {"minitwit.db": data}).read_bytes()
            return zipped(path, {"inner.zip": inner})
        case 1:
            return zipped(path, {})
        case 2:
            return zipped(path, {"a.db": data, "b.db": data, "c.sql": dump_of(folder / "minitwit.db").encode()})
        case 3:
            return zipped(path, {f"{n}.txt": b"x" for n in range(5000)} | {"minitwit.db": data})
        case 4:
            link = zipfile.ZipInfo("minitwit.db")
            link.external_attr = 0o120777 << 16
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(link, "/etc/passwd")
            return path
        case 5:
            packed = bytearray(zipped(path, {"minitwit.db": data}).read_bytes())
            packed[6] |= 1  # protected with a password
            packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
            return changed(path, packed)
        case _:
            return zipped(path, {"minitwit.db": data}, chance.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))


@hostile(files=8)
def archives_of_damaged_files(folder: Path, chance: random.Random) -> Path:
    data = bytearray(healthy(folder).read_bytes())
    flip(data, chance, 0, len(data), most=100)
    if chance.random() < 0.5:
        return changed(folder / "minitwit.db.gz", gzip.compress(bytes(data), mtime=0))
    return zipped(folder / "minitwit.zip", {"minitwit.db": bytes(data), "minitwit.db-wal": chance.randbytes(5000)})
