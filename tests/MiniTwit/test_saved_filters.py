"""Views of lists that moderators save, share, find again and tidy up."""

import pytest
from django.test import Client

from MiniTwit.admin.lists.saved_filters import clean_query
from MiniTwit.models import SavedFilter, User
from tests.MiniTwit.factories import make_message, make_staff
from tests.MiniTwit.forms import save_on_page

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/MiniTwit/message/"
RIGHTS = ["view_message", "view_user", "view_follow"]
RIGHTS += [f"{verb}_savedfilter" for verb in ("view", "add", "change", "delete", "share")]


@pytest.fixture
def amy(client: Client) -> User:
    staff = make_staff(*RIGHTS, username="amy")
    client.force_login(staff)
    return staff


def save(client: Client, name: str, query: str = "flagged__exact=1", address: str = MESSAGES, **posted: str) -> str:
    response = client.post(f"{address}save_filter/?{query}", {"name": name} | posted, follow=True)
    return response.content.decode()


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (MESSAGES, "flagged__exact=1&q=shoes"),
        (MESSAGES, "from=2024-01-01&to=2024-05-31"),
        ("/admin/MiniTwit/user/", "suspended=yes"),
        ("/admin/MiniTwit/follow/", "import_run=here"),
    ],
)
def test_a_view_is_saved_and_found_again(client: Client, amy: User, address: str, query: str) -> None:
    shown = client.get(f"{address}?{query}")
    assert f"{address}save_filter/?" in shown.context["save_filter_url"]
    response = client.post(shown.context["save_filter_url"], {"name": "Mine"}, follow=True)
    assert response.redirect_chain == [(f"{address}?{query}", 302)]
    assert "The view is saved as “Mine”." in response.content.decode()
    (found,) = client.get(address).context["saved_filters"]
    assert (found["filter"].name, found["query"], found["is_open"]) == ("Mine", query, False)
    assert client.get(f"{address}?{query}").context["saved_filters"][0]["is_open"]


def test_a_list_as_it_always_is_need_not_be_saved(client: Client, amy: User) -> None:
    assert "save_filter_form" not in client.get(MESSAGES).context
    assert "filter or search the list first" in save(client, "All", query="")
    assert "filter or search the list first" in save(client, "All", query="next=http://evil.example/&p=last")
    assert not SavedFilter.objects.exists()


def test_a_shared_view_is_the_teams_and_others_are_not(client: Client, amy: User) -> None:
    save(client, "For all", shared="on")
    save(client, "For me", query="reviewed=no")
    client.force_login(make_staff("view_message", "view_savedfilter", username="bob"))
    (found,) = client.get(MESSAGES).context["saved_filters"]
    assert (found["filter"].name, found["is_own"]) == ("For all", False)
    assert "by amy" in client.get(MESSAGES).content.decode()
    assert client.get("/admin/MiniTwit/user/").status_code == 403
    other = SavedFilter.objects.get(name="For me")
    assert client.get(f"/admin/MiniTwit/savedfilter/{other.pk}/change/").status_code in (302, 403)


def test_sharing_and_saving_are_for_those_who_may(client: Client) -> None:
    client.force_login(make_staff("view_message", "view_savedfilter", "add_savedfilter", username="new"))
    save(client, "Not shared", shared="on")
    assert not SavedFilter.objects.get().shared
    client.force_login(make_staff("view_message", username="auditor"))
    assert client.post(f"{MESSAGES}save_filter/?flagged__exact=1", {"name": "x"}).status_code == 403
    assert client.get(f"{MESSAGES}?flagged__exact=1").context["saved_filters"] == []


def test_a_name_can_be_taken_once_on_a_list(client: Client, amy: User) -> None:
    save(client, "Mine")
    assert "You have a view named “Mine” on this list already." in save(client, "Mine", query="reviewed=no")
    save(client, "Other", query="reviewed=no")
    assert "The view was not saved" in save(client, " ")
    other = SavedFilter.objects.get(name="Other")
    page = save_on_page(client, other, name="Mine").content.decode()
    assert "already exists" in page
    save_on_page(client, other, name="Waiting", shared="on")
    other.refresh_from_db()
    assert (other.name, other.shared) == ("Waiting", True)
    client.post(f"/admin/MiniTwit/savedfilter/{other.pk}/delete/", {"post": "yes"})
    assert [saved.name for saved in SavedFilter.objects.all()] == ["Mine"]


def test_the_page_of_own_views_leads_to_the_lists(client: Client, amy: User) -> None:
    save(client, "Mine")
    page = client.get("/admin/MiniTwit/savedfilter/").content.decode()
    assert f'href="{MESSAGES}?flagged__exact=1"' in page


def test_a_stored_query_is_only_ever_the_lists_own(client: Client, amy: User) -> None:
    make_message(flagged=True)
    stored = "flagged__exact=1&author__password__startswith=x&next=//evil.example&p=last&q=%00"
    SavedFilter.objects.create(name="Old", screen="MiniTwit.Message", query=stored, owner=amy)
    (found,) = client.get(MESSAGES).context["saved_filters"]
    assert found["query"] == "flagged__exact=1"
    assert clean_query("q=a%26b%3D1&x=1", {"q"}) == "q=a%26b%3D1"
