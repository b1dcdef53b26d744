"""What the screens of users, messages and follows have in common: they stay fast on millions of rows."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

from MiniTwit.admin.actions import permitted
from MiniTwit.admin.pagination import EstimatePaginator


class ImportRunFilter(admin.SimpleListFilter):
    """Rows that one import brought. Shown when it is in use: the result page of an import links here."""

    title = "import"
    parameter_name = "import_run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        run = request.GET.get(self.parameter_name, "")
        return [(run, f"Import {run}")] if run else []

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        run = self.value()
        if run is None:
            return None
        return queryset.filter(import_run=int(run)) if run.isascii() and run.isdigit() else queryset.none()


class IndexOrderedChangeList(ChangeList):
    """Sorts only as an index does."""

    def get_ordering_field(self, field_name: Any) -> Any:
        # Django hides the links of columns that are not `sortable_by`, yet sorts by them when the address says so.
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str | Combinable]:
        """One column, then the id in the same direction: so the indexes are made, and so they are read backwards."""
        column = str(super().get_ordering(request, queryset)[0])
        name = column.lstrip("-")
        if name == "pk" or getattr(self.lookup_opts.get_field(name), "unique", False):
            return [column]
        return [column, "-pk" if column.startswith("-") else "pk"]


class LargeTableAdmin(admin.ModelAdmin):
    """No full counts, no facets, no action that loads what it deletes."""

    paginator = EstimatePaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return IndexOrderedChangeList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Django's own deletion loads every selected row and what hangs on it, and writes a form field for each.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return permitted(actions, request)
