"""The screen of follows."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from MiniTwit.admin.file_import import FileImportExportMixin
from MiniTwit.admin.resources import FollowResource
from MiniTwit.admin.screens import ImportRunFilter, LargeTableAdmin
from MiniTwit.models import Follow, User


@admin.register(Follow)
class FollowAdmin(FileImportExportMixin, LargeTableAdmin):
    resource_classes = [FollowResource]
    list_display = ["id", "who", "whom"]
    list_display_links = ["id"]
    list_filter = [ImportRunFilter]
    list_select_related = ["who", "whom"]
    ordering = ["-id"]
    sortable_by = ["id"]
    search_fields = ["who__username"]
    search_help_text = "A username, in full."
    autocomplete_fields = ["who", "whom"]
    fields = ["who", "whom", "import_run"]
    readonly_fields = ["import_run"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["who", "whom"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Both ends of the pair have an index; a username is looked up once, not joined for every follow."""
        if not search_term:
            return queryset, False
        named = list(User.objects.filter(username=search_term).values_list("pk", flat=True))
        return queryset.filter(Q(who__in=named) | Q(whom__in=named)), False
