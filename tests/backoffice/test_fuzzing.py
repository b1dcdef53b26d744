"""Nothing that a client sends is answered by 500: every address, with what no page would send to it."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings

from tests.backoffice.fuzzing import Shot, shots, targets
from tests.backoffice.site_walk import Site, build_site

pytestmark = [pytest.mark.story, pytest.mark.django_db]

OURS = "MiniTwit back office"


@pytest.fixture
def site(caplog: pytest.LogCaptureFixture, tmp_path: Any, settings: Any) -> Site:
    caplog.set_level("CRITICAL")
    settings.VAR_DIR, settings.LEGACY_IMPORT_DIR = tmp_path, tmp_path / "legacy_import"
    return build_site()


def answer(site: Site, shot: Shot) -> Any:
    """The site's answer. What it did is taken back."""
    client = site.client(shot.role)
    client.raise_request_exception = False
    with transaction.atomic():
        response = shot.fire(client)
        if response.streaming:
            list(response)
        transaction.set_rollback(True)
    return response


def check(site: Site, shot: Shot) -> int:
    """The status of an answer that is one of ours."""
    response = answer(site, shot)
    fault = getattr(response, "exc_info", None) and response.exc_info[1]
    assert response.status_code < 500, (shot, fault)
    if response.status_code >= 400 and shot.method != "HEAD":
        is_json = response["Content-Type"].startswith("application/json")
        assert is_json or OURS in response.content.decode(), (shot, response.status_code, response.content[:300])
    return int(response.status_code)


def fuzz(site: Site, examples: int, *, derandomize: bool = False) -> set[int]:
    """The statuses of the answers to so many requests."""
    known = targets(site)
    statuses = set()

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None,
        derandomize=derandomize,
        report_multiple_bugs=True,
    )
    @given(shots(known))
    def fire(shot: Shot) -> None:
        statuses.add(check(site, shot))

    fire()
    return statuses


def test_nothing_that_a_client_sends_is_a_fault_of_the_program(site: Site) -> None:
    assert {200, 302, 400} <= fuzz(site, 40, derandomize=True) <= set(range(200, 500))


@pytest.mark.slow
def test_nothing_at_all_that_a_client_sends_is_a_fault_of_the_program(site: Site) -> None:
    assert {200, 302, 400, 403, 404, 405} <= fuzz(site, 10_000) <= set(range(200, 500))
