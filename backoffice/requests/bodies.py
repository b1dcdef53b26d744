"""Limits on what a client may send. A file is written to disk only for a user who may send it to that page.

Django reads a form with its files to check the CSRF token, before a view can say who may send what.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import permission_denied

from backoffice.requests.refusals import refusal
from legacy_import.runs.files import CappedUploadHandler
from MiniTwit.admin.files.uploads import most_file_bytes

# A browser that is still sending does not read the answer. So up to that many bytes are read and dropped first.
MOST_DROPPED_BYTES = 64 * 1024 * 1024
BLOCK = 64 * 1024


class RefuseFilesHandler(FileUploadHandler):
    """The default of the site: notes that files were sent, and drops them."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self.request.sent_files = True  # type: ignore[union-attr]
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None


class LimitBodies(MiddlewareMixin):
    """Middleware before that of CSRF: takes files only on pages for uploads, and bodies only up to a size."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        size = int(request.META.get("CONTENT_LENGTH") or 0)
        if not size:
            return None
        is_form_with_files = request.content_type == "multipart/form-data"
        file_bytes = most_file_bytes(request, view) if is_form_with_files else 0
        if is_form_with_files and not file_bytes and (answer := refuse_sender(request, view)):
            drop(request, size)
            return answer
        if size > file_bytes + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            drop(request, size)
            return refusal(413)
        if file_bytes:
            request.upload_handlers = [CappedUploadHandler(request)]
        elif is_form_with_files:
            return refuse_files(request)
        return None


def refuse_sender(request: HttpRequest, view: Any) -> HttpResponseBase | None:
    """Answer users who may not send files to this page: they sign in, or ask for the permission."""
    if not getattr(view, "takes_files_from", ""):
        return None
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    return permission_denied(request, PermissionDenied())


def refuse_files(request: HttpRequest) -> HttpResponse | None:
    """Read a form of which no file is kept; refuse it if there was one."""
    try:
        request.POST  # noqa: B018 -- it is read by being asked for
    except MultiPartParserError:
        return refusal(400)
    return refusal(415) if getattr(request, "sent_files", False) else None


def drop(request: HttpRequest, size: int) -> None:
    left = min(size, MOST_DROPPED_BYTES)
    while left > 0 and (block := request.read(min(BLOCK, left))):
        left -= len(block)
