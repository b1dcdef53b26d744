"""Count the rows that refer to an account: for the accounts of a page only, and up to a bound."""

from collections.abc import Callable, Sequence
from functools import partial

from django.db.models import Count, Model
from psycopg2 import sql

from MiniTwit.admin.pages import list_link
from MiniTwit.database.queries import rows_of
from MiniTwit.models import Follow, Message, Strike, User

MOST = 10_000

CAPPED_COUNTS = """
SELECT account.id, (SELECT count(*) FROM (SELECT FROM {table} WHERE {column} = account.id LIMIT %(limit)s) AS rows)
FROM unnest(%(ids)s::bigint[]) AS account (id)
"""


def capped_counts(model: type[Model], field_name: str, ids: Sequence[int]) -> dict[int, int]:
    """How many rows refer to each account, by the account's id; one more than MOST means more than MOST."""
    query = sql.SQL(CAPPED_COUNTS).format(
        table=sql.Identifier(model._meta.db_table), column=sql.Identifier(f"{field_name}_id")
    )
    return dict(rows_of(query, {"limit": MOST + 1, "ids": list(ids)}))


def strikes(ids: Sequence[int]) -> dict[int, int]:
    """How many strikes each account has that were not taken back."""
    standing = Strike.objects.filter(user__in=ids, revoked_at=None)
    return dict(standing.order_by().values_list("user").annotate(number=Count("pk")))


COUNTS: dict[str, Callable[[Sequence[int]], dict[int, int]]] = {
    "messages_now": partial(capped_counts, Message, "author"),
    "followers_now": partial(capped_counts, Follow, "whom"),
    "following_now": partial(capped_counts, Follow, "who"),
    "strikes_now": strikes,
}


def in_words(number: int) -> str:
    return f"{MOST:,}+" if number > MOST else f"{number:,}"


def count_link(user: User, name: str, model_name: str, parameter: str) -> str:
    """A number with a link to the counted rows."""
    return list_link(model_name, f"{parameter}={user.pk}", in_words(getattr(user, f"{name}_now", 0)))
