"""How PostgreSQL answers the queries that moderators wait for, on a site of some ten thousand rows.

The rows are committed, vacuumed and analysed, as on a site at work, and no setting keeps the planner from a plan. So
this fails when an index is lost, and when a query takes a form that its index cannot serve.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from MiniTwit.admin.lists import pagination
from MiniTwit.models import Follow, Message, ModerationEvent, User, WatchHit

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)

ADMIN = "/admin/MiniTwit/"
LARGE = {model._meta.db_table for model in (Message, ModerationEvent, User, WatchHit, Follow)}
# Lists count with a limit on rows and on time, in whatever way comes first.
COUNT = "SELECT COUNT(*) FROM (SELECT"

# The superuser is account 1; account 2 wrote a tenth of the messages. One message of a hundred has the word, each has
# a hit, a tenth of them of term 3; one account of a hundred is suspended.
SITE = """
SELECT setseed(0.5);
INSERT INTO "MiniTwit_user" (id, username, password, email, suspended_at, legacy_id, import_run)
SELECT i, 'user' || i, '!', 'u' || i || '@example.com', CASE WHEN i % 100 = 0 THEN now() END, i, 1
FROM generate_series(2, 5000) AS i;
INSERT INTO "MiniTwit_message" (id, author_id, text, pub_date, flagged, decision, decided_at, legacy_id, import_run)
SELECT i, CASE WHEN i % 10 = 0 THEN 2 ELSE 2 + floor(random() * 4999) END,
    md5(i::text) || CASE WHEN i % 100 = 7 THEN ' casino ' ELSE ' window ' END || i,
    timestamptz '2020-01-01 UTC' + i * interval '1 hour', i % 20 = 3,
    CASE WHEN i % 40 = 3 THEN 'flag' ELSE '' END, CASE WHEN i % 40 = 3 THEN now() END, i, 1
FROM generate_series(1, 20000) AS i;
INSERT INTO "MiniTwit_follow" (who_id, whom_id, import_run)
SELECT 2 + i % 4999, 2 + (i + 1 + i / 4999 * 7) % 4999, 1 FROM generate_series(0, 9999) AS i;
INSERT INTO "MiniTwit_moderationbatch" (id, verb, state, actor_name)
SELECT i, (ARRAY['flag', 'keep', 'unflag'])[1 + i % 3], 'done', 'amy' FROM generate_series(1, 21) AS i;
INSERT INTO "MiniTwit_moderationevent" (batch_id, verb, message_id, user_id, before, after, actor_name, created_at)
SELECT batch.id, batch.verb, message.id, author_id, '{"flagged": false}', '{"flagged": true}', 'amy',
    now() - (20000 - message.id) * interval '1 minute'
FROM "MiniTwit_message" AS message JOIN "MiniTwit_moderationbatch" AS batch ON batch.id = 1 + message.id / 1000
ORDER BY message.id;
INSERT INTO "MiniTwit_watchterm" (id, pattern, kind, scanned_through)
SELECT i, 'term' || i, 'word', 20000 FROM generate_series(1, 400) AS i;
INSERT INTO "MiniTwit_watchhit" (term_id, message_id, found, pub_date, waiting)
SELECT CASE WHEN id % 10 = 4 THEN 3 ELSE 1 + id % 400 END, id, '{word}', pub_date, decided_at IS NULL
FROM "MiniTwit_message";
"""
FORGET_SITE = "SET session_replication_role = replica; TRUNCATE {} CASCADE; SET session_replication_role = origin"

# What is looked at, its address, and the indexes that have to serve it.
VISITS: tuple[tuple[str, str, set[str]], ...] = (
    ("messages", "message/", {"message_newest", "event_message_newest"}),
    ("messages, oldest first", "message/?o=1", {"message_newest"}),
    ("messages that are flagged", "message/?flagged__exact=1", {"message_flagged_newest"}),
    ("messages that wait, flagged", "message/?flagged__exact=1&reviewed=no", {"message_flagged_unreviewed"}),
    ("messages of one author", "message/?author__id__exact=2", {"message_author_newest"}),
    ("messages with a rare word", "message/?q=17331", {"message_text_trigrams"}),
    ("messages with a word", "message/?q=casino", {"message_text_trigrams"}),
    ("messages by @name", "message/?q=@user2", {"message_author_newest", "user_username_trigrams"}),
    ("messages by @name with a word", "message/?q=@user2+window", {"message_author_newest"}),
    ("messages with a watched term", "message/?watch=3", {"watchhit_unique", "watchhit_term_dates"}),
    ("decisions", "moderationevent/", {"MiniTwit_moderationevent_pkey"}),
    ("decisions of one kind", "moderationevent/?verb__exact=flag", {"event_verb_newest"}),
    ("decisions about one account", "moderationevent/?user__id__exact=2", {"event_user_newest"}),
    ("users", "user/", {"MiniTwit_user_username_key", "message_author_newest", "follow_whom_who"}),
    ("users by a part of the name", "user/?q=user4999", {"user_username_trigrams", "user_email_trigrams"}),
    ("follows of one account", "follow/?whom__id__exact=7", {"follow_whom_who"}),
    ("hits", "watchhit/", {"MiniTwit_watchhit_message_id_2b0913b7"}),
    ("hits of one term", "watchhit/?term__id__exact=3", {"watchhit_unique"}),
    ("a user's page", "user/2/change/", {"message_author_newest", "event_user_batch", "follow_whom_who"}),
    ("a message's page", "message/100/change/", {"event_message_newest"}),
    (
        "the review queue",
        "reviewclaim/",
        {"watchhit_waiting", "message_flagged_unreviewed", "message_author_undecided", "user_suspended"},
    ),
)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pagination, "REACH", 500)  # more rows are a long list, which is read in another way
    names = ", ".join(f'"{table}"' for table in sorted(LARGE))
    with connection.cursor() as cursor:
        cursor.execute(SITE)
        cursor.execute("VACUUM ANALYZE")
        yield
        cursor.execute(FORGET_SITE.format(names))


def test_every_list_page_and_the_queue_have_their_indexes(admin: Client, site: None) -> None:
    lost = {}
    for what, address, indexes in VISITS:
        nodes = list(nodes_of_visit(admin, ADMIN + address))
        used = {node.get("Index Name") for node in nodes}
        read_whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & LARGE
        if read_whole or not indexes <= used:
            lost[what] = {"not used": indexes - used, "used": used - {None}, "read as a whole": read_whole}
    assert lost == {}


def test_a_page_from_the_middle_of_a_list_begins_within_the_index(admin: Client, site: None) -> None:
    address = f"{ADMIN}message/"
    for _ in range(3):
        pages = admin.get(address).context["cl"].pages
        address = f"{ADMIN}message/?p={quote(str(pages.next))}"
    conditions = {node.get("Index Name"): node.get("Index Cond", "") for node in nodes_of_visit(admin, address)}
    assert conditions["message_newest"].startswith("(ROW(pub_date, id) < ROW(")


def nodes_of_visit(client: Client, address: str) -> Iterator[dict[str, Any]]:
    """The nodes of the plans of a page's queries about large tables."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    for statement in [query["sql"] for query in queries]:
        is_query = statement.lstrip().startswith(("SELECT", "WITH")) and "LOCK TABLE" not in statement
        if is_query and not statement.startswith(COUNT) and any(f'"{table}"' in statement for table in LARGE):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
                ((plan,),) = cursor.fetchone()
            yield from nodes_of(plan["Plan"])


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)
