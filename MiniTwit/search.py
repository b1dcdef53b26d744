"""Search messages and accounts, and build the indexes for it.

Skeletons are compared (see `MiniTwit/skeletons/`), so no spelling hides a word, and skeletons are what the trigram
indexes hold. A trigram is three letters. No index can serve a term with fewer, such as an emoji, C++ or two
ideographs: the newest messages alone are searched for it, and the page says so.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_

from django.apps import apps
from django.contrib.postgres.indexes import GinIndex
from django.db import OperationalError, connection, transaction
from django.db.models import Index, Model, Q
from django.db.models.lookups import Contains, Exact
from django.utils import timezone

from MiniTwit import text_ids
from MiniTwit.database.failures import is_busy
from MiniTwit.database.queries import rows_of, value_of
from MiniTwit.database.session_settings import set_for_transaction
from MiniTwit.ids import number_in
from MiniTwit.models import Message, User
from MiniTwit.skeletons import Skeleton, skeleton
from MiniTwit.validators import normalised_username

SHORTEST_TERM = 3  # letters and digits
NEWEST = 20_000  # messages that are looked through without an index
LONGEST_NAME = 8  # words of an unquoted @name that are tried
_QUOTED_NAME = re.compile(r'@"([^"]+)"')
_NAME = re.compile(r"(?:^|(?<=\s))@(\S.*)", re.DOTALL)

# This index, too, is built only after an import: only moderation uses it.
BUILT_LATER = frozenset({"message_author_undecided"})

# Arbitrary, but the same in every process: the key of the lock for building search indexes.
LOCK_KEY = 5_022_417

# The settings for building an index at once. PostgreSQL 18 shares the work among several processes if each has some
# memory; more of it makes no difference.
AT_ONCE = {"maintenance_work_mem": "256MB", "lock_timeout": "30s"}

INDEX_STATES = """
SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = %s::regclass AND relname = ANY(%s)
"""


def is_searchable(term: str) -> bool:
    """Whether the trigram index can serve the term."""
    return sum(character.isalnum() for character in skeleton(term)) >= SHORTEST_TERM


@dataclass(frozen=True)
class MessageSearch:
    """A search for messages.

    Attributes:
        text: a part of the message; empty for any.
        authors: the ids of the accounts that may have written it; None for any.
        is_short: no index can serve the text, so it is looked for in the usual spellings only.
        since: only messages from then on are looked through; None for all.
        notice: what is left out, or why nothing can be found, as a sentence; empty where all is looked through.
    """

    text: str = ""
    authors: tuple[int, ...] | None = None
    is_short: bool = False
    since: datetime | None = None
    notice: str = ""

    @property
    def condition(self) -> Q:
        if self.authors == ():
            return Q(pk__in=[])
        condition = self._by_author
        if self.since is not None:
            condition &= Q(pub_date__gte=self.since)
        if self.text:
            condition &= self._in_some_spelling if self.is_short else self._in_any_spelling
        return condition

    @property
    def _in_any_spelling(self) -> Q:
        return Q(Contains(Skeleton("text"), skeleton(self.text)))

    @property
    def _in_some_spelling(self) -> Q:
        """The search in the text itself: to make the skeletons of that many texts would take too long."""
        text = self.text
        spellings = {text, text.lower(), text.upper(), text.title(), skeleton(text)}
        return reduce(or_, (Q(text__contains=spelling) for spelling in sorted(spellings)))

    @property
    def _by_author(self) -> Q:
        if self.authors is None:
            return Q()
        # One author is by far the usual case, and only equality keeps the order of the author's index.
        return Q(author=self.authors[0]) if len(self.authors) == 1 else Q(author__in=self.authors)

    def among_the_newest(self) -> "MessageSearch":
        """Restrict a search without an index to the newest messages, if there are more."""
        newest = Message.objects.filter(self._by_author).order_by("-pub_date", "-pk")
        since = newest.values_list("pub_date", flat=True)[NEWEST - 1 : NEWEST].first()
        if since is None:
            return replace(self, is_short=True)
        notice = (
            f"“{self.text}” is too short for the search index: only the newest {NEWEST:,} messages were searched. "
            f"Give {SHORTEST_TERM} letters to search all."
        )
        return replace(self, is_short=True, since=since, notice=notice)


def parse_message_search(term: str) -> MessageSearch:
    """Read `words`, `@name`, `@"name with spaces"` or a name and words together.

    Usernames may hold spaces, so an unquoted name is the longest run of words after the @ that an account is called.
    """
    term = term.strip()
    if not term:
        return MessageSearch()
    text, authors, name = term, None, ""
    if match := _QUOTED_NAME.search(term):
        name, text = match[1], f"{term[: match.start()].rstrip()} {term[match.end() :].lstrip()}"
        authors = _ids_of([name]).get(skeleton(name), ())
    elif match := _NAME.search(term):
        authors, name, rest = _longest_name(match[1])
        text = f"{term[: match.start()].rstrip()} {rest.lstrip()}"
    text = text.strip()
    if authors == ():
        return MessageSearch(authors=(), notice=f"There is no account named “{name}”.")
    if text and not skeleton(text):
        return MessageSearch(authors=(), notice="The search holds nothing that can be seen.")
    search = MessageSearch(text, authors)
    if not text or (is_searchable(text) and has_trigrams(text)):
        return search
    return search.among_the_newest()


def has_trigrams(term: str) -> bool:
    """Whether the database takes the term's letters for letters: with a locale C, only those of ASCII."""
    return bool(value_of("SELECT cardinality(show_trgm(%s)) > 0", [skeleton(term)]))


def _longest_name(after_at: str) -> tuple[tuple[int, ...], str, str]:
    """The accounts, the name they were found by, and the rest of the term."""
    ends = [match.end() for match in re.finditer(r"\S+", after_at)][:LONGEST_NAME]
    found = _ids_of([after_at[:end] for end in ends])
    for end in reversed(ends):
        if ids := found.get(skeleton(after_at[:end])):
            return ids, after_at[:end], after_at[end:]
    return (), after_at[: ends[0]], ""


def _ids_of(names: list[str]) -> dict[str, tuple[int, ...]]:
    """The ids of the accounts of these names, by the name's skeleton; an exact spelling takes precedence."""
    same = reduce(or_, (Q(Exact(Skeleton("username"), skeleton(name))) for name in names))
    spelled = {normalised_username(name) for name in names}  # as usernames are kept
    found: dict[str, tuple[int, ...]] = {}
    exact: dict[str, tuple[int, ...]] = {}
    for pk, username in User.objects.filter(same).values_list("pk", "username"):
        found[skeleton(username)] = (*found.get(skeleton(username), ()), pk)
        if username in spelled:
            exact[skeleton(username)] = (pk,)
    return found | exact


def match_account(term: str) -> Q:
    """Accounts by a part of the name or of the e-mail address, the id, the old id, or the day of joining.

    A name or address is too short for the index with fewer than three letters; then it is the beginning of the name.
    The index on usernames serves exact beginnings only, which is why those are tried in the usual spellings.
    """
    term = term.strip()
    number = number_in(term.removeprefix("#"))
    if number is not None:  # 19 digits can be such a text, too
        return Q(pk=number) | Q(legacy_id__in=[number, text_ids.number_of(term)]) | _match_name(term)
    if day := _day_of(term):
        return Q(date_joined__range=day) | _match_name(term)
    if text_ids.LIKELY_ID.fullmatch(term):
        return Q(legacy_id=text_ids.number_of(term)) | _match_name(term)
    return _match_name(term)


def _match_name(term: str) -> Q:
    if is_searchable(term):
        wanted = skeleton(term)
        return Q(Contains(Skeleton("username"), wanted)) | Q(Contains(Skeleton("email"), wanted))
    term = normalised_username(term)
    spellings = {term, term.lower(), term[:1].upper() + term[1:], term.title()}
    return reduce(or_, (Q(username__startswith=spelling) for spelling in spellings))


def _day_of(term: str) -> tuple[datetime, datetime] | None:
    """Begin and end of a day such as 2024-05-31, in the current time zone."""
    if "-" not in term:
        return None
    try:
        day = date.fromisoformat(term)
        begin, end = (timezone.make_aware(datetime.combine(day, clock)) for clock in (time.min, time.max))
        return begin.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one that no calendar has in UTC
        return None


def ensure_search_indexes(
    models: Iterable[type[Model]] | None = None,
    on_progress: Callable[[str], None] = lambda name: None,
    *,
    concurrently: bool = True,
) -> list[str]:
    """Build the search indexes that are missing, or whose building once failed.

    Must run outside of a transaction, as PostgreSQL requires. If another process builds them, this does nothing.

    Args:
        models: whose indexes; those of all MiniTwit tables by default.
        on_progress: called with the name of each index before it is built.
        concurrently: without stopping other work; else in half the time, while others can only read the table.

    Returns:
        The names of the indexes that were built.
    """
    built = []
    with connection.cursor() as cursor:
        # A process that waited for the lock would hold a snapshot, and the building waits for the end of snapshots.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        if not cursor.fetchone()[0]:
            return []
        try:
            for model in models if models is not None else apps.get_app_config("MiniTwit").get_models():
                built += _ensure_indexes_of(model, on_progress, concurrently)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
    return built


def _ensure_indexes_of(model: type[Model], on_progress: Callable[[str], None], concurrently: bool) -> list[str]:
    wanted = {
        index.name: index for index in model._meta.indexes if isinstance(index, GinIndex) or index.name in BUILT_LATER
    }
    is_valid = dict(rows_of(INDEX_STATES, [connection.ops.quote_name(model._meta.db_table), list(wanted)]))
    missing = {name: index for name, index in wanted.items() if not is_valid.get(name)}
    for name, index in missing.items():
        on_progress(name)
        if name in is_valid:
            with connection.schema_editor(atomic=False) as editor:
                editor.remove_index(model, index, concurrently=True)  # type: ignore[call-arg]  # PostgreSQL's own
        if concurrently or not _is_built_at_once(model, index):
            with connection.schema_editor(atomic=False) as editor:
                editor.add_index(model, index, concurrently=True)  # type: ignore[call-arg]
    return list(missing)


def _is_built_at_once(model: type[Model], index: Index) -> bool:
    """Build an index while writers wait. Returns whether that was possible: a long transaction may be writing."""
    try:
        with transaction.atomic(), connection.cursor() as cursor, connection.schema_editor() as editor:
            for setting, value in AT_ONCE.items():
                set_for_transaction(cursor, setting, value)
            editor.add_index(model, index)
    except OperationalError as error:
        if not is_busy(error):
            raise
        return False
    return True
