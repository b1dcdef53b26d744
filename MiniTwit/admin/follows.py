"""The screen of follows."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from MiniTwit.admin.files.importing import FileImportExportMixin
from MiniTwit.admin.files.resources import FollowResource
from MiniTwit.admin.follow_removal import RemovesFollowsMixin
from MiniTwit.admin.forms.versions import VersionedAdmin
from MiniTwit.admin.lists.filters import FollowedFilter, FollowerFilter, ImportRunFilter
from MiniTwit.admin.lists.large_tables import LargeTableAdmin
from MiniTwit.models import Follow, User


@admin.register(Follow)
class FollowAdmin(RemovesFollowsMixin, VersionedAdmin, FileImportExportMixin, LargeTableAdmin):
    resource_classes = [FollowResource]
    list_display = ["pair", "follower", "followed", "origin"]
    list_display_links = ["pair"]
    list_filter = [FollowerFilter, FollowedFilter, ImportRunFilter]
    list_select_related = ["who", "whom"]
    ordering = ["-id"]
    sortable_by = []
    search_fields = ["who__username"]
    search_help_text = "A username in full: who follows or is followed"
    autocomplete_fields = ["who", "whom"]
    fields = ["who", "whom", "origin"]
    readonly_fields = ["origin"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["who", "whom"]

    @admin.display(description="follow")
    def pair(self, follow: Follow) -> str:
        return str(follow)

    @admin.display(description="follower")
    def follower(self, follow: Follow) -> str:
        return account_link(follow.who)

    @admin.display(description="followed")
    def followed(self, follow: Follow) -> str:
        return account_link(follow.whom)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Search by username. It is looked up once, not joined for every follow; both columns have an index."""
        if not search_term:
            return queryset, False
        named = list(User.objects.filter(username=search_term).values_list("pk", flat=True))
        return queryset.filter(Q(who__in=named) | Q(whom__in=named)), False

    def explain_search(self, term: str) -> str:
        return "" if User.objects.filter(username=term).exists() else f"There is no account named “{term}”."


def account_link(user: User) -> str:
    return format_html('<a href="{}">{}</a>', reverse("admin:MiniTwit_user_change", args=[user.pk]), user)
