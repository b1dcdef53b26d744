"""The log of decisions, to be read only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from MiniTwit.admin.screens import LargeTableAdmin
from MiniTwit.models import ModerationEvent


@admin.register(ModerationEvent)
class ModerationEventAdmin(LargeTableAdmin):
    list_display = ["created_at", "verb", "about", "reason", "actor_name", "of_batch"]
    list_filter = ["verb"]
    list_display_links = ["created_at"]
    ordering = ["-id"]
    sortable_by = []
    actions = None
    fields = ["created_at", "verb", "about", "before", "after", "reason", "note", "actor_name", "of_batch"]
    readonly_fields = ["created_at", "about", "actor_name", "of_batch"]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "batch" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="about")
    def about(self, event: ModerationEvent) -> str:
        model, object_id = ("message", event.message_id) if event.message_id else ("user", event.user_id)
        address = reverse(f"admin:MiniTwit_{model}_change", args=[object_id])
        return format_html('<a href="{}">{} {}</a>', address, model, object_id)

    @admin.display(description="batch")
    def of_batch(self, event: ModerationEvent) -> str:
        address = reverse("admin:MiniTwit_moderationbatch_change", args=[event.batch_id])
        return format_html('<a href="{}">{}</a>', address, event.batch_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
