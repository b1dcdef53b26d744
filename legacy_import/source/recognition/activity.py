"""Whether an account could be used: what the column is called that tells it, and what its values mean.

Old applications say it in several ways: `is_active = 0`, `banned = 1`, `deleted_at = '2024-05-01'` or
`status = 'suspended'`. One such column can feed `is_active`; below this module its values read 1 for an account that
could be used and 0 for one that could not, as far as they are plain.
"""

from enum import StrEnum

from legacy_import.source.recognition.known_names import column_spellings, words
from legacy_import.source.recognition.table_profile import (
    ACTIVE_WORDS,
    INACTIVE_WORDS,
    NO_WORDS,
    YES_WORDS,
    FoundColumn,
)


class Meaning(StrEnum):
    """How a column tells that an account could not be used, by its name."""

    ACTIVE = "active"  # by a no
    BANNED = "banned"  # by a yes
    SINCE = "since"  # by a date, or anything else but nothing
    STATUS = "status"  # by a word
    UNTIL = "until"  # by the end of a time, so that only the clock says whether it is over


_BANNED = "banned disabled blocked suspended locked lockedout deactivated deleted removed"
_NAMES: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (Meaning.ACTIVE, words("isactive active useractive isenabled enabled accountenabled isactivated activated")),
    (Meaning.BANNED, words(f"{_BANNED} inactive isinactive")),
    (Meaning.BANNED, tuple(f"is{name}" for name in words(_BANNED))),
    (Meaning.SINCE, tuple(f"{name}{end}" for name in words(_BANNED) for end in ("at", "on", "date", "time"))),
    (Meaning.SINCE, words("datedeleted dateremoved")),
    (Meaning.STATUS, words("status state accountstatus userstatus accountstate")),
    (
        Meaning.UNTIL,
        words("lockoutend lockoutenddateutc lockoutenddate lockeduntil banneduntil suspendeduntil banexpires"),
    ),
)
MEANINGS = {name: meaning for meaning, known in _NAMES for name in known}
# The best name first; `columns.py` takes none of the last kind.
KNOWN_NAMES = tuple(name for meaning, known in _NAMES if meaning is not Meaning.UNTIL for name in known)
EMPTY = ("", "-0.0")


def meaning_of(table: str, column: str) -> Meaning | None:
    """How a column of a table of users tells it; None if its name says nothing of the kind."""
    for spelling in sorted(column_spellings("user", table, column), key=len, reverse=True):
        if spelling in MEANINGS:
            return MEANINGS[spelling]
    return None


def is_plain(table: str, column: FoundColumn) -> bool:
    """Whether the first values of a column, which its name makes a candidate, all say yes or no."""
    meaning = meaning_of(table, column.name)
    if meaning is Meaning.SINCE:
        return True
    says_it = column.yes + column.no == column.values
    if meaning is Meaning.STATUS:
        return says_it and column.values > 0 and not column.integers
    return says_it


def marks_an_account(table: str, column: FoundColumn) -> bool:
    """Whether one of the first values says that an account could not be used."""
    meaning = meaning_of(table, column.name)
    if meaning is Meaning.SINCE:
        return column.values > column.no
    return (column.yes if meaning is Meaning.BANNED else column.no) > 0


def activity_expression(meaning: Meaning | None, name: str) -> str:
    """SQL of SQLite that reads a column, whose quoted name is given, as `is_active`.

    It gives 1, 0, or the value itself where it is not plain. What is empty in the column is an empty text, and not
    the NULL of a column that is not there.
    """
    word = f"lower({name})"
    if meaning is Meaning.BANNED:
        yes, no = literals(*YES_WORDS, *INACTIVE_WORDS), literals(*NO_WORDS, *ACTIVE_WORDS, *EMPTY)
        return (
            f"CASE WHEN {name} IS NULL OR {word} IN ({no}) OR {name} = x'00' THEN 1"
            f" WHEN {word} IN ({yes}) OR {name} = x'01' OR typeof({name}) IN ('integer', 'real') THEN 0"
            f" ELSE {name} END"
        )
    if meaning is Meaning.SINCE:
        no = literals(*NO_WORDS, *EMPTY)
        return (
            f"CASE WHEN {name} IS NULL OR {word} IN ({no}) OR {name} = x'00' OR {_is_no_time(name)} THEN 1 ELSE 0 END"
        )
    return f"CASE WHEN {name} = x'00' THEN 0 WHEN {name} = x'01' THEN 1 ELSE coalesce({name}, '') END"


def inactive_condition(meaning: Meaning, name: str) -> str:
    """SQL of SQLite: whether a column, whose quoted name is given, says that an account could not be used."""
    if meaning is Meaning.UNTIL:
        return f"{name} IS NOT NULL AND lower({name}) NOT IN ({literals(*EMPTY)}) AND NOT {_is_no_time(name)}"
    if meaning is Meaning.STATUS:
        return f"lower({name}) IN ({literals(*INACTIVE_WORDS)})"
    if meaning is Meaning.ACTIVE:
        return f"lower({name}) IN ({literals(*NO_WORDS, *INACTIVE_WORDS)}) OR {name} = x'00'"
    return f"({activity_expression(meaning, name)}) = 0"


def _is_no_time(name: str) -> str:
    """Go writes an empty time as that of the year 1, and MySQL as that of the year 0."""
    return f"({name} BETWEEN '0000-' AND '0001-01-02')"


def literals(*words: str) -> str:
    """Words of ours for SQLite's IN."""
    return ", ".join(f"'{word}'" for word in words)
