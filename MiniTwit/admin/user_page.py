"""The parts of an account's page beside its fields: counts, messages, decisions, strikes and notes."""

from typing import Any

from django import forms
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse

from MiniTwit.admin.deciding.erasing import EndsAccountsMixin
from MiniTwit.admin.deciding.history import lines_about
from MiniTwit.admin.deciding.on_change_pages import DecidesMixin
from MiniTwit.admin.forms.drafts import keep_draft, take_draft
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.way_back import filters_of, with_filters
from MiniTwit.admin.user_counts import counts_of
from MiniTwit.models import StaffNote, User, Verb

RECENT_MESSAGES = 10
SHOWN_NOTES = SHOWN_STRIKES = 50


class NoteForm(forms.ModelForm):
    class Meta:
        model = StaffNote
        fields = ("text",)
        widgets = {"text": forms.Textarea(attrs={"rows": 2, "placeholder": "What the team should know"})}

    text = forms.CharField(
        max_length=5_000, widget=Meta.widgets["text"], error_messages={"required": "Write a note."}
    )


class UserPageMixin(DecidesMixin, EndsAccountsMixin):
    change_form_template = "admin/MiniTwit/user/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        note = post_only(self.note_view, page_named(self.url_name("change"), "object_id"))
        return [self.page_path("<path:object_id>/note/", note, "note"), *super().get_urls()]

    def verbs_for(self, request: HttpRequest, row: User) -> list[Verb]:
        """No verbs for your own account, for an erased one, or, unless you are a superuser, for staff."""
        if row.erased_at or row.pk == request.user.pk or (row.is_staff and not request.user.is_superuser):
            return []
        return [Verb.REINSTATE, Verb.SUSPEND, Verb.WARN] if row.suspended_at else [Verb.SUSPEND, Verb.WARN]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        user: User | None = self.get_object(request, unquote(object_id))
        context = self.user_context(request, user) if user and self.has_view_permission(request, user) else {}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def user_context(self, request: HttpRequest, user: User) -> dict[str, Any]:
        """The template's context; each part is for users who may see it."""
        may = request.user.has_perm
        history, older = lines_about(user, request.GET.get("before", ""))
        notes = user.staff_notes.order_by("-id")[:SHOWN_NOTES] if may("MiniTwit.view_staffnote") else []
        note_page = with_filters(self.page_url("note", user.pk), filters_of(request))
        note_url = note_page if may_note(request, user) else ""
        recent = user.messages.order_by("-pub_date", "-pk")[:RECENT_MESSAGES] if may("MiniTwit.view_message") else []
        return {
            "account": user,
            "figures": self.figures(user),
            "recent": recent,
            "decisions": self.decision_context(request, user),
            "strikes": user.strikes.order_by("-id")[:SHOWN_STRIKES],
            "notes": notes,
            "note_url": note_url,
            "note_form": NoteForm(take_draft(request, self.panel(user, "note")), auto_id="note_%s"),
            "history": history,
            "older": older,
            "may_erase": self.may_erase(request, user),
        }

    def figures(self, user: User) -> list[tuple[str, str, str]]:
        """What refers to the account: the title, the number and the address of each list."""
        messages, follows = (reverse(f"admin:MiniTwit_{name}_changelist") for name in ("message", "follow"))
        addresses = {
            "messages": f"{messages}?author__id__exact={user.pk}",
            "followers": f"{follows}?whom__id__exact={user.pk}",
            "following": f"{follows}?who__id__exact={user.pk}",
            "strikes": "#strikes",
        }
        numbers = counts_of([user.pk])[user.pk].in_words()
        return [(name, number, addresses[name]) for name, number in numbers.items()]

    def note_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add a note. It cannot be changed afterwards."""
        user = self.account(request, object_id)
        if not may_note(request, user):
            raise PermissionDenied
        form = NoteForm(request.POST)
        if form.is_valid():
            note: StaffNote = form.save(commit=False)
            note.user = user
            note.author_id = request.user.pk
            note.author_name = request.user.get_username()
            note.save()
            self.message_user(request, "The note is kept.")
        else:
            self.message_user(request, f"No note was kept: {form.errors['text'][0]}", "ERROR")
            keep_draft(request, self.panel(user, "note"))
        return self.back_to(user)


def may_note(request: HttpRequest, user: User) -> bool:
    """Whether the user may add a note; an erased account stays empty."""
    return request.user.has_perm("MiniTwit.add_staffnote") and user.erased_at is None
