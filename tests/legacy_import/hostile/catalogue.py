"""The kinds of hostile files, and how each file of a kind is made the same again."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.legacy_import.old_database import make_old_database

SEED = 20120229

# Makes one file in an empty folder, and returns its path; what else it puts into the folder lies beside the file.
Maker = Callable[[Path, random.Random], Path]


@dataclass(frozen=True)
class Kind:
    """One way to be hostile.

    Attributes:
        files: how many different files of the kind the whole run makes.
        for_real: whether they are imported, and not only previewed.
    """

    name: str
    make: Maker
    files: int
    for_real: bool


@dataclass(frozen=True)
class HostileFile:
    """One file, which its kind and its number say all about."""

    kind: Kind
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind.name}-{self.number}"

    def chances(self, purpose: str) -> random.Random:
        """The same numbers for the same file, whatever else is made."""
        return random.Random(f"{SEED} {self.name} {purpose}")

    def make(self, folder: Path) -> Path:
        folder.mkdir()
        return self.kind.make(folder, self.chances("making"))


KINDS: dict[str, Kind] = {}


def hostile(files: int, *, for_real: bool = True) -> Callable[[Maker], Maker]:
    """Enter a maker into the catalogue, under its own name."""

    def enter(maker: Maker) -> Maker:
        KINDS[maker.__name__] = Kind(maker.__name__, maker, files, for_real)
        return maker

    return enter


def files_of(kind: Kind) -> Iterator[HostileFile]:
    return (HostileFile(kind, number) for number in range(kind.files))


def people(count: int) -> list[tuple[Any, ...]]:
    return [(n, f"user {n}", f"user{n}@example.com", f"md5$salt${n:032x}") for n in range(1, count + 1)]


def healthy(folder: Path, users: int = 40, messages: int = 150, **more: Any) -> Path:
    """A sound old database of a dozen pages, to be spoilt."""
    return make_old_database(
        folder / "minitwit.db",
        user=people(users),
        message=[
            (n, n % users + 1, f"message {n} " * (n % 40), 1_300_000_000 + n, 0) for n in range(1, messages + 1)
        ],
        follower=[(n % users + 1, (n * 7 + 1) % users + 1) for n in range(users)],
        **more,
    )


def bare(folder: Path) -> Path:
    """The three tables with a few rows."""
    return healthy(folder, users=3, messages=5)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for making files quickly; what was done is kept."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


def script(path: Path, *statements: str) -> Path:
    with opened(path) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def forge_schema(path: Path, statement: str, *values: Any) -> Path:
    """Change SQLite's own list of tables behind its back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(statement, values)
        connection.commit()
    return path


def dump_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"
