"""Deciding about one message or one account on its own page: small forms that end in a verb of `moderation`."""

from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from MiniTwit import moderation
from MiniTwit.models import ModerationBatch, ModerationEvent, ModerationReason, Verb

LONGEST_NOTE = 2_000  # characters


class DecisionForm(forms.Form):
    """Why something is decided. `seen` is the row's version on the page that the decision was made on."""

    reason = forms.ModelChoiceField(
        ModerationReason.objects.filter(active=True),
        to_field_name="name",
        empty_label="Choose a reason",
        error_messages={"required": "Choose a reason.", "invalid_choice": "That reason is no longer offered."},
    )
    note = forms.CharField(
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.TextInput(attrs={"placeholder": "Note for the team (optional)"}),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def arguments(self) -> dict[str, Any]:
        """What the verb is called with, besides what it is about and who decides."""
        return {"reason": self.cleaned_data["reason"], "note": self.cleaned_data["note"]}


class SuspendForm(DecisionForm):
    until = forms.DateField(
        required=False,
        label="Until",
        help_text="The account can sign in again from that day on. Empty: until reinstated.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    flag_messages = forms.BooleanField(required=False, label="Flag all messages of the account, too")

    field_order = ["reason", "note", "until", "flag_messages"]

    def clean_until(self) -> datetime | None:
        day = self.cleaned_data["until"]
        if day is None:
            return None
        if not timezone.localdate() < day < timezone.localdate() + timedelta(days=36_500):
            raise forms.ValidationError("Choose a day in the future.")
        return timezone.make_aware(datetime.combine(day, time.min))

    def arguments(self) -> dict[str, Any]:
        chosen = {name: self.cleaned_data[name] for name in ("until", "flag_messages")}
        return super().arguments() | chosen


class WarnForm(DecisionForm):
    text = forms.CharField(
        label="Warning",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write what the account is warned of."},
    )

    field_order = ["text", "reason", "note"]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"text": self.cleaned_data["text"]}


FORMS: dict[Verb, type[DecisionForm]] = {Verb.SUSPEND: SuspendForm, Verb.WARN: WarnForm}


def version(row: Any) -> str:
    return row.changed_at.isoformat() if row.changed_at else ""


class DecidesMixin(admin.ModelAdmin):
    """Offers verbs on the page of a message or an account, and takes what is decided there.

    Attributes:
        decision_permission: who may decide.
        special_permissions: the verbs that need another permission.
        decision_argument: what the verbs call these objects.
    """

    decision_permission: ClassVar[str]
    special_permissions: ClassVar[dict[Verb, str]] = {}
    decision_argument: ClassVar[str]

    def verbs_for(self, request: HttpRequest, row: Any) -> list[Verb]:
        """The verbs that make sense for a row now, and about which this moderator may decide at all."""
        raise NotImplementedError

    def may_decide(self, request: HttpRequest, verb: str) -> bool:
        permissions: dict[Any, str] = self.special_permissions
        return request.user.has_perm(permissions.get(verb, self.decision_permission))

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_decide"
        view = self.admin_site.admin_view(self.decide_view)
        return [path("<path:object_id>/decide/<slug:verb>/", view, name=name), *super().get_urls()]

    def decision_context(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        """The forms to show on a row's page, each with its verb and address."""
        address = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_decide"
        return [
            {
                "verb": verb,
                "url": reverse(address, args=[row.pk, verb.value]),
                "form": FORMS.get(verb, DecisionForm)(initial={"seen": version(row)}, auto_id=f"{verb.value}_%s"),
            }
            for verb in self.verbs_for(request, row)
            if self.may_decide(request, verb)
        ]

    @method_decorator(require_POST)
    def decide_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Do what was decided, and go back to the page."""
        row: Any = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404("This is no longer here.")
        if not self.may_decide(request, verb) or not self.has_view_permission(request, row):
            raise PermissionDenied
        if verb not in Verb.values or Verb(verb) not in self.verbs_for(request, row):
            self.message_user(request, "That can no longer be decided here; this is how it is now.", messages.WARNING)
            return self.back_to(row)
        form = FORMS.get(Verb(verb), DecisionForm)(request.POST)
        if not form.is_valid():
            sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
            self.message_user(request, f"Nothing was decided: {sentence}", messages.ERROR)
        elif form.cleaned_data["seen"] != version(row):
            self.message_user(request, f"Nothing was decided: {who_changed(row)} Look again.", messages.WARNING)
        else:
            self.decide(request, row, Verb(verb), form)
        return self.back_to(row)

    def decide(self, request: HttpRequest, row: Any, verb: Verb, form: DecisionForm) -> None:
        try:
            batch: ModerationBatch = getattr(moderation, verb.value)(
                **{self.decision_argument: [row]}, actor=request.user, **form.arguments()
            )
        except moderation.ModerationError as error:
            self.message_user(request, f"Nothing was decided: {error}", messages.ERROR)
            return
        if batch.changed:
            self.message_user(request, f"{verb.label}: done. The decision is in the log.", messages.SUCCESS)
        else:
            self.message_user(request, "It was so already; nothing was changed.", messages.INFO)

    def back_to(self, row: Any) -> HttpResponse:
        """Go to the row's page, or to the list if the row is gone."""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        if not self.model._base_manager.filter(pk=row.pk).exists():
            return HttpResponseRedirect(reverse(f"{name}_changelist"))
        return HttpResponseRedirect(reverse(f"{name}_change", args=[row.pk]))


def who_changed(row: Any) -> str:
    """A sentence on who changed a message or an account last."""
    last: ModerationEvent | None = row.events.order_by("-id").first()
    if last is not None and row.changed_at and last.created_at >= row.changed_at - timedelta(seconds=5):
        return f"{last.actor_name} was faster ({last.get_verb_display().lower()})."
    return "it was changed in the meantime."
