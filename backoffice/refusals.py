"""The pages of what the site refuses: each says what happened and what to do next.

They stand alone, without a session or a query: what failed may be what other pages are made of.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from MiniTwit.admin.posting import page_of_form
from MiniTwit.admin.refusals import UnreadableRequest

# The title and the sentences of each status.
REFUSALS = {
    400: ("Not understood", "The address or the form holds something that no page here can read. Nothing was done."),
    405: ("Not offered", "This address does not take what your browser sent to it. Nothing was done."),
    413: ("Too large", "What your browser sent is larger than this page takes. Nothing was done."),
    415: ("No file taken", "This page takes no files. Nothing was done, and the file was not kept."),
    503: ("This took too long", "The answer took longer than a page may take, and the database ended the work."),
}


def refusal(status: int, sentence: str = "") -> HttpResponse:
    """The page of a refusal.

    Args:
        sentence: what is known of the cause, in place of the usual words.
    """
    title, usual = REFUSALS[status]
    page = render_to_string("refusal.html", {"title": title, "sentence": sentence or usual})
    return HttpResponse(page, status=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`: the page of a form whose token is another one's, or is missing."""
    context = {"has_cookie": settings.CSRF_COOKIE_NAME in request.COOKIES, "form_page": page_of_form(request)}
    return render(request, "403_csrf.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception, *args: Any, **kwargs: Any) -> HttpResponse:
    """Django's `handler400`."""
    if isinstance(exception, RequestDataTooBig):
        return refusal(413)
    return refusal(400, f"{exception} Nothing was done." if isinstance(exception, UnreadableRequest) else "")
