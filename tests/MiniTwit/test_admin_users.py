"""The pages of a user: old accounts can be edited as they are, and nobody gets rights by them."""

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.test import Client

from MiniTwit.models import User
from tests.MiniTwit.factories import make_staff, make_superuser, make_user
from tests.MiniTwit.forms import opened

pytestmark = pytest.mark.django_db

USERS = "/admin/MiniTwit/user/"


@pytest.fixture
def moderator(client: Client) -> Client:
    client.force_login(make_staff("view_user", "add_user", "change_user", "delete_user"))
    return client


def page_of(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def as_posted(client: Client, user: User, **changes: object) -> dict[str, object]:
    posted = {"opened": opened(client, page_of(user)), "username": user.username, "email": user.email}
    posted |= {"first_name": "", "last_name": "", "is_active": "on"}
    return {name: value for name, value in (posted | changes).items() if value is not None}


def test_an_old_account_with_an_odd_name_and_address_can_be_deactivated(admin: Client) -> None:
    user = make_user("  Zoë 🎉 \t".replace("\t", ""), email="not an address " + "x" * 500)
    response = admin.post(page_of(user), as_posted(admin, user, is_active=None))
    assert response.status_code == 302, response.context["errors"]
    before = user.username, user.email.strip()
    user.refresh_from_db()
    assert not user.is_active
    assert (user.username, user.email) == before


def test_a_new_address_has_to_be_a_valid_one(admin: Client) -> None:
    user = make_user(email="old and invalid")
    response = admin.post(page_of(user), as_posted(admin, user, email="new and invalid"))
    assert "Enter a valid email address." in response.content.decode()


def test_a_user_can_be_added_with_spaces_in_the_name(admin: Client) -> None:
    admin.post(
        f"{USERS}add/",
        {
            "username": "Roger Histand!",
            "email": "",
            "usable_password": "true",
            "password1": "a long enough one",
            "password2": "a long enough one",
        },
    )
    assert User.objects.get(username="Roger Histand!").check_password("a long enough one")


def test_a_superuser_gives_rights(admin: Client) -> None:
    user, group = make_user("new moderator"), Group.objects.create(name="Friends")
    admin.post(page_of(user), as_posted(admin, user, is_staff="on", groups=[group.pk]))
    user.refresh_from_db()
    assert user.is_staff
    assert list(user.groups.all()) == [group]


def test_staff_who_may_change_users_cannot_give_rights(moderator: Client) -> None:
    user, group = make_user("friend of the moderator"), Group.objects.create(name="Friends")
    rights = {"is_staff": "on", "is_superuser": "on", "groups": [group.pk], "user_permissions": [1]}
    assert (
        moderator.post(page_of(user), as_posted(moderator, user, first_name="Changed", **rights)).status_code == 302
    )
    user.refresh_from_db()
    assert user.first_name == "Changed"
    assert not user.is_staff
    assert not user.is_superuser
    assert not user.groups.exists()
    assert not user.user_permissions.exists()


def test_staff_who_may_change_users_cannot_become_a_superuser_by_a_password(moderator: Client) -> None:
    boss = make_superuser("boss")
    new = {"password1": "taken over 123", "password2": "taken over 123", "usable_password": "true"}
    assert moderator.post(f"{USERS}{boss.pk}/password/", new).status_code == 403
    assert moderator.post(page_of(boss), as_posted(moderator, boss, is_active=None)).status_code == 403
    assert moderator.post(f"{USERS}{boss.pk}/delete/", {"post": "yes"}).status_code == 403
    boss.refresh_from_db()
    assert boss.is_active
    assert not boss.check_password("taken over 123")


def test_nobody_sees_a_password_hash(client: Client) -> None:
    user = make_user()
    user.password = make_password("secret of the user")
    user.save()
    salt, digest = user.password.split("$")[2:]
    client.force_login(make_staff("view_user"))
    page = client.get(page_of(user)).content.decode()
    assert salt not in page
    assert digest not in page
    assert client.get(USERS, {"password__startswith": "pbkdf2"}).status_code == 400


def test_a_user_page_leads_to_messages_and_follows(admin: Client) -> None:
    user = make_user()
    page = admin.get(page_of(user)).content.decode()
    for address in (f"message/?author__id__exact={user.pk}", f"follow/?whom__id__exact={user.pk}"):
        assert address in page
        assert admin.get(f"/admin/MiniTwit/{address}").status_code == 200


def test_whoever_may_only_look_is_not_shown_the_password_field(client: Client) -> None:
    client.force_login(make_staff("view_user", username="auditor"))
    ann = make_user("ann")
    User.objects.filter(pk=ann.pk).update(password=make_password("secret"))
    page = client.get(page_of(ann)).content.decode()
    assert "ann" in page
    assert "Password" not in page.split('id="content"')[1]
