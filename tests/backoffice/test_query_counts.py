"""How many queries each page takes: a committed table, so that one more is noticed, and none for each row."""

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.backoffice.site_walk import FOLDER, UPDATE, Site, add_rows, addresses, build_site

pytestmark = pytest.mark.django_db

TABLE = FOLDER / "query_counts.json"


@pytest.fixture
def site() -> Site:
    return build_site()


def count_queries(site: Site) -> dict[str, int]:
    """The queries of every page that a superuser can open. Each is opened twice: the first time fills caches."""
    client = site.client("superuser")
    counts = {}
    for name, route in addresses():
        address = site.address(name, route, "superuser")
        for _ in ("first", "second"):
            with transaction.atomic():
                with CaptureQueriesContext(connection) as queries:
                    response = client.get(address)
                transaction.set_rollback(True)
        if response.status_code == 200:
            counts[name] = len(queries)
    return counts


def test_every_page_takes_as_many_queries_as_the_table_says(site: Site) -> None:
    counts = count_queries(site)
    if UPDATE:
        TABLE.write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n")
    assert counts == json.loads(TABLE.read_text())


def test_no_page_takes_more_queries_when_there_are_more_rows(site: Site) -> None:
    few = count_queries(site)
    add_rows(site, 12)
    many = count_queries(site)
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}
