"""What every screen of the back office has."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

from MiniTwit.admin.lists.own_parameters import OwnParametersMixin


class TitledPagesMixin(admin.ModelAdmin):
    """A base class before ModelAdmin: the title of a page, and so of its tab, says what it shows.

    Attributes:
        list_title: the name of the list, as the rail has it; by default the plural of the model.
    """

    list_title = ""

    def name_of_list(self) -> str:
        return self.list_title or capfirst(str(self.opts.verbose_name_plural))

    def title_of(self, obj: Any) -> str:
        """The title of the page of one object."""
        return f"{capfirst(self.opts.verbose_name)} {obj}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        titled = {"title": self.name_of_list(), "list_title": self.name_of_list()} | (extra_context or {})
        return super().changelist_view(request, titled)

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:  # fmt: skip
        context["list_title"] = self.name_of_list()
        if obj is not None:
            context["title"] = self.title_of(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        response = super().history_view(request, object_id, extra_context)
        context = getattr(response, "context_data", None)
        if context and "object" in context:
            context["title"] = f"History: {self.title_of(context['object'])}"
            context["list_title"] = self.name_of_list()
        return response


class ScreenMixin(TitledPagesMixin, OwnParametersMixin):
    """A base class before ModelAdmin."""
