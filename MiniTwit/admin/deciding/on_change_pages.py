"""Deciding about one message or one account on its own page: a small form for each verb.

The way is that of a selection on a list, with one row: frozen, confirmed, done at once or, where an account's many
messages are to be flagged too, by the background worker.
"""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html

from MiniTwit.admin.deciding.forms import ReasonForm, form_of
from MiniTwit.admin.deciding.history import lines_about
from MiniTwit.admin.deciding.permissions import may
from MiniTwit.admin.forms.drafts import keep_draft, take_draft
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.way_back import filters_of, with_filters
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.models import ModerationBatch, ModerationEvent, User, Verb
from MiniTwit.models.saving import version_of
from MiniTwit.moderation import ModerationError, selections


class DecidesMixin(OwnPagesMixin):
    """Offers verbs on the page of a message or an account, and takes what is decided there."""

    object_history_template = "admin/MiniTwit/decided_history.html"

    def verbs_for(self, request: HttpRequest, row: Any) -> list[Verb]:
        """The verbs that make sense for a row now, and about which this moderator may decide at all."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        decide = post_only(self.decide_view, page_named(self.url_name("change"), "object_id"))
        return [self.page_path("<path:object_id>/decide/<slug:verb>/", decide, "decide"), *super().get_urls()]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's log knows what was saved on the page; the log of decisions knows what was decided."""
        row: Any = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if row is not None and self.has_view_permission(request, row):
            history, older = lines_about(row, request.GET.get("before", ""))
            context = {"history": history, "older": older, "with_object": self.model is User}
        return super().history_view(request, object_id, context | (extra_context or {}))

    def decision_context(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        """The forms to show on a row's page, each with its verb and address."""
        return [
            {
                "verb": verb,
                "url": with_filters(self.page_url("decide", row.pk, verb.value), filters_of(request)),
                "form": form_of(verb)(take_draft(request, self.panel(row, verb)), auto_id=f"{verb.value}_%s"),
                "seen": version_of(row),
            }
            for verb in self.verbs_for(request, row)
            if may(request.user, verb)
        ]

    def decide_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Do what was decided, and go back to the page."""
        row: Any = self.get_object(request, unquote(object_id))
        if row is None or verb not in Verb.values:
            raise Http404("This does not exist any more.")
        if not may(request.user, verb) or not self.has_view_permission(request, row):
            raise PermissionDenied
        form = form_of(verb)(request.POST)
        is_offered = Verb(verb) in self.verbs_for(request, row)
        refused = True
        if request.POST.get("seen", "") != version_of(row):
            self.message_user(request, f"No change made: {who_changed(row)} Look again.", messages.WARNING)
        elif not is_offered:
            verb_now = f"“{Verb(verb).label}” is not offered for this {self.opts.verbose_name} now."
            self.message_user(request, f"No change made: {verb_now}", messages.WARNING)
        elif not form.is_valid():
            sentence = " ".join(f"{form[name].label}: {errors[0]}" for name, errors in form.errors.items())
            self.message_user(request, f"No change made. {sentence}", messages.ERROR)
        else:
            refused = not self.decide(request, row, Verb(verb), form)
        if refused and is_offered:
            keep_draft(request, self.panel(row, verb))
        elif refused and (typed := typed_in(form)):
            self.message_user(request, f"You had typed: “{typed}”")  # its form is no longer on the page
        return self.back_to(row)

    def panel(self, row: Model, verb: str) -> str:
        """The name of a verb's form on a row's page."""
        return f"{self.opts.label} {row.pk} {verb}"

    def decide(self, request: HttpRequest, row: Any, verb: Verb, form: ReasonForm) -> bool:
        """Do it and say what came of it; return whether it was accepted."""
        try:
            batch = selections.decide(
                verb=verb,
                queryset=self.model._base_manager.filter(pk=row.pk),
                cause=form.cause(request),
                options=form.options(),
            )
        except ModerationError as error:
            self.message_user(request, f"No change made: {error.sentence}", messages.ERROR)
            return False
        self.tell(request, batch)
        return True

    def tell(self, request: HttpRequest, batch: ModerationBatch) -> None:
        """Say what came of it."""
        address = reverse("admin:MiniTwit_moderationbatch_change", args=[batch.pk])
        if batch.changed or not batch.is_over:
            done = "Done" if batch.is_over else "The worker does it"
            sentence = format_html(
                '{}: {}. See <a href="{}">the decision</a>.', batch.get_verb_display(), done, address
            )
            self.message_user(request, sentence, messages.SUCCESS)
        elif batch.skipped:
            why = format_html('No change made; <a href="{}">see why</a>.', address)
            self.message_user(request, why, messages.WARNING)
        else:
            self.message_user(request, "It was so already; nothing was changed.", messages.INFO)

    def back_to(self, row: Any) -> HttpResponse:
        """Go to the row's page, or to the list if the row is gone."""
        if not self.model._base_manager.filter(pk=row.pk).exists():
            return HttpResponseRedirect(self.page_url("changelist"))
        return HttpResponseRedirect(self.page_url("change", row.pk))


def typed_in(form: ReasonForm) -> str:
    """The free text of a form that was sent."""
    texts = [form[name].value() for name, field in form.fields.items() if isinstance(field, forms.CharField)]
    return " ".join(filter(None, texts))


def who_changed(row: Any) -> str:
    """A sentence on who changed a message or an account last."""
    last: ModerationEvent | None = row.events.order_by("-id").first()
    if last is not None and row.changed_at and last.created_at >= row.changed_at - timedelta(seconds=5):
        return f"{last.actor_name} was faster ({last.get_verb_display().lower()})."
    return "it was changed in the meantime."
