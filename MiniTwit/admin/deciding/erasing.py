"""The end of an account: exporting its case, erasing it on request, and what there is in place of deleting it."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from MiniTwit.admin.deciding.forms import ReasonForm
from MiniTwit.admin.deciding.permissions import actor_of, may
from MiniTwit.admin.files.case_export import write_case
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.way_back import filters_of, with_filters
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.admin.user_counts import MOST, counts_of, in_words
from MiniTwit.models import Message, User, Verb
from MiniTwit.moderation import ModerationError, selections
from MiniTwit.moderation.erasure import Messages, obstacle_to_deleting, obstacle_to_erasing

EXPORTED = "Exported the case."
NOUNS = {
    "messages": ("message", "messages"),
    "followers": ("follower", "followers"),
    "following": ("account", "accounts"),
    "strikes": ("strike", "strikes"),
    "notes": ("note", "notes"),
    "events": ("decision", "decisions"),
}
EXPORT_COUNTS_FOR = timedelta(days=7)


class TypedForm(ReasonForm):
    """Asks for the username, so that the wrong account is not ended."""

    typed = forms.CharField(
        label="Username", strip=False, widget=forms.TextInput(attrs={"autocomplete": "off", "class": "vTextField"})
    )
    field_order = ("messages", "reason", "note", "typed")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["typed"].help_text = "Type the username once more, exactly as it is written above."
        self.fields["note"].help_text = "For the log, which keeps it: a ticket's number, say, and no name."

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"] != self.user.username:
            raise forms.ValidationError("That is not the username of this account. Nothing was done.")
        return str(self.cleaned_data["typed"])


class EraseForm(TypedForm):
    messages = forms.ChoiceField(choices=Messages.choices, widget=forms.RadioSelect, initial=Messages.KEEP)

    def __init__(self, user: User, *args: Any, may_purge: bool, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        if not may_purge:
            cast(forms.ChoiceField, self.fields["messages"]).choices = [(Messages.KEEP, Messages.KEEP.label)]


class EndsAccountsMixin(OwnPagesMixin):
    """A base class of the admin of users."""

    def get_urls(self) -> list[URLPattern]:
        case = post_only(self.case_view, page_named(self.url_name("change"), "object_id"))
        return [
            self.page_path("<path:object_id>/case/", case, "case"),
            self.page_path("<path:object_id>/erase/", self.erase_view, "erase"),
            *super().get_urls(),
        ]

    def may_erase(self, request: HttpRequest, user: User) -> bool:
        return may(request.user, Verb.ERASE) and not obstacle_to_erasing(user, actor_of(request))

    def case_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """All that is kept about an account, as a ZIP file. That it was exported is logged."""
        user = self.account(request, object_id)
        if not request.user.has_perm("MiniTwit.export_case"):
            raise PermissionDenied
        case = write_case(user)
        self.log_change(request, user, EXPORTED)
        name = f"case-{user.pk}-{timezone.localdate().isoformat()}.zip"
        return FileResponse(case, as_attachment=True, filename=name, content_type="application/zip")

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the username, then erase; but only what was exported before."""
        user = self.account(request, object_id)
        actor = actor_of(request)
        if not may(request.user, Verb.ERASE) or (user.is_staff and not actor.is_superuser):
            raise PermissionDenied
        export = last_export(user)
        may_purge = may(request.user, Verb.PURGE)
        initial = {"messages": request.GET.get("messages", Messages.KEEP)}
        posted = request.POST if request.method == "POST" else None
        form = EraseForm(user, posted, may_purge=may_purge, initial=initial)
        if posted is not None and export is None:
            form.add_error(None, "Export the case first. Nothing was erased.")
        elif form.is_valid() and (response := self.end(request, user, form, form.cleaned_data["messages"])):
            return response
        context = {
            "form": form,
            "export": export,
            "obstacle": obstacle_to_erasing(user, actor),
        }
        return self.end_page(request, user, "erase", context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Say what can be done instead; confirmed, delete the account with all that refers to it.

        Django's own page would load every message, and delete the admin log of a colleague with the account.
        """
        user = self.account(request, object_id)
        if not self.has_delete_permission(request, user):
            raise PermissionDenied
        may_purge = may(request.user, Verb.PURGE) or not Message.objects.filter(author=user).exists()
        form = TypedForm(user, request.POST if request.method == "POST" else None)
        if request.method == "POST" and not may_purge:
            raise PermissionDenied
        if form.is_valid() and (response := self.end(request, user, form, Messages.PURGE, delete=True)):
            return response
        context = {
            "form": form,
            "may_purge": may_purge,
            "may_suspend": may(request.user, Verb.SUSPEND) and user.pk != request.user.pk and not user.suspended_at,
            "may_erase": self.may_erase(request, user),
            "obstacle": obstacle_to_deleting(user, actor_of(request)),
        }
        return self.end_page(request, user, "delete", context)

    def end(
        self, request: HttpRequest, user: User, form: TypedForm, chosen: str, *, delete: bool = False
    ) -> HttpResponse | None:
        """Erase or delete, and lead to the page of what comes of it; an obstacle goes into the form."""
        try:
            batch = selections.erase(user=user, cause=form.cause(request), messages=chosen, delete=delete)
        except ModerationError as error:
            form.add_error(None, error.sentence)
            return None
        page = reverse("admin:MiniTwit_moderationbatch_change", args=[batch.pk])
        return HttpResponseRedirect(with_filters(page, filters_of(request)))

    def end_page(self, request: HttpRequest, user: User, page: str, context: dict[str, Any]) -> HttpResponse:
        counts = asdict(counts_of([user.pk])[user.pk])
        counts["notes"] = user.staff_notes.count()
        counts["events"] = user.events.order_by().values("pk")[: MOST + 1].count()
        numbers = {name: counted(number, *NOUNS[name]) for name, number in counts.items()}
        return self.show(
            request,
            f"admin/MiniTwit/user/{page}.html",
            f"{page.capitalize()} {user.username}?",
            media=self.media,
            account=user,
            numbers=numbers,
            **context,
        )

    def account(self, request: HttpRequest, object_id: str) -> User:
        user: User | None = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404("This account does not exist any more.")
        if not self.has_view_permission(request, user):
            raise PermissionDenied
        return user


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{in_words(number)} {one if number == 1 else many}"


def last_export(user: User) -> LogEntry | None:
    """Who exported the case not long ago."""
    return (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(user.pk),
            action_flag=CHANGE,
            change_message=EXPORTED,
            action_time__gt=timezone.now() - EXPORT_COUNTS_FOR,
        )
        .select_related("user")
        .order_by("-pk")
        .first()
    )
