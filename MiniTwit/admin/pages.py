"""What screens that have pages beside Django's own share: the addresses of these pages, and what every page shows."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
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
        }
        return TemplateResponse(request, template, common | context)


def object_link(model_name: str, pk: int | None, text: object) -> SafeString:
    """A link to an object's page."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:MiniTwit_{model_name}_change", args=[pk]), text)


def list_link(model_name: str, query: str, text: object) -> SafeString:
    """A link to a list with a filter."""
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:MiniTwit_{model_name}_changelist"), query, text)
