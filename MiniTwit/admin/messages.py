"""The screen of messages."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from MiniTwit.admin.actions import message_actions
from MiniTwit.admin.file_import import FileImportExportMixin
from MiniTwit.admin.resources import MessageResource
from MiniTwit.admin.screens import ImportRunFilter, LargeTableAdmin
from MiniTwit.models import Message, User

EXCERPT_LENGTH = 140  # characters


@admin.register(Message)
class MessageAdmin(FileImportExportMixin, LargeTableAdmin):
    resource_classes = [MessageResource]
    list_display = ["excerpt", "author_name", "pub_date", "flagged"]
    list_display_links = ["excerpt"]
    list_filter = ["flagged", ImportRunFilter]
    list_select_related = ["author"]
    ordering = ["-pub_date", "-id"]
    sortable_by = ["pub_date"]
    search_fields = ["author__username"]
    search_help_text = "An author's username, in full."
    autocomplete_fields = ["author"]
    fieldsets = [
        (None, {"fields": ["author", "text", "pub_date", "flagged"]}),
        ("Where it comes from", {"fields": ["legacy_id", "import_run", "changed_at"]}),
    ]
    readonly_fields = ["flagged", "legacy_id", "import_run", "changed_at"]
    actions = message_actions

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new message comes from here, and nobody has decided about it yet."""
        return super().get_fieldsets(request, obj) if obj else [(None, {"fields": ["author", "text", "pub_date"]})]

    @admin.display(description="message")
    def excerpt(self, message: Message) -> str:
        return Truncator(message.text).chars(EXCERPT_LENGTH)

    @admin.display(description="author")
    def author_name(self, message: Message) -> str:
        """The author's name, leading to all the messages of that author."""
        messages = reverse("admin:MiniTwit_message_changelist")
        return format_html('<a href="{}?author__id__exact={}">{}</a>', messages, message.author_id, message.author)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """The author is looked up first, so that the index by author and date gives the page."""
        if not search_term:
            return queryset, False
        authors = list(User.objects.filter(username=search_term).values_list("pk", flat=True))
        return queryset.filter(author__in=authors), False

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "text":
            kwargs["strip"] = False  # opening and saving a message must not alter it
        return super().formfield_for_dbfield(db_field, request, **kwargs)
