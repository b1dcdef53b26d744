"""Selections of all that a long list finds: the worker freezes them, because it takes seconds for millions of rows.

The request keeps the query of the list's address. The worker opens that list for the moderator, with what they may do
by then: so it finds the rows exactly as the page does, by the same search and the same filters.
"""

from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django_tasks import task

from MiniTwit.admin.deciding.permissions import actor_of, may
from MiniTwit.admin.lists.own_parameters import known_parameters
from MiniTwit.background.work import WorkError
from MiniTwit.database import locks
from MiniTwit.models import BatchState, ModerationBatch, Verb
from MiniTwit.moderation import ModerationError, selections
from MiniTwit.moderation.batch_worker import BatchWork


class FreezingWork(BatchWork):
    title, this = "Selection", "this selection"
    so_far, again = "Nothing was selected.", "Select again."
    tasks = "MiniTwit.admin.deciding.freezing.freeze_list"
    going_on = Q(state__in=(BatchState.REQUESTED, BatchState.FREEZING))
    waits = Q(state=BatchState.REQUESTED)
    taken_up: ClassVar = {"state": BatchState.FREEZING}

    def explain(self, row: ModerationBatch, error: BaseException) -> WorkError:
        if isinstance(error, ModerationError):
            return WorkError(error.code, error.sentence)
        return super().explain(row, error)


FREEZING_WORK = FreezingWork(ModerationBatch)


def request_freezing(model_admin: admin.ModelAdmin, request: HttpRequest, verb: Verb) -> ModerationBatch:
    """Ask the worker to freeze all that a list finds. The order and the page of the list do not matter."""
    known = known_parameters(model_admin, request)
    pairs = parse_qsl(request.GET.urlencode(), keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name in known])
    with transaction.atomic():
        batch = selections.request_freezing(verb=verb, query=query, actor=actor_of(request))
        freeze_list.enqueue(batch.pk)
    return batch


@task()
def freeze_list(batch_id: int) -> None:
    """Freeze a selection that was requested. The batch records how that ends."""
    with suppress(locks.LockNotAcquired, WorkError), FREEZING_WORK.work_on(batch_id) as batch:
        selections.freeze_requested(batch, rows_of_list(batch))


def rows_of_list(batch: ModerationBatch) -> QuerySet[Any]:
    """All rows of the list from which a batch was requested, as its moderator sees them now.

    Raises:
        ModerationError: they may not use the verb, or look at the list, any more.
    """
    model_admin = admin.site.get_model_admin(Verb(batch.verb).rules.subject.model)
    request = HttpRequest()
    request.method, request.GET = "GET", QueryDict(batch.query)
    request.user = batch.actor or AnonymousUser()
    if not may(request.user, batch.verb) or not model_admin.has_view_permission(request):
        raise ModerationError("not_allowed", f"{batch.actor_name} may not do this any more.")
    return model_admin.get_changelist_instance(request).get_queryset(request)
