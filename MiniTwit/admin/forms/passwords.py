"""Set a password: this writes the password's column only, if it still holds what it held when the form was opened."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from MiniTwit.admin.forms.versions import locked_row
from MiniTwit.models import User

CONFLICT = (
    "The password of this account was changed elsewhere while the form was open, so nothing was saved. Type the new "
    "password again to replace that one."
)


class PasswordForm(AdminPasswordChangeForm):
    """Sets another account's password, unless it was changed while the form was open."""

    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.initial["opened"] = self.version

    @property
    def version(self) -> str:
        """A fingerprint that tells two stored passwords apart and reveals nothing about them."""
        return salted_hmac("opened password", f"{self.user.pk} {self.user.password}").hexdigest()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not constant_time_compare(cleaned.get("opened", ""), self.version):
            self.data = {**self.data.dict(), self.add_prefix("opened"): self.version}  # type: ignore[attr-defined]
            self.add_error(None, CONFLICT)
        return cleaned


def change_own_password(request: HttpRequest) -> HttpResponse:
    """The page for your own password. It compares the old password with the stored one, under a lock."""
    if request.method != "POST":
        return admin.site.password_change(request)
    with locked_row(User, request.user.pk) as is_there:
        if is_there:
            cast(User, request.user).refresh_from_db()
        return admin.site.password_change(request)
