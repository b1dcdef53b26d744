"""A SQLite file as the source of an import: looked at, snapshotted, described and read."""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from legacy_import.sources.copy_lines import Chunk, copy_chunks, quoted
from legacy_import.sources.errors import SourceError
from legacy_import.sources.found import FoundTable
from legacy_import.sources.guard import Watch, open_readonly
from legacy_import.sources.inspect import describe_tables, read_tables
from legacy_import.sources.mapping import mappings_as_json
from legacy_import.sources.recognition import Recognition, recognise
from legacy_import.sources.reference import SourceReference
from legacy_import.sources.schema import TableDescription
from legacy_import.sources.values import LegacyRow, LegacyValue, StoredReal

MAGIC = b"SQLite format 3\0"
HASH_BYTES = 1024 * 1024
WAL_MODE = b"\x02\x02"  # bytes 18 and 19 of the header

Choose = Callable[[Sequence[FoundTable]], Recognition]

# What other files begin with, and what to say of them.
OTHER_FILES: tuple[tuple[int, bytes, str], ...] = (
    (8, b"DUCK", "a DuckDB database"),
    (0, b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"PGDMP", "a PostgreSQL dump"),
    (0, b"\x37\x7f\x06\x82", "a SQLite write-ahead log (-wal): give the database file beside it"),
    (0, b"\x37\x7f\x06\x83", "a SQLite write-ahead log (-wal): give the database file beside it"),
)


@dataclass(frozen=True)
class SourceDescription:
    """What staff are told about an old database before they import it.

    Attributes:
        label: path, or name of the uploaded file.
        size: bytes. modified: ISO time, UTC. sha256: of the file as it lay there.
        tables: rows per canonical table. ignored: other tables in the file.
        mapping: canonical table -> the table and columns that feed it; see mapping.TableMapping.
        undecided: canonical table -> the tables of which staff have to choose one.
        warnings: sentences about what may be wrong with the file as a whole.
    """

    label: str
    location: str
    uploaded: bool
    size: int
    sha256: str
    modified: str
    tables: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    mapping: dict[str, Any] = field(default_factory=dict)
    undecided: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class SQLiteSource:
    """An old database, open for reading. Use it as a context manager, or close it.

    Raises (all methods that read):
        SourceError: the file is damaged, or a value or a statement goes beyond the limits.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        watch: Watch,
        description: SourceDescription,
        tables: dict[str, TableDescription],
    ) -> None:
        self.path = path
        self.connection = connection
        self.watch = watch
        self.description = description
        self.tables = tables

    @classmethod
    def open(
        cls, reference: SourceReference, snapshot: Path, *, required: Sequence[str], choose: Choose | None = None
    ) -> Self:
        """Look at the file, take a snapshot of it (an upload is its own) and describe its tables.

        Args:
            reference: where the file is.
            snapshot: where a copy of a live file may be put.
            required: the canonical tables that must be there.
            choose: says which of the tables found feed the canonical ones; by default they are recognised.
        """
        check_is_sqlite(reference)
        before = _describe_file(reference)
        path = reference.path if reference.uploaded else take_snapshot(reference, snapshot)
        watch = Watch.for_file(path)
        connection = open_readonly(path, watch)
        try:
            with reading(reference.label, watch):
                found = read_tables(connection, watch)
                recognition = choose(found) if choose else recognise(found, label=reference.label, required=required)
                tables = describe_tables(connection, watch, reference.label, required, recognition)
        except BaseException:
            connection.close()
            raise
        used = {table.actual_name for table in tables.values()}
        before["warnings"] += recognition.warnings
        description = SourceDescription(
            **before,
            tables={name: table.rows for name, table in tables.items()},
            ignored=[table.name for table in found if table.name not in used],
            mapping=mappings_as_json({name: recognition.tables[name] for name in tables}),
            undecided=recognition.undecided,
        )
        return cls(path, connection, watch, description, tables)

    def reopened(self) -> Self:
        """The same database with a connection of its own, for another thread."""
        watch = Watch.for_file(self.path)
        return type(self)(self.path, open_readonly(self.path, watch), watch, self.description, self.tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def chunks(self, name: str) -> Iterator[Chunk]:
        """Stream one table as lines for PostgreSQL's COPY."""
        if not self.tables[name].actual_name:
            return
        with reading(self.description.label, self.watch):
            yield from copy_chunks(
                self.connection, self.tables[name], self.watch, lambda positions: self.rows(name, positions)
            )

    def rows(self, name: str, positions: Sequence[int] | None = None) -> Iterator[LegacyRow]:
        """Read rows one by one, with Python values; all of them, or those at the given positions, in order."""
        table = self.tables[name]
        if not table.actual_name:
            return
        values = ", ".join(
            f"typeof({column}), CASE typeof({column}) WHEN 'real' THEN CAST({column} AS TEXT) ELSE {column} END"
            for column in table.columns
        )
        query = f"SELECT {table.position} AS place, {values} FROM {quoted(table.actual_name)}"  # noqa: S608
        if positions is not None:
            marks = ", ".join("?" * len(positions))
            query = f"SELECT * FROM ({query}) WHERE place IN ({marks})"  # noqa: S608
        with reading(self.description.label, self.watch):
            for place, *pairs in self.connection.execute(f"{query} ORDER BY place", positions or ()):
                self.watch.alive()
                yield LegacyRow(
                    place, tuple(_value(kind, value) for kind, value in zip(pairs[::2], pairs[1::2], strict=True))
                )


class reading:  # noqa: N801 -- reads as a statement: `with reading(...):`
    """Turn SQLite's errors into sentences about the file."""

    def __init__(self, label: str, watch: Watch) -> None:
        self.label = label
        self.watch = watch

    def __enter__(self) -> None:
        self.watch.alive()

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise self.explain(error) from error

    def explain(self, error: sqlite3.Error) -> SourceError:
        if self.watch.timed_out:
            return SourceError(
                "source_too_slow",
                f"{self.label} gave no row for {self.watch.silence_limit:.0f} seconds, so reading it was ended. "
                "It is damaged or was made to be slow; nothing was imported.",
            )
        if isinstance(error, sqlite3.DataError) or "too big" in str(error):
            return SourceError(
                "value_too_long",
                f"{self.label} holds a value longer than 16 MiB. No MiniTwit ever wrote such a value; "
                "nothing was imported.",
            )
        return SourceError(
            "damaged_file",
            f"{self.label} cannot be read: SQLite says “{error}”. The file is damaged or cut short; copy it again "
            "from where the old application keeps it, with the application stopped.",
        )


def check_is_sqlite(reference: SourceReference) -> bytes:
    """Return the file's first hundred bytes, or say what it is if it is no SQLite database.

    Raises:
        SourceError: there is no such file, it cannot be opened, or it is something else.
    """
    try:
        with reference.path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        raise SourceError("no_such_file", f"There is no file {reference.label}. Check the path.") from None
    except IsADirectoryError:
        raise SourceError("not_sqlite", f"{reference.label} is a folder. Name the database file inside it.") from None
    except OSError as error:
        raise SourceError("unreadable_file", f"{reference.label} cannot be opened: {error.strerror}.") from None
    if header.startswith(MAGIC):
        return header
    raise SourceError(
        "not_sqlite",
        f"{reference.label} is not a SQLite database: it is {_what_it_is(header)}. "
        "Give the database file of the old MiniTwit, often called minitwit.db.",
    )


def _what_it_is(header: bytes) -> str:
    if not header:
        return "an empty file"
    for offset, magic, name in OTHER_FILES:
        if header[offset:].startswith(magic):
            return name
    try:
        header.decode()
    except UnicodeDecodeError as error:
        if error.start < len(header) - 4:  # otherwise only the last character was cut
            return "a file of an unknown kind"
    return "a file of an unknown kind" if b"\0" in header else "a text file"


def _describe_file(reference: SourceReference) -> dict[str, Any]:
    """What the file itself tells, before anything in it is believed."""
    status = reference.path.stat()
    digest = hashlib.sha256()
    with reference.path.open("rb") as file:
        header = file.read(100)
        file.seek(0)
        while block := file.read(HASH_BYTES):
            digest.update(block)
    warnings = []
    if header[18:20] == WAL_MODE and not Path(f"{reference.path}-wal").exists():
        warnings.append(
            "The file is in SQLite's WAL mode and came without its -wal file. If the old application was running "
            "when it was copied, recent rows may be missing: stop the application and copy the file again."
        )
    return {
        "label": reference.label,
        "location": "" if reference.uploaded else str(reference.path),
        "uploaded": reference.uploaded,
        "size": status.st_size,
        "sha256": digest.hexdigest(),
        "modified": datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds"),
        "warnings": warnings,
    }


def take_snapshot(reference: SourceReference, snapshot: Path) -> Path:
    """Copy a file that may be written to meanwhile, through SQLite's backup, so that the copy is of one moment."""
    try:
        live = sqlite3.connect(f"file:{quote(str(reference.path))}?mode=ro", uri=True)
        try:
            copy = sqlite3.connect(snapshot)
            try:
                copy.execute("PRAGMA synchronous=OFF")  # the copy need not survive a power cut
                copy.execute("PRAGMA journal_mode=OFF")
                live.backup(copy, pages=16384)
            finally:
                copy.close()
        finally:
            live.close()
    except sqlite3.Error:
        # SQLite cannot open a WAL file where it may not write, so a copy of both is opened instead.
        snapshot.unlink(missing_ok=True)
        copy_with_wal(reference, snapshot)
    snapshot.chmod(0o600)
    return snapshot


def copy_with_wal(reference: SourceReference, snapshot: Path) -> None:
    """Copy the file, and let SQLite bring in what stands in its write-ahead log.

    Raises:
        SourceError: there is a log, but it does not fit the file.
    """
    shutil.copyfile(reference.path, snapshot)
    log = Path(f"{reference.path}-wal")
    if not log.exists():
        return
    shutil.copyfile(log, f"{snapshot}-wal")
    try:
        with closing(sqlite3.connect(snapshot)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise SourceError(
            "damaged_file",
            f"{reference.label} and its -wal file cannot be read together: SQLite says “{error}”. Copy both again "
            "from where the old application keeps them, with the application stopped.",
        ) from error
    finally:
        for ending in ("-wal", "-shm"):
            Path(f"{snapshot}{ending}").unlink(missing_ok=True)


def _value(kind: bytes, value: Any) -> LegacyValue:
    if value is None or kind == b"integer":
        return value
    if kind == b"real":
        return StoredReal(value.decode())
    return value if kind == b"blob" else value.decode("utf-8", "surrogateescape")
