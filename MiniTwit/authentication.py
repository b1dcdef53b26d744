"""Who may sign in: staff whose accounts are active and not suspended."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable, make_password
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from MiniTwit.hashers import is_verifiable, is_weak
from MiniTwit.models import User


class SuspendableBackend(ModelBackend):
    """Django's own, which also refuses suspended accounts. Their sessions end, because each request asks again.

    A failed sign-in takes the same time whatever is wrong with it, and only the passwords of staff are checked. So
    the answer reveals nothing about other accounts, and their stored hashes stay as they are.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is None:  # a program asks whether a password is right, of any account
            return super().authenticate(request, username, password, **kwargs)
        if username is None or password is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None or not user.is_staff or not self.user_can_authenticate(user):
            make_password(password)  # the time of a check
            return None
        if user.check_password(password):
            return user
        if is_checked_at_once(user.password):
            make_password(password)
        return None

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        return super().user_can_authenticate(user) and not getattr(user, "is_suspended", False)


def is_checked_at_once(encoded: str) -> bool:
    """Whether checking a wrong password takes less time than the preferred hasher takes.

    Django evens this out where the password is unusable, and for fewer iterations of the preferred hasher itself.
    """
    if not is_password_usable(encoded):
        return False
    if not is_verifiable(encoded):
        return True
    return is_weak(encoded) and identify_hasher(encoded).algorithm != get_hasher().algorithm
