"""The visits that `benchmarks.desk` measures, on the database that it filled.

    python -m benchmarks.desk_visits

Prints a JSON list: what was measured, whether it is a page, how many rows it is about, how many queries it takes, and
the median and the 95th percentile of its milliseconds.
"""

import gc
import json
import math
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
from django.test.utils import CaptureQueriesContext

VISITS = 20
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
    ("batches", "moderationbatch/", ALL_PAGES),
)
COMPLETION = "/admin/autocomplete/?app_label=MiniTwit&model_name=message&field_name=author"
# Pages of one thing, and what is asked for while one types.
PAGES: tuple[tuple[str, str], ...] = (
    ("dashboard", "/admin/"),
    ("user page, the account with the most messages", "user/2/change/"),
    ("user page, far end", "user/1/change/"),
    ("user page, history", "user/2/history/"),
    ("message page", "message/100/change/"),
    ("message page, history", "message/100/history/"),
    ("decision page", "moderationevent/100/change/"),
    ("batch page", "moderationbatch/5/change/"),
    ("watch-list", "watchterm/"),
    ("watched term", "watchterm/1/change/"),
    (
        "completion of a name",
        f"{COMPLETION}&term=user1",
    ),
)
# What is selected on a list: some rows that are ticked, or all that the list's filters leave.
SELECTIONS: tuple[tuple[str, str, bool], ...] = (
    ("50 messages", "message/", False),
    ("all messages of one import", "message/?import_run=5", True),
    ("50 accounts", "user/", False),
)

FEW, CROWD = "id % 1200 = 1", "id % 20 = 1"  # of the accounts: one in 1,200 and one in 20
REINSTATE = f"""
UPDATE "MiniTwit_user" SET suspended_at = NULL, suspended_until = NULL WHERE suspended_at IS NOT NULL AND NOT {FEW}
"""
SUSPEND = f'UPDATE "MiniTwit_user" SET suspended_at = now() WHERE {CROWD} AND NOT is_staff'
DECIDE = """
UPDATE "MiniTwit_message" SET decision = 'flag', decided_at = now(), flagged = true
FROM "MiniTwit_user" AS author WHERE author.id = author_id AND suspended_at IS NOT NULL AND decided_at IS NULL
"""
# The states of the database in which the queue is measured, one after the other, and the statements that make them.
QUEUES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("half of all suspended", ()),
    ("few suspended", (REINSTATE,)),
    ("a crowd suspended, all of theirs decided", (SUSPEND, DECIDE)),
    ("few suspended, all of theirs decided", (REINSTATE,)),
)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `rows` is None where there is nothing to count. The times are in milliseconds."""

    what: str
    rows: int | None
    queries: int
    median: float
    p95: float
    is_page: bool


def measured(
    what: str,
    rows: int | None,
    work: Callable[[Any], Any],
    *,
    prepare: Callable[[], Any] = lambda: None,
    clean_up: Callable[[Any], object] = lambda done: None,
    visits: int = VISITS,
    is_page: bool = True,
) -> Figure:
    """Do some work once to warm up and count its queries, and then measure it several times.

    Args:
        work: is given what `prepare` returned; what it returns goes to `clean_up`. Neither of these two counts.
    """
    prepared = prepare()
    with CaptureQueriesContext(connection) as queries:
        done = work(prepared)
    number_of_queries = len(queries)  # the next request forgets them
    clean_up(done)
    times = []
    for _ in range(visits):
        prepared = prepare()
        started = time.perf_counter()
        done = work(prepared)
        times.append((time.perf_counter() - started) * 1000)
        clean_up(done)
    p95 = sorted(times)[math.ceil(0.95 * visits) - 1]
    return Figure(what, rows, number_of_queries, statistics.median(times), p95, is_page)


def visit(client: Client, address: str) -> Any:
    """Return a page, and raise if it does not exist: a wrong address redirects."""
    return answered(client.get(address if address.startswith("/") else ADMIN + address, secure=True), 200)


def answered(response: Any, status: int) -> Any:
    if response.status_code != status:
        raise RuntimeError(f"{response.request['PATH_INFO']} answered {response.status_code}, not {status}.")
    return response


def pages(client: Client) -> Iterator[Figure]:
    for what, address in PAGES:
        yield measured(what, None, lambda _, address=address: visit(client, address))


def lists(client: Client) -> Iterator[Figure]:
    for what, address, pages in LISTS:
        changelist = visit(client, address).context_data["cl"]
        rows = changelist.queryset.count()
        if not rows:
            raise RuntimeError(f"{address} lists nothing, so there is nothing to measure.")
        for page in pages:
            place = cursor_of(page, changelist, rows)
            full = f"{address}{'&' if '?' in address else '?'}p={quote(place)}" if place else address
            yield measured(f"{what}, {page} page", rows, lambda _, full=full: visit(client, full))


def cursor_of(page: str, changelist: Any, rows: int) -> str:
    """How an address names a page; the deep one begins in the middle of the list."""
    from MiniTwit.admin.lists.pagination import Cursor, Place

    if page == "first":
        return ""
    if page == "last":
        return str(Cursor(Place.LAST))
    row = changelist.queryset[rows // 2]
    return str(Cursor(Place.AFTER, tuple(str(row.serializable_value(name)) for name in changelist.pages.names)))


def confirmations(client: Client) -> Iterator[Figure]:
    """Measure an action of a list, which freezes the selection, and the page that asks to confirm it."""
    from MiniTwit.admin.deciding.freezing import freeze_list
    from MiniTwit.models import BatchState, ModerationBatch
    from MiniTwit.moderation import selections

    def discard(response: Any) -> None:
        selections.discard(ModerationBatch.objects.latest("id"))

    for what, address, is_whole_list in SELECTIONS:
        rows = visit(client, address).context_data["cl"].result_list
        form = {
            "action": "suspend_selected" if address.startswith("user") else "flag_selected",
            "index": "0",
            "select_across": str(int(is_whole_list)),
            "_selected_action": [row.pk for row in rows],
        }

        def choose(_: Any = None, address: str = address, form: dict[str, Any] = form) -> Any:
            return answered(client.post(ADMIN + address, form, secure=True), 302)

        yield measured(f"action on {what}", None, choose, clean_up=discard)
        page = choose().url
        if (batch := ModerationBatch.objects.latest("id")).state == BatchState.REQUESTED:
            freeze_list.call(batch.pk)
        selected = ModerationBatch.objects.latest("id").selected
        yield measured(f"confirmation, {what}", selected or None, lambda _, page=page: visit(client, page))
        discard(None)


def decide(client: Client, message: Any) -> Any:
    """Decide about the message at the desk as the script does, which puts the answer in place of the old desk."""
    from MiniTwit.review import version_of

    form = {"message": message.pk, "version": version_of(message), "verb": "keep", "reason": "Nothing wrong"}
    if message.flagged:
        form |= {"verb": "flag", "reason": "Spam"}
    headers = {"X-Requested-With": "fetch"}
    return answered(client.post(ADMIN + "reviewclaim/decide/", form, headers=headers, secure=True), 200)


def queue(client: Client, moderator: Any) -> Iterator[Figure]:
    """Measure the page of the review queue, which finds a message at each visit, a step of it, and the search for the
    next message in several states of the database."""
    from MiniTwit import review
    from MiniTwit.models import User
    from MiniTwit.review.claims import held_by

    yield measured(
        "review queue, page",
        None,
        lambda _: visit(client, "reviewclaim/"),
        clean_up=lambda _: review.release(moderator=moderator),
    )
    visit(client, "reviewclaim/")
    yield measured(
        "review queue, decision and next message",
        None,
        lambda message: decide(client, message),
        prepare=lambda: held_by(moderator),
    )
    review.release(moderator=moderator)
    for what, statements in QUEUES:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            if statements:
                cursor.execute("VACUUM ANALYZE")
        suspended = User.objects.filter(suspended_at__isnull=False).count()
        yield measured(
            f"review.waiting, {what}", suspended, lambda _: review.waiting(moderator=moderator), is_page=False
        )


def figures() -> Iterator[Figure]:
    from MiniTwit.models import User

    moderator = User.objects.get(username="admin")
    client = Client()
    client.force_login(moderator)
    yield from lists(client)
    yield from pages(client)
    yield from confirmations(client)
    yield from queue(client, moderator)  # last, because it changes rows


def print_figures(figures: Callable[[], Iterator[Figure]]) -> None:
    """Measure in the product, as it is set up, and print the figures for `benchmarks.desk`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    # Static files go by their own names, so that none have to be collected first.
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(ALLOWED_HOSTS=["testserver"], STORAGES=settings.STORAGES | {"staticfiles": static}):
        gc.freeze()  # as the web server does
        print(json.dumps([asdict(figure) for figure in figures()]))


if __name__ == "__main__":
    print_figures(figures)
