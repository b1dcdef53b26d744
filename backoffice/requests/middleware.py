"""Refuse requests before a page sees them, and show the pages of refusals."""

import codecs
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode

from backoffice.requests.refusals import REFUSALS, refusal
from legacy_import.runs import status
from MiniTwit.admin.forms.posting import page_of_form
from MiniTwit.admin.refusals import UnreadableRequest
from MiniTwit.database.failures import ERRORS, FailureKind, failure_kind, is_busy
from MiniTwit.database.time_limits import TimeLimitError
from MiniTwit.excerpts import capped_html
from MiniTwit.ids import number_in
from MiniTwit.validators import is_storable

IMPORT_IS_WRITING = (
    "An import is writing users or messages, and locks their tables until it is done. "
    "Nothing was changed. Try again in a moment."
)


UNUSED_FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")


class NameUnusedFeatures(MiddlewareMixin):
    """Tells browsers what no page of this site uses, so that no script can."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Permissions-Policy", ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES))
        return response


class RefuseUnreadable(MiddlewareMixin):
    """Refuses NUL characters and broken encodings, which PostgreSQL cannot store, wherever a client sends them."""

    def process_request(self, request: HttpRequest) -> None:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in query or "\0" in request.path:
            raise UnreadableRequest("The address holds a NUL character.")
        if not all(map(is_storable, request.COOKIES.values())):
            raise UnreadableRequest("A cookie holds a NUL character. Delete the cookies of this site.")
        if not is_utf8(request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"):
            raise UnreadableRequest("The form is not encoded as UTF-8.")
        if number_in(request.META.get("CONTENT_LENGTH") or "0") is None:
            raise UnreadableRequest("The length of the form is not a number.")


class RefuseUnreadableForms(MiddlewareMixin):
    """Refuses the same in the fields of forms, once they may be read."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        for values in request.POST.lists():
            if not all(map(is_storable, [values[0], *values[1]])):
                raise UnreadableRequest("The form holds a NUL character.")


SESSION_ENDED = (
    "Your session had ended, so what you sent was not done. Look at the form and send it again; what you had typed "
    "is in it where your browser could keep it."
)


class LeadBackToForms(MiddlewareMixin):
    """Leads users who sent a form after their session ended back to the form, once they have signed in."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        sign_in = reverse("admin:login")
        if request.method != "POST" or response.status_code != 302 or request.path == sign_in:
            return response
        if not response["Location"].startswith(f"{sign_in}?") or request.user.is_authenticated:
            return response
        messages.warning(request, SESSION_ENDED)
        query = urlencode({"next": page_of_form(request), "sent": "1"})
        return HttpResponseRedirect(f"{sign_in}?{query}")


class CapMarks(MiddlewareMixin):
    """Limits the marks on a letter on every page. Files are not touched."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html") and "Content-Disposition" not in response
        if is_page and isinstance(response, HttpResponse) and not response.content.isascii():
            page = response.content.decode(response.charset)
            if (shown := capped_html(page)) != page:
                response.content = shown.encode(response.charset)
                if "Content-Length" in response:
                    response["Content-Length"] = str(len(response.content))
        return response


def is_utf8(charset: str) -> bool:
    """Python knows encodings that yield halves of surrogate pairs, which are no text."""
    try:
        return codecs.lookup(charset).name in ("utf-8", "ascii")
    except (LookupError, ValueError):
        return False


TOOK_TOO_LONG = (
    "The answer took longer than a page may take, and the database ended the work. Nothing was changed. Either other "
    "work keeps the tables busy: try again later. Or the page asks for too much: narrow its filters or its search."
)


class ExplainRefusals(MiddlewareMixin):
    """Shows the page of a status where a view answers without one, and the page of a 400 for data errors."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code not in REFUSALS or not isinstance(response, HttpResponse) or response.content:
            return response
        page = refusal(response.status_code)
        if isinstance(response, HttpResponseNotAllowed):
            page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if (isinstance(exception, TimeLimitError) or is_busy(exception)) and import_is_writing():
            return refusal(503, IMPORT_IS_WRITING, "An import is running")
        if isinstance(exception, TimeLimitError):
            return refusal(503, TOOK_TOO_LONG)
        is_about_data = isinstance(exception, DataError) or failure_kind(exception) is FailureKind.DATA_ERROR
        if is_about_data or isinstance(exception, IncorrectLookupParameters):
            return refusal(400)
        return None


def import_is_writing() -> bool:
    """Whether a page waited for an import. This must not fail, because it is called after a failure."""
    try:
        return status.is_writing()
    except ERRORS:
        return False
