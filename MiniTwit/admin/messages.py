"""The screen of messages."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from MiniTwit import excerpts, moderation, watchlist
from MiniTwit.admin.deciding.actions import message_actions
from MiniTwit.admin.deciding.forms import ReasonForm
from MiniTwit.admin.deciding.history import lines_about
from MiniTwit.admin.deciding.on_change_pages import DecidesMixin
from MiniTwit.admin.deciding.permissions import actor_of, may
from MiniTwit.admin.files.importing import FileImportExportMixin
from MiniTwit.admin.files.resources import MessageResource
from MiniTwit.admin.forms.versions import VersionedAdmin, VersionedForm
from MiniTwit.admin.lists.filters import AccountFilter, ImportRunFilter, ReviewedFilter, SpanFilter, WatchHitFilter
from MiniTwit.admin.lists.large_tables import NOTHING, LargeTableAdmin, mark, zoned
from MiniTwit.admin.lists.way_back import filters_of, with_filters
from MiniTwit.admin.pages import list_link
from MiniTwit.instants import shown_time
from MiniTwit.line_ends import StoredTextField
from MiniTwit.models import Message, ModerationEvent, User, Verb
from MiniTwit.moderation import ModerationError, selections
from MiniTwit.search import parse_message_search

EXCERPT_LENGTH = 140  # characters
# The page shows the beginning of a longer text. Browsers lay out a field of 30 million characters for minutes, and a
# form may have DATA_UPLOAD_MAX_MEMORY_SIZE bytes, of which a character takes twelve at most.
LONGEST_EDITED = 200_000
TOO_MANY_MARKS = (
    "This text has letters with more marks than a page can show. It is shown with four on each letter, and its text "
    "cannot be edited."
)
TOO_LONG = (
    "This text has {:,} characters. The page shows the first {:,}, and they cannot be edited. An export has all."
)


class MessageForm(VersionedForm):
    """The form shows a date's whole seconds; one that was not typed over keeps its microseconds."""

    def clean_author(self) -> User:
        author: User = self.cleaned_data["author"]
        if author.erased_at is not None and author.pk != self.instance.author_id:
            raise forms.ValidationError("This account was erased on request. Choose another one.")
        return author


class MessageEditForm(MessageForm):
    """An edit is a decision, with a reason."""

    reason = ReasonForm.base_fields["reason"]
    note = ReasonForm.base_fields["note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False  # without a change it is not needed

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.changed_data and not cleaned.get("reason") and "reason" not in self.errors:
            self.add_error("reason", "Choose a reason for the edit.")
        return cleaned


@admin.register(Message)
class MessageAdmin(DecidesMixin, VersionedAdmin, FileImportExportMixin, LargeTableAdmin):
    resource_classes = [MessageResource]
    form = MessageForm
    change_form_template = "admin/MiniTwit/message/change_form.html"
    list_display = ["excerpt", "author_name", "published", "is_flagged", "last_decision"]
    list_display_links = ["excerpt"]
    list_filter = [
        "flagged",
        ReviewedFilter,
        SpanFilter.on("pub_date", "published"),
        AccountFilter.on("author"),
        WatchHitFilter,
        ImportRunFilter,
    ]
    list_select_related = ["author"]
    ordering = ["-pub_date", "-id"]
    sortable_by = ["published"]
    search_fields = ["text"]
    search_help_text = "Part of the text, @author, or both"
    autocomplete_fields = ["author"]
    fieldsets = [
        (None, {"fields": ["author", "text", "pub_date", "flagged", "decision", "decided_at"]}),
        ("Origin", {"fields": ["origin", "old_id", "changed_at"]}),
    ]
    readonly_fields = ["beginning", "flagged", "decision", "decided_at", "origin", "old_id", "changed_at"]
    actions = message_actions

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:  # a new message has no origin and no decisions yet
            return [(None, {"fields": ["author", "text", "pub_date"]})]
        fieldsets = [*super().get_fieldsets(request, obj)]
        if why_not_edited(obj.text):
            (title, options), *others = fieldsets
            fields = ["beginning" if name == "text" else name for name in options["fields"]]
            fieldsets = [(title, {**options, "fields": fields}), *others]
        if self.has_change_permission(request, obj):
            told = "An edit is a decision: the log keeps what was before, with your name and the reason."
            fieldsets.insert(1, ("Why it is edited", {"fields": ["reason", "note"], "description": told}))
        return fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if change and self.has_change_permission(request, obj):
            kwargs["form"] = MessageEditForm
        return super().get_form(request, obj, change, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Moderators decide about messages and do not write them. Editing has a permission of its own."""
        return (
            super().has_change_permission(request, obj) and may(request.user, Verb.EDIT) and not is_own(request, obj)
        )

    def title_of(self, obj: Message) -> str:
        return f"Message by {obj.author}"

    # The list

    @admin.display(description="message")
    def excerpt(self, message: Message) -> str:
        return excerpts.excerpt(message.text, EXCERPT_LENGTH)

    @admin.display(description="author")
    def author_name(self, message: Message) -> str:
        """The author's name, leading to all the messages of that author."""
        return list_link("message", f"author__id__exact={message.author_id}", message.author)

    @admin.display(description=zoned("published"), ordering="pub_date")
    def published(self, message: Message) -> str:
        return shown_time(message.pub_date)

    @admin.display(description="flagged")
    def is_flagged(self, message: Message) -> str:
        return mark("flagged", "bad") if message.flagged else NOTHING

    @admin.display(description="last decision")
    def last_decision(self, message: Message) -> str:
        event: ModerationEvent | None = getattr(message, "last_event", None)
        if event is None:
            return message.get_decision_display() or NOTHING
        when = shown_time(event.created_at)
        done = Verb(event.verb).rules.past_tense
        return format_html('{} <span class="quiet">by {}, {}</span>', done, event.actor_name, when)

    def load_columns(self, rows: Sequence[Model]) -> None:
        """The newest event of each message, in one query."""
        newest = ModerationEvent.objects.filter(message__in=[row.pk for row in rows])
        found = {event.message_id: event for event in newest.order_by("message", "-id").distinct("message")}
        for row in rows:
            row.last_event = found.get(row.pk)  # type: ignore[attr-defined]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Parts of the text, and authors, who are looked up first so that the index by author and date is used."""
        return queryset.filter(parse_message_search(search_term).condition), False

    def explain_search(self, term: str) -> str:
        return parse_message_search(term).notice

    # One message

    @admin.display(description="text")
    def beginning(self, message: Message) -> str:
        """The text, without a field, as far as a browser can show it."""
        return excerpts.excerpt(message.text, LONGEST_EDITED)

    def verbs_for(self, request: HttpRequest, row: Message) -> list[Verb]:
        """The verbs that would change something; "keep" reviews a message that is shown."""
        if is_own(request, row):
            return []
        if row.flagged:
            verbs = [Verb.UNFLAG] if row.decision == Verb.FLAG else [Verb.UNFLAG, Verb.FLAG]
        else:
            verbs = [Verb.FLAG] if row.decision == Verb.KEEP else [Verb.FLAG, Verb.KEEP]
        return [*verbs, Verb.PURGE]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, Verb.PURGE)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Messages are deleted by a decision that has a reason: lead to the page that asks for it."""
        message: Message | None = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, message) or not self.has_view_permission(request, message):
            raise PermissionDenied
        if message is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        one = Message.objects.filter(pk=message.pk)
        batch = selections.freeze(verb=Verb.PURGE, queryset=one, actor=actor_of(request))
        confirm = reverse("admin:MiniTwit_moderationbatch_confirm", args=[batch.pk])
        return HttpResponseRedirect(with_filters(confirm, filters_of(request)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        message = self.get_object(request, unquote(object_id))
        context = self.message_context(request, message) if message and self.has_view_permission(request) else {}
        try:
            return super().change_view(request, object_id, form_url, context | (extra_context or {}))
        except ModerationError as error:
            self.message_user(request, f"Nothing was saved: {error.sentence}", messages.ERROR)
            return self.back_to(message)

    def message_context(self, request: HttpRequest, message: Message) -> dict[str, Any]:
        """Show the verbs, the watch-list's hits and the history beside the fields."""
        history, older = lines_about(message, request.GET.get("before", ""))
        return {
            "message": message,
            "why_not_edited": why_not_edited(message.text),
            "decisions": self.decision_context(request, message),
            "hits": message.watch_hits.select_related("term").order_by("term__pattern")[:50],
            "history": history,
            "older": older,
        }

    def save_model(self, request: HttpRequest, obj: Message, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
        else:
            self.tell_what_was_kept(request, form)
        if change and form.changed_data:
            typed = {name: form.cleaned_data[name] for name in form.changed_data}
            reason, note = form.cleaned_data["reason"], form.cleaned_data["note"]
            moderation.edit(messages=[obj], actor=actor_of(request), reason=reason, note=note, **typed)
        watchlist.request_scan_if_behind()

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "text":
            kwargs |= {"strip": False, "form_class": StoredTextField}  # saving a message must not alter it
        return super().formfield_for_dbfield(db_field, request, **kwargs)


def why_not_edited(text: str) -> str:
    """Say why a page has no field for a text; empty where it has one."""
    if len(text) > LONGEST_EDITED:
        return TOO_LONG.format(len(text), LONGEST_EDITED)
    return TOO_MANY_MARKS if excerpts.has_heaps(text) else ""


def is_own(request: HttpRequest, message: Message | None) -> bool:
    return message is not None and message.author_id == request.user.pk
