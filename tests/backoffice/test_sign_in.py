"""Signing in: guesses are counted, tell nothing, and a form that came too late is not lost."""

from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlparse

import pytest
from django.contrib.auth.hashers import make_password
from django.template.backends.django import Template
from django.test import Client

from fixtures import sample_hashes
from MiniTwit.hashers.strict import PBKDF2SHA256PasswordHasher
from MiniTwit.models import StaffNote, User
from tests.backoffice.site_walk import addresses, build_site
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db

SIGN_IN = "/admin/login/"
PASSWORD = sample_hashes.password_of(2)
WEAK = "werkzeug_md5$" + sample_hashes.keyed(2, "md5").partition("$")[2]


@pytest.fixture(autouse=True)
def quick_hasher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PBKDF2SHA256PasswordHasher, "iterations", 1_200)


def guess(username: str, password: str, client: Client | None = None, **extra: Any) -> Any:
    return (client or Client()).post(SIGN_IN, {"username": username, "password": password}, **extra)


def hashes_made(username: str, password: str) -> int:
    """How often the preferred hasher is at work for a guess: its time is that of the answer."""
    with patch.object(PBKDF2SHA256PasswordHasher, "encode", autospec=True, return_value="x$y") as encode:
        guess(username, password)
    return encode.call_count


def test_a_guess_at_an_account_that_may_not_sign_in_tells_nothing_and_changes_nothing() -> None:
    others = {"banned": {"is_active": False, "is_staff": True}, "imported": {}}
    for name, fields in others.items():
        User.objects.create(username=name, password=WEAK, **fields)
    for name in others:
        right, wrong = guess(name, PASSWORD), guess(name, "wrong")
        assert "_auth_user_id" not in right.client.session
        assert right.context["form"].errors == wrong.context["form"].errors
        assert User.objects.get(username=name).password == WEAK
        assert hashes_made(name, PASSWORD) == hashes_made(name, "wrong") == hashes_made("no such name", "x") == 1


def test_a_wrong_password_of_staff_takes_its_time_whatever_is_stored() -> None:
    stored = {"weak": WEAK, "damaged": "pbkdf2_sha256$x", "strong": make_password("some other"), "none": "!"}
    for name, encoded in stored.items():
        User.objects.create(username=name, password=encoded, is_staff=True)
        assert hashes_made(name, "wrong") == 1, name


def test_too_many_guesses_close_the_account_for_a_while_and_the_address_by_itself(settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    make_user("ann", is_staff=True)
    User.objects.filter(username="ann").update(password=make_password("right"))
    for number in range(3):
        answer = guess("ann", "wrong", REMOTE_ADDR=f"10.0.0.{number}", HTTP_USER_AGENT=str(number))
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Too many wrong passwords" in answer.content.decode()
    assert guess("ann", "right", REMOTE_ADDR="10.0.0.9").status_code == 429
    for number in range(3):
        guess(f"nobody {number}", "wrong", REMOTE_ADDR="10.0.1.1")
    assert guess("bob", "x", REMOTE_ADDR="10.0.1.1").status_code == 429
    assert guess("bob", "x", REMOTE_ADDR="").status_code == 200  # a server behind a Unix socket knows no address


def test_a_right_password_forgets_the_wrong_ones(settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    User.objects.create(username="ann", password=make_password("right"), is_staff=True)
    for _ in range(3):
        guess("ann", "wrong")
        guess("ann", "wrong")
        assert guess("ann", "right").status_code == 302


def sent_after_the_session_ended(address: str, data: dict[str, str], staff: User) -> Any:
    """Send a form without a session, sign in, and go where that leads."""
    client = Client()
    answer = client.post(address, data)
    assert answer.status_code == 302
    shown = client.get(answer["Location"]).content.decode()
    assert "Your session had ended, so what you sent was not done." in shown
    User.objects.filter(pk=staff.pk).update(password=make_password("right"))
    (leads_to,) = parse_qs(urlparse(answer["Location"]).query)["next"]
    signing_in = {"username": staff.username, "password": "right", "next": leads_to}
    return client.post(answer["Location"], signing_in, follow=True)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/admin/MiniTwit/user/{user}/note/", "/admin/MiniTwit/user/{user}/change/"),
        ("/admin/MiniTwit/user/{user}/decide/suspend/", "/admin/MiniTwit/user/{user}/change/"),
        ("/admin/MiniTwit/user/{user}/case/", "/admin/MiniTwit/user/{user}/change/"),
        ("/admin/MiniTwit/message/{message}/decide/flag/", "/admin/MiniTwit/message/{message}/change/"),
        ("/admin/MiniTwit/message/process_import/", "/admin/MiniTwit/message/import/"),
        ("/admin/MiniTwit/review/decide/", "/admin/MiniTwit/reviewclaim/"),
        ("/admin/MiniTwit/watchterm/scan/", "/admin/MiniTwit/watchterm/"),
        ("/admin/MiniTwit/message/?flagged__exact=1", "/admin/MiniTwit/message/?flagged__exact=1"),
    ],
)
def test_a_form_that_came_after_the_session_leads_back_to_its_page(address: str, page: str) -> None:
    message = make_message()
    numbers = {"user": message.author_id, "message": message.pk}
    address = address.format(**numbers).replace("/review/", "/reviewclaim/")
    answer = sent_after_the_session_ended(address, {"text": "Typed."}, make_superuser("boss"))
    assert answer.status_code == 200
    assert answer.redirect_chain[0][0] == page.format(**numbers)
    assert "Your session had ended, so what you sent was not done." in answer.content.decode()
    assert not StaffNote.objects.exists()


def test_after_the_session_every_form_leads_to_an_address_that_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Template, "render", lambda *_args, **_kwargs: "")  # the status is known before
    site = build_site()
    boss = site.client("superuser")
    led_to: dict[str, str] = {}
    for name, route in addresses():
        address = site.address(name, route, "superuser")
        answer = Client().post(address)
        if answer.status_code == 302 and answer["Location"].startswith(f"{SIGN_IN}?"):
            (leads_to,) = parse_qs(urlparse(answer["Location"]).query)["next"]
            led_to[leads_to] = address
    assert len(led_to) > 40
    refused = {address for leads_to, address in led_to.items() if boss.get(leads_to).status_code == 405}
    assert refused == set()


def test_an_address_that_only_takes_a_form_leads_to_the_page_of_the_form(admin: Client) -> None:
    account = make_user()
    answer = admin.get(f"/admin/MiniTwit/user/{account.pk}/note/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/admin/MiniTwit/user/{account.pk}/change/"
    assert "only takes what a form sends to it" in answer.content.decode()
    refused = admin.put(f"/admin/MiniTwit/user/{account.pk}/note/")
    assert (refused.status_code, refused["Allow"]) == (405, "POST")
    assert "This address does not take what your browser sent" in refused.content.decode()


def test_a_form_that_is_out_of_date_says_so_and_leads_back() -> None:
    client = Client(enforce_csrf_checks=True)
    account = make_user()
    client.force_login(make_staff("view_user", "add_staffnote", "view_staffnote"))
    client.get(f"/admin/MiniTwit/user/{account.pk}/change/")
    answer = client.post(f"/admin/MiniTwit/user/{account.pk}/note/", {"text": "Typed.", "csrfmiddlewaretoken": "x"})
    page = answer.content.decode()
    assert (answer.status_code, "The form is out of date" in page) == (403, True)
    assert f'href="/admin/MiniTwit/user/{account.pk}/change/"' in page
    assert "data-not-taken" in page
    without_cookies = Client(enforce_csrf_checks=True).post(SIGN_IN, {"username": "x", "password": "secret"})
    assert "sent no cookie" in without_cookies.content.decode()
    assert "secret" not in without_cookies.content.decode()
