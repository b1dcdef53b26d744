"""Count the rows that refer to an account: for the accounts of a page only, and up to a bound."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg2 import sql

from MiniTwit.admin.pages import list_link
from MiniTwit.database.queries import rows_of
from MiniTwit.models import Follow, Message, Strike, User

MOST = 10_000

COUNTS = """
SELECT account.id,
    (SELECT count(*) FROM (SELECT FROM {message} WHERE author_id = account.id LIMIT %(limit)s) AS counted),
    (SELECT count(*) FROM (SELECT FROM {follow} WHERE whom_id = account.id LIMIT %(limit)s) AS counted),
    (SELECT count(*) FROM (SELECT FROM {follow} WHERE who_id = account.id LIMIT %(limit)s) AS counted),
    (SELECT count(*) FROM {strike} WHERE user_id = account.id AND revoked_at IS NULL)
FROM unnest(%(ids)s::bigint[]) AS account (id)
"""


@dataclass(frozen=True)
class Counts:
    """How many rows refer to an account; one more than MOST means more. Strikes that were taken back do not count."""

    messages: int
    followers: int
    following: int
    strikes: int

    def in_words(self) -> dict[str, str]:
        """The numbers by their names."""
        return {name: in_words(number) for name, number in asdict(self).items()}


def counts_of(ids: Sequence[int]) -> dict[int, Counts]:
    """The counts of some accounts, by their ids."""
    query = sql.SQL(COUNTS).format(
        message=sql.Identifier(Message._meta.db_table),
        follow=sql.Identifier(Follow._meta.db_table),
        strike=sql.Identifier(Strike._meta.db_table),
    )
    rows = rows_of(query, {"limit": MOST + 1, "ids": list(ids)})
    return {account_id: Counts(*numbers) for account_id, *numbers in rows}


def in_words(number: int) -> str:
    return f"{MOST:,}+" if number > MOST else f"{number:,}"


def count_link(user: User, number: int, model_name: str, parameter: str) -> str:
    """A number with a link to the counted rows."""
    return list_link(model_name, f"{parameter}={user.pk}", in_words(number))
