"""What a client may ask for and send: the screens' own filters, files where they are wanted, and not for too long."""

import http.client
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client

from MiniTwit.admin.lists.own_parameters import OwnParametersMixin, known_parameters
from tests.MiniTwit.factories import make_message, make_staff, make_superuser

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
SIGN_IN = "/admin/login/"
EXPORT = {"format": "0", "resource": "0", "messageresource_id": "on"}


@pytest.mark.parametrize(
    "query",
    ["text__regex=((a|b)*.{0,200})%7B0,20%7Dzz$", "author__password__startswith=pbkdf2", "pub_date__year=99999999999",
     "nonsense=1", "flagged__exact=99"],
)  # fmt: skip
def test_a_list_is_asked_for_by_its_own_parameters_only(admin: Client, query: str) -> None:
    make_message()
    for answer in (admin.get(f"{MESSAGES}?{query}"), admin.post(f"{MESSAGES}export/?{query}", EXPORT)):
        assert (answer.status_code, "Nothing was done." in answer.content.decode()) == (400, True)


def test_the_refusal_names_the_parameter(admin: Client) -> None:
    answer = admin.get(f"{MESSAGES}?text__regex=x").content.decode()
    assert "This list cannot be filtered by “text__regex”." in answer


def test_every_screen_keeps_to_its_own_parameters(rf: Any) -> None:
    request = rf.get("/")
    request.user = make_superuser()
    for screen in site._registry.values():
        assert isinstance(screen, OwnParametersMixin), screen
        assert known_parameters(screen, request) >= {"q", "o"}


def test_a_list_whose_column_cannot_be_sorted_is_shown_all_the_same(admin: Client) -> None:
    for screen in ("watchhit", "message", "follow", "moderationevent", "moderationbatch", "user"):
        for order in ("1", "-1", "99", "0", "x", "1.2"):
            assert admin.get(f"/admin/MiniTwit/{screen}/?o={order}").status_code == 200, (screen, order)


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 19])
def test_a_number_of_any_length_is_the_id_of_no_row(admin: Client, number: str) -> None:
    message = make_message()
    lists = (f"message/?author__id__exact={number}", f"user/?import_run={number}", f"moderationevent/?batch={number}")
    for page in (*lists, f"message/{message.pk}/change/?before={number}", f"reviewclaim/?message={number}"):
        assert admin.get(f"/admin/MiniTwit/{page}").status_code == 200, page[:40]
    for page in (f"message/{number}/change/", f"moderationbatch/{number}/change/", f"user/{number}/note/"):
        assert admin.get(f"/admin/MiniTwit/{page}").status_code in (302, 404), page[:40]


def slow(*args: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(20)")


@pytest.mark.django_db(transaction=True)
def test_a_statement_of_a_page_has_a_limit_and_the_connection_none_afterwards(
    admin: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_message()
    settings.WEB_STATEMENT_SECONDS = 0.1
    monkeypatch.setattr("MiniTwit.admin.messages.MessageAdmin.load_columns", slow)
    answer = admin.get(MESSAGES)
    assert (answer.status_code, "longer than a page may take" in answer.content.decode()) == (503, True)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server writes temporary files meanwhile."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def send_file(server: str, address: str, cookies: str, folder: Path, megabytes: int) -> tuple[int, list[str], str]:
    """Send a form with a file, and look into the folder before the last piece of it: status, files, answer."""
    head = b'--x\r\nContent-Disposition: form-data; name="upload"; filename="a.db"\r\n\r\n'
    tail, block = b"\r\n--x--\r\n", bytes(1024 * 1024)
    with closing(http.client.HTTPConnection(urlparse(server).netloc, timeout=20)) as client:
        client.putrequest("POST", address)
        for name, value in (
            ("Content-Type", "multipart/form-data; boundary=x"),
            ("Content-Length", str(len(head) + megabytes * len(block) + len(tail))),
            ("Cookie", cookies),
        ):
            client.putheader(name, value)
        client.endheaders(head)
        for _ in range(megabytes):
            client.send(block)
        written = [path.name for path in folder.rglob("*")]
        client.send(tail)
        answer = client.getresponse()
        return answer.status, written, answer.getheader("Location") or answer.read().decode()


@pytest.mark.django_db(transaction=True)
def test_files_are_taken_only_where_they_are_wanted_from_who_may_send_them(
    live_server: Any, client: Client, temporary_folder: Path
) -> None:
    file_import, old_database = f"{MESSAGES}import/", "/admin/legacy_import/importrun/users/"

    def sent(address: str, megabytes: int = 20) -> tuple[int, list[str], str]:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        cookies += f"; csrftoken={'a' * 32}"
        return send_file(live_server.url, address, cookies, temporary_folder, megabytes)

    assert sent(SIGN_IN)[:2] == (413, [])
    assert sent(SIGN_IN, 1)[:2] == (415, [])
    for address in (old_database, file_import):
        status, written, leads_to = sent(address)
        assert (status, written) == (302, [])
        assert leads_to.startswith("/admin/login/?next=")
    client.force_login(make_staff("view_user", "view_message"))
    assert [sent(address)[:2] for address in (old_database, file_import)] == [(403, [])] * 2
    client.force_login(make_superuser())
    assert sent(MESSAGES)[:2] == (413, [])
    status, written, _ = sent(old_database)
    assert (status, len(written)) == (403, 1)  # the form's token is looked for once the file is read


def test_a_form_with_a_file_that_no_page_asked_for_is_refused_in_words(admin: Client, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with (tmp_path / "a.txt").open() as file:
        answer = admin.post("/admin/MiniTwit/moderationreason/add/", {"name": "x", "file": file})
    assert (answer.status_code, "the file was not kept" in answer.content.decode()) == (415, True)
    assert admin.post("/admin/MiniTwit/moderationreason/add/", {"name": "x" * 3_000_000}).status_code == 413
