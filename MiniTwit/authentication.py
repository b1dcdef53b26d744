"""Who may sign in: accounts that are active and not suspended."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from MiniTwit.models import User


class SuspendableBackend(ModelBackend):
    """Django's own, which also keeps out who is suspended now. Sessions end with it: each request asks again."""

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        return super().user_can_authenticate(user) and not getattr(user, "is_suspended", False)
