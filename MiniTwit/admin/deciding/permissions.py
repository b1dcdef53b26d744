"""Who decides, and whether they may."""

from typing import Any, cast

from django.http import HttpRequest

from MiniTwit.models import User, Verb


def may(user: Any, verb: str) -> bool:
    """Whether a staff account may use a verb."""
    return bool(user.has_perm(Verb(verb).rules.permission))


def actor_of(request: HttpRequest) -> User:
    """The account that is signed in: only accounts reach the admin's pages."""
    return cast(User, request.user)
