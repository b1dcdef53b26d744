"""What a row's verdict needs to know of the other rows of its table.

Taken either from a whole dataset (import-export's own way, row by row) or from the checked rows in PostgreSQL (for
the few rows that a preview audits).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from django.db import connection
from psycopg2 import sql

from legacy_import.tables import checked_table
from legacy_import.widgets import ASCII_LOWER

# Reasons that come from comparing rows; a row with any other reason is out before it is compared.
COMPARED = ("duplicate_username", "username_taken")


@dataclass(frozen=True)
class UserValues:
    """An old user whose own values are fine."""

    legacy_id: int
    username: str
    email: str


@dataclass
class Neighbours:
    """Facts about the other rows of the same table.

    Attributes:
        first_places: old id -> the position at which it stands first.
        survivors: username -> the lowest old id that has it.
        shared_emails: addresses that several users have.
        case_twins: usernames for which there is another that differs only in case.
        first_follows: (new id of who, new id of whom) -> the position at which the pair stands first.
    """

    first_places: dict[int, int] = field(default_factory=dict)
    survivors: dict[str, int] = field(default_factory=dict)
    shared_emails: set[str] = field(default_factory=set)
    case_twins: set[str] = field(default_factory=set)
    first_follows: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def of_users(cls, first_places: dict[int, int], users: Iterable[UserValues]) -> Self:
        survivors: dict[str, int] = {}
        emails: Counter[str] = Counter()
        spellings: dict[str, set[str]] = defaultdict(set)
        for user in users:
            survivors[user.username] = min(user.legacy_id, survivors.get(user.username, user.legacy_id))
            emails[user.email] += 1
            spellings[user.username.translate(ASCII_LOWER)].add(user.username)
        return cls(
            first_places=first_places,
            survivors=survivors,
            shared_emails={email for email, count in emails.items() if email and count > 1},
            case_twins={name for names in spellings.values() if len(names) > 1 for name in names},
        )


def staged_users(run_id: int, positions: list[int]) -> Neighbours:
    """Facts for the users at the given positions, from the run's checked rows."""
    checked = checked_table(run_id, "user")
    query = sql.SQL(
        """
        WITH sample AS (SELECT * FROM {checked} WHERE position = ANY(%(positions)s))
        SELECT legacy_id, username, email FROM {checked}
        WHERE (reason IS NULL OR reason = ANY(%(compared)s))
          AND (username IN (SELECT username FROM sample) OR email IN (SELECT email FROM sample WHERE email <> '')
               OR lower(username COLLATE "C") IN (SELECT lower(username COLLATE "C") FROM sample))
        """
    ).format(checked=checked)
    with connection.cursor() as cursor:
        cursor.execute(query, {"positions": positions, "compared": list(COMPARED)})
        users = [UserValues(*row) for row in cursor.fetchall()]
    return Neighbours.of_users(staged_first_places(run_id, "user", positions), users)


def staged_first_places(run_id: int, table: str, positions: list[int]) -> dict[int, int]:
    """Where the old ids of the rows at the given positions stand first."""
    query = sql.SQL(
        """
        SELECT legacy_id, min(position) FROM {checked}
        WHERE legacy_id IN (SELECT legacy_id FROM {checked} WHERE position = ANY(%s)) GROUP BY legacy_id
        """
    ).format(checked=checked_table(run_id, table))
    with connection.cursor() as cursor:
        cursor.execute(query, [positions])
        return dict(cursor.fetchall())


def staged_messages(run_id: int, positions: list[int]) -> Neighbours:
    return Neighbours(first_places=staged_first_places(run_id, "message", positions))


def staged_follows(run_id: int, positions: list[int]) -> Neighbours:
    query = sql.SQL(
        """
        SELECT who_id, whom_id, min(position) FROM {checked}
        WHERE reason IS NULL
          AND (who_id, whom_id) IN (SELECT who_id, whom_id FROM {checked} WHERE position = ANY(%s))
        GROUP BY who_id, whom_id
        """
    ).format(checked=checked_table(run_id, "follower"))
    with connection.cursor() as cursor:
        cursor.execute(query, [positions])
        return Neighbours(first_follows={(who, whom): position for who, whom, position in cursor.fetchall()})


STAGED = {"user": staged_users, "message": staged_messages, "follower": staged_follows}
