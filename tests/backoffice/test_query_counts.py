"""How many queries each page takes: a committed table, so that one more is noticed, and none for each row."""

import json

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.backoffice.site_walk import FOLDER, UPDATE, Site, add_rows, addresses, build_site

pytestmark = [pytest.mark.story, pytest.mark.django_db]

TABLE = FOLDER / "query_counts.json"


@pytest.fixture
def site() -> Site:
    return build_site()


def count_queries(site: Site) -> dict[str, int]:
    """The queries of every page that a superuser can open."""
    client = site.client("superuser")
    counts = {}
    for name, route in addresses():
        address = site.address(name, route, "superuser")
        with transaction.atomic():
            with CaptureQueriesContext(connection) as queries:
                response = client.get(address)
            transaction.set_rollback(True)
        if response.status_code == 200:
            counts[name] = len(queries)
    return counts


@pytest.mark.usefixtures("nothing_waits")
def test_every_page_takes_as_many_queries_as_the_table_says_and_no_more_for_more_rows(site: Site) -> None:
    ContentType.objects.get_for_models(*apps.get_models())  # fills the cache
    few = count_queries(site)
    if UPDATE:
        TABLE.write_text(json.dumps(few, indent=2, sort_keys=True) + "\n")
    assert few == json.loads(TABLE.read_text())
    add_rows(site, 12)
    many = count_queries(site)
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}
