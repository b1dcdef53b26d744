"""The common base of the screens of users, messages and follows, which stay fast on millions of rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import DateTimeField, Field, Model, QuerySet
from django.db.models.expressions import Combinable
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from MiniTwit import text_ids
from MiniTwit.admin.deciding.actions import permitted
from MiniTwit.admin.forms.id_select import IdSelectMixin
from MiniTwit.admin.forms.moments import MomentInput
from MiniTwit.admin.lists.pagination import BoundedPaginator, Cursor, InvalidCursor, KeysetPages, Place, count_rows
from MiniTwit.admin.lists.saved_filters import SavedFiltersMixin
from MiniTwit.admin.screens import ScreenMixin
from MiniTwit.instants import validate_instant
from MiniTwit.models import Message

CHECKBOX = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
NOTHING: SafeString = mark_safe('<span class="quiet">—</span>')


def mark(label: str, kind: str = "") -> SafeString:
    """A highlighted word in a list."""
    return format_html('<span class="mark {}">{}</span>', kind, label)


def zoned(title: str) -> str:
    """A column's title that says in which time zone its dates are."""
    return f"{title} ({settings.TIME_ZONE})"


@admin.display(description="old id")
def old_id(row: Any) -> int | str | None:
    """The id of a user or a message in the old database."""
    return text_ids.old_id(row._meta.model_name, row.legacy_id)


@admin.display(description="origin")
def origin(row: Any) -> str:
    """Which import brought a row."""
    return "here" if row.import_run is None else f"import {row.import_run}"


@admin.display(description="origin")
def linked_origin(row: Any) -> str | SafeString:
    """The same, with a link to that import's page where it exists."""
    try:
        page = reverse("admin:legacy_import_importrun_change", args=[row.import_run]) if row.import_run else ""
    except NoReverseMatch:
        page = ""
    return format_html('<a href="{}">{}</a>', page, origin(row)) if page else origin(row)


def with_origin(names: Iterable[Any], request: HttpRequest) -> list[Any]:
    """Columns or fields, in which "origin" is a link for those who may look at imports."""
    may_look = request.user.has_perm("legacy_import.view_importrun")
    return [(linked_origin if may_look else origin) if name == "origin" else name for name in names]


class KeysetChangeList(ChangeList):
    """Sorts in the order of an index only, pages by keysets, and never counts a whole table.

    Attributes:
        pages: this page and its neighbours.
        count: how many rows there are, exactly or roughly.
        search_notice: why the search finds nothing; empty when it may find something.
    """

    pages: KeysetPages
    model_admin: "LargeTableAdmin"

    def get_ordering_field(self, field_name: Any) -> Any:
        # Django hides the links of columns that are not `sortable_by`, yet sorts by them when the address says so.
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str | Combinable]:
        """One column, then the id in the same direction, as in the indexes, which are also read backwards."""
        column = self._chosen_column() or str(super().get_ordering(request, queryset)[0])
        name = column.lstrip("-")
        if name == "pk" or getattr(self.lookup_opts.get_field(name), "unique", False):
            return [column]
        return [column, "-pk" if column.startswith("-") else "pk"]

    def _chosen_column(self) -> str:
        """The only column that can be sorted by, in the direction that the address says.

        An address names a column by its number, and users with actions have a column of checkboxes more. A saved view
        or a link has to mean the same for the whole team.
        """
        order = self.params.get(ORDER_VAR, "")
        sortable = list(self.sortable_by or ())
        column = self.get_ordering_field(sortable[0]) if order and len(sortable) == 1 else None
        return f"{'-' if order.startswith('-') else ''}{column}" if column else ""

    def get_ordering_field_columns(self) -> Any:
        if not (column := self._chosen_column()):
            return super().get_ordering_field_columns()
        number = list(self.list_display).index(next(iter(self.sortable_by or ())))
        return {number: "desc" if column.startswith("-") else "asc"}

    def get_results(self, request: HttpRequest) -> None:
        count = count_rows(self.queryset)
        try:
            cursor = Cursor.parse(request.GET.get(PAGE_VAR, ""))
            self.pages = KeysetPages(self.queryset, count, self.list_per_page, cursor)
        except InvalidCursor:
            messages.warning(request, "This list has no such page. It is shown from its beginning.")
            self.pages = KeysetPages(self.queryset, count, self.list_per_page, None)
        self.count = self.pages.count
        self.model_admin.load_columns(self.pages.rows)
        self.search_notice = self.model_admin.explain_search(self.query) if self.query else ""
        self.result_list = self.pages.rows
        self.result_count = self.count.number
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = None

    def page_links(self) -> list[tuple[str, str]]:
        """The titles and addresses of first, previous, next and last; no address where there is no such page."""
        is_first, is_last = self.pages.previous is None, self.pages.next is None
        return [
            ("First", "" if is_first else self.get_query_string()),
            ("Previous", "" if is_first else self.get_query_string({PAGE_VAR: self.pages.previous})),
            ("Next", "" if is_last else self.get_query_string({PAGE_VAR: self.pages.next})),
            ("Last", "" if is_last else self.get_query_string({PAGE_VAR: Cursor(Place.LAST)})),
        ]


class LargeTableAdmin(SavedFiltersMixin, ScreenMixin, IdSelectMixin):
    """Keyset pages, no full counts, no facets, no action that loads what it deletes."""

    change_list_template = "admin/MiniTwit/large_change_list.html"
    paginator = BoundedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    formfield_overrides = {
        DateTimeField: {"form_class": forms.DateTimeField, "widget": MomentInput(with_seconds=True)}
    }
    origin = staticmethod(origin)  # their names in `list_display` and among the fields
    old_id = staticmethod(old_id)

    @property
    def media(self) -> Media:
        """The list, with the scripts and styles for autocompletion in a filter."""
        some_field = Message._meta.get_field("author")
        own = Media(css={"all": ["MiniTwit/lists.css"]}, js=["admin/js/jquery.init.js", "MiniTwit/lists.js"])
        return super().media + AutocompleteSelect(some_field, self.admin_site).media + own

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return with_origin(super().get_list_display(request), request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return with_origin(super().get_readonly_fields(request, obj), request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [
            (title, {**options, "fields": with_origin(options["fields"], request)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(db_field, DateTimeField):
            field.validators.append(validate_instant)
        return field

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def load_columns(self, rows: Sequence[Model]) -> None:
        """Fetch what the page's rows show beside their own fields: one query for each column, never one per row."""

    def action_checkbox(self, obj: Model) -> SafeString:
        """The checkbox that Django makes of three templates, which takes a fifth of the time of a page of rows."""
        return format_html(CHECKBOX, ACTION_CHECKBOX_NAME, obj.pk, f"Select this object for an action - {obj}")

    def explain_search(self, term: str) -> str:
        """Say why a search can find nothing; empty when it can."""
        return ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context and hasattr(context["cl"], "count"):
            context["selection_note_all"] = f"All {context['cl'].count} selected"
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Django's own deletion loads every selected row and what hangs on it, and writes a form field for each.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return permitted(actions, request)
