"""Which comes first in `02-03-2022`, the day or the month: only the other dates of a column can tell.

A number over 12 is a day. So one date such as `18-02-2022` decides for all others of its column.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from MiniTwit.json_records import JsonRecord

# Two numbers and then the year, for text in lower case.
NUMBERS = r"(?P<first>[0-9]{1,2})(?P<mark>[-/.])(?P<second>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})"
ANYWHERE = re.compile(rf"(?<![0-9]){NUMBERS}")
MONTHS, DAYS = range(1, 13), range(1, 32)

# SQLite's first, quick look at a value: whether it may be such a date. What begins with a blank or with a time may be
# one in any case.
_TEXT = "CAST({0} AS TEXT)"
_NO_YEAR = f"CAST(substr({_TEXT}, 1, 4) AS INTEGER) < 1000"  # before all else
_MARK = "IN ('-', '/', '.')"
_OTHERWISE = f"substr({_TEXT}, 1, 1) <= ' ' OR substr({_TEXT}, 2, 1) = ':' OR substr({_TEXT}, 3, 1) = ':'"
_SHORT, _LONG = f"substr({_TEXT}, 2, 1) {_MARK}", f"substr({_TEXT}, 3, 1) {_MARK}"  # by the digits before the mark
_MAY_BE_ANY = f"{_OTHERWISE} OR {_SHORT} OR {_LONG}"
_MAY_BE = {
    "day_first": f"{_OTHERWISE} OR {_LONG} AND substr({_TEXT}, 1, 2) > '12'",
    "month_first": (
        f"{_OTHERWISE} OR {_SHORT} AND substr({_TEXT}, 3, 2) > '12' OR {_LONG} AND substr({_TEXT}, 4, 2) > '12'"
    ),
    "either": f"{_OTHERWISE} OR {_SHORT} OR {_LONG} AND substr({_TEXT}, 1, 2) <= '12'",
}


@dataclass(frozen=True)
class DayOrder(JsonRecord):
    """What the dates of a column tell of the order, each by the first date that does; empty if none does.

    Attributes:
        day_first, month_first: a date of which only one reading is possible.
        either: a date that can be read either way.
    """

    day_first: str = ""
    month_first: str = ""
    either: str = ""

    def is_day_first(self, *, is_american: bool = False) -> bool | None:
        """Whether the day comes first in a date that can be read either way; None if that is not known.

        Args:
            is_american: whether the date is written in a way that is most often American.
        """
        if self.day_first:
            return None if self.month_first else True
        return False if self.month_first or is_american else None

    def sentences(self, column: str) -> list[str]:
        """What staff are told of a column whose dates can be read either way."""
        if not self.either:
            return []
        how_to = "Write them as 2022-12-31 in a copy of the old database, if they are to be imported."
        if self.day_first and self.month_first:
            return [
                f"In the column {column} some dates have the day first ({self.day_first}) and some the month "
                f"({self.month_first}). Those that can be read either way, such as {self.either}, are not read. "
                f"{how_to}"
            ]
        if self.day_first:
            return [
                f"Dates like {self.either} in the column {column} are read as day, month, year, because "
                f"{self.day_first} occurs."
            ]
        if self.month_first:
            return [
                f"Dates like {self.either} in the column {column} are read as month, day, year, because "
                f"{self.month_first} occurs."
            ]
        return [
            f"Dates like {self.either} in the column {column} can be read in two ways, and no other date tells which "
            f"is right: with AM or PM they are read as month, day, year, and else not at all. {how_to}"
        ]


NOTHING_TOLD = DayOrder()


def day_and_month(first: int, second: int, order: DayOrder, *, is_american: bool) -> tuple[int, int]:
    """The day and the month of two numbers.

    Args:
        is_american: see `DayOrder.is_day_first`.

    Raises:
        ValueError: nothing tells which is which.
    """
    kind = kind_of(first, second)
    if kind == "either":
        is_day_first = order.is_day_first(is_american=is_american)
        if is_day_first is None:
            raise ValueError("The day and the month cannot be told apart.")
        return (first, second) if is_day_first else (second, first)
    return (second, first) if kind == "month_first" else (first, second)


def kind_of(first: int, second: int) -> str:
    """Which of the attributes of `DayOrder` a date is for, by its two numbers; empty for none of them."""
    if first in MONTHS and second in MONTHS:
        return "" if first == second else "either"
    if first in DAYS and second in MONTHS:
        return "day_first"
    return "month_first" if first in MONTHS and second in DAYS else ""


def _kind_of_numbers(seen: re.Match[str]) -> str:
    return kind_of(int(seen["first"]), int(seen["second"]))


def told_by(
    values_that: Callable[[str], Iterable[str]], numbers_of: Callable[[str], tuple[int, int] | None]
) -> DayOrder:
    """Look for the dates of a column that tell the order.

    Args:
        values_that: gives the values that pass a test of SQLite.
        numbers_of: gives the two numbers of a date; None for other values.
    """

    def texts_that(test: str) -> Iterable[str]:
        return values_that(f"typeof({{0}}) IN ('text', 'blob') AND {_NO_YEAR} AND ({test})")

    def first_of(kind: str) -> str:
        return next((text.strip() for text in texts_that(_MAY_BE[kind]) if is_of(kind, text)), "")

    def is_of(kind: str, text: str) -> bool:
        seen = ANYWHERE.search(text)
        return seen is not None and _kind_of_numbers(seen) == kind and numbers_of(text) is not None

    if not any(True for _ in texts_that(_MAY_BE_ANY)):
        return NOTHING_TOLD
    return DayOrder(**{kind: first_of(kind) for kind in _MAY_BE})
