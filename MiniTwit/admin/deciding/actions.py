"""What can be done to many rows of a list at once.

Each action is an object with its verb. It freezes what is selected, for "select all" the whole
filtered list, and leads to the page that asks for the reason (see `MiniTwit/admin/batches.py`). A screen offers them
with one line: `actions = message_actions` or `actions = user_actions`.
"""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from MiniTwit.admin.lists.way_back import with_filters
from MiniTwit.models import User, Verb
from MiniTwit.moderation import ModerationError, selections


def may(user: Any, verb: str) -> bool:
    """Whether a staff account may use a verb."""
    return bool(user.has_perm(Verb(verb).rules.permission))


def actor_of(request: HttpRequest) -> User:
    """The account that is signed in: only accounts reach the admin's pages."""
    return cast(User, request.user)


class ModerationAction:
    """One entry of a list's menu of actions; Django calls it with what is selected."""

    def __init__(self, verb: Verb, label: str) -> None:
        self.verb = verb
        self.short_description = label
        self.__name__ = f"{verb}_selected"

    def __call__(
        self, model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Freeze the selection, now, and ask for the reason."""
        if not may(request.user, self.verb):
            raise PermissionDenied
        try:
            batch = selections.freeze(verb=self.verb, queryset=queryset, actor=actor_of(request))
        except ModerationError as error:
            model_admin.message_user(request, error.sentence, messages.WARNING)
            return None
        confirm = reverse("admin:MiniTwit_moderationbatch_confirm", args=[batch.pk])
        return HttpResponseRedirect(with_filters(confirm, request.GET.urlencode()))


def permitted(actions: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """Those of a list's actions that the user may use."""
    return {
        name: action
        for name, action in actions.items()
        if not isinstance(action[0], ModerationAction) or may(request.user, action[0].verb)
    }


message_actions = [
    ModerationAction(Verb.FLAG, "Flag"),
    ModerationAction(Verb.UNFLAG, "Unflag"),
    ModerationAction(Verb.KEEP, "Keep: reviewed, nothing wrong"),
    ModerationAction(Verb.PURGE, "Delete for good"),
]
user_actions = [
    ModerationAction(Verb.SUSPEND, "Suspend"),
    ModerationAction(Verb.REINSTATE, "Reinstate"),
    ModerationAction(Verb.WARN, "Warn"),
]
