"""Pages of lists that may have millions of rows: no page ever reads a whole table.

A page is found by the row at its edge (a *keyset*), not by its number: "the 50 rows after this one" is one look into
an index wherever in the list it is, stays right while rows arrive, and can be sent to a colleague as an address.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, F, Field, Func, Model, QuerySet, Value
from django.utils.functional import cached_property
from psycopg2 import sql

from MiniTwit.database.queries import rows_of
from MiniTwit.database.time_limits import TimeLimitError, time_limit
from MiniTwit.validators import is_storable

# How many rows are counted exactly. A list with fewer rows is also read in another way, see `fetch`.
REACH = 10_000
# How long to count a list that is filtered. To count what holds a frequent word would take longer than all the rest.
COUNT_SECONDS = 0.03
# How long to look for the rows of a page one after the other: at some 40,000. Usually it takes a twentieth of that.
WALK_SECONDS = 0.1


class InvalidCursor(ValueError):  # noqa: N818 -- the address is wrong, not the program
    """An address names an impossible place in the list."""


class Place(StrEnum):
    """Which rows a page shows: those after or before a row, or the last ones. Without a place, the first ones."""

    AFTER = "after"
    BEFORE = "before"
    LAST = "last"


@dataclass(frozen=True)
class Cursor:
    """A place in a list; `values` are those of the columns that the list is sorted by, as text."""

    place: Place
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.values:
            return str(self.place)
        return f"{self.place}:{json.dumps(self.values, ensure_ascii=False, separators=(',', ':'))}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """Read the result of `str()`; None for the first page.

        Raises:
            InvalidCursor: it is something else.
        """
        place, _, values = text.partition(":")
        if place in ("", "1"):
            return None
        try:
            parsed = json.loads(values) if values else []
            is_texts = isinstance(parsed, list) and all(isinstance(value, str) for value in parsed)
            if not is_texts or not all(map(is_storable, parsed)) or (Place(place) is Place.LAST) is bool(parsed):
                raise InvalidCursor(text)
            return cls(Place(place), tuple(parsed))
        except (ValueError, RecursionError) as error:
            raise InvalidCursor(text) from error


@dataclass(frozen=True)
class Count:
    """How many rows a list has: exactly, or at least so many if it is filtered, or an estimate of a whole table.

    Attributes:
        is_counted: False where the time did not suffice; the page then tells how many rows there are at least.
    """

    number: int
    is_exact: bool = True
    is_filtered: bool = False
    is_counted: bool = True

    def __str__(self) -> str:
        if self.is_exact:
            return f"{self.number:,}"
        if self.is_filtered:
            return f"more than {self.number - 1:,}"
        return f"about {round(self.number, 3 - len(str(self.number))):,}"


def count_rows(queryset: QuerySet) -> Count:
    """Count up to REACH rows. Beyond, a whole table is estimated, and a filtered list is "more than"."""
    rows = queryset.order_by().values("pk")[: REACH + 1]
    if not queryset.query.has_filters():
        counted = rows.count()
        return Count(counted) if counted <= REACH else Count(max(counted, estimate(queryset.model)), is_exact=False)
    try:
        with time_limit(COUNT_SECONDS):
            counted = rows.count()
    except TimeLimitError:
        return Count(REACH + 1, is_exact=False, is_filtered=True, is_counted=False)
    return Count(counted, is_exact=counted <= REACH, is_filtered=True)


def estimate(model: type[Model]) -> int:
    """How many rows the planner expects in the whole table.

    It scales the last ANALYZE to the table's present size, and knows the size even before the first ANALYZE, when
    `pg_class.reltuples` is still -1.
    """
    plan = model._base_manager.all().explain(format="json")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])


def fetch(queryset: QuerySet, number: int, count: Count) -> list[Any]:
    """The first rows of a sorted list, found in the way that suits it.

    With a LIMIT the planner likes to walk along the index of the order until it has met enough rows that pass the
    filter. That is the fastest way where many do, unless they all lie at the far end. So the walk has a time limit,
    and a list with few rows does without it.
    """
    if not queryset.query.has_filters():
        return list(queryset[:number])
    if not count.number:
        return []
    if count.is_exact:
        ids = filter_then_sort(queryset, number)
    else:
        try:
            # The ids alone: where an index holds all that is asked for, the planner takes it.
            with time_limit(WALK_SECONDS):
                ids = list(queryset.values_list("pk", flat=True)[:number])
        except TimeLimitError:
            ids = filter_then_sort(queryset, number)
    return list(queryset.filter(pk__in=ids)) if ids else []


# The fence (OFFSET 0) keeps the planner from walking along the index of the order.
FILTER_THEN_SORT = "SELECT * FROM ({rows} OFFSET 0) AS found ORDER BY {order} LIMIT %s"


def filter_then_sort(queryset: QuerySet, number: int) -> list[int]:
    """The ids of the first rows of a sorted list, found by its filters first."""
    query = queryset.query
    sorted_by = {str(column).lstrip("-"): str(column).startswith("-") for column in query.order_by}
    columns = ["pk", *(name for name in sorted_by if name != "pk")]
    rows, parameters = queryset.order_by().values(*columns).query.sql_with_params()
    order = ", ".join(
        f"{columns.index(name) + 1} {'DESC' if descending == query.standard_ordering else 'ASC'}"
        for name, descending in sorted_by.items()
    )
    statement = sql.SQL(FILTER_THEN_SORT).format(rows=sql.SQL(rows), order=sql.SQL(order))
    return [row[0] for row in rows_of(statement, [*parameters, number])]


class KeysetPages:
    """One page of a sorted list, and the addresses of its neighbours.

    Attributes:
        rows: what the page shows, in the list's order.
        previous, next: cursors, or None where the list ends.
        count: how many rows there are; if they could not be counted, more than the page has.
    """

    rows: list[Any]
    previous: Cursor | None = None
    next: Cursor | None = None

    def __init__(self, queryset: QuerySet, count: Count, per_page: int, cursor: Cursor | None) -> None:
        """
        Args:
            queryset: sorted by fields, all in one direction, that together are unique.
        """
        self.queryset = queryset
        self.count = count
        self.per_page = per_page
        order = [str(column) for column in queryset.query.order_by]
        self.names = [column.lstrip("-") for column in order]
        self.descending = order[0].startswith("-")
        self.cursor = cursor
        self._load()
        if not count.is_counted:
            is_all = self.previous is None and self.next is None
            self.count = Count(len(self.rows) + (not is_all), is_exact=is_all, is_filtered=True)

    def _load(self) -> None:
        place = self.cursor.place if self.cursor else None
        backwards = place in (Place.BEFORE, Place.LAST)
        rows = self.queryset.reverse() if backwards else self.queryset
        if self.cursor and self.cursor.values:
            rows = rows.filter(self._beyond(self.cursor.values, forwards=not backwards))
        found = fetch(rows, self.per_page + 1, self.count)
        has_more = len(found) > self.per_page
        if place is Place.BEFORE and not has_more:
            return self._turn_to(None)  # the first page, which has to be full
        if place is Place.AFTER and not found:
            return self._turn_to(Cursor(Place.LAST))  # the rows of this page were deleted
        found = found[: self.per_page]
        self.rows = found[::-1] if backwards else found
        if not self.rows:
            return None
        first, last = self._cursor(Place.BEFORE, self.rows[0]), self._cursor(Place.AFTER, self.rows[-1])
        # The page that led to this one has rows.
        self.previous = first if (has_more if backwards else place is Place.AFTER) else None
        self.next = last if (place is Place.BEFORE if backwards else has_more) else None
        return None

    def _turn_to(self, cursor: Cursor | None) -> None:
        self.cursor = cursor
        self._load()

    def _fields(self) -> list[Field]:
        options = self.queryset.model._meta
        return [options.pk if name == "pk" else options.get_field(name) for name in self.names]

    def _cursor(self, place: Place, row: Model) -> Cursor:
        return Cursor(place, tuple(field.value_to_string(row) for field in self._fields()))

    def _beyond(self, values: Sequence[str], *, forwards: bool) -> Func:
        """`ROW(pub_date, id) < ROW(…, …)`: PostgreSQL compares rows as an index over the columns is sorted."""
        fields = self._fields()
        if len(values) != len(fields):
            raise InvalidCursor(values)
        try:
            edge = [
                Value(field.to_python(value), output_field=field) for field, value in zip(fields, values, strict=True)
            ]
        except (ValidationError, OverflowError) as error:
            raise InvalidCursor(values) from error
        return Func(
            Func(*(F(name) for name in self.names), function="ROW"),
            Func(*edge, function="ROW"),
            template="%(expressions)s",
            arg_joiner=" < " if self.descending == forwards else " > ",
            output_field=BooleanField(),
        )


class BoundedPaginator(Paginator):
    """Numbered pages for autocompletion, which needs them: only as far as rows are counted."""

    object_list: QuerySet

    @cached_property
    def rows(self) -> Count:
        return count_rows(self.object_list)

    @cached_property
    def count(self) -> int:
        return min(self.rows.number, REACH)

    def page(self, number: int | str) -> Page:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = fetch(self.object_list, first + self.per_page, self.rows)
        return Page(rows[first:], number, self)
