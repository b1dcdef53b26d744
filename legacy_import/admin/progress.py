"""How far a run is, for the progress bar of its page.

While rows are written, PostgreSQL locks the table of users: its foreign keys are being rebuilt. The question must be
answered all the same, so the answer does not read the user: the page, which only permitted users see, hands out a
ticket, good for its run and its session.
"""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache

from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.runs.status import BRIEF, progress_of

SALT = "legacy_import.status"
TIMING = ("progress", "cancel_requested", "picked_up_at", "confirmed_at", "undo_requested_at")


def status_url(request: HttpRequest, run_id: int) -> str:
    """Where the page asks for the run's progress."""
    ticket = signing.dumps([run_id, request.session.session_key], salt=SALT)
    return f"{reverse('admin:legacy_import_status', args=[run_id])}?{urlencode({'ticket': ticket})}"


@never_cache
def status_view(request: HttpRequest, run_id: int) -> JsonResponse:
    """The run's progress, after the runs of dead workers were ended."""
    if not holds_ticket(request, run_id):
        raise PermissionDenied
    lifecycle.reconcile()
    run = ImportRun.objects.only(*BRIEF, *TIMING).filter(pk=run_id).first()
    if run is None:
        raise Http404(f"There is no import {run_id}.")
    return JsonResponse(progress_of(run).as_json())


def holds_ticket(request: HttpRequest, run_id: int) -> bool:
    """Whether the ticket is this run's and this session's, and the session is still signed in."""
    try:
        ticket = signing.loads(request.GET.get("ticket", ""), salt=SALT, max_age=settings.SESSION_COOKIE_AGE)
    except signing.BadSignature:
        return False
    return SESSION_KEY in request.session and bool(ticket == [run_id, request.session.session_key])
