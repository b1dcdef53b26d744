"""The new database, read in the order of the old ids through server-side cursors.

All of this runs inside one transaction, which a server-side cursor needs.
"""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, cast

from django.db import connection
from django.db.models import Exists, F, Model, OuterRef, QuerySet
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow
from legacy_import.verify.ids import WHOLE_NUMBER, numbers_for
from legacy_import.verify.lines import NEW_LINE, Block
from legacy_import.verify.old import OldValue
from legacy_import.verify.values import is_mangled, text_of, username_of
from MiniTwit.models import Follow, Message, PurgedMessage, User

ROWS_AT_A_TIME = 5_000
GROUPS_AT_A_TIME = 500
KIND_OF_TABLE = {
    "user": ImportRun.Kind.USERS,
    "message": ImportRun.Kind.MESSAGES,
    "follower": ImportRun.Kind.MESSAGES,
}

FOLLOW_GROUPS = """
SELECT follower.legacy_id, string_agg(followed.legacy_id::text, ' ')
FROM {follow} AS follow
JOIN {user} AS follower ON follower.id = follow.who_id
JOIN {user} AS followed ON followed.id = follow.whom_id
WHERE follower.legacy_id IS NOT NULL AND followed.legacy_id IS NOT NULL
GROUP BY follower.legacy_id ORDER BY follower.legacy_id
"""
FOLLOWS_THAT_ARE_HERE = """
SELECT pair.who, pair.whom
FROM unnest(%s::bigint[], %s::bigint[]) AS pair (who, whom)
JOIN {user} AS follower ON follower.legacy_id = pair.who
JOIN {user} AS followed ON followed.legacy_id = pair.whom
JOIN {follow} AS follow ON follow.who_id = follower.id AND follow.whom_id = followed.id
"""


class NewUser(NamedTuple):
    """The account of one old user. `merged`: it is the account that the old one was merged into."""

    legacy_id: int
    username: str
    email: str
    password: str
    is_staff: bool
    is_superuser: bool
    is_active: bool
    date_joined: datetime | None
    import_run: int | None
    changed_at: datetime | None
    merged: bool = False


# The message of one old message: old id, primary key of the author, text, date (microseconds since 1970),
# flagged, run that brought it, changed_at. A plain tuple, since making millions of named ones takes seconds.
NewMessage = tuple[int, int, str, int, bool, int | None, datetime | None]

MESSAGES = """
SELECT legacy_id, author_id, text, (extract(epoch FROM pub_date) * 1000000)::bigint, flagged, import_run, changed_at
FROM {message}
WHERE {wanted}
UNION ALL
-- Deleted permanently since: it had arrived.
SELECT legacy_id, NULL, NULL, NULL, NULL, NULL, purged_at
FROM {purged} AS purged
WHERE {wanted}
ORDER BY legacy_id
"""
MESSAGE_LINES = """
SELECT count(line), coalesce(string_agg(line, chr(30)), '') FROM (
    SELECT {line} AS line FROM {message} WHERE legacy_id BETWEEN %s AND %s ORDER BY legacy_id
) AS lines
"""
IMPORTED = sql.SQL("legacy_id IS NOT NULL")
NOTHING_PURGED = sql.SQL("(SELECT NULL::bigint AS legacy_id, NULL::timestamptz AS purged_at WHERE false)")


def plan_for_all_rows() -> None:
    """Tell PostgreSQL that our cursors are read to their end, or it plans them for a quick first row."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL cursor_tuple_fraction = 1")


def is_there(model: type[Model], column: str = "") -> bool:
    """Whether the table, or its column, is there: the import's migrations verify before later ones make them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s)",
            [sql.Identifier(model._meta.db_table).as_string(cursor.cursor), column or model._meta.pk.column],
        )
        return bool(cursor.fetchone()[0])


def users() -> Generator[NewUser, None, None]:
    """Yield the account of every old user, by old id; those merged into another among them."""
    imported = (
        User.objects.filter(legacy_id__isnull=False)
        .order_by("legacy_id")
        .values_list(*NewUser._fields[:-1])
        .iterator(ROWS_AT_A_TIME)
    )
    merged = (
        merged_users()
        .values_list("legacy_id", "user__username", "import_run", "user__changed_at")
        .iterator(ROWS_AT_A_TIME)
    )
    yield from heapq.merge(
        map(NewUser._make, ((*row, False) for row in imported)),
        (
            NewUser(legacy_id, name, "", "", False, False, True, None, run, changed_at, True)
            for legacy_id, name, run, changed_at in merged
        ),
        key=lambda user: user.legacy_id,
    )


def merged_users() -> QuerySet[MergedUser]:
    """The old accounts that were merged into another, by old id; not those that have got one of their own since."""
    own = User.objects.filter(legacy_id=OuterRef("legacy_id"))
    return MergedUser.objects.exclude(Exists(own)).order_by("legacy_id")


def messages(ids: Sequence[int] = ()) -> Generator[NewMessage, None, None]:
    """Yield the message of every old one, by old id.

    Past the ORM, whose rows take three times as long; there are millions of these.

    Args:
        ids: of the only old messages that are wanted.
    """
    with connection.chunked_cursor() as cursor:
        purged = sql.Identifier(PurgedMessage._meta.db_table) if is_there(PurgedMessage) else NOTHING_PURGED
        wanted = sql.SQL("legacy_id = ANY({})").format(sql.Literal(list(ids))) if ids else IMPORTED
        cursor.execute(
            sql.SQL(MESSAGES).format(message=sql.Identifier(Message._meta.db_table), purged=purged, wanted=wanted)
        )
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            yield from rows


def message_lines(block: Block) -> tuple[int, bytes]:
    """The lines of the messages whose old ids lie within a block: how many, and these joined."""
    statement = sql.SQL(MESSAGE_LINES).format(line=sql.SQL(NEW_LINE), message=sql.Identifier(Message._meta.db_table))
    with connection.cursor() as cursor:
        cursor.execute(statement, [block.first, block.last])
        rows, lines = cursor.fetchone()
        return rows, lines.encode()


def follow_groups() -> Generator[tuple[int, frozenset[bytes]], None, None]:
    """Yield for every imported account, by old id, which imported accounts it follows: their old ids in digits."""
    statement = sql.SQL(FOLLOW_GROUPS).format(
        user=sql.Identifier(User._meta.db_table), follow=sql.Identifier(Follow._meta.db_table)
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(GROUPS_AT_A_TIME):
            yield from ((who, frozenset(whoms.encode().split())) for who, whoms in rows)


def follows_among(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return those of the pairs (of old ids) that are follows in the new database."""
    statement = sql.SQL(FOLLOWS_THAT_ARE_HERE).format(
        user=sql.Identifier(User._meta.db_table), follow=sql.Identifier(Follow._meta.db_table)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [[who for who, _ in pairs], [whom for _, whom in pairs]])
        return set(cursor.fetchall())


class LastImport:
    """What the latest applied import of a table left on record about it.

    Attributes:
        run: its number; None where there was none.
        kept: how many rows of earlier imports it left as they were, though they differ, because staff chose so.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        run = (
            ImportRun.objects.filter(kind=KIND_OF_TABLE[table], state=ImportRun.State.APPLIED)
            .order_by(F("finished_at").desc(nulls_last=True), "-pk")
            .only("counts")
            .first()
        )
        self.run = run.pk if run else None
        self.kept = run.counts.get(table, {}).get("notes", {}).get("kept_by_option", 0) if run else 0

    def refused(self, position: int) -> bool:
        """Whether it refused the old row at a position (of which there may be millions)."""
        place = bisect_left(self._refused, position)
        return place < len(self._refused) and self._refused[place] == position

    @cached_property
    def _refused(self) -> "array[int]":
        rejected = RejectedRow.objects.filter(run=self.run, table=self.table).order_by("position")
        return array("q", rejected.values_list("position", flat=True).iterator(ROWS_AT_A_TIME))


class IdMap:
    """From one positive number to another, in a tenth of a dictionary's memory. The pairs come sorted."""

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        self._keys, self._values = array("q"), array("q")
        for key, value in pairs:
            self._keys.append(key)
            self._values.append(value)
        # Ids that were counted up leave few gaps, so that they can serve as the place of their value.
        self._by_key = array("q")
        if self._keys and self._keys[0] >= 0 and self._keys[-1] < 4 * len(self._keys):
            self._by_key = array("q", bytes(8 * (self._keys[-1] + 1)))
            for key, value in zip(self._keys, self._values, strict=True):
                self._by_key[key] = value

    def get(self, key: int) -> int | None:
        if 0 <= key < len(self._by_key):
            return self._by_key[key] or None
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            return self._values[place]
        return None


class Accounts:
    """Finds the account that an old row names, be it by an old id or by a username."""

    def __init__(self) -> None:
        imported = User.objects.filter(legacy_id__isnull=False).order_by("legacy_id")
        merged = merged_users()
        self._primary_keys = IdMap(
            heapq.merge(
                _pairs(imported.values_list("legacy_id", "pk")), _pairs(merged.values_list("legacy_id", "user"))
            )
        )
        surviving = merged.filter(user__legacy_id__isnull=False)
        self._survivors = IdMap(_pairs(surviving.values_list("legacy_id", "user__legacy_id")))
        erased = imported.filter(erased_at__isnull=False)
        self._erased = set(erased.values_list("legacy_id", flat=True)) if is_there(User, "erased_at") else set()
        self._users_run = LastImport("user").run
        self._of_text = lru_cache(maxsize=10_000)(self._find_text)

    def primary_key(self, value: OldValue) -> int | None:
        """Return the key of the account that an old id or a username means, None if there is no such account."""
        if isinstance(value, int):
            return self._primary_keys.get(value)
        old_id = self.old_id(value)
        return None if old_id is None else self._primary_keys.get(old_id)

    def is_erased(self, *values: OldValue) -> bool:
        """Whether one of the accounts was erased on request, so that nothing new of it is imported."""
        return bool(self._erased) and any(self.old_id(value) in self._erased for value in values)

    def old_id(self, value: OldValue) -> int | None:
        """Return the old id of the account that an old id or a username now means.

        An id that was never merged is returned as it is, whether or not there is such an account.
        """
        if value is None:
            return None
        if not isinstance(value, int):
            text = text_of(value)
            if is_mangled(value) or not WHOLE_NUMBER.fullmatch(text):
                return self._of_text(value)
            value = int(text)
        return self._survivor_of(value)

    def _survivor_of(self, number: int) -> int:
        survivor = self._survivors.get(number)
        return number if survivor is None else survivor

    def _find_text(self, value: float | bytes) -> int | None:
        """The old id of the account that a text means: by the number that represents it, or by the username."""
        username = username_of(value)
        data = value if isinstance(value, bytes) else username.encode()
        numbers = numbers_for(data, username)
        for number in numbers:
            if self._primary_keys.get(number) is not None:
                return self._survivor_of(number)
        if WHOLE_NUMBER.fullmatch(username):
            return self._survivor_of(int(username))
        # The id of one user is no name of another, though that user was refused.
        refused = RejectedRow.objects.filter(run=self._users_run, table="user", legacy_id__in=numbers)
        return None if refused.exists() else _account_named(text_of(value))


def _pairs(rows: Any) -> Iterator[tuple[int, int]]:
    return cast("Iterator[tuple[int, int]]", rows.iterator(ROWS_AT_A_TIME))


def _account_named(text: str) -> int | None:
    found = User.objects.filter(username__in={text, username_of(text.encode())}, legacy_id__isnull=False)
    return found.values_list("legacy_id", flat=True).first()
