"""Where an old database is: configured, named on the command line, or uploaded."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings

from legacy_import.source.errors import SourceError
from legacy_import.source.server_address import ServerAddress
from legacy_import.source.wording import readable
from MiniTwit.database.url import without_driver

SQLITE_SCHEMES = frozenset({"sqlite", "sqlite3", "spatialite"})


@dataclass(frozen=True)
class SourceReference:
    """A file that holds an old database.

    Attributes:
        path: the file.
        label: how staff know it: the path, or the name of the uploaded file.
        uploaded: whether it came through the upload form. Such a file belongs to the import: no
            other program writes to it, and it is deleted when its run is over.
    """

    path: Path
    label: str
    uploaded: bool = False

    @property
    def location(self) -> str:
        """Where a later step of the run finds it again."""
        return str(self.path)

    def key(self, sha256: str) -> str:
        """Tell two runs of the same old database by this: the place, or for uploads the content."""
        return f"sha256:{sha256}" if self.uploaded else f"file:{self.path}"


@dataclass(frozen=True)
class ServerReference:
    """A database server that holds an old database. Its password is kept in memory only."""

    address: ServerAddress
    uploaded: bool = False

    @property
    def label(self) -> str:
        return self.address.label

    @property
    def location(self) -> str:
        return self.address.label

    def key(self, sha256: str) -> str:
        return self.address.label


Reference = SourceReference | ServerReference


def configured_source() -> Reference | None:
    """Return the database that LEGACY_DATABASE_URL names, or None."""
    return source_at(settings.LEGACY_DATABASE_URL) if settings.LEGACY_DATABASE_URL else None


def named_source(location: str | None) -> Reference:
    """Return the old database at the place that a command was given, or else the configured one.

    Raises:
        SourceError: there is neither, or the place cannot be understood.
    """
    source = source_at(location) if location else configured_source()
    if source is None:
        raise SourceError(
            "no_source",
            "No old database is named. Give --source PATH, or set LEGACY_DATABASE_URL, "
            "for example sqlite:////srv/minitwit.db.",
        )
    return source


def source_at(location: str) -> Reference:
    """Return the old database at a path, a `sqlite:///` URL (four slashes: an absolute path) or a server's URL.

    An address may name a driver, as SQLAlchemy has it: `postgresql+psycopg2://`, `sqlite+pysqlite:///`.

    Raises:
        SourceError: the URL names another kind of database, or it cannot be understood.
    """
    location = without_driver(location)
    if "://" in location and location.partition("://")[0] not in SQLITE_SCHEMES:
        return ServerReference(ServerAddress.parse(location))
    try:
        path = _path_of(location)
        str(path).encode()
        if "\0" in str(path):
            raise ValueError("no path has a NUL")
    except (
        ValueError,
        RuntimeError,
    ) as error:  # a malformed URL, not UTF-8, or an unknown home
        given = location.encode("utf-8", "replace").decode()
        raise SourceError(
            "bad_address",
            f"The address of the old database, {given}, cannot be understood. Give an absolute path of plain "
            "UTF-8, or an address such as sqlite:////srv/minitwit.db.",
        ) from error
    return SourceReference(path=path, label=readable(str(path)))


def source_again(location: str, label: str, *, uploaded: bool) -> Reference:
    """Return the old database of a run that was begun, perhaps by another process.

    Raises:
        SourceError: it was a server that is no longer configured: nothing but the setting knows its password.
    """
    if uploaded or "://" not in location:
        return SourceReference(Path(location), label, uploaded)
    configured = configured_source()
    if configured is None or configured.location != location:
        raise SourceError(
            "no_source",
            f"{label} is no longer what LEGACY_DATABASE_URL names, and its password is kept nowhere else. Start "
            "again.",
        )
    return configured


def _path_of(location: str) -> Path:
    if "://" in location:
        parts = urlsplit(location)
        location = unquote(parts.netloc + parts.path).removeprefix("/")
    return Path(location).expanduser().absolute()
