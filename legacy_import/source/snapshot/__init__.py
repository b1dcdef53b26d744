"""Turn any old database into one SQLite file that no other program writes to.

A SQLite file may be live, or come with its write-ahead log; a dump has to be loaded, an archive unpacked, a server
read. All the other rooms treat the result in the same way.
"""

import glob
import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from legacy_import.source.errors import SourceError, no_room, not_copied
from legacy_import.source.location import Reference, ServerReference, SourceReference
from legacy_import.source.snapshot import live_sqlite, sqlite_wal
from legacy_import.source.snapshot.archives import Unpacked, several_databases, unpack
from legacy_import.source.snapshot.csv_tables import load_csv
from legacy_import.source.snapshot.dumps import Part, load_dump
from legacy_import.source.snapshot.dumps.several_files import OneDatabase, look_into, put_together
from legacy_import.source.snapshot.file_types import TEXT_DUMPS, Kind, recognise
from legacy_import.source.snapshot.postgresql_archives import write_out
from legacy_import.source.snapshot.progress import OnProgress, silent
from legacy_import.source.snapshot.servers import copy_tables
from legacy_import.source.wording import listed
from MiniTwit.storage.full_disks import lacks_room


@dataclass
class Intake:
    """What was given, and the file that came of it.

    Attributes:
        path: the SQLite file.
        kind: what was given, for staff.
        size: bytes. modified: ISO time, UTC; of a server, when it was read.
        given: what there is to hash: the file as it lies there and its uploaded log; of a server, the file that its
            rows are in.
        warnings: sentences about what may be wrong with it as a whole.
    """

    path: Path
    kind: str
    size: int
    modified: str
    given: list[Path]
    warnings: list[str] = field(default_factory=list)


def check_source(reference: Reference) -> None:
    """Look at the first bytes of a file. (A server is asked when it is read.)

    Raises:
        SourceError: there is no such file, it cannot be opened, or it is something that the import cannot read.
    """
    if isinstance(reference, SourceReference):
        kind = recognise(reference.path, reference.label)
        if reference.uploaded and kind is not Kind.SQLITE and sqlite_wal.wal_of(reference.path).exists():
            raise SourceError(
                "not_a_wal",
                f"{reference.label} is a {kind.value}, which has no -wal file beside it. Upload it alone; in a ZIP "
                "archive, pack the -wal file with the database.",
            )


def take_in(reference: Reference, snapshot: Path, on_progress: OnProgress = silent) -> Intake:
    """Make one SQLite file of an old database.

    Args:
        snapshot: where the file may be put. (An uploaded SQLite file without a log is left where it is.)
        on_progress: called with a line for staff; may raise to end the work.

    Raises:
        SourceError: it cannot be read; nothing is left at `snapshot`.
    """
    discard(snapshot)
    try:
        if isinstance(reference, ServerReference):
            return take_in_server(reference, snapshot, on_progress)
        return take_in_file(reference, snapshot, on_progress)
    except BaseException as error:
        discard(snapshot)
        if isinstance(error, OSError):
            raise not_copied(reference.label, error, snapshot) from error
        if isinstance(error, sqlite3.Error) and lacks_room(error):
            raise no_room(reference.label) from error
        raise


def discard(snapshot: Path) -> None:
    """Remove a snapshot and what may lie beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{snapshot}{ending}").unlink(missing_ok=True)
    for beside in snapshot.parent.glob(f"{glob.escape(snapshot.name)}-*"):  # what was unpacked
        beside.unlink(missing_ok=True)


def take_in_file(reference: SourceReference, snapshot: Path, on_progress: OnProgress) -> Intake:
    path = reference.path
    kind = recognise(path, reference.label)
    log = sqlite_wal.wal_of(path)
    given = [path, log] if reference.uploaded and log.exists() else [path]
    intake = Intake(
        path=snapshot,
        kind=kind.value,
        size=sum(file.stat().st_size for file in given),
        modified=datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds"),
        given=given,
    )
    bring(reference, kind, intake, snapshot, on_progress)
    return intake


def bring(reference: SourceReference, kind: Kind, intake: Intake, snapshot: Path, on_progress: OnProgress) -> None:
    """Make the snapshot of a file, and write down what staff should know of it."""
    # SQLite keeps log and journal beside the file itself, not beside a link to it.
    path, label = reference.path.resolve(), reference.label
    if kind in (Kind.ZIP, Kind.GZIP):
        found = unpack(path, kind, label, Path(f"{snapshot}-unpacked"), on_progress)
        of_what, warnings = settle(found, label, snapshot, on_progress)
        intake.kind = f"{kind.value} of a {of_what}"
        intake.warnings += warnings
    elif kind in TEXT_DUMPS:
        intake.warnings += load_dump(kind, [Part(path, label)], snapshot, on_progress)
    elif kind is Kind.CSV:
        intake.warnings += load_csv([Part(path, label)], label, snapshot, on_progress)
    elif kind is Kind.POSTGRESQL_ARCHIVE:
        intake.warnings += load_archive(path, label, snapshot, on_progress)
    elif reference.uploaded and not sqlite_wal.has_wal(path):
        intake.path = path
        if sqlite_wal.lacks_wal(path):
            intake.warnings.append(sqlite_wal.WITHOUT_WAL)
    elif reference.uploaded:
        intake.warnings += sqlite_wal.copy_with_wal(path, label, snapshot, on_progress)
    else:
        intake.warnings += live_sqlite.take_snapshot(path, label, snapshot, on_progress)


def settle(found: list[Unpacked], label: str, snapshot: Path, on_progress: OnProgress) -> tuple[str, list[str]]:
    """Make the snapshot of what came out of an archive. Returns what that was, and what staff are to be warned of."""
    first, *others = found
    if first.kind in TEXT_DUMPS:
        database = put_together(found, label) if others else OneDatabase(first.kind, found, [])
        warnings = load_dump(database.kind, database.parts(label), snapshot, on_progress)
    elif first.kind is Kind.CSV:
        database = OneDatabase(Kind.CSV, found, [])
        warnings = load_csv(database.parts(label), label, snapshot, on_progress)
    else:
        database = OneDatabase(first.kind, [first], schemas_among(others, first, label))
        warnings = settle_database(first, label, snapshot, on_progress)
    for file in found:
        file.path.unlink(missing_ok=True)
    if database.ignored:
        warnings.append(f"Of the archive, files that bring no rows were not read: {listed(database.ignored)}.")
    names = " and ".join(file.name for file in database.files if file.name)
    return f"{database.kind.value}{f', {names}' if names else ''}", warnings


def schemas_among(dumps: list[Unpacked], database: Unpacked, label: str) -> list[str]:
    """The names of the dumps beside a database, none of which may bring rows."""
    if any(look_into(dump).fills for dump in dumps):
        raise several_databases([database.name, *(dump.name for dump in dumps)], label)
    return [dump.name for dump in dumps]


def settle_database(found: Unpacked, label: str, snapshot: Path, on_progress: OnProgress) -> list[str]:
    """Make the snapshot of a database that came out of an archive."""
    if found.kind is Kind.POSTGRESQL_ARCHIVE:
        return load_archive(found.path, label, snapshot, on_progress)
    if sqlite_wal.has_wal(found.path):
        warnings = sqlite_wal.merge_wal(found.path, label)
    else:
        warnings = [sqlite_wal.WITHOUT_WAL] if sqlite_wal.lacks_wal(found.path) else []
    shutil.move(found.path, snapshot)
    return warnings


def load_archive(path: Path, label: str, snapshot: Path, on_progress: OnProgress) -> list[str]:
    """Make the snapshot of a PostgreSQL dump in the custom format."""
    written = Path(f"{snapshot}-written")
    write_out(path, label, written, on_progress)
    warnings = load_dump(Kind.POSTGRESQL_DUMP, [Part(written, label)], snapshot, on_progress)
    written.unlink()
    return warnings


def take_in_server(reference: ServerReference, snapshot: Path, on_progress: OnProgress) -> Intake:
    if reference.address.engine == "postgresql":
        from legacy_import.source.snapshot.postgresql import connected
    else:
        try:
            from legacy_import.source.snapshot.mysql import connected  # type: ignore[assignment]
        except ImportError:
            raise SourceError(
                "no_driver",
                f"{reference.label} needs the driver PyMySQL, which is not installed. Run "
                "`pip install -r requirements.txt`.",
            ) from None
    on_progress("Connecting to the server")
    with connected(reference.address) as server:
        warnings = copy_tables(server, reference.label, snapshot, on_progress)
    return Intake(
        path=snapshot,
        kind=server.product,
        size=snapshot.stat().st_size,
        modified=datetime.now(UTC).isoformat(timespec="seconds"),
        given=[snapshot],
        warnings=warnings,
    )


__all__ = ["Intake", "check_source", "discard", "take_in"]
