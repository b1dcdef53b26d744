"""Settings of every session of the back office, which override those of the role, the database and the server.

An administrator may limit a role's statements because of other programs. A limit that ends an import of an hour, a
batch or a scan in the middle helps no user. `time_limits.py` and the web requests set the limits that are wanted. The
settings are statements, because PgBouncer refuses startup options.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

SETTINGS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    # The verbs lock rows and then read them: they must see what was committed while they waited.
    "default_transaction_isolation": "read committed",
    "IntervalStyle": "postgres",
}
SINCE_17 = {"transaction_timeout": "0"}


def set_for_transaction(cursor: Any, name: str, value: str) -> None:
    """Change a setting until the transaction ends."""
    cursor.execute("SELECT set_config(%s, %s, true)", [name, value])


def apply_settings(*, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Give a new connection SETTINGS; receives Django's `connection_created`."""
    if connection.vendor != "postgresql":
        return
    settings = SETTINGS | (SINCE_17 if connection.pg_version >= 170_000 else {})  # type: ignore[attr-defined]
    calls = ", ".join("set_config(%s, %s, false)" for _ in settings)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [word for pair in settings.items() for word in pair])
