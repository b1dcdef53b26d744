"""Batches of decisions: the page that asks before one, its progress and result, and undoing it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, reverse
from django.views.decorators.cache import never_cache

from MiniTwit.admin.batch_page import context_of, progress_of, sample_of
from MiniTwit.admin.deciding.forms import ReasonForm, form_of
from MiniTwit.admin.deciding.freezing import FREEZING_WORK
from MiniTwit.admin.deciding.permissions import may
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
    list_title = "Batches"
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
        return super().get_queryset(request).exclude(confirmed_at=None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users may always see their own batches."""
        return super().has_view_permission(request, obj) or (obj is not None and obj.actor_id == request.user.pk)

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: BatchView) -> URLPattern:
            return self.page_path(f"<int:batch_id>/{name}/", partial(self.answer_about, view), name)

        def form(name: str, view: BatchView) -> URLPattern:
            answer = post_only(partial(self.answer_about, view), page_named(self.url_name("change"), "batch_id"))
            return self.page_path(f"<int:batch_id>/{name}/", answer, name)

        return [
            page("confirm", self.confirm_view),
            form("discard", self.discard_view),
            self.page_path("<int:batch_id>/status/", never_cache(self.status_view), "status"),
            page("undo", self.undo_view),
            form("cancel", partial(self.act, action=selections.cancel)),
            form("resume", partial(self.act, action=selections.resume)),
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
        if not batch.is_confirmed:
            return self.to("confirm", batch, request)
        title = f"{batch.get_verb_display()} {batch.named:,} {objects_of(batch)}"
        context = context_of(batch, request.user, after=id_in(request.GET.get("after")))
        return self.show_batch(request, "page", title, batch, **context)

    def confirm_view(self, request: HttpRequest, batch: ModerationBatch) -> HttpResponse:
        """Show what is selected and ask for the reason. Sent a second time, it shows what the first one did."""
        if batch.actor_id != request.user.pk or not may(request.user, batch.verb):
            raise PermissionDenied
        if batch.is_confirmed:
            return self.to("change", batch, request)
        if batch.state != BatchState.SELECTED:
            title = f"{batch.get_verb_display()} all {objects_of(batch)} that the list finds?"
            return self.show_batch(request, "freezing", title, batch, progress=progress_of(batch))
        form = form_of(batch.verb)(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                batch = selections.confirm(batch=batch, cause=form.cause(request), options=form.options())
            except ModerationError as error:
                form.add_error(None, error.sentence)
            else:
                return self.to("change", batch, request)
        title = f"{batch.get_verb_display()} {batch.selected:,} {objects_of(batch)}?"
        context = {"form": form, "sample": sample_of(batch), "is_final": Verb(batch.verb).rules.is_final}
        return self.show_batch(request, "confirm", title, batch, **context)

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
                return self.to("change", undoing, request)
        context = {"form": form, "obstacle": obstacle_to_undoing(batch)}
        return self.show_batch(request, "undo", f"Undo batch {batch.pk}?", batch, **context)

    def act(self, request: HttpRequest, batch: ModerationBatch, action: Callable[..., None]) -> HttpResponse:
        """Cancel or resume a batch, and redirect to its page, which shows why that failed."""
        self.require(request, batch.verb)
        try:
            action(batch=batch)
        except ModerationError as error:
            self.message_user(request, error.sentence, messages.WARNING)
        return self.to("change", batch, request)

    def find(self, request: HttpRequest, batch_id: int) -> ModerationBatch | None:
        """End the batches of dead workers, then return the batch.

        Raises:
            PermissionDenied: another user made it, and this one may see only their own.
        """
        BATCH_WORK.reconcile()
        FREEZING_WORK.reconcile()
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

    def show_batch(
        self, request: HttpRequest, page: str, title: str, batch: ModerationBatch, **context: Any
    ) -> HttpResponse:
        return self.show(
            request,
            f"admin/MiniTwit/moderationbatch/{page}.html",
            title,
            batch=batch,
            objects=objects_of(batch),
            list_url="" if batch.verb == Verb.UNDO else with_filters(list_of(batch), filters_of(request)),
            discard_url=with_filters(self.page_url("discard", batch.pk), filters_of(request)),
            **context,
        )

    def to(self, page: str, batch: ModerationBatch, request: HttpRequest) -> HttpResponseRedirect:
        return HttpResponseRedirect(with_filters(self.page_url(page, batch.pk), filters_of(request)))


def list_of(batch: ModerationBatch) -> str:
    return reverse(f"admin:MiniTwit_{Verb(batch.verb).rules.subject}_changelist")


def objects_of(batch: ModerationBatch) -> str:
    """A word for the batch's objects that goes with their number."""
    word = Verb(batch.verb).rules.subject.label
    return word if batch.named == 1 else f"{word}s"
