"""The site behind a proxy: whose word counts, and under which path the site is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import override_script_prefix

from backoffice import environment
from backoffice.environment import EVERYWHERE, Network
from backoffice.requests.proxies import believe_trusted_proxies
from tests.backoffice.site_walk import Site, addresses, build_site

PROXY = "10.0.0.5"


@pytest.fixture
def production(settings: Any) -> Any:
    settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = [environment.ipaddress.ip_network(PROXY)]
    return settings


def seen(**headers: str) -> tuple[str, str]:
    """The client's address and the scheme that the site sees."""
    found: list[tuple[str, str]] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append((request.META["REMOTE_ADDR"], request.scheme or ""))
        return HttpResponse()

    believe_trusted_proxies(view)(RequestFactory().get("/", **headers))
    return found[0]


def test_a_trusted_proxy_says_where_a_request_comes_from(production: Any) -> None:
    said = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
    assert seen(REMOTE_ADDR=PROXY, **said) == ("1.2.3.4", "https")
    assert seen(REMOTE_ADDR="::ffff:10.0.0.5", **said) == ("1.2.3.4", "https")
    assert seen(REMOTE_ADDR="", **said) == ("1.2.3.4", "https"), "over a Unix socket"
    assert seen(REMOTE_ADDR=PROXY) == (PROXY, "http")


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the first is what the client says itself
        ("1.2.3.4, 10.0.0.5", "1.2.3.4"),  # two proxies of ours
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("1.2.3.4, unknown", PROXY),
        ("<script>", PROXY),
        ("", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(hops: str, client: str, production: Any) -> None:
    assert seen(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=hops)[0] == client


def test_the_word_of_another_address_does_not_count(production: Any) -> None:
    production.SECURE_SSL_REDIRECT = False
    said = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
    assert seen(REMOTE_ADDR="203.0.113.9", **said) == ("203.0.113.9", "http")


def test_where_every_address_is_trusted_the_nearest_hop_counts(production: Any) -> None:
    production.TRUSTED_PROXIES = EVERYWHERE
    assert seen(REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="6.6.6.6, 1.2.3.4")[0] == "1.2.3.4"
    warnings = [message.id for message in checks.run_checks(include_deployment_checks=True)]
    assert "backoffice.W002" in warnings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["127.0.0.0/8", "::1/128"]),
        ({"BEHIND_PROXY": "1"}, ["0.0.0.0/0", "::/0"]),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,10.9.9.9"}, ["10.0.0.0/8", "10.9.9.9/32"]),
        ({"TRUSTED_PROXIES": "10.0.0.5", "BEHIND_PROXY": "1"}, ["10.0.0.5/32"]),
    ],
)
def test_the_settings_name_the_proxies(
    given: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRUSTED_PROXIES", "BEHIND_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found: list[Network] = environment.trusted_proxies()
    assert [str(network) for network in found] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_PROTO": "https"},
        {"REMOTE_ADDR": "203.0.113.9", "HTTP_SEC_FETCH_MODE": "navigate"},  # the proxy says nothing
        {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_PROTO": "http", "HTTP_SEC_FETCH_MODE": "navigate"},
    ],
)
def test_a_redirect_that_would_never_end_is_a_sentence(
    headers: dict[str, str], production: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    production.ALLOWED_HOSTS = ["desk.example.com"]
    response = client.get("/admin/login/", headers={"host": "desk.example.com"}, **headers)
    assert response.status_code == 400
    assert "TRUSTED_PROXIES" in response.content.decode()
    assert f"the proxy at {headers['REMOTE_ADDR']}" in caplog.text


def test_plain_http_still_leads_to_https(production: Any, client: Client) -> None:
    production.ALLOWED_HOSTS = ["desk.example.com", "127.0.0.1"]
    response = client.get("/admin/login/", headers={"host": "desk.example.com"})
    assert (response.status_code, response["Location"]) == (301, "https://desk.example.com/admin/login/")
    local = client.get("/admin/login/", headers={"host": "127.0.0.1:8000", "sec-fetch-mode": "navigate"})
    assert local.status_code == 301, "browsers send that header over plain http to their own machine"


LINKS = re.compile(r"""=\s*["'](/[^"']*)["']""")  # of attributes, and of variables in scripts
PREFIX = "/some/desk"


@pytest.fixture
def site(db: None) -> Site:
    return build_site()


@pytest.fixture
def under_a_path() -> Iterator[None]:
    """What Django's door for web servers does for each request, and its test client does not."""
    with override_script_prefix(f"{PREFIX}/"):
        yield


@pytest.mark.story
def test_every_page_under_a_path_leads_to_addresses_under_that_path(site: Site, under_a_path: None) -> None:
    client = site.client("superuser")
    client.raise_request_exception = False
    pages = found = 0
    for name, route in addresses():
        response = client.get(site.address(name, route, "superuser"), SCRIPT_NAME=PREFIX)
        if "Location" in response:
            assert response["Location"].startswith((PREFIX, ".", "?")), (route, response["Location"])
        if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
            links = LINKS.findall(response.content.decode())
            astray = [link for link in links if not link.startswith(f"{PREFIX}/")]
            assert astray == [], route
            pages += 1
            found += len(links)
    assert pages > 40
    assert found > 1000


def test_the_page_of_a_refused_address_leads_back_under_the_path(client: Client, under_a_path: None) -> None:
    response = client.get("/admin/login/?q=%00", SCRIPT_NAME=PREFIX)
    assert response.status_code == 400
    assert f'href="{PREFIX}/admin/"' in response.content.decode()


def test_static_files_are_under_the_path_of_each_request(client: Client) -> None:
    for prefix in (PREFIX, "", "/another"):
        with override_script_prefix(f"{prefix}/"):
            assert staticfiles_storage.url("backoffice/work.js") == f"{prefix}/static/backoffice/work.js"
            response = client.get("/static/backoffice/work.js", SCRIPT_NAME=prefix)
            assert b"".join(response)  # type: ignore[arg-type]
