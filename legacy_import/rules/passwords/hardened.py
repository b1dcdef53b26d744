"""A password that was hardened here is not replaced by the weak hash that it was made of.

`harden_legacy_passwords` keeps what stood before the old digest: algorithm, cost and salt. When the old database
brings a hash that begins with the same, it is the same password, for whoever sets another one gets another salt.
(Where the old application used no salt, or kept passwords in clear, a password that was changed there cannot be told
from the one that was hardened here, and the one here stays.)
"""

from psycopg2 import sql

from MiniTwit.hashers.hardened import ALGORITHM


def kept_password(here: str, arriving: str) -> str:
    """What is to stand here: the hardened password, if it was made of the arriving one, else that."""
    before = arriving.rpartition("$")[0] or arriving
    return here if here.startswith(f"{ALGORITHM}$") and here.endswith(f"${before}") else arriving


def kept_password_sql(here: sql.Composable, arriving: sql.Composable) -> sql.Composable:
    """`kept_password` for all rows."""
    return sql.SQL(
        "CASE WHEN starts_with({here}, {mark}) THEN CASE"
        " WHEN right({here}, length({before}) + 1) = '$' || {before} THEN {here} ELSE {arriving} END"
        " ELSE {arriving} END"
    ).format(
        here=here,
        arriving=arriving,
        mark=sql.Literal(f"{ALGORITHM}$"),
        before=sql.SQL("regexp_replace({}, '[$][^$]*$', '')").format(arriving),
    )
