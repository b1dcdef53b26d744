"""Searching messages and users by parts of them: what can be found quickly, and the indexes that make it so.

`icontains` compares UPPER(column), so that is what the trigram indexes hold. A trigram is three letters; a shorter
term cannot use the index and would read every row.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.apps import apps
from django.contrib.postgres.indexes import GinIndex
from django.db import connection
from django.db.models import Model, Q

from MiniTwit.models import User

SHORTEST_TERM = 3  # letters and digits
LONGEST_NAME = 8  # words of an unquoted @name that are tried
_QUOTED_NAME = re.compile(r'@"([^"]+)"')
_NAME = re.compile(r"(?:^|(?<=\s))@(\S.*)", re.DOTALL)

# What else an import leaves to be built after it: nobody needs it before he moderates.
BUILT_LATER = frozenset({"message_author_undecided"})

# Arbitrary, but the same in every process: who builds search indexes.
LOCK_KEY = 5_022_417

INDEX_STATES = """
SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = %s::regclass AND relname = ANY(%s)
"""


def is_searchable(term: str) -> bool:
    """Whether the trigram index can serve the term."""
    return sum(character.isalnum() for character in term) >= SHORTEST_TERM


@dataclass(frozen=True)
class MessageSearch:
    """What a search of messages asks for.

    Attributes:
        text: a part of the message; empty for any.
        authors: the ids of the accounts that may have written it; None for any.
        notice: why nothing can be found, as a sentence; empty when something can.
    """

    text: str = ""
    authors: tuple[int, ...] | None = None
    notice: str = ""

    @property
    def condition(self) -> Q:
        if self.notice:
            return Q(pk__in=[])
        condition = Q()
        if self.text:
            condition &= Q(text__icontains=self.text)
        if self.authors is not None:
            # One author is by far the usual case, and only equality keeps the order of the author's index.
            condition &= Q(author=self.authors[0]) if len(self.authors) == 1 else Q(author__in=self.authors)
        return condition


def parse_message_search(term: str) -> MessageSearch:
    """Read `words`, `@name`, `@"name with spaces"` or a name and words together.

    Usernames may hold spaces, so an unquoted name is the longest run of words after the @ that an account is called.
    """
    term = unicodedata.normalize("NFKC", term).strip() if "@" in term else term.strip()
    if not term:
        return MessageSearch()
    text, authors, name = term, None, ""
    if match := _QUOTED_NAME.search(term):
        name, text = match[1], f"{term[: match.start()].rstrip()} {term[match.end() :].lstrip()}"
        authors = _ids_of([name]).get(name.upper(), ())
    elif match := _NAME.search(term):
        authors, name, rest = _longest_name(match[1])
        text = f"{term[: match.start()].rstrip()} {rest.lstrip()}"
    text = text.strip()
    if authors == ():
        return MessageSearch(notice=f"There is no account named “{name}”.")
    if text and not is_searchable(text):
        return MessageSearch(notice=f"Give at least {SHORTEST_TERM} letters of the text.")
    return MessageSearch(text=text, authors=authors)


def _longest_name(after_at: str) -> tuple[tuple[int, ...], str, str]:
    """The accounts, the name they were found by, and what of the term is left."""
    ends = [match.end() for match in re.finditer(r"\S+", after_at)][:LONGEST_NAME]
    found = _ids_of([after_at[:end] for end in ends])
    for end in reversed(ends):
        if ids := found.get(after_at[:end].upper()):
            return ids, after_at[:end], after_at[end:]
    return (), after_at[: ends[0]], ""


def _ids_of(names: list[str]) -> dict[str, tuple[int, ...]]:
    """The ids of the accounts of these names, by the name in capitals; an exact spelling outdoes the others."""
    same = reduce(or_, (Q(username__iexact=name) for name in names))
    found: dict[str, tuple[int, ...]] = {}
    exact: dict[str, tuple[int, ...]] = {}
    for pk, username in User.objects.filter(same).values_list("pk", "username"):
        found[username.upper()] = (*found.get(username.upper(), ()), pk)
        if username in names:
            exact[username.upper()] = (pk,)
    return found | exact


def match_username(term: str) -> Q:
    """Usernames that hold the term, or, where it is too short for the index, that begin with it.

    The index on usernames serves exact beginnings only, which is why those are tried in the usual spellings.
    """
    term = unicodedata.normalize("NFKC", term)
    if is_searchable(term):
        return Q(username__icontains=term)
    spellings = {term, term.lower(), term[:1].upper() + term[1:], term.title()}
    return reduce(or_, (Q(username__startswith=spelling) for spelling in spellings))


def ensure_search_indexes(
    models: Iterable[type[Model]] | None = None, tell: Callable[[str], None] = lambda name: None
) -> list[str]:
    """Build the search indexes that are missing, or whose building once failed, without stopping anybody's work.

    Must run outside of a transaction, for so PostgreSQL wants it. If another process is at it, nothing is done here.

    Args:
        models: whose indexes; those of all MiniTwit tables by default.
        tell: called with the name of each index before it is built.

    Returns:
        The names of the indexes that were built.
    """
    built = []
    with connection.cursor() as cursor:
        # Whoever waited for the lock would hold a snapshot, for whose end the building in turn waits.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        if not cursor.fetchone()[0]:
            return []
        try:
            for model in models if models is not None else apps.get_app_config("MiniTwit").get_models():
                built += _ensure_indexes_of(model, tell)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
    return built


def _ensure_indexes_of(model: type[Model], tell: Callable[[str], None]) -> list[str]:
    wanted = {
        index.name: index for index in model._meta.indexes if isinstance(index, GinIndex) or index.name in BUILT_LATER
    }
    with connection.cursor() as cursor:
        cursor.execute(INDEX_STATES, [connection.ops.quote_name(model._meta.db_table), list(wanted)])
        is_valid = dict(cursor.fetchall())
    built = []
    for name, index in wanted.items():
        if is_valid.get(name):
            continue
        tell(name)
        with connection.schema_editor(atomic=False) as editor:
            if name in is_valid:
                editor.remove_index(model, index, concurrently=True)  # type: ignore[call-arg]  # PostgreSQL's own
            editor.add_index(model, index, concurrently=True)  # type: ignore[call-arg]
        built.append(name)
    return built
