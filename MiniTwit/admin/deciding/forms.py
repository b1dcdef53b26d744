"""What a decision about a selection asks for: a reason, a note, and what the verb needs besides."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from MiniTwit.admin.deciding.permissions import actor_of
from MiniTwit.admin.forms.moments import MomentInput
from MiniTwit.instants import validate_instant
from MiniTwit.models import ModerationReason, Verb
from MiniTwit.moderation.batches import Cause


class ReasonForm(forms.Form):
    """The reason, from the list that staff keep, and free text."""

    reason = forms.ModelChoiceField(
        ModerationReason.objects.filter(active=True), empty_label="Choose a reason", to_field_name="name"
    )
    note = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text="For the log; only staff see it.",
    )

    def cause(self, request: HttpRequest) -> Cause:
        """The cause of the decision, once the form is valid."""
        return Cause.of(actor=actor_of(request), reason=self.cleaned_data["reason"], note=self.cleaned_data["note"])

    def options(self) -> dict[str, Any]:
        """What the verb needs besides."""
        return {}


class PurgeForm(ReasonForm):
    understood = forms.BooleanField(label="They cannot be brought back; I know", required=True)


class SuspendForm(ReasonForm):
    until = forms.DateTimeField(required=False, validators=[validate_instant], widget=MomentInput)
    flag_messages = forms.BooleanField(
        label="Flag all their messages, too", required=False, help_text="Undoing takes back both."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        until = self.fields["until"]
        until.help_text = (
            f"Date and time, {timezone.get_current_timezone_name()}. Empty: until a moderator reinstates the account."
        )
        until.widget.count_from(timezone.localtime())

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError("A suspension has to end in the future.")
        return until

    def options(self) -> dict[str, Any]:
        until = self.cleaned_data["until"]
        return {
            "until": until.isoformat() if until else None,
            "flag_messages": self.cleaned_data["flag_messages"],
        }


class WarnForm(ReasonForm):
    text = forms.CharField(
        label="Warning",
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        help_text="Kept with the account as a strike.",
    )
    field_order = ("text", "reason", "note")

    def options(self) -> dict[str, Any]:
        return {"text": self.cleaned_data["text"]}


FORMS: dict[str, type[ReasonForm]] = {
    Verb.PURGE: PurgeForm,
    Verb.SUSPEND: SuspendForm,
    Verb.WARN: WarnForm,
}


def form_of(verb: str) -> type[ReasonForm]:
    return FORMS.get(verb, ReasonForm)
