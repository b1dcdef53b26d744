"""Ask the database in a line. A query is a text, or one that psycopg2's `sql` composed."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection


def rows_of(query: Any, values: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows that a query gives."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def value_of(query: Any, values: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
    """The one value that a query gives."""
    ((value,),) = rows_of(query, values)
    return value
