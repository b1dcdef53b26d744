"""Small makers of users, messages and follows for tests."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from MiniTwit.models import Follow, Message, User

_numbers = count(1)
_roles: dict[str, list[Permission]] = {}


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create(**{"username": username or f"user {next(_numbers)}", "password": "!"} | fields)


def make_staff(*permissions: str, username: str = "", **fields: Any) -> User:
    """A staff account that holds the named permissions on users, messages and follows, e.g. `change_user`."""
    staff = make_user(username, is_staff=True, **fields)
    granted = list(Permission.objects.filter(content_type__app_label="MiniTwit", codename__in=permissions))
    assert len(granted) == len(permissions)
    staff.user_permissions.set(granted)
    return staff


def make_superuser(username: str = "admin", **fields: Any) -> User:
    return make_user(username, is_staff=True, is_superuser=True, **fields)


def make_roles() -> None:
    """Make the roles as `loaddata` makes them, which asks for each of their permissions anew."""
    if not _roles:
        assert not Group.objects.exists()
        call_command("loaddata", "roles", verbosity=0)
        _roles.update({role.name: list(role.permissions.all()) for role in Group.objects.all()})
        return
    for name, permissions in _roles.items():
        Group.objects.create(name=name).permissions.set(permissions)


def make_member(role: str) -> User:
    """A staff account that has nothing but a role."""
    make_roles()
    member = make_user(f"one of the {role}", is_staff=True)
    member.groups.add(Group.objects.get(name=role))
    return member


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_message(author: User | None = None, text: str = "Hello.", **fields: Any) -> Message:
    return Message.objects.create(author=author or make_user(), text=text, **fields)


def make_follow(who: User | None = None, whom: User | None = None, **fields: Any) -> Follow:
    return Follow.objects.create(who=who or make_user(), whom=whom or make_user(), **fields)
