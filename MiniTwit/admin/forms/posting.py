"""Views that answer forms only, and the pages that show those forms."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from MiniTwit.admin.lists.way_back import filters_of, keep_filters, with_filters

View = Callable[..., HttpResponseBase]
NOT_A_PAGE = "Nothing was done: the address that you opened only takes what a form sends to it."


def post_only(view: View, form_page: Callable[..., str]) -> View:
    """Let a view answer POST only, and redirect a user who opens its address to the page of the form.

    Args:
        form_page: the address of that page, from the parameters of the view's own address.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            return keep_filters(request, view(request, *args, **kwargs))
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["POST"])
        messages.warning(request, NOT_A_PAGE)
        return keep_filters(request, HttpResponseRedirect(form_page(*args, **kwargs)))

    answer.form_page = form_page  # type: ignore[attr-defined]
    return answer


def page_of_form(request: HttpRequest) -> str:
    """The address of the page that holds the form, where it is known; else the request's own."""
    match = request.resolver_match
    if match is not None and (form_page := getattr(match.func, "form_page", None)):
        return with_filters(form_page(*match.args, **match.kwargs), filters_of(request))
    return request.get_full_path()


def page_named(url_name: str, *parameters: str) -> Callable[..., str]:
    """A `form_page`: the address of that name, with those of the view's parameters."""

    def form_page(*args: Any, **kwargs: Any) -> str:
        return reverse(url_name, args=[kwargs[name] for name in parameters])

    return form_page
