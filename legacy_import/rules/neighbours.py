"""What a row's outcome needs to know of the other rows of its table.

Taken either from a whole dataset (import-export's own way, row by row) or from the checked rows in PostgreSQL (for
the few rows that a preview audits).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg2 import sql

from legacy_import.rules.columns import ASCII_LOWER
from MiniTwit.database.queries import rows_of


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
        first_places: old id -> the position at which it occurs first.
        survivors: username -> the lowest old id that has it.
        shared_emails: addresses that several users have.
        case_twins: usernames for which there is another that differs only in case.
        first_follows: (new id of who, new id of whom) -> the position at which the pair occurs first.
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


# Aggregates only: very many users may share an address with one of the sample.
SURVIVORS = """
SELECT username, min(legacy_id) FROM {checked}
WHERE own_reason IS NULL AND username IN (SELECT username FROM {checked} WHERE position = ANY(%(positions)s))
GROUP BY username
"""
SHARED_EMAILS = """
SELECT email FROM {checked}
WHERE own_reason IS NULL
    AND email IN (SELECT email FROM {checked} WHERE position = ANY(%(positions)s) AND email <> '')
GROUP BY email HAVING count(*) > 1
"""
CASE_TWINS = """
WITH sample AS (
    SELECT username, lower(username COLLATE "C") AS spelling FROM {checked} WHERE position = ANY(%(positions)s)
)
SELECT username FROM sample WHERE spelling IN (
    SELECT lower(username COLLATE "C") FROM {checked}
    WHERE own_reason IS NULL AND lower(username COLLATE "C") IN (SELECT spelling FROM sample)
    GROUP BY 1 HAVING min(username COLLATE "C") <> max(username COLLATE "C")
)
"""


FIRST_PLACES = """
SELECT legacy_id, min(position) FROM {checked}
WHERE legacy_id IN (SELECT legacy_id FROM {checked} WHERE position = ANY(%(positions)s)) GROUP BY legacy_id
"""
FIRST_FOLLOWS = """
SELECT who_id, whom_id, min(position) FROM {checked}
WHERE reason IS NULL
    AND (who_id, whom_id) IN (SELECT who_id, whom_id FROM {checked} WHERE position = ANY(%(positions)s))
GROUP BY who_id, whom_id
"""


def staged_users(checked: sql.Identifier, positions: list[int], unique_ids: bool) -> Neighbours:
    """Facts for the users at the given positions, from a run's checked rows.

    If the old table guarantees unique ids, the first position of each need not be looked up.
    """
    return Neighbours(
        first_places={} if unique_ids else dict(_read(FIRST_PLACES, checked, positions)),
        survivors=dict(_read(SURVIVORS, checked, positions)),
        shared_emails={email for (email,) in _read(SHARED_EMAILS, checked, positions)},
        case_twins={username for (username,) in _read(CASE_TWINS, checked, positions)},
    )


def staged_messages(checked: sql.Identifier, positions: list[int], unique_ids: bool) -> Neighbours:
    return Neighbours(first_places={} if unique_ids else dict(_read(FIRST_PLACES, checked, positions)))


def staged_follows(checked: sql.Identifier, positions: list[int], unique_ids: bool) -> Neighbours:
    found = _read(FIRST_FOLLOWS, checked, positions)
    return Neighbours(first_follows={(who, whom): position for who, whom, position in found})


def _read(query: str, checked: sql.Identifier, positions: list[int]) -> list[tuple[Any, ...]]:
    return rows_of(sql.SQL(query).format(checked=checked), {"positions": positions})
