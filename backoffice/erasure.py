"""What the site itself kept of a person goes when the account is erased: the counts of wrong passwords."""

from typing import Any

from axes.models import AccessAttempt
from django.db.models import Q

from MiniTwit.moderation.erasure import ErasedAccount


def forget(account: ErasedAccount, **kwargs: Any) -> None:
    """Receive `user_erased`. Who typed the e-mail address in place of the username is counted by that."""
    named = Q(username__iexact=account.username)
    AccessAttempt.objects.filter(named | Q(username__iexact=account.email) if account.email else named).delete()
