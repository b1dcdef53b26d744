"""Whether an old account could be used, and when it was made. Stated a second time, in another way, on purpose.

The import turns a column round where it is read, and reads words from lists. This module looks at the name of the
column and its value together; what is not plain allows either answer.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from legacy_import.verify.dates import Reading
from legacy_import.verify.old import OldTable, OldValue
from legacy_import.verify.values import FLAG, moments_of, text_of

EITHER = frozenset({True, False})
# A yes in such a column says that the account could not be used; one with an end holds the time of it.
AGAINST = re.compile(
    r"(?P<is>is)?(banned|disabled|blocked|suspended|locked|lockedout|deactivated|deleted|removed|inactive)"
    r"(?P<since>at|on|date|time)?|(?P<date>date)(deleted|removed)"
)
NO = frozenset({"false", "f", "no", "n", "off"})
YES = frozenset({"true", "t", "yes", "y", "on"})
GOOD = frozenset({"active", "enabled", "ok"})
BAD = frozenset({"inactive", "disabled", "deactivated", "banned", "blocked", "locked", "suspended", "deleted"})
YEAR_ONE = re.compile(r"(0000-|0001-01-01)")
# What no program can read in two ways; other dates may have stayed unknown.
PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?|\d{9,10}")
EARLIEST, LATEST = 0, 253_402_214_400_000_000  # microseconds: 1970, and a day before the calendar ends


def activity_of(value: OldValue, table: OldTable, column: str | None) -> frozenset[bool]:
    """Whether the account could be used, by the column that was read for it; both answers where that is not plain."""
    if column is None:
        return EITHER
    name = _bare(column)
    against = next(filter(None, map(AGAINST.fullmatch, _without_what_it_is_of(name, _bare(table.name)))), None)
    if against is None and AGAINST.search(name):
        return EITHER  # such as "not_banned", which only people understand
    text = "no" if value == b"\0" else "yes" if value == b"\1" else text_of(value).lower()
    number = Decimal(text) if FLAG.fullmatch(text) else None
    if against and (against["since"] or against["date"]):
        return frozenset({number == 0 or text in NO or not text or bool(YEAR_ONE.match(text))})
    if against:
        if not text or number == 0 or text in NO | GOOD:
            return frozenset({True})
        return frozenset({False}) if number or text in YES | BAD else EITHER
    if number in (0, 1):
        return frozenset({number == 1})
    return frozenset({True}) if text in YES | GOOD else frozenset({False}) if text in NO | BAD else EITHER


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _without_what_it_is_of(name: str, table: str) -> Iterator[str]:
    """What is left of a column's bare name without the one or the other word for an account before it."""
    for words in (table, "users", "accounts"):
        for word in (words, words.removesuffix("s")):
            yield name.removeprefix(word)


def joined_fits(value: OldValue, new: int | None, reading: Reading) -> bool:
    """Whether the date of an account is the one in the old database, as far as that can be read.

    Args:
        new: microseconds since 1970, or None where it is not known.
    """
    moments = moments_of(value, reading)
    if new is None:
        plain = PLAIN_DATE.fullmatch(text_of(value)) is not None
        return not plain or not any(EARLIEST <= moment < LATEST for moment in moments)
    return not moments or new in moments
