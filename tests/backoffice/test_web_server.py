"""Long requests, and the start, of the web server as `gunicorn.conf.py` has it."""

import http.cookiejar
import re
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from legacy_import.models import ImportRun
from MiniTwit.models import User
from tests.backoffice.nginx import NGINX, Nginx
from tests.backoffice.test_settings import PRODUCTION, manage
from tests.backoffice.web_server import BOUNDARY, TOKEN, WebServer, multipart
from tests.legacy_import.conftest import sample
from tests.MiniTwit.factories import make_superuser, make_user

__all__ = ["sample"]
pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]

START_USERS = "/admin/legacy_import/importrun/users/"


def upload_slowly(server: WebServer, path: str, old: Path, *, seconds: float) -> bytes:
    """Send an old database as a slow line does; return the first bytes of the answer."""
    chosen = {"source": "upload", "existing": "keep", "duplicates": "reject", "plain_passwords": "hash"}
    form = multipart([("csrfmiddlewaretoken", TOKEN), *chosen.items()], "upload", old.read_bytes())
    step = len(form) // 10 + 1
    pieces = [form[at : at + step] for at in range(0, len(form), step)]
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    with server.post(
        path, make_superuser(), pieces, pause=seconds / len(pieces), content_type=content_type
    ) as answer:
        return answer.recv(4096)


def test_a_slow_upload_outlives_the_timeout_and_arrives_under_a_path(tmp_path: Path, sample: Path) -> None:
    with WebServer(tmp_path, WEB_TIMEOUT_SECONDS="2", WEB_THREADS="1", SCRIPT_NAME="/desk") as server:
        for path in ("/desk/admin/login/", "/admin/login/"):  # the second, where the proxy strips the path
            response, page = server.get(path)
            assert response.status == 200
            assert 'href="/desk/static/backoffice/favicon.svg"' in page
            assert "path=/desk/;" in response.headers["Set-Cookie"].lower()
            assert server.get("/desk/static/backoffice/favicon.svg")[0].status == 200

        answer = upload_slowly(server, f"/desk{START_USERS}", sample, seconds=5)
        assert answer.startswith(b"HTTP/1.1 302"), answer.decode() + server.said
        run = ImportRun.objects.get()
        assert f"Location: /desk/admin/legacy_import/importrun/{run.pk}/" in answer.decode()


def test_a_web_server_that_cannot_serve_says_why_and_ends(tmp_path: Path) -> None:
    with WebServer(tmp_path, DEBUG="0") as server:
        assert server.wait() == 3
    assert "ImproperlyConfigured: " in server.said
    assert "Run `python manage.py collectstatic`." in server.said
    assert "Traceback" not in server.said
    with WebServer(tmp_path, WEB_THREADS="many") as server:
        assert server.wait() == 1
    assert server.said.startswith("ImproperlyConfigured: WEB_THREADS is 'many'.")
    assert "Traceback" not in server.said


@pytest.mark.slow
def test_uploads_and_exports_take_longer_than_half_a_minute(tmp_path: Path, sample: Path) -> None:
    with WebServer(tmp_path) as server:
        assert server.get("/admin/login/")[0].status == 200, "it has started"
        answer = upload_slowly(server, START_USERS, sample, seconds=35)
        assert answer.startswith(b"HTTP/1.1 302"), answer.decode() + server.said
        author = make_user("ann")
        with connection.cursor() as cursor:
            cursor.execute(
                'INSERT INTO "MiniTwit_message" (author_id, text, pub_date, flagged) '
                "SELECT %s, repeat('Message ', 60), now(), false FROM generate_series(1, 30000) n",
                [author.pk],
            )
        lines = export_slowly(server, seconds=35)
    assert len(lines) == 30_001
    assert all(b"ann" in line for line in lines[1:])


def export_slowly(server: WebServer, *, seconds: float) -> list[bytes]:
    """Ask for all messages as CSV, read the answer as a slow line does, and return its lines."""
    export = "/admin/MiniTwit/message/export/"
    client = Client()
    user = User.objects.get(is_superuser=True)
    client.force_login(user)
    names = [name for name in client.get(export).context["form"].fields if name.startswith("messageresource_")]
    form = {"csrfmiddlewaretoken": TOKEN, "resource": "0", "format": "0"} | dict.fromkeys(names, "on")
    body = urlencode(form).encode()
    received = bytearray()
    with server.post(export, user, [body], pause=0, content_type="application/x-www-form-urlencoded") as answer:
        start = time.monotonic()
        while piece := answer.recv(65536):
            received += piece
            if time.monotonic() - start < seconds:
                time.sleep(0.5)
    head, _blank, content = bytes(received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), received[:2000]
    return unchunked(content).strip().split(b"\r\n")


def unchunked(body: bytes) -> bytes:
    """What was sent in chunks, each with its length before it."""
    content, at = bytearray(), 0
    while True:
        line_end = body.index(b"\r\n", at)
        length = int(body[at:line_end], 16)
        if not length:
            return bytes(content)
        content += body[line_end + 2 : line_end + 2 + length]
        at = line_end + 2 + length + 2


@pytest.mark.slow
@pytest.mark.skipif(not NGINX, reason="NO NGINX: the site was tried without a proxy. Install Debian's nginx-light.")
@pytest.mark.parametrize("location", ["/", "/desk/"])
def test_tls_ends_at_a_proxy(location: str, tmp_path: Path) -> None:
    prefix = location.rstrip("/")
    site = {"VAR_DIR": str(tmp_path), "DEBUG": "0", "SCRIPT_NAME": prefix}
    collected = manage("collectstatic", "--no-input", "--verbosity=0", **PRODUCTION | site)
    assert collected.returncode == 0, collected.stderr
    with (
        WebServer(tmp_path, **site, TRUSTED_PROXIES="127.0.0.5") as server,
        Nginx(tmp_path / "trusted", web_port=server.port, location=location, address="127.0.0.5") as trusted,
        Nginx(tmp_path / "stranger", web_port=server.port, location=location, address="127.0.0.6") as stranger,
    ):
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        with browser.open(f"https://127.0.0.1:{trusted.port}{prefix}/") as page:
            assert page.url == f"https://127.0.0.1:{trusted.port}{prefix}/admin/login/?next={prefix}/admin/"
            assert "Secure" in page.headers["Set-Cookie"]
            assert page.headers["Strict-Transport-Security"] == "max-age=3600"
            html = page.read().decode()
        stylesheet = html.split('rel="stylesheet"')[0].rpartition('href="')[2].partition('"')[0]
        with browser.open(f"https://127.0.0.1:{trusted.port}{stylesheet}") as styles:
            assert styles.headers["Content-Type"].startswith("text/css")
        user = make_superuser()
        user.set_password("open sesame")
        user.save()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
        assert token
        form = {"username": user.username, "password": "open sesame", "csrfmiddlewaretoken": token[1]}
        origin = f"https://127.0.0.1:{trusted.port}"
        posted = urllib.request.Request(page.url, urlencode(form).encode(), {"Origin": origin, "Referer": page.url})
        with browser.open(posted) as first_page:
            assert first_page.url == f"{origin}{prefix}/admin/"
        with pytest.raises(urllib.error.HTTPError) as refused:
            browser.open(f"https://127.0.0.1:{stranger.port}{prefix}/admin/")
        assert "TRUSTED_PROXIES" in refused.value.read().decode()
        refused.value.close()
        assert "the proxy at 127.0.0.6" in server.said
