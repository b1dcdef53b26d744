"""The screen of users."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm, UsernameField
from django.db.models import ManyToManyField, Model, QuerySet
from django.http import HttpRequest, HttpResponse

from MiniTwit.admin.deciding.actions import user_actions
from MiniTwit.admin.files.importing import FileImportExportMixin
from MiniTwit.admin.files.resources import UserResource
from MiniTwit.admin.forms.passwords import PasswordForm
from MiniTwit.admin.forms.versions import VersionedAdmin, VersionedForm, locked_row
from MiniTwit.admin.lists.filters import ImportRunFilter, StrikesFilter, SuspendedFilter
from MiniTwit.admin.lists.large_tables import NOTHING, LargeTableAdmin, mark
from MiniTwit.admin.user_counts import count_link, counts_of
from MiniTwit.admin.user_page import UserPageMixin
from MiniTwit.models import User
from MiniTwit.search import match_account

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


class UserEditForm(VersionedForm, UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes = {"username": UnstrippedUsernameField}

    def _get_validation_exclusions(self) -> set[str]:
        """Ignore unchanged fields, so that an account with an invalid old address can still be deactivated."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions | ({"username", "email"} - set(self.changed_data))


@admin.register(User)
class UserAdmin(UserPageMixin, VersionedAdmin, FileImportExportMixin, LargeTableAdmin, auth_admin.UserAdmin):
    resource_classes = [UserResource]
    actions = user_actions
    form = UserEditForm
    add_form = UserAddForm
    change_password_form = PasswordForm
    change_user_password_template = "admin/MiniTwit/user/change_password.html"  # noqa: S105
    list_display = [
        "username", "email", "message_count", "follower_count", "following_count", "strike_count", "state",
        "is_member", "origin",
    ]  # fmt: skip
    list_filter = [SuspendedFilter, StrikesFilter, "is_staff", "is_active", ImportRunFilter]
    ordering = ["username"]
    sortable_by = ["username"]
    search_fields = ["username"]
    search_help_text = "Part of a name or e-mail, an id, or a day like 2024-05-31"
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "first_name", "last_name", "is_active"]}),
        ("Rights", {"fields": list(PRIVILEGES), "description": "Only superusers can change these."}),
        (
            "Origin",
            {"fields": ["origin", "old_id", "date_joined", "last_login", "changed_at"]},
        ),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "email", "usable_password", "password1", "password2"]}),
    ]
    readonly_fields = ["date_joined", "last_login", "old_id", "origin", "changed_at"]

    def title_of(self, obj: User) -> str:
        return obj.username

    # The list

    def load_columns(self, rows: Sequence[Model]) -> None:
        """Counts of the page's accounts, in one query."""
        counts = counts_of([row.pk for row in rows])
        for row in rows:
            row.counts = counts[row.pk]  # type: ignore[attr-defined]

    @admin.display(description="messages")
    def message_count(self, user: Any) -> str:
        return count_link(user, user.counts.messages, "message", "author__id__exact")

    @admin.display(description="followers")
    def follower_count(self, user: Any) -> str:
        return count_link(user, user.counts.followers, "follow", "whom__id__exact")

    @admin.display(description="following")
    def following_count(self, user: Any) -> str:
        return count_link(user, user.counts.following, "follow", "who__id__exact")

    @admin.display(description="strikes")
    def strike_count(self, user: Any) -> str:
        number = user.counts.strikes
        return mark(str(number), "bad") if number else NOTHING

    @admin.display(description="state")
    def state(self, user: User) -> str:
        if user.erased_at:
            return mark("erased")
        if user.is_suspended:
            return mark("suspended", "bad")
        return NOTHING if user.is_active else mark("not active")

    @admin.display(description="staff")
    def is_member(self, user: User) -> str:
        if user.is_superuser:
            return mark("superuser", "good")
        return mark("staff", "good") if user.is_staff else NOTHING

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return (queryset.filter(match_account(search_term)) if search_term else queryset), False

    # One account

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Hide the password, and every part of its hash, from users who may only view accounts."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, options | {"fields": [name for name in options["fields"] if name != "password"]})
            for title, options in fieldsets
        ]

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        """Django makes each of the many permissions of a template, which takes a third of the page's time."""
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.widget.template_name = "admin/MiniTwit/quick_select.html"
        return field

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with locked_row(User, unquote(id)):
            return super().user_change_password(request, id, form_url)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        readonly = list(super().get_readonly_fields(request, obj))
        return readonly if request.user.is_superuser else [*readonly, *PRIVILEGES]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj) and not is_erased(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Only superusers change staff accounts: a user who may set a password may sign in with it."""
    return user is None or request.user.is_superuser or not (user.is_staff or user.is_superuser)


def is_erased(user: User | None) -> bool:
    """An erased account stays empty."""
    return user is not None and user.erased_at is not None
