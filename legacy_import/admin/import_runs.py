"""The history of imports, and the page of a run from its first row read to its end."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from legacy_import import tasks
from legacy_import.admin.mapping_form import MappingForm
from legacy_import.admin.mapping_page import MappingPageMixin
from legacy_import.admin.progress import status_url, status_view
from legacy_import.admin.rejected_rows import rejected_csv
from legacy_import.admin.run_page import RunPage, cancelling_permission
from legacy_import.admin.start_pages import StartPagesMixin
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import OLD_TABLES, names_of_kind
from legacy_import.runs import lifecycle
from legacy_import.runs.status import BRIEF, account_of, run_url
from legacy_import.source.record import SourceRecord
from legacy_import.steps.undo import check_undoable
from legacy_import.tables import CURRENT
from MiniTwit.admin.files.uploads import takes_files
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.read_only import ReadOnlyAdmin
from MiniTwit.admin.screens import ScreenMixin
from MiniTwit.ids import id_in
from MiniTwit.instants import shown_time
from MiniTwit.models import User

State = ImportRun.State
MAPPING_CHANGED = (
    "Nothing was imported: the mapping was changed after this preview. Press “Preview with this mapping” to see what "
    "it imports, or choose the former columns again and confirm."
)
# The columns that can be long; a list does without them.
LONG_COLUMNS = ("samples", "old_tables", "audit", "verification", "fingerprints", "progress")


@admin.register(ImportRun)
class ImportRunAdmin(StartPagesMixin, MappingPageMixin, ScreenMixin, ReadOnlyAdmin):
    list_display = ["number", "kind", "state", "database", "account", "created_by_name", "started"]
    list_filter = ["kind", "state"]
    list_per_page = 50
    show_full_result_count = False
    actions = None

    class Media:
        css = {"all": ["legacy_import/legacy_import.css"]}

    @admin.display(description="import", ordering="id")
    def number(self, run: ImportRun) -> str:
        return f"Import {run.pk}"

    @admin.display(description="old database")
    def database(self, run: ImportRun) -> str:
        return SourceRecord.from_json(run.source).label

    @admin.display(description="rows")
    def account(self, run: ImportRun) -> str:
        return account_of(run)

    @admin.display(description="started", ordering="created_at")
    def started(self, run: ImportRun) -> str:
        return shown_time(run.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        return super().get_queryset(request).defer(*LONG_COLUMNS)

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponseBase], **kwargs: object) -> Callable[..., HttpResponseBase]:
            return self.admin_site.admin_view(partial(view, **kwargs))

        def with_upload(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
            # A database and its -wal; the form says of a somewhat larger file what is wrong.
            most = 2 * settings.LEGACY_UPLOAD_MAX_BYTES + 1024**2
            return takes_files(view, permission="legacy_import.run_legacy_import", most_bytes=most)

        def page_of_run(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
            return self.admin_site.admin_view(
                post_only(view, page_named("admin:legacy_import_importrun_change", "run_id"))
            )

        run = "<int:run_id>"
        return [
            path("users/", with_upload(page(self.start_view, kind="users")), name="legacy_import_users"),
            path("messages/", with_upload(page(self.start_view, kind="messages")), name="legacy_import_messages"),
            path(f"{run}/status/", status_view, name="legacy_import_status"),
            path(f"{run}/rejected/<str:table>.csv", page(self.rejected_view), name="legacy_import_rejected"),
            path(f"{run}/confirm/", page_of_run(self.confirm_view), name="legacy_import_confirm"),
            path(f"{run}/mapping/", page_of_run(self.mapping_view), name="legacy_import_mapping"),
            path(f"{run}/cancel/", page_of_run(self.cancel_view), name="legacy_import_cancel"),
            path(f"{run}/undo/", page(self.undo_view), name="legacy_import_undo"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        lifecycle.reconcile()
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a run: progress, preview or result, as far as the run is."""
        run = self.run_or_404(request, id_in(unquote(object_id)))
        page = RunPage(run, request.user)
        return self.show(request, page.template, str(run), status_url=status_url(request, run.pk), **page.context())

    def run_or_404(self, request: HttpRequest, run_id: int, *columns: str) -> ImportRun:
        """The run as it is, after the runs of dead workers were ended."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        lifecycle.reconcile()
        found = ImportRun.objects.filter(pk=run_id)
        run = (found.only(*columns) if columns else found).first()
        if run is None:
            raise Http404(f"There is no import {run_id}.")
        return run

    def rejected_view(self, request: HttpRequest, run_id: int, table: str) -> HttpResponseBase:
        if not request.user.has_perm("legacy_import.view_rejectedrow"):
            raise PermissionDenied
        run = self.run_or_404(request, run_id)
        if table not in names_of_kind(run.kind) or run.state not in (State.PREVIEWED, State.APPLIED):
            raise Http404(f"There are no rejected rows of {table} with import {run_id}.")
        return rejected_csv(run, OLD_TABLES[table])

    def confirm_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Take the confirmation of what was previewed.

        It carries the run's number, whether staff insist on a file that looks like the wrong one, and the mapping as
        it is chosen on the page: what was changed there after the preview is not imported, so it is refused.
        """
        self.require(request, "run_legacy_import")
        run = self.run_or_404(request, run_id)
        if run.state == State.PREVIEWED and (form := MappingForm(run, request.POST)).is_changed:
            form.is_valid()  # says beside each select box what cannot be meant
            self.message_user(request, MAPPING_CHANGED, messages.WARNING)
            return self.page_with_mapping(request, run, form, status=HTTPStatus.CONFLICT)
        insist = "insist" in request.POST

        def confirm() -> None:
            lifecycle.confirm(run_id, actor=cast(User, request.user), insist=insist)
            tasks.apply_run.enqueue(run_id)

        log = "Confirmed the import, insisting on this database." if insist else "Confirmed the import."
        return self.act(request, run_id, "run_legacy_import", confirm, log=log)

    def cancel_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        self.require(request, "view_importrun")
        permission = cancelling_permission(self.run_or_404(request, run_id, "undo_requested_at"))
        what = "undoing" if permission == "undo_legacy_import" else "import"
        return self.act(request, run_id, permission, partial(lifecycle.cancel, run_id), log=f"Cancelled the {what}.")

    def undo_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Say what undoing takes out and what stays; when that is confirmed, do it."""

        def undo() -> None:
            lifecycle.request_undo(run_id, actor=cast(User, request.user))
            tasks.undo_run.enqueue(run_id)

        if request.method == "POST":
            return self.act(request, run_id, "undo_legacy_import", undo, log="Asked for the import to be undone.")
        self.require(request, "undo_legacy_import")
        run = self.run_or_404(request, run_id)
        context = RunPage(run, request.user).context()
        try:
            check_undoable(run, CURRENT)
        except RunError as error:
            context["obstacle"] = error.message
        return self.show(request, "admin/legacy_import/undo.html", f"Undo import {run.pk}", **context)

    def act(
        self, request: HttpRequest, run_id: int, permission: str, action: Callable[[], object], log: str
    ) -> HttpResponse:
        """Do something to a run, and go back to its page, which says why if it was refused."""
        self.require(request, permission)
        run = self.run_or_404(request, run_id, *BRIEF)
        try:
            with transaction.atomic():
                action()
        except RunError as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            self.log_change(request, run, log)
        return HttpResponseRedirect(run_url(run))

    def require(self, request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(f"legacy_import.{permission}"):
            raise PermissionDenied
