"""Addresses of databases in other programs' forms."""

# SQLAlchemy's names of databases, where they differ from Django's.
OTHER_NAMES = {"mariadb": "mysql"}


def without_driver(url: str) -> str:
    """The address without the driver that SQLAlchemy names in it: postgresql+psycopg2:// becomes postgresql://.

    The driver says how another program connects, not where the database is.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    database = scheme.lower().partition("+")[0]
    return f"{OTHER_NAMES.get(database, database)}://{rest}"
