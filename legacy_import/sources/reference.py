"""Where an old database is: configured, named on the command line, or uploaded."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings

from legacy_import.sources.errors import SourceError


@dataclass(frozen=True)
class SourceReference:
    """Where an old database is.

    Attributes:
        path: the file.
        label: how staff know it: the path, or the name of the uploaded file.
        uploaded: whether it came through the upload form. Such a file is ours: nobody writes to it, and it is
            deleted when its run is over.
    """

    path: Path
    label: str
    uploaded: bool = False

    def key(self, sha256: str) -> str:
        """Tell two runs of the same old database by this: the place, or for uploads the content."""
        return f"sha256:{sha256}" if self.uploaded else f"file:{self.path}"


def configured_source() -> SourceReference | None:
    """Return the database that LEGACY_DATABASE_URL names, or None."""
    return source_at(settings.LEGACY_DATABASE_URL) if settings.LEGACY_DATABASE_URL else None


def source_at(location: str) -> SourceReference:
    """Return the old database at a path or a `sqlite:///` URL (four slashes: an absolute path).

    Raises:
        SourceError: the URL names another kind of database, or it cannot be understood.
    """
    try:
        path = _path_of(location)
        label = str(path)
        label.encode()
    except (ValueError, RuntimeError) as error:  # a malformed URL, bytes that are not UTF-8, or nobody's home
        readable = location.encode("utf-8", "replace").decode()
        raise SourceError(
            "bad_address",
            f"The address of the old database, {readable}, cannot be understood. Give an absolute path of plain "
            "UTF-8, or an address such as sqlite:////srv/minitwit.db.",
        ) from error
    return SourceReference(path=path, label=label)


def _path_of(location: str) -> Path:
    if "://" in location:
        parts = urlsplit(location)
        if parts.scheme not in {"sqlite", "sqlite3"}:
            raise SourceError(
                "unsupported_source",
                f"The old database must be a SQLite file, but its address starts with {parts.scheme}://. "
                "Give a path, or an address such as sqlite:////srv/minitwit.db.",
            )
        location = unquote(parts.netloc + parts.path).removeprefix("/")
    return Path(location).expanduser().absolute()
