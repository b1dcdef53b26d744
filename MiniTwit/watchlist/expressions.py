"""What a term means to PostgreSQL, which does all the matching: in sets, and within a limit of time."""

import re
from dataclasses import dataclass

from django.db import DataError, OperationalError
from psycopg2 import sql

from MiniTwit.models import Message, WatchTerm
from MiniTwit.time_limits import time_limit

PREVIEWED = 10_000  # messages
PREVIEW_SECONDS = 3.0
SHORTEST_REQUIRED = 3  # letters; a trigram index needs them

# PostgreSQL's own beginnings of an expression: options such as (?i), and directors such as ***=.
OPTIONS = re.compile(r"\(\?[a-z]+\)")
DIRECTOR = "***"
BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


class PatternError(Exception):
    """A term that cannot be watched for; the message says why."""


@dataclass(frozen=True)
class Expression:
    """A regular expression of PostgreSQL, always used without regard to upper and lower case."""

    matching: str
    # The same as one group: what `regexp_matches` gives is then the whole match, whatever groups are in it.
    capturing: str
    # A LIKE pattern that the text in capitals must match, or nothing. It says no much faster than the expression
    # does, and the index for searching messages answers it.
    required: str = ""


def expression_of(kind: str, pattern: str) -> Expression:
    """A word stands by itself; a phrase may be anywhere, with any space between its words; the rest is as is."""
    if kind == WatchTerm.Kind.REGEX:
        options = OPTIONS.match(pattern)
        prefix = options[0] if options else ""
        return Expression(pattern, f"{prefix}({pattern[len(prefix) :]})")
    if kind == WatchTerm.Kind.PHRASE:
        literal = r"\s+".join(re.escape(word) for word in pattern.split())
    else:
        # \m and \M are the beginning and the end of a word; beside other characters, as in C++, nothing is either.
        begin = r"\m" if is_word_character(pattern[0]) else r"(?<!\w)"
        end = r"\M" if is_word_character(pattern[-1]) else r"(?!\w)"
        literal = f"{begin}{re.escape(pattern)}{end}"
    return Expression(literal, f"({literal})", like_pattern(pattern))


def like_pattern(pattern: str) -> str:
    """The longest part without space, for LIKE; none where capitals are not plain (ß), or too short for the index."""
    longest = max(pattern.split(), key=len)
    if len(longest) < SHORTEST_REQUIRED or not longest.isascii():
        return ""
    literal = re.sub(r"([%_\\])", r"\\\1", longest.upper())
    return f"%{literal}%"


def is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


def check(kind: str, pattern: str) -> None:
    """Refuse what PostgreSQL cannot read and what would be found everywhere.

    Raises:
        PatternError: with a sentence for staff.
    """
    if not pattern.strip():
        raise PatternError("Give something to look for.")
    if kind == WatchTerm.Kind.WORD and len(pattern.split()) > 1:
        raise PatternError("A word has no spaces. Choose “phrase” for several words.")
    if kind == WatchTerm.Kind.REGEX:
        if pattern.startswith(DIRECTOR):
            raise PatternError("An expression cannot begin with ***. To look for the text itself, choose “phrase”.")
        if BACK_REFERENCE.search(pattern):
            raise PatternError(r"Back references such as \1 are not supported: they can take very long.")
    expression = expression_of(kind, pattern)
    try:
        with time_limit(PREVIEW_SECONDS) as cursor:
            cursor.execute("SELECT '' ~* %s, '' ~* %s", [expression.matching, expression.capturing])
            matches_nothing = any(cursor.fetchone())
    except DataError as error:
        raise PatternError(f"PostgreSQL cannot read this: {reason_of(error)}.") from error
    except OperationalError as error:
        raise PatternError("This expression is too complicated: only to read it takes seconds.") from error
    if matches_nothing:
        raise PatternError("This matches the empty text, so it would be found in every message.")


def preview(kind: str, pattern: str) -> tuple[int, int]:
    """Return how many of the newest messages match, and how many were looked at (PREVIEWED at most).

    Raises:
        PatternError: it is no term, or it takes too long to match.
    """
    check(kind, pattern)
    statement = sql.SQL(
        "SELECT count(*) FILTER (WHERE text ~* %s), count(*)"
        " FROM (SELECT text FROM {message} ORDER BY id DESC LIMIT %s) AS newest"
    ).format(message=sql.Identifier(Message._meta.db_table))
    try:
        with time_limit(PREVIEW_SECONDS) as cursor:
            cursor.execute(statement, [expression_of(kind, pattern).matching, PREVIEWED])
            matching, looked_at = cursor.fetchone()
    except OperationalError as error:
        raise PatternError(
            f"Matching the newest {PREVIEWED:,} messages takes longer than {PREVIEW_SECONDS:.0f} seconds. "
            "Simplify the expression."
        ) from error
    return matching, looked_at


def reason_of(error: DataError) -> str:
    """PostgreSQL's own words, e.g. `parentheses () not balanced`."""
    words = getattr(getattr(error.__cause__, "diag", None), "message_primary", None) or str(error)
    return str(words).removeprefix("invalid regular expression: ")
