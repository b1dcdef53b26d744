"""The list of reasons that moderators choose from."""

from django.contrib import admin

from MiniTwit.models import ModerationReason


@admin.register(ModerationReason)
class ModerationReasonAdmin(admin.ModelAdmin):
    """The log keeps a copy of the name, so a reason can be renamed or deleted without changing what was decided."""

    list_display = ["name", "description", "active", "position"]
    list_editable = ["active", "position"]
    list_display_links = ["name"]
    ordering = ["position", "name"]
    actions = None
