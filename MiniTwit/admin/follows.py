"""The screen of follows: one on its own page, and removing many of the list after a confirmation.

Moderation has no verbs for follows: there is no decision and no undo. A removal is one statement and one entry in the
admin's log, however many follows there are.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from MiniTwit.admin.files.importing import FileImportExportMixin
from MiniTwit.admin.files.resources import FollowResource
from MiniTwit.admin.forms.versions import VersionedAdmin
from MiniTwit.admin.lists.filters import AccountFilter, ImportRunFilter
from MiniTwit.admin.lists.large_tables import LargeTableAdmin
from MiniTwit.admin.pages import OwnPagesMixin, object_link
from MiniTwit.database import locks
from MiniTwit.models import Follow, User

MOST_AT_ONCE = 100_000  # follows that are removed while the browser waits
SAMPLE = 10
LOGGED = 20  # of the follows of a removal that the log names


class RemovesFollowsMixin(OwnPagesMixin):
    """The action `remove_follows`.

    A follow never changes. So the list's own filters and the newest id of that moment freeze the selection: later
    follows have higher ids.
    """

    actions = ["remove_follows"]

    @admin.action(description="Remove the selected follows", permissions=["delete"])
    def remove_follows(self, request: HttpRequest, queryset: QuerySet[Follow]) -> HttpResponse | None:
        """Ask for confirmation, then remove."""
        if "confirmed" not in request.POST:
            return self.confirm_removal(request, queryset)
        try:
            newest = signing.loads(request.POST["confirmed"], salt=self._salt(request), max_age=24 * 3600)["newest"]
        except signing.BadSignature:
            self.message_user(request, "Nothing was removed: select the follows once more.", messages.ERROR)
            return None
        removed = self.remove(request, queryset.filter(pk__lte=newest))
        self.message_user(request, f"{removed:,} {'follow was' if removed == 1 else 'follows were'} removed.")
        return None

    def confirm_removal(self, request: HttpRequest, queryset: QuerySet[Follow]) -> HttpResponse | None:
        ids = queryset.order_by().values("pk")[: MOST_AT_ONCE + 1]
        number = ids.count()
        if number > MOST_AT_ONCE:
            self.message_user(
                request,
                f"Nothing was removed: these are more than the {MOST_AT_ONCE:,} follows that can be removed at a "
                "time. Filter the list first.",
                messages.ERROR,
            )
            return None
        newest = queryset.order_by().aggregate(newest=Max("pk"))["newest"] or 0
        return self.show(
            request,
            "admin/MiniTwit/follow/remove.html",
            "Remove follows",
            number=number,
            sample=queryset[:SAMPLE],
            confirmed=signing.dumps({"newest": newest}, salt=self._salt(request)),
            selected=request.POST.getlist(ACTION_CHECKBOX_NAME),
            select_across=request.POST.get("select_across", "0"),
            action_checkbox_name=ACTION_CHECKBOX_NAME,
        )

    def remove(self, request: HttpRequest, queryset: QuerySet[Follow]) -> int:
        """Remove follows in one statement, with one entry in the log."""
        if not self.has_delete_permission(request) or request.user.pk is None:
            raise PermissionDenied
        with transaction.atomic():
            locks.lock_tables(locks.FOLLOWS, referring_to=[locks.USERS])
            named = [str(follow) for follow in queryset.select_related("who", "whom")[:LOGGED]]
            removed, _ = Follow.objects.filter(pk__in=queryset.order_by().values("pk")).delete()
            if removed:
                rest = f" and {removed - len(named):,} more" if removed > len(named) else ""
                LogEntry.objects.create(
                    user_id=request.user.pk,
                    content_type=ContentType.objects.get_for_model(Follow),
                    object_repr=f"{removed:,} follows",
                    action_flag=DELETION,
                    change_message=f"Removed: {'; '.join(named)}{rest}.",
                )
        return removed

    def _salt(self, request: HttpRequest) -> Any:
        return f"remove-follows:{request.user.pk}:{request.GET.urlencode()}"


@admin.register(Follow)
class FollowAdmin(RemovesFollowsMixin, VersionedAdmin, FileImportExportMixin, LargeTableAdmin):
    resource_classes = [FollowResource]
    list_display = ["pair", "follower", "followed", "origin"]
    list_display_links = ["pair"]
    list_filter = [AccountFilter.on("who", "follower"), AccountFilter.on("whom", "followed"), ImportRunFilter]
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
        return object_link("user", follow.who_id, follow.who)

    @admin.display(description="followed")
    def followed(self, follow: Follow) -> str:
        return object_link("user", follow.whom_id, follow.whom)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Search by username. It is looked up once, not joined for every follow; both columns have an index."""
        if not search_term:
            return queryset, False
        named = list(User.objects.filter(username=search_term).values_list("pk", flat=True))
        return queryset.filter(Q(who__in=named) | Q(whom__in=named)), False

    def explain_search(self, term: str) -> str:
        return "" if User.objects.filter(username=term).exists() else f"There is no account named “{term}”."
