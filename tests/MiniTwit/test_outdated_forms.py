"""A form that was opened a while ago: what was changed meanwhile stays, and what was typed is not lost."""

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.test import Client

from MiniTwit import moderation
from MiniTwit.models import Follow, ModerationReason, SavedFilter, User, WatchTerm
from tests.MiniTwit.factories import make_follow, make_superuser, make_user
from tests.MiniTwit.files import confirm, preview, table
from tests.MiniTwit.forms import form_at, form_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashing")]


def page_of(user: User) -> str:
    return f"/admin/MiniTwit/user/{user.pk}/change/"


def test_columns_that_others_changed_meanwhile_stay_and_the_page_says_so(admin: Client) -> None:
    amy = make_user("amy", email="old@example.org")
    form = form_at(admin, page_of(amy), "user_form")
    User.objects.filter(pk=amy.pk).update(first_name="Amy")
    moderation.suspend(users=[amy], actor=make_superuser("boss"), reason="Spam")
    page = admin.post(page_of(amy), form | {"email": "new@example.org"}, follow=True).content.decode()
    amy.refresh_from_db()
    assert (amy.email, amy.first_name, amy.is_suspended) == ("new@example.org", "Amy", True)
    assert "It was suspended by boss on" in page
    assert "Kept as changed elsewhere: First name." in page


def test_a_field_that_two_people_changed_is_shown_with_both_values_and_saved_on_request(admin: Client) -> None:
    amy = make_user("amy", email="old@example.org")
    form = form_at(admin, page_of(amy), "user_form")
    User.objects.filter(pk=amy.pk).update(email="theirs@example.org", last_name="Theirs")
    typed = form | {"email": "mine@example.org", "first_name": "Mine"}
    response = admin.post(page_of(amy), typed)
    page = response.content.decode()
    assert "Stored now: “theirs@example.org”" in page
    assert "Also changed elsewhere, and kept as stored now: Last name." in page
    assert "Nothing was saved: look at both values of Email address in the form below." in page
    amy.refresh_from_db()
    assert (amy.email, amy.first_name) == ("theirs@example.org", "")
    again = form_in(page, "user_form")
    assert (again["email"], again["first_name"]) == ("mine@example.org", "Mine")
    assert admin.post(page_of(amy), again).status_code == 302
    amy.refresh_from_db()
    assert (amy.email, amy.first_name, amy.last_name) == ("mine@example.org", "Mine", "Theirs")


def test_a_change_after_the_second_look_is_shown_too(admin: Client) -> None:
    amy = make_user("amy", email="old@example.org")
    typed = form_at(admin, page_of(amy), "user_form") | {"email": "mine@example.org"}
    User.objects.filter(pk=amy.pk).update(email="theirs@example.org")
    again = form_in(admin.post(page_of(amy), typed).content.decode(), "user_form")
    User.objects.filter(pk=amy.pk).update(email="third@example.org")
    assert "Stored now: “third@example.org”" in admin.post(page_of(amy), again).content.decode()


@pytest.mark.parametrize("opened", [None, "", "x", "eyJlbWFpbCI6IiJ9:1vCj:forged"])
def test_a_form_without_its_version_or_with_a_forged_one_is_out_of_date(admin: Client, opened: str | None) -> None:
    amy = make_user("amy", email="old@example.org")
    form = form_at(admin, page_of(amy), "user_form") | {"email": "mine@example.org", "opened": opened}
    posted = {name: value for name, value in form.items() if value is not None}
    response = admin.post(page_of(amy), posted)
    assert "Stored now: “old@example.org”" in response.content.decode()
    amy.refresh_from_db()
    assert amy.email == "old@example.org"
    admin.post(page_of(amy), form_in(response.content.decode(), "user_form"))
    amy.refresh_from_db()
    assert amy.email == "mine@example.org"


def test_the_version_of_another_row_says_nothing(admin: Client) -> None:
    amy, bob = make_user("amy", email="old@example.org"), make_user("bob", email="old@example.org")
    theirs = form_at(admin, page_of(bob), "user_form")["opened"]
    form = form_at(admin, page_of(amy), "user_form") | {"email": "mine@example.org", "opened": theirs}
    assert "Stored now:" in admin.post(page_of(amy), form).content.decode()


def test_groups_that_were_given_meanwhile_stay(admin: Client) -> None:
    amy = make_user("amy", is_staff=True)
    first, second = Group.objects.create(name="first"), Group.objects.create(name="second")
    form = form_at(admin, page_of(amy), "user_form")
    amy.groups.add(first)
    admin.post(page_of(amy), form | {"email": "new@example.org"})
    assert list(amy.groups.all()) == [first]
    page = admin.post(page_of(amy), form | {"groups": [second.pk]}).content.decode()
    assert "Stored now: first." in page
    assert list(amy.groups.all()) == [first]


def test_the_permissions_of_a_group_that_is_renamed_stay(admin: Client) -> None:
    group = Group.objects.create(name="Friends")
    address = f"/admin/auth/group/{group.pk}/change/"
    form = form_at(admin, address, "group_form")
    group.permissions.add(Permission.objects.get(codename="view_user"))
    assert admin.post(address, form | {"name": "Helpers"}).status_code == 302
    group.refresh_from_db()
    assert group.name == "Helpers"
    assert group.permissions.count() == 1


def test_the_list_of_reasons_writes_what_was_changed_in_it(admin: Client) -> None:
    spam, insult = (ModerationReason.objects.create(name=name, position=1) for name in ("Spam", "Insult"))
    address = "/admin/MiniTwit/moderationreason/"
    form = form_at(admin, address, "grp-changelist-form") | {"_save": "Save"}
    row = next(name.removesuffix("-id") for name, value in form.items() if value == str(spam.pk))
    ModerationReason.objects.filter(pk=spam.pk).update(description="Advertising", active=False)
    ModerationReason.objects.filter(pk=insult.pk).update(position=7)
    assert admin.post(address, form | {f"{row}-position": "5"}).status_code == 302
    spam.refresh_from_db()
    insult.refresh_from_db()
    assert (spam.position, spam.active, spam.description, insult.position) == (5, False, "Advertising", 7)
    assert "Stored now: “5”" in admin.post(address, form | {f"{row}-position": "6"}).content.decode()


def test_terms_views_and_follows_are_no_exception(admin: Client) -> None:
    term = WatchTerm.objects.create(kind="word", pattern="casino", note="old")
    view = SavedFilter.objects.create(name="mine", screen="MiniTwit.user", owner=User.objects.get(username="admin"))
    follow = make_follow()
    changes = ((term, "note", "new"), (view, "name", "yours"), (follow, "whom", make_user("carl").pk))
    for row, name, typed in changes:
        address = f"/admin/MiniTwit/{row._meta.model_name}/{row.pk}/change/"
        form = form_at(admin, address, f"{row._meta.model_name}_form")
        other = {"note": "theirs", "name": "theirs", "whom": make_user(f"other for {name}").pk}[name]
        type(row)._base_manager.filter(pk=row.pk).update(**{name: other})
        page = admin.post(address, form | {name: typed}).content.decode()
        assert "Stored now: " in page, name
        assert admin.post(address, form_in(page, f"{row._meta.model_name}_form")).status_code == 302
    term.refresh_from_db()
    assert (term.note, Follow.objects.get().whom.username) == ("new", "carl")


def test_a_password_that_was_set_meanwhile_is_not_replaced_unseen(admin: Client) -> None:
    amy = make_user("amy")
    address = f"/admin/MiniTwit/user/{amy.pk}/password/"
    new = {"password1": "quite another 1", "password2": "quite another 1", "usable_password": "true"}
    form = form_at(admin, address, "user_form") | new
    User.objects.filter(pk=amy.pk).update(password=make_password("theirs"))
    response = admin.post(address, form)
    assert "was changed elsewhere while the form was open" in response.content.decode()
    amy.refresh_from_db()
    assert amy.check_password("theirs")
    again = form_in(response.content.decode(), "user_form") | new
    moderation.suspend(users=[amy], actor=None, reason="Spam")
    assert admin.post(address, again).status_code == 302
    amy.refresh_from_db()
    assert amy.check_password("quite another 1")
    assert amy.is_suspended


def test_a_stale_object_writes_back_nothing_that_it_did_not_change() -> None:
    stale = make_user("amy", email="old@example.org")
    User.objects.filter(pk=stale.pk).update(email="new@example.org", is_active=False)
    stale.set_password("another")
    stale.save()
    copy = User.objects.get(pk=stale.pk)
    assert (copy.email, copy.is_active, copy.check_password("another")) == ("new@example.org", False, True)


def test_signing_in_with_an_old_hash_does_not_bring_back_a_password_that_was_replaced() -> None:
    amy = make_user("amy")
    User.objects.filter(pk=amy.pk).update(password=make_password("former", hasher="werkzeug_sha1"))
    signing_in = User.objects.get(pk=amy.pk)
    replaced = make_password("new")
    User.objects.filter(pk=amy.pk).update(password=replaced)
    assert signing_in.check_password("former")
    amy.refresh_from_db()
    assert amy.password == replaced


@pytest.mark.usefixtures("kept_uploads")
def test_a_file_is_previewed_again_when_its_rows_were_changed_since(admin: Client) -> None:
    amy = make_user("amy", email="old@example.org")
    previewed = preview(admin, "user", table(["username", "email"], ["amy", "file@example.org"]))
    User.objects.filter(pk=amy.pk).update(email="theirs@example.org")
    again = confirm(admin, "user", previewed)
    assert "rows were changed elsewhere since the preview" in again.content.decode()
    amy.refresh_from_db()
    assert amy.email == "theirs@example.org"
    assert "Import finished" in confirm(admin, "user", again).content.decode()
    amy.refresh_from_db()
    assert amy.email == "file@example.org"
