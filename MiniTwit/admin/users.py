"""The screen of users."""

import unicodedata
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm, UsernameField
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from MiniTwit.admin.actions import user_actions
from MiniTwit.admin.file_import import FileImportExportMixin
from MiniTwit.admin.resources import UserResource
from MiniTwit.admin.screens import ImportRunFilter, LargeTableAdmin
from MiniTwit.models import Follow, Message, User

PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


class UnstrippedUsernameField(UsernameField):
    """Keeps spaces at the ends: some old usernames have them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})


class UserAddForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email")
        field_classes = {"username": UnstrippedUsernameField}


class UserEditForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes = {"username": UnstrippedUsernameField}

    def _get_validation_exclusions(self) -> set[str]:
        """Leave alone what was not touched: an account with an invalid old address can still be deactivated."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions | ({"username", "email"} - set(self.changed_data))


@admin.register(User)
class UserAdmin(FileImportExportMixin, LargeTableAdmin, auth_admin.UserAdmin):
    resource_classes = [UserResource]
    actions = user_actions
    form = UserEditForm
    add_form = UserAddForm
    list_display = ["username", "email", "is_active", "is_staff", "date_joined"]
    list_filter = ["is_active", "is_staff", "is_superuser", ImportRunFilter]
    ordering = ["username"]
    sortable_by = ["username"]
    search_fields = ["username"]
    search_help_text = "The beginning of a username."
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "first_name", "last_name", "is_active"]}),
        ("Rights", {"fields": list(PRIVILEGES), "description": "Only superusers can change these."}),
        ("On MiniTwit", {"fields": ["suspended_at", "suspended_until", "related_rows"]}),
        (
            "Where it comes from",
            {"fields": ["date_joined", "last_login", "legacy_id", "import_run", "changed_at"]},
        ),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "email", "usable_password", "password1", "password2"]}),
    ]
    readonly_fields = [
        "suspended_at",
        "suspended_until",
        "related_rows",
        "date_joined",
        "last_login",
        "legacy_id",
        "import_run",
        "changed_at",
    ]

    @admin.display(description="lists")
    def related_rows(self, user: User) -> str:
        """Links to what the account wrote and whom it follows; uncounted, for counting takes its time."""
        return format_html(
            '<a href="{messages}?author__id__exact={id}">Messages</a> &nbsp; '
            '<a href="{follows}?who__id__exact={id}">Follows</a> &nbsp; '
            '<a href="{follows}?whom__id__exact={id}">Followers</a>',
            messages=reverse("admin:MiniTwit_message_changelist"),
            follows=reverse("admin:MiniTwit_follow_changelist"),
            id=user.pk,
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Usernames that begin with the term, spaces included, as typed or in a usual spelling.

        The index on usernames serves exact beginnings only, which is why this is not case-insensitive.
        """
        if not search_term:
            return queryset, False
        term = unicodedata.normalize("NFKC", search_term)
        matches = Q()
        for spelling in {term, term.lower(), term[:1].upper() + term[1:], term.title()}:
            matches |= Q(username__startswith=spelling)
        return queryset.filter(matches), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may only look has no business with the password, not even with its hash in part."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, options | {"fields": [name for name in options["fields"] if name != "password"]})
            for title, options in fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        readonly = list(super().get_readonly_fields(request, obj))
        return readonly if request.user.is_superuser else [*readonly, *PRIVILEGES]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete only accounts that nothing hangs on: the cascade would load every message to delete it."""
        user = self.get_object(request, unquote(object_id))
        if user is None or not self.has_delete_permission(request, user) or not is_in_use(user):
            return super().delete_view(request, object_id, extra_context)
        self.message_user(
            request,
            f"“{user}” cannot be deleted: there are messages, follows or log entries of this account. "
            "Untick “active” instead; the account can then no longer sign in.",
            messages.ERROR,
        )
        return HttpResponseRedirect(reverse("admin:MiniTwit_user_change", args=[user.pk]))


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Staff accounts are for superusers to change: whoever may set their password may become them."""
    return user is None or request.user.is_superuser or not (user.is_staff or user.is_superuser)


def is_in_use(user: User) -> bool:
    """Did the account write, follow, is it followed, or did it act in this back office?"""
    return (
        Message.objects.filter(author=user).exists()
        or Follow.objects.filter(who=user).exists()
        or Follow.objects.filter(whom=user).exists()
        or LogEntry.objects.filter(user=user).exists()
    )
