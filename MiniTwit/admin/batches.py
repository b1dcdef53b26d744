"""Batches of decisions: the page that asks before one, its progress and result, and undoing it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache

from MiniTwit.admin.batch_page import context_of, progress_of, sample_of
from MiniTwit.admin.deciding.actions import may
from MiniTwit.admin.deciding.forms import ReasonForm, form_of
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.large_tables import LargeTableAdmin
from MiniTwit.admin.lists.read_only import ReadOnlyAdmin
from MiniTwit.admin.lists.way_back import filters_of, with_filters
from MiniTwit.ids import id_in
from MiniTwit.models import BatchState, ModerationBatch, Verb
from MiniTwit.moderation import ModerationError, selections
from MiniTwit.moderation.batch_worker import BATCH_WORK
from MiniTwit.moderation.verbs import obstacle_to_undoing

BatchView = Callable[[HttpRequest, ModerationBatch], HttpResponse]


@admin.register(ModerationBatch)
class ModerationBatchAdmin(ReadOnlyAdmin, LargeTableAdmin):
    list_display = ["number", "verb", "state", "changed", "skipped", "reason", "actor_name", "confirmed_at"]
    list_filter = ["verb", "state"]
    list_display_links = ["number"]
    ordering = ["-id"]
    sortable_by = ["number"]
    actions = None

    @admin.display(description="batch", ordering="id")
    def number(self, batch: ModerationBatch) -> str:
        return f"Batch {batch.pk}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModerationBatch]:
        """Without the selections that are not confirmed: only their makers see those."""
        return super().get_queryset(request).exclude(state=BatchState.SELECTED)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users may always see their own batches."""
        return super().has_view_permission(request, obj) or (obj is not None and obj.actor_id == request.user.pk)

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
            url_name = f"MiniTwit_moderationbatch_{name}"
            return path(f"<int:batch_id>/{name}/", self.admin_site.admin_view(view), name=url_name)

        def with_batch(view: BatchView) -> Callable[..., HttpResponseBase]:
            return partial(self.answer_about, view)

        def form(view: BatchView) -> Callable[..., HttpResponseBase]:
            return post_only(with_batch(view), page_named("admin:MiniTwit_moderationbatch_change", "batch_id"))

        return [
            page("confirm", with_batch(self.confirm_view)),
            page("discard", form(self.discard_view)),
            page("status", never_cache(self.status_view)),
            page("undo", with_batch(self.undo_view)),
            page("cancel", form(partial(self.act, action=selections.cancel))),
            page("resume", form(partial(self.act, action=selections.resume))),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        BATCH_WORK.reconcile()
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How far a batch is, and its result."""
        batch = self.find(request, id_in(object_id))
        if batch is None:
            return self.gone(request)
        if batch.state == BatchState.SELECTED:
            return to("confirm", batch, request)
        context = self.page_context(request, batch) | context_of(
            batch, request.user, after=id_in(request.GET.get("after"))
        )
        return TemplateResponse(request, "admin/MiniTwit/moderationbatch/page.html", context)

    def confirm_view(self, request: HttpRequest, batch: ModerationBatch) -> HttpResponse:
        """Show what is selected and ask for the reason. Sent a second time, it shows what the first one did."""
        if batch.actor_id != request.user.pk or not may(request.user, batch.verb):
            raise PermissionDenied
        if batch.state != BatchState.SELECTED:
            return to("change", batch, request)
        form = form_of(batch.verb)(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                batch = selections.confirm(batch=batch, cause=form.cause(request), options=form.options())
            except ModerationError as error:
                form.add_error(None, error.sentence)
            else:
                return to("change", batch, request)
        context = self.page_context(request, batch) | {
            "form": form,
            "sample": sample_of(batch),
            "is_final": Verb(batch.verb).rules.is_final,
            "title": f"{batch.get_verb_display()} {batch.selected:,} {objects_of(batch)}?",
        }
        return TemplateResponse(request, "admin/MiniTwit/moderationbatch/confirm.html", context)

    def discard_view(self, request: HttpRequest, batch: ModerationBatch) -> HttpResponse:
        """Give up a selection, and go back to the list."""
        if batch.actor_id != request.user.pk:
            raise PermissionDenied
        selections.discard(batch)
        return HttpResponseRedirect(list_of(batch))

    def status_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        batch = self.find(request, batch_id)
        return JsonResponse({}, status=404) if batch is None else JsonResponse(progress_of(batch).as_json())

    def undo_view(self, request: HttpRequest, batch: ModerationBatch) -> HttpResponse:
        """Say what an undo takes back, ask for the reason, and undo."""
        self.require(request, Verb.UNDO)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                undoing = selections.undo(batch=batch, cause=form.cause(request))
            except ModerationError as error:
                form.add_error(None, error.sentence)
            else:
                return to("change", undoing, request)
        context = self.page_context(request, batch) | {
            "form": form,
            "obstacle": obstacle_to_undoing(batch),
            "title": f"Undo batch {batch.pk}?",
        }
        return TemplateResponse(request, "admin/MiniTwit/moderationbatch/undo.html", context)

    def act(self, request: HttpRequest, batch: ModerationBatch, action: Callable[..., None]) -> HttpResponse:
        """Cancel or resume a batch, and redirect to its page, which shows why that failed."""
        self.require(request, batch.verb)
        try:
            action(batch=batch)
        except ModerationError as error:
            self.message_user(request, error.sentence, messages.WARNING)
        return to("change", batch, request)

    def find(self, request: HttpRequest, batch_id: int) -> ModerationBatch | None:
        """End the batches of dead workers, then return the batch.

        Raises:
            PermissionDenied: another user made it, and this one may see only their own.
        """
        BATCH_WORK.reconcile()
        batch = ModerationBatch.objects.select_related("actor", "undoes").filter(pk=batch_id).first()
        if batch is not None and not self.has_view_permission(request, batch):
            raise PermissionDenied
        return batch

    def answer_about(self, view: BatchView, request: HttpRequest, batch_id: int) -> HttpResponse:
        batch = self.find(request, batch_id)
        return self.gone(request) if batch is None else view(request, batch)

    def gone(self, request: HttpRequest) -> HttpResponse:
        self.message_user(
            request,
            "There is no such batch. A selection that was given up, or not confirmed within a day, is dropped.",
            messages.WARNING,
        )
        return HttpResponseRedirect(reverse("admin:index"))

    def require(self, request: HttpRequest, verb: str) -> None:
        if not may(request.user, verb):
            raise PermissionDenied

    def page_context(self, request: HttpRequest, batch: ModerationBatch) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "batch": batch,
            "objects": objects_of(batch),
            "list_url": "" if batch.verb == Verb.UNDO else with_filters(list_of(batch), filters_of(request)),
            "discard_url": with_filters(page_of(batch, "discard"), filters_of(request)),
            "title": f"{batch.get_verb_display()} {batch.named:,} {objects_of(batch)}",
        }


def to(name: str, batch: ModerationBatch, request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(with_filters(page_of(batch, name), filters_of(request)))


def page_of(batch: ModerationBatch, name: str) -> str:
    return reverse(f"admin:MiniTwit_moderationbatch_{name}", args=[batch.pk])


def list_of(batch: ModerationBatch) -> str:
    return reverse(f"admin:MiniTwit_{Verb(batch.verb).rules.subject}_changelist")


def objects_of(batch: ModerationBatch) -> str:
    """A word for the batch's objects that goes with their number."""
    word = Verb(batch.verb).rules.subject.label
    return word if batch.named == 1 else f"{word}s"
