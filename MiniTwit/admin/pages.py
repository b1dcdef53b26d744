"""What screens that have pages beside Django's own share: the addresses of these pages, and what every page shows."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, get_script_prefix, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


class OwnPagesMixin(admin.ModelAdmin):
    """A base class before ModelAdmin."""

    def url_name(self, page: str) -> str:
        """The name of a page's address: it begins as those of Django's own pages do."""
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"

    def page_url(self, page: str, *args: object) -> str:
        return reverse(self.url_name(page), args=args)

    def page_path(self, route: str, view: Callable[..., HttpResponseBase], page: str) -> URLPattern:
        """The address of a page, for users who are signed in."""
        return path(route, self.admin_site.admin_view(view), name=self.url_name(page).partition(":")[2])

    def show(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "preserved_filters": self.get_preserved_filters(request),
            "title": title,
            "list_title": getattr(self, "list_title", ""),
        }
        return TemplateResponse(request, template, common | context)


# A list has hundreds of links to a few pages, and `reverse` takes as long for each as a cell takes otherwise.
@lru_cache(maxsize=1_000)
def _address(name: str, script_prefix: str) -> str:
    return reverse(name)


@lru_cache(maxsize=1_000)
def _around_id(name: str, script_prefix: str) -> tuple[str, str]:
    before, _, after = reverse(name, args=[0]).rpartition("/0/")
    return f"{before}/", f"/{after}"


def around_id(name: str) -> tuple[str, str]:
    """What is before and after the id in the address of an object's page."""
    return _around_id(name, get_script_prefix())


def object_address(model_name: str, pk: int | None) -> str:
    before, after = around_id(f"admin:MiniTwit_{model_name}_change")
    return f"{before}{pk}{after}"


def object_link(model_name: str, pk: int | None, text: object) -> SafeString:
    """A link to an object's page."""
    return format_html('<a href="{}">{}</a>', object_address(model_name, pk), text)


def list_link(model_name: str, query: str, text: object) -> SafeString:
    """A link to a list with a filter."""
    address = _address(f"admin:MiniTwit_{model_name}_changelist", get_script_prefix())
    return format_html('<a href="{}?{}">{}</a>', address, query, text)
