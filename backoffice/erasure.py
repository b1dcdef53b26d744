"""When an account is erased, the site removes its counts of wrong passwords."""

from typing import Any

from axes.models import AccessAttempt
from django.db.models import Q

from MiniTwit.moderation.erasure import ErasedAccount


def forget(account: ErasedAccount, **kwargs: Any) -> None:
    """Receive `user_erased`. A user may have typed the e-mail address in place of the username; both are counted."""
    named = Q(username__iexact=account.username)
    AccessAttempt.objects.filter(named | Q(username__iexact=account.email) if account.email else named).delete()
