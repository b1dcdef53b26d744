"""Lead back to a list with its search, filters and order, which go along from page to page.

Django carries them in one parameter of the addresses of an object's pages. The parameter only ever becomes the query
of the list's own address.
"""

from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_script_prefix, resolve

FILTERS = "_changelist_filters"
Response = TypeVar("Response", bound=HttpResponseBase)


def filters_of(request: HttpRequest) -> str:
    """The query of the list that the user came from; empty where it had none."""
    return request.GET.get(FILTERS, "")


def with_filters(address: str, filters: str) -> str:
    """An address of this site with the filters: a list applies them, any other page passes them on."""
    if not filters:
        return address
    scheme, host, path, query, fragment = urlsplit(address)
    if not is_list(path):
        pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != FILTERS]
        query = urlencode([*pairs, (FILTERS, filters)])
    elif not query:
        query = filters
    return urlunsplit((scheme, host, path, query, fragment))


def is_list(path: str) -> bool:
    try:
        inside = "/" + path.removeprefix(get_script_prefix())  # a site may lie under a path
        return (resolve(inside).url_name or "").endswith("_changelist")
    except Resolver404:
        return False


def keep_filters(request: HttpRequest, response: Response) -> Response:
    """Add the filters to the target of a redirect to another page of this site."""
    if isinstance(response, HttpResponseRedirect) and response.url.startswith("/"):
        response["Location"] = with_filters(response.url, filters_of(request))
    return response
