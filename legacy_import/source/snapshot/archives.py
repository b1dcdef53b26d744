"""Take an old database out of a ZIP or gzip archive that may be hostile.

Nothing that an archive says of itself is believed: not the sizes in its headers (what comes out is counted), and not
the names in it (what comes out goes where we say).
"""

import gzip
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from legacy_import.source.errors import SourceError
from legacy_import.source.snapshot.file_types import HEAD_BYTES, PGDMP, TEXT_DUMPS, WAL_MAGICS, Kind, recognise_head
from legacy_import.source.snapshot.progress import OnProgress, megabytes

BLOCK_BYTES = 1024 * 1024
MOST_FILES = 1000
MOST_DIRECTORY_BYTES = 512 * 1024
# More than an archive of this many bytes may come out, but not more than so many times its own size.
HARMLESS_BYTES = 64 * 1024 * 1024
GROWTH = 200
SHOWN_NAMES = 5
END_RECORD = struct.Struct("<4s4H2LH")
END_SIGNATURE, LOCATOR_SIGNATURE = b"PK\x05\x06", b"PK\x06\x07"
LOCATOR_BYTES = 20
LONGEST_COMMENT = 65535
WHOLE = (Kind.SQLITE, Kind.POSTGRESQL_ARCHIVE)  # files that are an old database each
ENCRYPTED = 0x1  # of a file's flags
OUR_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, struct.error, ValueError)
PACK_AGAIN = "Put only the database file, and its -wal file if there is one, into an ordinary ZIP"


@dataclass(frozen=True)
class Unpacked:
    """A file that came out of an archive; the log of a database lies beside it, where there was one.

    Attributes:
        name: what it was called inside.
    """

    path: Path
    kind: Kind
    name: str


class Allowance:
    """How much may come out of an archive, whatever it says of itself."""

    def __init__(self, archive: Path, label: str) -> None:
        self.label = label
        self.out = 0
        self.most = settings.LEGACY_UPLOAD_MAX_BYTES
        self.growth = max(HARMLESS_BYTES, GROWTH * archive.stat().st_size)

    def take(self, size: int) -> None:
        self.out += size
        if self.out > self.growth:
            raise SourceError(
                "archive_bomb",
                f"{self.label} is a small archive of which more than {filesizeformat(self.growth)} come out. No "
                "database packs so well; it was made to fill the disk. Nothing was imported.",
            )
        if self.out > self.most:
            raise SourceError(
                "too_large",
                f"What {self.label} holds is larger than {filesizeformat(self.most)}. Put the database on the server "
                "unpacked, and name it in LEGACY_DATABASE_URL.",
            )


def unpack(path: Path, kind: Kind, label: str, target: Path, on_progress: OnProgress) -> list[Unpacked]:
    """Take an old database out of an archive, with its write-ahead log, or the files that may be one together.

    Args:
        target: where the database is put; its log goes beside it, with -wal at the end, and other files with numbers.

    Returns:
        The database, if there is one, and dumps; or else the tables of values.

    Raises:
        SourceError: the archive is damaged, encrypted or a bomb, or holds no old database, or more than one.
    """
    with explained(label):
        if kind is Kind.GZIP:
            return unpack_gzip(path, label, target, on_progress)
        check_directory(path, label)
        with zipfile.ZipFile(path) as archive:
            return unpack_zip(archive, path, label, target, on_progress)


@contextmanager
def explained(label: str) -> Iterator[None]:
    """Turn what the libraries say of damaged archives into a sentence."""
    try:
        yield
    except (*DAMAGE, NotImplementedError) as error:
        raise SourceError(
            "damaged_archive", f"{label} cannot be unpacked: the archive is damaged or cut short. Copy it again."
        ) from error


def unpack_gzip(path: Path, label: str, target: Path, on_progress: OnProgress) -> list[Unpacked]:
    with gzip.open(path) as packed:
        found = recognise_head(packed.read(HEAD_BYTES), f"What is in {label}")
    refuse_nested(found, label)
    with gzip.open(path) as packed:
        copy(packed, target, Allowance(path, label), on_progress)
    return [Unpacked(target, found, "")]


def check_directory(path: Path, label: str) -> None:
    """Refuse an archive whose list of files would fill the memory, before the library reads it."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_COMMENT - END_RECORD.size - LOCATOR_BYTES))
        tail = file.read()
    place = tail.rfind(END_SIGNATURE)
    if place < 0:
        raise zipfile.BadZipFile
    _, _, _, _, files, directory_bytes, _, _ = END_RECORD.unpack_from(tail, place)
    is_zip64 = tail[max(0, place - LOCATOR_BYTES) : place].startswith(LOCATOR_SIGNATURE)
    if is_zip64 or files > MOST_FILES or directory_bytes > MOST_DIRECTORY_BYTES:
        raise SourceError("unusual_archive", f"{label} holds too many files, or too large ones. {PACK_AGAIN}.")


def unpack_zip(
    archive: zipfile.ZipFile, path: Path, label: str, target: Path, on_progress: OnProgress
) -> list[Unpacked]:
    members = [member for member in archive.infolist() if not member.is_dir() and member.file_size]
    check_openable(members, label)
    allowance = Allowance(path, label)
    candidates, logs, others = sorted_out(archive, members, label, allowance)
    found = []
    for number, member in enumerate(chosen(candidates, others, label)):
        place = Path(f"{target}-{number}") if number else target
        with archive.open(member) as packed:
            copy(packed, place, allowance, on_progress)
        found.append(Unpacked(place, candidates[member], shown(member.filename)))
        if candidates[member] is Kind.SQLITE and (log := log_of(member, logs)):
            with archive.open(log) as packed:
                copy(packed, Path(f"{place}-wal"), allowance, on_progress)
    return found


def check_openable(members: list[zipfile.ZipInfo], label: str) -> None:
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise SourceError(
                "encrypted_archive", f"{label} is protected with a password. {PACK_AGAIN}, without a password."
            )
        if member.compress_type not in OUR_METHODS:
            raise SourceError("unusual_archive", f"{label} is packed in an unusual way. {PACK_AGAIN}.")


def sorted_out(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], label: str, allowance: Allowance
) -> tuple[dict[zipfile.ZipInfo, Kind], list[zipfile.ZipInfo], list[str]]:
    """Look at the first bytes of each file: the old databases, the write-ahead logs, and what the others are."""
    candidates: dict[zipfile.ZipInfo, Kind] = {}
    logs, others = [], []
    for member in members:
        with archive.open(member) as packed:
            head = packed.read(HEAD_BYTES)
        allowance.take(len(head))
        if head[:4] in WAL_MAGICS:
            logs.append(member)
            continue
        try:
            kind = recognise_head(head, shown(member.filename))
        except SourceError as error:
            if head.startswith(PGDMP):  # a dump in the directory format, whose other files are archives
                raise SourceError(error.code, f"{label}: {error.message}") from error
            others.append(error.message)
            continue
        candidates[member] = kind
    for kind in candidates.values():
        refuse_nested(kind, label)
    return candidates, logs, others


def refuse_nested(kind: Kind, label: str) -> None:
    if kind in (Kind.ZIP, Kind.GZIP):
        raise SourceError("nested_archive", f"{label} holds another archive. {PACK_AGAIN}, and that one alone.")


def chosen(candidates: dict[zipfile.ZipInfo, Kind], others: list[str], label: str) -> list[zipfile.ZipInfo]:
    """The files that are an old database, alone or together: a database first, then dumps; or tables of values."""
    if not candidates:
        reason = f" {others[0]}" if len(others) == 1 else ""
        raise SourceError("empty_archive", f"{label} holds no old database and no dump.{reason} {PACK_AGAIN}.")
    databases = [member for member, kind in candidates.items() if kind in WHOLE]
    if len(databases) > 1:
        raise several_databases([shown(member.filename) for member in databases], label)
    dumps = [member for member, kind in candidates.items() if kind in TEXT_DUMPS]
    return [*databases, *dumps] or list(candidates)


def several_databases(names: Sequence[str], label: str) -> SourceError:
    more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
    return SourceError(
        "several_databases",
        f"{label} holds more than one old database: {', '.join(names[:SHOWN_NAMES])}{more}. Pack the one that is to "
        "be imported alone; a schema and the rows that belong to it may be two files.",
    )


def log_of(database: zipfile.ZipInfo, logs: list[zipfile.ZipInfo]) -> zipfile.ZipInfo | None:
    """The write-ahead log of the database: by its name, or the only one there is."""
    for log in logs:
        if log.filename == f"{database.filename}-wal":
            return log
    return logs[0] if len(logs) == 1 else None


def copy(packed: IO[bytes] | gzip.GzipFile, target: Path, allowance: Allowance, on_progress: OnProgress) -> None:
    """Write what comes out to a file that only this account can read."""
    with open(target, "xb", opener=private_file) as file:
        while block := packed.read(BLOCK_BYTES):
            allowance.take(len(block))
            file.write(block)
            on_progress(f"Unpacking: {megabytes(allowance.out)}")


def private_file(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def shown(name: str) -> str:
    """A name from an archive, for staff to read."""
    return "".join(character for character in name if character.isprintable())[:80] or "a file without a name"
