"""A password that was hardened in the target is not replaced by the weak hash that it was made of.

`harden_legacy_passwords` keeps the part of the old hash before its digest: algorithm, cost and salt. When the old
database brings a hash that begins with the same, it is the same password, because another password gets another salt.
(Where the old application used no salt, or kept passwords in clear, a password that was changed there cannot be told
from the one that was hardened, and the hardened one stays.)
"""

from psycopg2 import sql

from MiniTwit.hashers.hardened import ALGORITHM


def kept_password(existing: str, arriving: str) -> str:
    """The password to write: the existing one if it was hardened from the arriving one, else the arriving one."""
    before = arriving.rpartition("$")[0] or arriving
    return existing if existing.startswith(f"{ALGORITHM}$") and existing.endswith(f"${before}") else arriving


def kept_password_sql(existing: sql.Composable, arriving: sql.Composable) -> sql.Composable:
    """`kept_password` for all rows."""
    return sql.SQL(
        "CASE WHEN starts_with({existing}, {mark}) THEN CASE"
        " WHEN right({existing}, length({before}) + 1) = '$' || {before} THEN {existing} ELSE {arriving} END"
        " ELSE {arriving} END"
    ).format(
        existing=existing,
        arriving=arriving,
        mark=sql.Literal(f"{ALGORITHM}$"),
        before=sql.SQL("regexp_replace({}, '[$][^$]*$', '')").format(arriving),
    )
