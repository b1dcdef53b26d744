"""Translate a term into a condition for PostgreSQL, which does all the matching: in sets, and within a time limit.

Words and phrases are compared as skeletons (`MiniTwit/skeletons/`). A regular expression is matched against the text
as it was written, and, where that gives nothing, against its skeleton.
"""

import re
from dataclasses import dataclass, field
from functools import cache

from django.db import DataError, OperationalError
from psycopg2 import sql

from MiniTwit.database.failures import explain, server_words
from MiniTwit.database.queries import value_of
from MiniTwit.database.time_limits import TimeLimitError, time_limit
from MiniTwit.models import Message, WatchTerm
from MiniTwit.skeletons import WORD_CHARACTER, Skeleton, skeleton

PREVIEWED = (10_000, 1_000, 100)  # messages: as many as the time allows
PREVIEW_SECONDS = 3.0
SPACE = r"[ \t\n\r\f\v]+"

# PostgreSQL's own beginnings of an expression: options such as (?i), and directors such as ***=.
OPTIONS = re.compile(r"\(\?[a-z]+\)")
DIRECTOR = "***"
BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")
# These escapes mean something else to PostgreSQL than to other programs, and PostgreSQL accepts them.
FOREIGN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\[bB<>])")
FOREIGN_ESCAPES = {
    r"\b": r"\b is a backspace. Write \m for the beginning of a word, \M for its end, \y for either",
    r"\B": r"\B is a backslash. Write \Y for a place that is no edge of a word",
    r"\<": r"\< is the sign <. Write \m for the beginning of a word; for the sign, < alone",
    r"\>": r"\> is the sign >. Write \M for the end of a word; for the sign, > alone",
}

# Collations that know the letters of every language, best first; each server has at least one of the last three.
COLLATIONS = ("pg_c_utf8", "und-x-icu", "C.utf8", "C.UTF-8", "en_US.utf8", "default")


class PatternError(Exception):
    """A term cannot be watched for; the message says why."""


@dataclass(frozen=True)
class Expression:
    """A condition on the columns `text` and `skeleton`, in SQL, and its values.

    Attributes:
        condition: whether a message matches. *Test* and scan use it alike.
        in_text: whether the text as it was written matches; nothing where only skeletons are compared.
        collation: by whose rules case folds.
        literal: what words and phrases look for, as Python reads it; nothing for a regular expression.
    """

    condition: sql.Composable
    in_text: sql.Composable
    values: dict[str, str] = field(default_factory=dict)
    literal: str = ""
    collation: str = "C"


def expression_of(kind: str, pattern: str) -> Expression:
    """An expression for a word as a whole, or for a phrase anywhere, with any space between its words."""
    if kind == WatchTerm.Kind.REGEX:
        return regular_expression(pattern)
    words = skeleton(pattern).split()
    literal = SPACE.join(re.escape(word) for word in words)
    if kind == WatchTerm.Kind.WORD:
        literal = f"(?<!{WORD_CHARACTER}){literal}(?!{WORD_CHARACTER})"
    # LIKE rejects a text much faster than the expression does.
    required = re.sub(r"([%_\\])", r"\\\1", max(words, key=len, default=""))
    return Expression(
        sql.SQL('(skeleton LIKE %(required)s AND skeleton ~ %(matching)s COLLATE "C")'),
        sql.SQL("false"),
        {"required": f"%{required}%", "matching": literal},
        literal,
    )


def regular_expression(pattern: str) -> Expression:
    name = collation_that_folds_case()
    collation = sql.Identifier(name)
    in_text = sql.SQL("(text ~* %(matching)s COLLATE {})").format(collation)
    # Of most texts the skeleton is the same in small letters, and would be matched twice.
    in_skeleton = sql.SQL('(skeleton <> lower(text COLLATE "C") AND skeleton ~* %(in_skeleton)s COLLATE {})').format(
        collation
    )
    options = OPTIONS.match(pattern)
    respects_case = options is not None and "c" in options[0]
    return Expression(
        in_text if respects_case else sql.SQL("({} OR {})").format(in_text, in_skeleton),
        in_text,
        {
            "matching": pattern,
            "capturing": as_one_group(pattern),
            "in_skeleton": fold_letters(pattern),
            "capturing_in_skeleton": as_one_group(fold_letters(pattern)),
        },
        collation=name,
    )


def as_one_group(pattern: str) -> str:
    """Make `regexp_matches` return the whole match, whatever groups the expression has."""
    options = OPTIONS.match(pattern)
    prefix = options[0] if options else ""
    return f"{prefix}({pattern[len(prefix) :]})"


def fold_letters(pattern: str) -> str:
    """Fold the letters beyond ASCII of an expression; its ASCII characters are syntax or stay."""

    def fold(character: str) -> str:
        folded = skeleton(character)
        return folded if len(folded) == 1 and folded.isalnum() else character

    return "".join(character if character.isascii() else fold(character) for character in pattern)


@cache
def collation_that_folds_case() -> str:
    """A database may have a locale, such as C, in which Ø and ø are no letters. Most servers know others as well."""
    found = value_of(
        "SELECT collname FROM pg_collation WHERE collname = ANY(%(names)s)"
        " AND collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))"
        " AND collnamespace = 'pg_catalog'::regnamespace"
        " ORDER BY array_position(%(names)s::name[], collname) LIMIT 1",
        {"names": list(COLLATIONS)},
    )
    return str(found)


def check(kind: str, pattern: str) -> None:
    """Refuse a pattern that PostgreSQL cannot read, or that every message would match.

    Raises:
        PatternError: with a sentence for staff.
    """
    if not skeleton(pattern).strip():
        raise PatternError("Give something to look for.")
    if kind == WatchTerm.Kind.WORD and len(skeleton(pattern).split()) > 1:
        raise PatternError("A word has no spaces. Choose “phrase” for several words.")
    if kind == WatchTerm.Kind.REGEX:
        if pattern.startswith(DIRECTOR):
            raise PatternError("An expression cannot begin with ***. To look for the text itself, choose “phrase”.")
        if BACK_REFERENCE.search(pattern):
            raise PatternError(r"Back references such as \1 are not supported: they can take very long.")
        if foreign := FOREIGN_ESCAPE.search(pattern):
            raise PatternError(f"To PostgreSQL, {FOREIGN_ESCAPES[foreign[1]]}.")
    try:
        matches_nothing = matches_the_empty_text(expression_of(kind, pattern))
    except DataError as error:
        raise PatternError(f"PostgreSQL cannot read this: {reason_of(error)}.") from error
    except TimeLimitError as error:
        raise PatternError("This expression is too complicated: only to read it takes seconds.") from error
    if matches_nothing:
        raise PatternError("This matches the empty text, so it would be found in every message.")


def matches_the_empty_text(expression: Expression) -> bool:
    """Let PostgreSQL read all forms of the expression.

    Raises:
        DataError: it cannot.
    """
    forms = [value for name, value in expression.values.items() if name != "required"]
    collation = sql.Identifier(collation_that_folds_case())
    tests = sql.SQL(", ").join(sql.SQL("'' ~* {} COLLATE {}").format(sql.Literal(form), collation) for form in forms)
    with time_limit(PREVIEW_SECONDS) as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(tests))
        return any(cursor.fetchone())


def can_be_read(expression: Expression) -> bool:
    """Whether the expression itself is valid; else it causes the error, and no message does."""
    try:
        matches_the_empty_text(expression)
    except (DataError, TimeLimitError):
        return False
    return True


def preview(kind: str, pattern: str) -> tuple[int, int]:
    """Return how many of the newest messages match, and how many were looked at.

    Raises:
        PatternError: it is no term, or even a few messages take too long.
    """
    check(kind, pattern)
    expression = expression_of(kind, pattern)
    statement = sql.SQL(
        "SELECT count(*) FILTER (WHERE {condition}), count(*) FROM (SELECT text, {skeleton}(text) AS skeleton"
        " FROM (SELECT text FROM {message} ORDER BY id DESC LIMIT %(number)s) AS newest OFFSET 0) AS message"
    ).format(
        condition=expression.condition,
        skeleton=sql.Identifier(Skeleton.function),
        message=sql.Identifier(Message._meta.db_table),
    )
    for number in PREVIEWED:
        try:
            with time_limit(PREVIEW_SECONDS) as cursor:
                cursor.execute(statement, expression.values | {"number": number})
                matching, looked_at = cursor.fetchone()
                return matching, looked_at
        except TimeLimitError:
            continue
        except OperationalError as error:
            raise PatternError(explain(error) or "The database could not look through the messages.") from error
    raise PatternError(
        f"Matching the newest {PREVIEWED[-1]:,} messages takes longer than {PREVIEW_SECONDS:.0f} seconds. "
        "Simplify the expression, or look whether these messages are very long."
    )


def reason_of(error: Exception) -> str:
    """PostgreSQL's own message, e.g. `parentheses () not balanced`."""
    return server_words(error).removeprefix("invalid regular expression: ")
