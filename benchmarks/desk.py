"""What `make bench-desk` runs: the moderation desk on a database of any size.

    python -m benchmarks.desk --messages 3000000

The program migrates a throw-away database on the configured server, fills it with a statement or two per table,
builds the search indexes with the product's own command and vacuums it. `benchmarks.desk_visits` then measures the
product on it, in a process of its own with production's settings: pages through Django's test client, each rendered
as a whole, and some functions behind them. Each runs once to warm up and then twenty times; the table shows the
number of queries, the median and the 95th percentile. `benchmarks.desk_batches` then measures decisions about many
messages, each once. At its end the table says which pages miss what is required.

For each five messages there are one account (every second one suspended) and two follows. Three of ten messages have
been decided about; each message has an event in the log, and so has each suspension. The watch-list has four hits for
ten messages. One word, import, author and term of the watch-list occur among the oldest fifteenth of the messages
only, at the far end of the lists: 2 % of all.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg2

from benchmarks.processes import manage, run_in_product, server_url, throwaway_database

DATABASE = "minitwit_desk_benchmark"
MOST_MILLISECONDS = 100
MOST_QUERIES = 20
FEWEST_MESSAGES = 20_000  # with fewer, no crowd of accounts is suspended, and no list is frozen by the worker

# What an import leaves to be built after it.
BUILT_AFTERWARDS = "message_text_trigrams, user_username_trigrams, user_email_trigrams, message_author_undecided"

SETTINGS = f"""
SET synchronous_commit = off;
SET max_parallel_workers_per_gather = 0;  -- so that the same seed gives the same rows
SELECT setseed(0.5);
DROP INDEX {BUILT_AFTERWARDS};
"""
WORDS = """'{
    the,and,whale,sea,captain,ship,harpoon,ocean,strange,morning,evening,winter,summer,coffee,window,garden,letter,casino,
    credit,winner,football,music,python,django,compile,thunder,river,mountain,village,question,answer,kitchen,holiday,
    bicycle,painting,history,science,physics,quantum,battery,camera,network,keyboard,monitor,silence,shadow,forest,island,
    bridge,market
}'::text[]"""
# The tables are empty and their ids begin with 1, so rows are named by their ids: account 1 wrote the messages at the
# far end, account 2 more than any other. Suspensions have the batches after those of the messages.
TABLES = {
    "accounts": """
INSERT INTO "MiniTwit_user"
    (username, password, email, is_active, suspended_at, suspended_until, legacy_id, import_run)
SELECT 'user' || i, '!', 'u' || i || '@example.com', i % 100 <> 7,
    CASE WHEN i % 2 = 1 THEN now() - i * interval '1 second' END,
    CASE WHEN i % 10 = 1 THEN now() + interval '30 days' END, i, 1
FROM generate_series(1, %(accounts)s) AS i;
INSERT INTO "MiniTwit_user" (username, password, is_staff, is_superuser) VALUES ('admin', '!', true, true)
""",
    "messages": """
INSERT INTO "MiniTwit_message"
    (author_id, text, pub_date, flagged, decision, decided_at, changed_at, legacy_id, import_run)
SELECT CASE WHEN far THEN 1 ELSE 2 + floor(power(random(), 3) * (%(accounts)s - 1))::int END,
    (SELECT string_agg((%(words)s)[1 + floor(random() * 50)::int], ' ') FROM generate_series(1, 6 + i % 12))
        || ' ' || i || CASE WHEN far THEN ' zanzibar' ELSE '' END,
    timestamptz '2010-01-01 UTC' + i::float8 / %(messages)s * interval '3650 days',
    CASE WHEN decided THEN i % 3 = 0 OR far ELSE i % 20 = 3 END,
    CASE WHEN NOT decided THEN '' WHEN i % 3 = 0 OR far THEN 'flag' WHEN i % 3 = 1 THEN 'keep' ELSE 'unflag' END,
    decided_at, decided_at, i, CASE WHEN far THEN 5 ELSE 2 END
FROM generate_series(1, %(messages)s) AS i
CROSS JOIN LATERAL (SELECT i % 10 < 3 AS decided, i % 10 < 3 AND i <= %(messages)s / 15 AS far) AS kind
CROSS JOIN LATERAL (SELECT CASE WHEN decided THEN now() - i * interval '1 second' END AS decided_at) AS decision
""",
    "batches of decisions": """
INSERT INTO "MiniTwit_moderationbatch"
    (verb, state, actor_name, reason, note, selected, changed, created_at, confirmed_at)
SELECT CASE WHEN i > %(messages)s / 1000 THEN 'suspend' ELSE (ARRAY['flag', 'keep', 'unflag'])[1 + i % 3] END,
    'done', 'amy', 'Spam', '', 1000, 1000, now() - interval '12 days', now() - interval '12 days'
FROM generate_series(0, (%(messages)s + %(suspended)s) / 1000 + 1) AS i
""",
    "decisions": """
INSERT INTO "MiniTwit_moderationevent"
    (batch_id, verb, message_id, user_id, before, after, reason, note, actor_id, actor_name, created_at)
SELECT batch.id, batch.verb, message.id, author_id, '{"flagged": false, "decision": "", "decided_at": null}',
    '{"flagged": true, "decision": "flag", "decided_at": "2026-01-01T00:00:00+00:00"}', 'Spam', '',
    CASE WHEN message.id % 5 = 0 THEN %(accounts)s + 1 END, CASE WHEN message.id % 5 = 0 THEN 'admin' ELSE 'amy' END,
    now() - (1 - message.id::float8 / %(messages)s) * interval '12 days'
FROM "MiniTwit_message" AS message JOIN "MiniTwit_moderationbatch" AS batch ON batch.id = 1 + message.id / 1000
ORDER BY message.id;
INSERT INTO "MiniTwit_moderationevent" (batch_id, verb, user_id, before, after, reason, note, actor_name)
SELECT 2 + %(messages)s / 1000 + id / 2000, 'suspend', id, '{"suspended_at": null}', '{"suspended_at": "2026"}',
    'Spam', '', 'amy'
FROM "MiniTwit_user" WHERE suspended_at IS NOT NULL ORDER BY id
""",
    "hits of the watch-list": """
INSERT INTO "MiniTwit_watchterm" (pattern, kind, scanned_through)
VALUES ('casino', 'word', %(messages)s), ('thunder', 'word', %(messages)s), ('zanzibar', 'word', %(messages)s);
INSERT INTO "MiniTwit_watchhit" (term_id, message_id, found, pub_date, waiting)
SELECT term.id, message.id, ARRAY[pattern], pub_date, decided_at IS NULL
FROM "MiniTwit_message" AS message JOIN "MiniTwit_watchterm" AS term ON strpos(text, pattern) > 0
""",
    "follows": """
INSERT INTO "MiniTwit_follow" (who_id, whom_id, import_run)
SELECT 1 + i % %(accounts)s, 1 + (i + 1 + i / %(accounts)s * 7) % %(accounts)s, 2
FROM generate_series(0, 2 * %(accounts)s - 1) AS i
""",
}


def fill(messages: int) -> None:
    """Fill the migrated database, then build its indexes and vacuum it, as on a site that is idle."""
    accounts = messages // 5
    values = {"messages": messages, "accounts": accounts, "suspended": accounts // 2, "words": WORDS}
    connection = psycopg2.connect(server_url(DATABASE))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            for name, statements in TABLES.items():
                print_progress(name)
                cursor.execute(with_values(statements, values))
            print_progress("search indexes")
            manage(DATABASE, "build_search_indexes")
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
    finally:
        connection.close()


def with_values(statements: str, values: dict[str, Any]) -> str:
    """Put sizes and words into the statements; a % that belongs to a statement stays."""
    for name, value in values.items():
        statements = statements.replace(f"%({name})s", str(value))
    return statements


def print_progress(step: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {step}", file=sys.stderr)


def as_text(figures: list[dict[str, Any]]) -> str:
    lines = [f"{'what':66}{'rows':>11}{'queries':>9}{'median ms':>11}{'p95 ms':>10}"]
    for figure in figures:
        rows = "" if figure["rows"] is None else f"{figure['rows']:,}"
        lines.append(
            f"{figure['what']:66}{rows:>11}{figure['queries']:>9}{figure['median']:>11,.1f}{figure['p95']:>10,.1f}"
        )
    lines.append("")
    for text, too_much in requirements(figures):
        number = f"{len(too_much)} of {sum(figure['is_page'] for figure in figures)} do not"
        lines.append(f"NO   {text}: {number} ({'; '.join(too_much)})" if too_much else f"yes  {text}")
    return "\n".join(lines)


def requirements(figures: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """What is required of every page, and the pages that do not meet it."""
    for name, most, text in (
        ("p95", MOST_MILLISECONDS, f"the 95th percentile is at most {MOST_MILLISECONDS} ms"),
        ("queries", MOST_QUERIES, f"at most {MOST_QUERIES} queries"),
    ):
        too_much = [figure for figure in figures if figure["is_page"] and figure[name] > most]
        yield f"every page: {text}", [f"{figure['what']}: {figure[name]:,.0f}" for figure in too_much]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the moderation desk.")
    parser.add_argument("--messages", type=int, default=3_000_000, help="how many messages (default 3,000,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    if options.messages < FEWEST_MESSAGES:
        parser.error(f"Give at least {FEWEST_MESSAGES:,} messages.")
    try:
        with throwaway_database(DATABASE):
            manage(DATABASE, "migrate", "--verbosity", "0")
            manage(DATABASE, "loaddata", "roles", "moderation_reasons")
            fill(options.messages)
            print_progress("measuring")
            visits = run_in_product(DATABASE, "-m", "benchmarks.desk_visits")
            batches = run_in_product(DATABASE, "-m", "benchmarks.desk_batches")
    except RuntimeError as error:
        parser.exit(2, f"{error}\n")
    figures = [figure for run in (visits, batches) for figure in json.loads(run.output.splitlines()[-1])]
    print(json.dumps({"messages": options.messages, "figures": figures}) if options.json else as_text(figures))
    # Fails when a requirement is not met.
    parser.exit(int(any(too_much for _, too_much in requirements(figures))))


if __name__ == "__main__":
    main()
