"""Views of a list that moderators save under a name: shown beside the list's filters, with a page to manage them."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html

from MiniTwit.admin.forms.versions import VersionedAdmin, VersionedForm
from MiniTwit.admin.lists.own_parameters import known_parameters
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.admin.screens import ScreenMixin
from MiniTwit.models import SavedFilter

LONGEST_QUERY = 4_000  # characters


def clean_query(query: str, known: set[str]) -> str:
    """Return a query string that holds the list's own parameters only."""
    pairs = parse_qsl(query[:LONGEST_QUERY], keep_blank_values=False)
    return urlencode([(name, value) for name, value in pairs if name in known and "\0" not in value])


class SaveFilterForm(forms.ModelForm):
    class Meta:
        model = SavedFilter
        fields = ("name", "shared")
        widgets = {"name": forms.TextInput(attrs={"size": 24, "placeholder": "Name of this view"})}

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "save_filter_%s"} | kwargs)
        if not may_share:
            del self.fields["shared"]


class SavedFiltersMixin(OwnPagesMixin):
    """Shows the saved filters of a list, and saves the view that is open."""

    def get_urls(self) -> list[URLPattern]:
        return [self.page_path("save_filter/", self.save_filter_view, "save_filter"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        query = clean_query(request.META.get("QUERY_STRING", ""), known_parameters(self, request))
        context: dict[str, Any] = {"saved_filters": self.saved_filters(request, query)}
        if query and request.user.has_perm("MiniTwit.add_savedfilter"):
            context["save_filter_form"] = SaveFilterForm(
                may_share=request.user.has_perm("MiniTwit.share_savedfilter")
            )
            context["save_filter_url"] = f"{self.page_url('save_filter')}?{query}"
        return super().changelist_view(request, context | (extra_context or {}))

    def saved_filters(self, request: HttpRequest, current: str) -> list[dict[str, Any]]:
        """The user's own saved filters and the team's, each with its address."""
        if not request.user.has_perm("MiniTwit.view_savedfilter"):
            return []
        known = known_parameters(self, request)
        found = SavedFilter.objects.filter(Q(owner=request.user) | Q(shared=True), screen=self.opts.label)
        return [
            {
                "filter": saved,
                "query": query,
                "is_open": query == current,
                "is_own": saved.owner_id == request.user.pk,
            }
            for saved in found.select_related("owner")
            for query in [clean_query(saved.query, known)]
        ]

    def save_filter_view(self, request: HttpRequest) -> HttpResponse:
        """Save the list's view, which is the query string of this address, and go back to it."""
        if not (self.has_view_permission(request) and request.user.has_perm("MiniTwit.add_savedfilter")):
            raise PermissionDenied
        query = clean_query(request.META.get("QUERY_STRING", ""), known_parameters(self, request))
        back = HttpResponseRedirect(f"{self.page_url('changelist')}?{query}")
        if request.method != "POST":
            return back
        may_share = request.user.has_perm("MiniTwit.share_savedfilter")
        form = SaveFilterForm(request.POST, may_share=may_share)
        if not form.is_valid():
            sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
            messages.error(request, f"The view was not saved: {sentence}")
        elif not query:
            messages.error(request, "The view was not saved: filter or search the list first.")
        else:
            self._save(request, form.instance, query)
        return back

    def _save(self, request: HttpRequest, saved: SavedFilter, query: str) -> None:
        assert request.user.pk is not None  # noqa: S101 -- for the type checker: the admin requires a sign-in
        saved.owner_id = request.user.pk
        saved.screen = self.opts.label
        saved.query = query
        try:
            with transaction.atomic():
                saved.save()
        except IntegrityError:
            messages.error(request, f"You have a view named “{saved.name}” on this list already. Take another name.")
        else:
            messages.success(request, f"The view is saved as “{saved.name}”.")


class RenameForm(VersionedForm):
    def _get_validation_exclusions(self) -> set[str]:
        """The name has to be new among the owner's views of that list; this form does not show the list."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {"owner", "screen"}


@admin.register(SavedFilter)
class SavedFilterAdmin(ScreenMixin, VersionedAdmin):
    """Every user's own saved filters: to rename, to share or to delete."""

    list_title = "Saved views"
    list_display = ["name", "list_link", "shared", "created_at"]
    list_per_page = 100
    form = RenameForm
    fields = ["name", "shared"]
    ordering = ["screen", "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(owner_id=request.user.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if request.user.has_perm("MiniTwit.share_savedfilter") else ["shared"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # they are made on the lists

    @admin.display(description="view")
    def list_link(self, saved: SavedFilter) -> str:
        for model, model_admin in self.admin_site._registry.items():
            if model._meta.label == saved.screen and isinstance(model_admin, SavedFiltersMixin):
                title = str(model._meta.verbose_name_plural).capitalize()
                return format_html('<a href="{}?{}">{}</a>', model_admin.page_url("changelist"), saved.query, title)
        return "—"
