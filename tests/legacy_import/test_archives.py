"""Old databases in archives and with their logs: read, or refused, whatever is in them."""

import gzip
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from legacy_import.source import SourceError
from legacy_import.source.snapshot import archives
from tests.legacy_import.packed import (
    HEAD,
    dumped,
    make_awkward_database,
    open_source,
    refusal,
    rows_of,
    wal_pair,
    zipped,
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_awkward_database(tmp_path / "old.db")


@pytest.mark.parametrize("pack", ["zip", "zip of a dump", "gzip", "gzip of a dump"])
def test_an_archive_holds_the_same_rows_as_its_database(old: Path, tmp_path: Path, pack: str) -> None:
    content = dumped(old).encode("utf-8", "surrogateescape") if "dump" in pack else old.read_bytes()
    path = tmp_path / "old.packed"
    if pack.startswith("zip"):
        zipped(path, **{"site/data/old.db": content, "__MACOSX/._old.db": b"\0\5\x16\7", "README": b"hello"})
    else:
        path.write_bytes(gzip.compress(content))
    assert rows_of(path, tmp_path, uploaded=True) == rows_of(old, tmp_path)
    assert not list(tmp_path.glob("snapshot-*"))


def test_a_zip_with_a_write_ahead_log_brings_the_newest_rows(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    log = copy.with_name("copy.db-wal")
    path = zipped(tmp_path / "old.zip", **{"old.db": copy.read_bytes(), "old.db-wal": log.read_bytes()})
    with open_source(path, tmp_path) as source:
        assert source.tables["user"].rows == 4
        assert source.description.warnings == []


def test_an_uploaded_log_brings_the_newest_rows_and_an_upload_without_it_is_warned_of(
    old: Path, tmp_path: Path
) -> None:
    copy = wal_pair(old, tmp_path)
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 4
        assert source.description.warnings == []
    copy.with_name("copy.db-wal").unlink()
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 3
        assert "upload the -wal file with it" in source.description.warnings[0]


def test_the_log_of_another_database_is_noticed(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    log = copy.with_name("copy.db-wal")
    content = bytearray(log.read_bytes())
    content[16:24] = b"another!"  # its salt, which all its pages repeat
    log.write_bytes(content)
    with open_source(copy, tmp_path, uploaded=True) as source:
        assert "holds nothing for this database" in source.description.warnings[0]
    content[8:12] = struct.pack(">I", 1024)
    log.write_bytes(content)
    with pytest.raises(SourceError, match="its pages have another size"):
        open_source(copy, tmp_path, uploaded=True)


def test_a_log_that_is_damaged_in_the_middle_is_warned_of(old: Path, tmp_path: Path) -> None:
    copy = wal_pair(old, tmp_path)
    with closing(sqlite3.connect(copy)) as connection:  # one more change; closing it would bring the log in
        connection.execute("INSERT INTO user VALUES (11, 'last', 'l@b.cc', 'x')")
        connection.commit()
        torn = tmp_path / "torn.db"
        for ending in ("", "-wal"):
            shutil.copy(f"{copy}{ending}", f"{torn}{ending}")
    log = torn.with_name("torn.db-wal")
    content = bytearray(log.read_bytes())
    content[-10] ^= 1
    log.write_bytes(content)
    with open_source(torn, tmp_path, uploaded=True) as source:
        assert source.tables["user"].rows == 4
        assert "damaged, cut short" in source.description.warnings[0]


def encrypted(path: Path, old: Path) -> Path:
    content = bytearray(zipped(path, old__db=old.read_bytes()).read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    return path


def cut_short(path: Path, old: Path) -> Path:
    path.write_bytes(zipped(path, old__db=old.read_bytes()).read_bytes()[:-30])
    return path


def damaged(path: Path, old: Path) -> Path:
    content = bytearray(zipped(path, old__db=old.read_bytes()).read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    return path


def nested(path: Path, old: Path) -> Path:
    return zipped(path, inner__zip=zipped(path, old__db=old.read_bytes()).read_bytes())


def crowded(path: Path, old: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(archives.MOST_FILES + 1):
            archive.writestr(f"{number}", b"x")
    return path


def gzip_of_zip(path: Path, old: Path) -> Path:
    path.write_bytes(gzip.compress(nested(path, old).read_bytes()))
    return path


def gzip_cut_short(path: Path, old: Path) -> Path:
    path.write_bytes(gzip.compress(old.read_bytes() * 50)[:-40])
    return path


@pytest.mark.parametrize(
    ("make", "code", "sentence"),
    [
        (encrypted, "encrypted_archive", "protected with a password"),
        (cut_short, "damaged_archive", "damaged or cut short"),
        (damaged, "damaged_archive", "damaged or cut short"),
        (nested, "nested_archive", "holds another archive"),
        (gzip_of_zip, "nested_archive", "holds another archive"),
        (gzip_cut_short, "damaged_archive", "damaged or cut short"),
        (crowded, "unusual_archive", "too many files"),
        (lambda path, old: zipped(path), "empty_archive", "no SQLite database and no dump"),
        (lambda path, old: zipped(path, a__txt=b"hello"), "empty_archive", "a.txt is not a SQLite database"),
        (
            lambda path, old: zipped(path, one__db=old.read_bytes(), two__sql=HEAD.encode()),
            "several_databases",
            "one.db, two.sql",
        ),
    ],
)
def test_an_archive_that_is_not_one_old_database_is_refused(
    old: Path, tmp_path: Path, make: Callable[[Path, Path], Path], code: str, sentence: str
) -> None:
    error = refusal(make(tmp_path / "old.zip", old), tmp_path)
    assert error.code == code
    assert sentence in error.message


def test_an_archive_goes_nowhere_but_where_we_say(old: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "old.zip", **{"../../escaped.db": old.read_bytes()})
    assert rows_of(path, tmp_path) == rows_of(old, tmp_path)
    assert not list(tmp_path.parent.glob("escaped*"))
    assert not list(tmp_path.parent.parent.glob("escaped*"))


@pytest.mark.parametrize("pack", ["zip", "gzip"])
def test_what_comes_out_of_an_archive_is_counted_whatever_it_says(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, pack: str
) -> None:
    content = old.read_bytes() + bytes(4 * 1024 * 1024)
    path = tmp_path / "old.packed"
    if pack == "zip":
        zipped(path, old__db=content)
    else:
        path.write_bytes(gzip.compress(content))
    monkeypatch.setattr(archives, "HARMLESS_BYTES", 1024)
    assert refusal(path, tmp_path).code == "archive_bomb"
    monkeypatch.setattr(archives, "GROWTH", 10_000)
    settings.LEGACY_UPLOAD_MAX_BYTES = 1024 * 1024
    assert refusal(path, tmp_path).code == "too_large"
