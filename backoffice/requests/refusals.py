"""The pages of what the site refuses: each says what happened and what to do next.

They use neither a session nor a query, because the failure may be in these.
"""

import logging
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

from MiniTwit.admin.forms.posting import page_of_form
from MiniTwit.admin.refusals import UnreadableRequest
from MiniTwit.database.failures import FailureKind, explain, failure_kind, server_words
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room

logger = logging.getLogger(__name__)

# The title and the sentences of each status.
REFUSALS = {
    400: ("Not understood", "The address or the form holds something that no page can read. Nothing was done."),
    405: ("Not offered", "This address does not take what your browser sent to it. Nothing was done."),
    413: ("Too large", "What your browser sent is larger than this page takes. Nothing was done."),
    415: ("No file taken", "This page takes no files. Nothing was done, and the file was not kept."),
    503: ("This took too long", "The answer took longer than a page may take, and the database ended the work."),
    507: (
        "No room",
        "A disk of this server is full, so what you sent could not be kept. Tell your administrator; then try again.",
    ),
}

AFTER_FAILURE = (
    "What you asked for may not have been done: look before you try again. If it happens again in a minute, tell "
    "your administrator, who finds the details in the server's log."
)


def refusal(status: int, sentence: str = "", title: str = "") -> HttpResponse:
    """The page of a refusal.

    Args:
        sentence, title: what is known of the failure; by default the usual words of the status.
    """
    usual_title, usual = REFUSALS[status]
    page = render_to_string("refusal.html", {"title": title or usual_title, "sentence": sentence or usual})
    return HttpResponse(page, status=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`: the page for a form whose token is wrong or missing."""
    context = {"has_cookie": settings.CSRF_COOKIE_NAME in request.COOKIES, "form_page": page_of_form(request)}
    return render(request, "403_csrf.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception, *args: Any, **kwargs: Any) -> HttpResponse:
    """Django's `handler400`."""
    if isinstance(exception, RequestDataTooBig):
        return refusal(413)
    return refusal(400, f"{exception} Nothing was done." if isinstance(exception, UnreadableRequest) else "")


def server_error(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Django's `handler500`: says what is wrong where the database or a disk refuses."""
    error = sys.exc_info()[1]
    page = f"{request.method} {request.path}"
    kind = failure_kind(error)
    if kind and kind is not FailureKind.DATA_ERROR:
        logger.error("%s: %s PostgreSQL says: %s", page, explain(error), server_words(error))
        sentence = f"{kind.happened} {AFTER_FAILURE}"
        return refusal(503, sentence, "The database could not do this")
    if lacks_room(error):
        logger.error("%s: %s %s", page, NO_ROOM, error)
        return refusal(507)
    return defaults.server_error(request)
