"""The log of decisions: to be read, filtered and exported, never changed."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from MiniTwit.admin.deciding.history import changes_of
from MiniTwit.admin.deciding.permissions import may
from MiniTwit.admin.files.export_resources import DecisionResource
from MiniTwit.admin.files.exporting import FileExportMixin
from MiniTwit.admin.lists.filters import AccountFilter, NumberFilter, SpanFilter
from MiniTwit.admin.lists.large_tables import NOTHING, LargeTableAdmin, zoned
from MiniTwit.admin.lists.read_only import ReadOnlyAdmin
from MiniTwit.admin.pages import object_link
from MiniTwit.excerpts import excerpt
from MiniTwit.instants import TO_THE_SECOND, shown_time
from MiniTwit.models import Message, ModerationEvent, User, Verb
from MiniTwit.moderation.verbs import obstacle_to_undoing

NOTE_LENGTH = 80  # characters, in the list
WHOLE = 10**9  # characters, on the page of one decision


@admin.register(ModerationEvent)
class ModerationEventAdmin(ReadOnlyAdmin, FileExportMixin, LargeTableAdmin):
    resource_classes = [DecisionResource]
    list_display = ["decided", "done", "about", "change", "why", "actor_name", "of_batch"]
    list_filter = [
        "verb",
        SpanFilter.on("created_at", "decided"),
        AccountFilter.on("actor", "moderator"),
        AccountFilter.on("user", "account"),
        NumberFilter.on("message"),
        NumberFilter.on("batch"),
    ]
    list_display_links = ["decided"]
    ordering = ["-id"]
    sortable_by = []
    actions = None

    @admin.display(description=zoned("when"))
    def decided(self, event: ModerationEvent) -> str:
        return shown_time(event.created_at, TO_THE_SECOND)

    @admin.display(description="decision")
    def done(self, event: ModerationEvent) -> str:
        return Verb(event.verb).rules.past_tense

    @admin.display(description="about")
    def about(self, event: ModerationEvent) -> SafeString:
        """The message and its author, or the account; a deleted one has a number only."""
        name: str = getattr(event, "username", "")
        account = excerpt(name, 40) if name else f"account {event.user_id}"
        if event.message_id is None:
            return object_link("user", event.user_id, account) if name else format_html("{}", account)
        message: str = f"message {event.message_id}"
        if getattr(event, "exists", True):
            message = object_link("message", event.message_id, message)
        return format_html('{} <span class="quiet">by {}</span>', message, account)

    @admin.display(description="before → after")
    def change(self, event: ModerationEvent) -> SafeString:
        return format_html_join(
            "", '<div><span class="quiet">{}</span> {} → {}</div>', changes_of(event, NOTE_LENGTH)
        )

    @admin.display(description="reason")
    def why(self, event: ModerationEvent) -> SafeString:
        note = excerpt(event.note, NOTE_LENGTH)
        return format_html('{}<div class="quiet">{}</div>', event.reason or NOTHING, note)

    @admin.display(description="batch")
    def of_batch(self, event: ModerationEvent) -> SafeString:
        return object_link("moderationbatch", event.batch_id, event.batch_id)

    def load_columns(self, rows: Sequence[Model]) -> None:
        """The names of the accounts, and which messages still exist: two queries for the page."""
        events = [row for row in rows if isinstance(row, ModerationEvent)]
        accounts = [event.user_id for event in events if event.user_id is not None]
        names = dict(User.objects.filter(pk__in=accounts).values_list("pk", "username"))
        messages = [event.message_id for event in events if event.message_id is not None]
        existing = set(Message.objects.filter(pk__in=messages).values_list("pk", flat=True))
        for event in events:
            event.username = names.get(event.user_id or 0, "")  # type: ignore[attr-defined]
            event.exists = event.message_id in existing  # type: ignore[attr-defined]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One decision, with the batch that it belongs to and the way to undo it."""
        event: ModerationEvent | None = self.get_object(request, unquote(object_id))
        if request.method == "POST" or not self.has_view_permission(request, event):
            raise PermissionDenied
        if event is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        self.load_columns([event])
        same = f"message={event.message_id}" if event.message_id else f"user__id__exact={event.user_id}"
        return self.show(
            request,
            "admin/MiniTwit/moderationevent/page.html",
            f"Decision {event.pk}",
            media=self.media,
            event=event,
            batch=event.batch,
            done=self.done(event),
            about=self.about(event),
            changes=changes_of(event, WHOLE),
            history=f"{self.page_url('changelist')}?{same}",
            may_undo=may(request.user, Verb.UNDO) and not obstacle_to_undoing(event.batch),
        )
