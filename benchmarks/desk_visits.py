"""The visits that `benchmarks.desk` measures, on the database that it filled.

    python -m benchmarks.desk_visits

Prints a JSON list: what was measured, how many rows the list has, and the median and the worst milliseconds.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import django
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings

VISITS = 5
ADMIN = "/admin/MiniTwit/"
ALL_PAGES = ("first", "deep", "last")
BOTH_ENDS = ("first", "last")
FIRST = ("first",)

# What is looked at, its address, and which of its pages. Account 1 and term 3 (zanzibar) are at the far end of the
# order, account 2 wrote the most, term 1 is casino.
LISTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("messages", "message/", ALL_PAGES),
    ("messages, oldest first", "message/?o=3", ALL_PAGES),
    ("messages: flagged", "message/?flagged__exact=1", FIRST),
    ("messages: not reviewed", "message/?reviewed=no", ALL_PAGES),
    ("messages: flagged, not reviewed", "message/?flagged__exact=1&reviewed=no", FIRST),
    ("messages: of one year", "message/?from=2015-01-01&to=2015-12-31", FIRST),
    ("messages: of one author", "message/?author__id__exact=2", FIRST),
    ("messages: any hit", "message/?watch=any", BOTH_ENDS),
    ("messages: any hit, not reviewed", "message/?watch=any&reviewed=no", FIRST),
    ("messages: a frequent word", "message/?q=casino", ALL_PAGES),
    ("messages: a frequent word, oldest first", "message/?q=casino&o=3", FIRST),
    ("messages: a frequent word, flagged", "message/?q=casino&flagged__exact=1", FIRST),
    ("messages: two frequent words", "message/?q=casino+ship", FIRST),
    ("messages: @name", "message/?q=@user2", ALL_PAGES),
    ("messages: @name and a word", "message/?q=@user2+casino", FIRST),
    ("messages, far end: a word", "message/?q=zanzibar", BOTH_ENDS),
    ("messages, far end: one import", "message/?import_run=5", BOTH_ENDS),
    ("messages, far end: one author", "message/?author__id__exact=1", BOTH_ENDS),
    ("messages, far end: hits of one term", "message/?watch=3", BOTH_ENDS),
    ("messages, far end: a word, flagged", "message/?q=zanzibar&flagged__exact=1", FIRST),
    ("decisions", "moderationevent/", ALL_PAGES),
    ("decisions: one verb", "moderationevent/?verb__exact=flag", ALL_PAGES),
    ("decisions: of the last 7 days", "moderationevent/?decided=7days", FIRST),
    ("decisions: about one author", "moderationevent/?user__id__exact=2", FIRST),
    ("decisions: one verb, last 7 days", "moderationevent/?verb__exact=flag&decided=7days", FIRST),
    ("decisions: one batch", "moderationevent/?batch=5", FIRST),
    ("users", "user/", ALL_PAGES),
    ("users: suspended", "user/?suspended=yes", FIRST),
    ("users: a part of the name", "user/?q=user1", FIRST),
    ("users: suspended, not active", "user/?suspended=yes&is_active__exact=0", FIRST),
    ("follows", "follow/", ALL_PAGES),
    ("follows: of one account", "follow/?who__id__exact=2", FIRST),
    ("watch-list hits", "watchhit/", ALL_PAGES),
    ("watch-list hits: waiting", "watchhit/?waiting__exact=1", BOTH_ENDS),
    ("watch-list hits, far end: one term", "watchhit/?term__id__exact=3", BOTH_ENDS),
)

REINSTATE = """
UPDATE "MiniTwit_user" SET suspended_at = NULL, suspended_until = NULL WHERE id > 1000 AND suspended_at IS NOT NULL
"""
SUSPEND = 'UPDATE "MiniTwit_user" SET suspended_at = now() WHERE id > 1000 AND id % 2 = 1 AND NOT is_staff'
DECIDE = """
UPDATE "MiniTwit_message" SET decision = 'flag', decided_at = now(), flagged = true
FROM "MiniTwit_user" AS author WHERE author.id = author_id AND suspended_at IS NOT NULL AND decided_at IS NULL
"""
# The states of the database in which the queue is measured, one after the other, and the statements that make them.
QUEUES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("a crowd suspended", ()),
    ("few suspended", (REINSTATE,)),
    ("a crowd suspended, all of theirs decided", (SUSPEND, DECIDE)),
    ("few suspended, all of theirs decided", (REINSTATE,)),
)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `rows` is None where there is nothing to count. In milliseconds."""

    what: str
    rows: int | None
    median: float
    worst: float


def measured(
    what: str, rows: int | None, work: Callable[[], Any], clean_up: Callable[[Any], object] = lambda done: None
) -> Figure:
    """Run some work once to warm up and then measure it several times; cleaning up does not count."""
    times = []
    for _ in range(1 + VISITS):
        started = time.perf_counter()
        done = work()
        times.append((time.perf_counter() - started) * 1000)
        clean_up(done)
    return Figure(what, rows, statistics.median(times[1:]), max(times[1:]))


def visit(client: Client, address: str) -> Any:
    """Return a page, and raise if it does not exist: a wrong address redirects."""
    response = client.get(ADMIN + address, secure=True)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}.")
    return response


def lists(client: Client) -> Iterator[Figure]:
    for what, address, pages in LISTS:
        changelist = visit(client, address).context_data["cl"]
        rows = changelist.queryset.count()
        if not rows:
            raise RuntimeError(f"{address} lists nothing, so there is nothing to measure.")
        for page in pages:
            place = cursor_of(page, changelist, rows)
            full = f"{address}{'&' if '?' in address else '?'}p={quote(place)}" if place else address
            yield measured(f"{what}, {page} page", rows, lambda full=full: visit(client, full))


def cursor_of(page: str, changelist: Any, rows: int) -> str:
    """How an address names a page; the deep one begins in the middle of the list."""
    from MiniTwit.admin.lists.pagination import Cursor, Place

    if page == "first":
        return ""
    if page == "last":
        return str(Cursor(Place.LAST))
    row = changelist.queryset[rows // 2]
    return str(Cursor(Place.AFTER, tuple(str(row.serializable_value(name)) for name in changelist.pages.names)))


def queue(client: Client, moderator: Any) -> Iterator[Figure]:
    """Measure the page of the review queue, which finds a message at each visit, and then the search for one."""
    from MiniTwit import review
    from MiniTwit.models import User

    yield measured(
        "review queue, page",
        None,
        lambda: visit(client, "reviewclaim/"),
        lambda _: review.release(moderator=moderator),
    )
    for what, statements in QUEUES:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            if statements:
                cursor.execute("VACUUM ANALYZE")
        suspended = User.objects.filter(suspended_at__isnull=False).count()
        yield measured(f"review.waiting, {what}", suspended, lambda: review.waiting(moderator=moderator))


def selection(moderator: Any) -> Figure:
    """Measure the freezing of a selection of all messages, as an action of the list does."""
    from MiniTwit.models import Message, Verb
    from MiniTwit.moderation import selections

    return measured(
        "freezing a selection of all messages",
        Message.objects.count(),
        lambda: selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=moderator),
        selections.discard,
    )


def figures() -> Iterator[Figure]:
    from MiniTwit.models import User

    moderator = User.objects.get(username="admin")
    client = Client()
    client.force_login(moderator)
    yield from lists(client)
    yield selection(moderator)
    yield from queue(client, moderator)  # last, because it changes rows


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    # Static files go by their own names, so that none have to be collected first.
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=settings.STORAGES | {"staticfiles": static}):
        print(json.dumps([asdict(figure) for figure in figures()]))


if __name__ == "__main__":
    main()
