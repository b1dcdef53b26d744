"""What can be done to many rows of a list at once.

Each action is an object with its verb. It freezes what is selected, for "select all" the whole
filtered list, and leads to the page that asks for the reason (see `MiniTwit/admin/batches.py`). A long list is frozen
by the worker. A screen offers them with one line: `actions = message_actions` or `actions = user_actions`.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from MiniTwit.admin.deciding.freezing import request_freezing
from MiniTwit.admin.deciding.permissions import actor_of, may
from MiniTwit.admin.lists.way_back import with_filters
from MiniTwit.models import ModerationBatch, Verb
from MiniTwit.moderation import ModerationError, selections


class ModerationAction:
    """One entry of a list's menu of actions; Django calls it with what is selected."""

    def __init__(self, verb: Verb, label: str) -> None:
        self.verb = verb
        self.short_description = label
        self.__name__ = f"{verb}_selected"

    def __call__(
        self, model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Have the selection frozen, and ask for the reason."""
        if not may(request.user, self.verb):
            raise PermissionDenied
        try:
            batch = self.select(model_admin, request, queryset)
        except ModerationError as error:
            model_admin.message_user(request, error.sentence, messages.WARNING)
            return None
        confirm = reverse("admin:MiniTwit_moderationbatch_confirm", args=[batch.pk])
        return HttpResponseRedirect(with_filters(confirm, request.GET.urlencode()))

    def select(self, model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> ModerationBatch:
        is_whole_list = request.POST.get("select_across") == "1"
        if is_whole_list and selections.is_long(queryset):
            return request_freezing(model_admin, request, self.verb)
        return selections.freeze(verb=self.verb, queryset=queryset, actor=actor_of(request))


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
    ModerationAction(Verb.PURGE, "Delete permanently"),
]
user_actions = [
    ModerationAction(Verb.SUSPEND, "Suspend"),
    ModerationAction(Verb.REINSTATE, "Reinstate"),
    ModerationAction(Verb.WARN, "Warn"),
]
