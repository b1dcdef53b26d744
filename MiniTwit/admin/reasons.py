"""The list of reasons that moderators choose from."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from MiniTwit.admin.forms.versions import VersionedAdmin, VersionedForm
from MiniTwit.admin.screens import ScreenMixin
from MiniTwit.models import ModerationReason


@admin.register(ModerationReason)
class ModerationReasonAdmin(ScreenMixin, VersionedAdmin):
    """The log keeps a copy of the name, so renaming or deleting a reason changes no decision."""

    list_title = "Reasons"
    change_list_template = "admin/MiniTwit/moderationreason/change_list.html"
    list_display = ["name", "description", "active", "position"]
    list_editable = ["active", "position"]
    list_display_links = ["name"]
    ordering = ["position", "name"]
    actions = None

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        return super().get_changelist_form(request, **{"form": VersionedForm, **kwargs})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Name the fields as their columns are titled, for a list has no labels."""
        formset = super().get_changelist_formset(request, **kwargs)
        for field in formset.form.base_fields.values():
            field.widget.attrs["aria-label"] = field.label
        return formset

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        with transaction.atomic():
            list(ModerationReason.objects.order_by("pk").select_for_update().values_list("pk"))
            return super().changelist_view(request, extra_context)
