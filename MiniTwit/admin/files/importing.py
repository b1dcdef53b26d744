"""Import from a file, for every screen alike: import-export's pages, made safer.

Beyond import-export 4.4, a confirmation that fails says so and writes nothing, the browser never names a file of the
server, a preview uses up no ids, every upload has its limits, and the worker imports large ones.
"""

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern
from django.views.decorators.cache import never_cache
from import_export.admin import ImportExportMixin
from import_export.signals import post_import

from MiniTwit.admin.files import import_worker
from MiniTwit.admin.files.checking import known_columns, resource_of
from MiniTwit.admin.files.exporting import FileExportMixin
from MiniTwit.admin.files.formats import format_name, open_table
from MiniTwit.admin.files.import_forms import BoundedImportForm, ReadingForm, SignedConfirmForm
from MiniTwit.admin.files.report import Report
from MiniTwit.admin.files.rows import MAX_BYTES, MAX_ROWS, UnreadableFileError
from MiniTwit.admin.files.uploads import (
    UploadNotStoredError,
    keep_upload,
    read_signed_preview,
    sign_preview,
    takes_files,
    upload_path,
)
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.background.progress import WorkProgress, seconds_since
from MiniTwit.background.queue import why_waiting
from MiniTwit.models import FileImport, User

SMALL = 2_000  # rows that are checked and imported while the browser waits
# The form names the size of a file that is a little too large; a larger one is not even read.
TOLD_WHAT_IS_TOO_MUCH = 5 * 1024 * 1024
State = FileImport.State

NOT_CONFIRMED = (
    "Nothing was imported: this preview was confirmed already, is older than a day, or is not yours. Choose the file "
    "again."
)


class FileImportExportMixin(FileExportMixin, ImportExportMixin):
    """A base class before ModelAdmin; `resource_classes` lists one `FileResource`."""

    import_form_class = BoundedImportForm

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        names = {url.name: url for url in urls}
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        permission = f"{self.opts.app_label}.import_{self.opts.model_name}"
        choosing = names[f"{prefix}_import"].callback
        takes_files(choosing, permission=permission, most_bytes=MAX_BYTES + TOLD_WHAT_IS_TOO_MUCH)
        confirming = post_only(self.process_import, lambda: self.page_url("import"))
        names[f"{prefix}_process_import"].callback = self.admin_site.admin_view(confirming)
        cancelling = post_only(self.cancel_import_view, page_named(self.url_name("file_import"), "import_id"))
        one = "import/<int:import_id>/"
        return [
            self.page_path(one, self.preview_view, "file_import"),
            self.page_path(f"{one}status/", never_cache(self.import_status_view), "file_import_status"),
            self.page_path(f"{one}cancel/", cancelling, "file_import_cancel"),
            *urls,
        ]

    # Choosing a file

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask for a file and preview it: at once if it is small, else in the background."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_import_form(request)
        if request.method != "POST" or not form.is_valid():
            return self.render_import_page(request, form)
        try:
            stored_as = keep_upload(form.cleaned_data["import_file"])
        except UploadNotStoredError as error:
            form.add_error("import_file", str(error))
            return self.render_import_page(request, form)
        file_import = FileImport(
            table=str(self.opts.model_name),
            owner=cast(User, request.user),
            file_name=form.cleaned_data["import_file"].name,
            stored_as=stored_as,
            options=form.options() | {"format": format_name(form.cleaned_data["format"])},
        )
        file_import.save()
        return self.do_step(request, file_import, form, at_once=is_small(file_import))

    def do_step(
        self,
        request: HttpRequest,
        file_import: FileImport,
        form: BoundedImportForm | None = None,
        *,
        at_once: bool,
    ) -> HttpResponse:
        """Check or import a small file while the browser waits, and show what came of it; leave a large one to the
        worker."""
        if not at_once:
            import_worker.discard_old()
            import_worker.run_file_import.enqueue(file_import.pk)
            return HttpResponseRedirect(self.import_url(file_import))
        report = import_worker.execute(file_import)
        if file_import.state == State.PREVIEWED:
            import_worker.discard_old()
            return self.render_preview(request, file_import)
        if file_import.state == State.DONE and report is not None:
            self.add_success_message(report.result(), request)
            post_import.send(sender=None, model=self.model)
            return HttpResponseRedirect(self.page_url("changelist"))
        if form is not None and file_import.error:
            form.add_error("import_file", file_import.error)
        elif file_import.error:
            messages.error(request, file_import.error)
        return self.render_import_page(
            request, form or self.create_empty_import_form(request), **report_context(report)
        )

    # What it would do

    def preview_view(self, request: HttpRequest, import_id: int) -> HttpResponse:
        """Show how far an import is, what it would do, or what it did. A POST reads the file with other options."""
        file_import = self.find_import(request, import_id)
        if file_import is None:
            return self.refuse(request)
        if file_import.is_at_work:
            return self.render_progress(request, file_import)
        if file_import.state == State.PREVIEWED:
            is_sent = request.method == "POST"
            return self.read_again(request, file_import) if is_sent else self.render_preview(request, file_import)
        if file_import.state != State.DONE:
            messages.error(request, file_import.error or "Nothing was imported: the rows below do not validate.")
        report = Report.from_json(file_import.report) if file_import.report else None
        form = self.create_empty_import_form(request)
        return self.render_import_page(request, form, file_import=file_import, **report_context(report))

    def read_again(self, request: HttpRequest, file_import: FileImport) -> HttpResponse:
        form = ReadingForm(request.POST)
        if not form.is_valid():
            return self.render_preview(request, file_import, reading_form=form)
        options = form.options() | {"format": file_import.options["format"]}
        if import_worker.go_on(file_import, State.CHECKING, options=options, report={}, error=""):
            return self.do_step(request, file_import, at_once=is_small(file_import))
        return HttpResponseRedirect(self.import_url(file_import))

    def import_status_view(self, request: HttpRequest, import_id: int) -> HttpResponse:
        file_import = self.find_import(request, import_id)
        if file_import is None:
            return JsonResponse({}, status=404)
        return JsonResponse(progress_of(file_import).as_json())

    def cancel_import_view(self, request: HttpRequest, import_id: int) -> HttpResponse:
        file_import = self.find_import(request, import_id)
        if file_import is None:
            return HttpResponseRedirect(self.page_url("import"))
        import_worker.cancel(file_import)
        return HttpResponseRedirect(self.import_url(file_import))

    # The confirmation

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import all previewed rows or none. A preview can be confirmed once."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        file_import = self.find_signed_import(request)
        if file_import is None:
            return self.refuse(request)
        report = Report.from_json(file_import.report)
        form = SignedConfirmForm(request.POST, needs_consent=report.needs_consent)
        if not form.is_valid():
            return self.render_preview(request, file_import, confirm_form=form)
        if not import_worker.go_on(file_import, State.IMPORTING):
            return self.refuse(request)
        return self.do_step(request, file_import, at_once=report.rows <= SMALL)

    def refuse(self, request: HttpRequest) -> HttpResponse:
        messages.error(request, NOT_CONFIRMED)
        return HttpResponseRedirect(self.page_url("import"))

    def find_signed_import(self, request: HttpRequest) -> FileImport | None:
        """The import that the confirmation names, if it waits for confirmation."""
        try:
            preview = read_signed_preview(request, self.opts.label, request.POST.get("preview", ""))
        except BadSignature:
            return None
        file_import = self.find_import(request, preview["import"])
        return file_import if file_import and file_import.state == State.PREVIEWED else None

    def find_import(self, request: HttpRequest, import_id: int) -> FileImport | None:
        """End the imports of dead workers, then return an import of the user who is signed in."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        import_worker.FILE_WORK.reconcile()
        own = FileImport.objects.filter(table=self.opts.model_name, owner=request.user.pk)
        return own.select_related("owner").defer("seen").filter(pk=import_id).first()

    # Pages

    def create_empty_import_form(self, request: HttpRequest) -> BoundedImportForm:
        return BoundedImportForm(self.get_import_formats(), self.get_import_resource_classes(request))

    def render_preview(self, request: HttpRequest, file_import: FileImport, **context: Any) -> HttpResponse:
        report = Report.from_json(file_import.report)
        if file_import.error:
            messages.warning(request, file_import.error)
        signed = sign_preview(request, self.opts.label, {"import": file_import.pk})
        context = {
            "confirm_form": SignedConfirmForm(initial={"preview": signed}, needs_consent=report.needs_consent),
            "reading_form": ReadingForm(initial=shown_options(file_import.options)),
            "file_name": file_import.file_name,
            "file_import": file_import,
            "file_import_url": self.import_url(file_import),
            "cancel_url": self.import_url(file_import, "_cancel"),
            **report_context(report),
            **context,
        }
        return self.render_import_page(request, self.create_empty_import_form(request), **context)

    def render_progress(self, request: HttpRequest, file_import: FileImport) -> HttpResponse:
        return self.show(
            request,
            "admin/MiniTwit/file_import_progress.html",
            f"Import {self.opts.verbose_name_plural} from a file",
            file_import=file_import,
            progress=progress_of(file_import),
            status_url=self.import_url(file_import, "_status"),
            cancel_url=self.import_url(file_import, "_cancel"),
        )

    def render_import_page(self, request: HttpRequest, form: BoundedImportForm, **context: Any) -> HttpResponse:
        resource = self.get_import_resource_classes(request)[0]()
        return self.show(
            request,
            "admin/MiniTwit/file_import.html",
            f"Import {self.opts.verbose_name_plural} from a file",
            form=form,
            import_url=self.page_url("import"),
            confirm_url=self.page_url("process_import"),
            media=self.media + form.media,
            fields_list=[(resource.get_display_name(), resource.get_diff_headers())],
            import_help=resource.import_help,
            import_limits=f"At most {MAX_ROWS:,} rows and {filesizeformat(MAX_BYTES)} at a time.",
            **context,
        )

    def import_url(self, file_import: FileImport, page: str = "") -> str:
        return self.page_url(f"file_import{page}", file_import.pk)


def report_context(report: Report | None) -> dict[str, Any]:
    return {} if report is None else {"report": report, "result": report.result()}


def shown_options(options: dict[str, str]) -> dict[str, str]:
    """The options in the form's own values."""
    encoding = options.get("encoding", "").removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    return options | {"encoding": encoding}


def is_small(file_import: FileImport) -> bool:
    """Whether staff can wait for the file. An unreadable file counts as small: the check says what is wrong."""
    known = known_columns(resource_of(file_import))
    try:
        with open_table(upload_path(file_import.stored_as), file_import.options, known) as table:
            return not any(number > SMALL for number, _ in enumerate(table.rows, 1))
    except (UnreadableFileError, OSError):
        return True


def progress_of(file_import: FileImport) -> WorkProgress:
    waits = file_import.is_at_work and file_import.picked_up_at is None
    waiting, command = why_waiting(import_worker.FILE_WORK.tasks, file_import.requested_at if waits else None)
    phase = "Waiting for the worker" if waits else file_import.get_state_display().capitalize()
    return WorkProgress(
        stage=file_import.state,
        activity="Progress" if file_import.is_at_work else "",
        phase="Stopping" if file_import.cancel_requested else phase,
        done=file_import.done,
        total=file_import.total if file_import.state == State.IMPORTING else 0,
        elapsed=seconds_since(file_import.picked_up_at or file_import.requested_at),
        waiting=waiting,
        command=command,
    )
