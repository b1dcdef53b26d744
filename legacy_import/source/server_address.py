"""The address of a database server, which holds a password that is never shown."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import dj_database_url

from legacy_import.source.errors import SourceError

ENGINES = {
    "django.db.backends.postgresql": "postgresql",
    "django.db.backends.mysql": "mysql",
}
DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306}
LONGEST_SAID = 200  # characters of what a server says


@dataclass(frozen=True)
class ServerAddress:
    """Where a server's database is.

    Attributes:
        engine: postgresql or mysql.
        label: the address without account and password; the same for every account.
        settings: as Django has them in DATABASES, with the password.
    """

    engine: str
    label: str
    settings: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, url: str) -> "ServerAddress":
        """Read an address such as postgresql://USER:PASSWORD@HOST:5432/DATABASE.

        Raises:
            SourceError: it cannot be understood, or names another kind of database.
        """
        scheme = url.partition("://")[0]
        try:
            settings: dict[str, Any] = dict(dj_database_url.parse(url))
            engine = ENGINES.get(settings["ENGINE"], "")
            label = label_of(engine, url, settings) if engine else ""
            label.encode()
        except dj_database_url.UnknownSchemeError:
            raise unsupported(scheme) from None
        except (ValueError, TypeError):  # the error itself might quote the password
            raise malformed(scheme) from None
        if not engine:
            raise unsupported(scheme)
        if not settings["NAME"] or not label.isprintable():
            raise malformed(scheme)
        return cls(engine, label, settings)

    def access_denied(self) -> SourceError:
        return SourceError(
            "access_denied", f"{self.label} refuses the account: check the user and the password in its address."
        )

    def unknown_host(self) -> SourceError:
        return SourceError("unknown_host", f"There is no host of the name in {self.label}. Check the address.")

    def unreachable(self) -> SourceError:
        return SourceError(
            "server_unreachable",
            f"{self.label} does not answer. Check that the server is running, that it takes connections from this "
            "machine, and that host and port are right.",
        )

    def no_such_database(self) -> SourceError:
        return SourceError("no_such_database", f"The server has no database of the name in {self.label}.")

    def locked(self) -> SourceError:
        return SourceError(
            "source_locked",
            f"{self.label}: another program has locked a table. Nothing was imported; try again when it has ended.",
        )

    def too_slow(self) -> SourceError:
        return SourceError(
            "source_too_slow",
            f"{self.label} ended the reading of a table because it took too long. Nothing was imported.",
        )

    def lost(self, said: str) -> SourceError:
        return SourceError(
            "server_lost", f"{self.label} broke off while it was read: {self.without_password(said)}. Try again."
        )

    def failed(self, said: str) -> SourceError:
        return SourceError("server_error", f"{self.label} cannot be read. It says: {self.without_password(said)}")

    def without_password(self, said: str) -> str:
        password = self.settings["PASSWORD"]
        line = " ".join(said.split())[:LONGEST_SAID].rstrip(".")
        return line.replace(password, "********") if password else line


def label_of(engine: str, url: str, settings: dict[str, Any]) -> str:
    """The address without what tells one account from another."""
    query = parse_qs(urlsplit(url).query)
    options = settings.get("OPTIONS", {})
    host = settings["HOST"] or str(options.get("host") or options.get("unix_socket") or "localhost")
    port = int(settings["PORT"] or options.get("port") or DEFAULT_PORTS[engine])
    place = quote(host, safe="[]:/") if host.startswith("/") else host
    shown_port = "" if port == DEFAULT_PORTS[engine] else f":{port}"
    schema = f"?currentSchema={query['currentSchema'][0]}" if query.get("currentSchema") else ""
    return f"{engine}://{place}{shown_port}/{settings['NAME']}{schema}"


def unsupported(scheme: str) -> SourceError:
    return SourceError(
        "unsupported_source",
        f"The old database cannot be read from an address that starts with {scheme}://. It must be a SQLite file, a "
        "dump of one, or an address of PostgreSQL (postgresql://), MySQL or MariaDB (mysql://).",
    )


def malformed(scheme: str) -> SourceError:
    return SourceError(
        "bad_address",
        f"The address of the old database, {scheme}://…, cannot be understood. It looks like "
        f"{scheme}://USER:PASSWORD@HOST/DATABASE; special characters in the password are written as %XX.",
    )
