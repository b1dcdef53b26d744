"""What the site answers to besides the admin."""

import pytest
from django.test import Client

from tests.MiniTwit.factories import make_staff, make_superuser


@pytest.mark.django_db
@pytest.mark.parametrize("lookup", ["related", "m2m", "autocomplete"])
def test_staff_cannot_guess_at_passwords_through_grappellis_lookups(client: Client, lookup: str) -> None:
    chief = make_superuser()
    client.force_login(make_staff())
    query = {
        "app_label": "MiniTwit",
        "model_name": "user",
        "object_id": chief.pk,
        "term": "",
        "query_string": "password__startswith=!",
    }
    assert client.get(f"/grappelli/lookup/{lookup}/", query).status_code == 404
