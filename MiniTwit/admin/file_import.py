"""Import from a file, for every screen alike: import-export's pages with firmer ground under them.

What import-export 4.4 leaves open is closed here: a confirmation that fails says so and writes nothing, the browser
never names a file of the server, a preview uses up no ids, and every upload has its limits.
"""

import logging
from typing import Any

import tablib
from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from import_export.admin import ImportExportMixin
from import_export.forms import ImportForm
from import_export.results import Result, RowResult
from import_export.signals import post_import

from MiniTwit import locks
from MiniTwit.admin.file_export import FileExportMixin
from MiniTwit.admin.file_formats import MAX_BYTES, MAX_ROWS, UnreadableFileError
from MiniTwit.admin.posting import post_only
from MiniTwit.admin.resources import FileResource, FileResult
from MiniTwit.admin.uploads import keep_upload, read_signed_preview, sign_preview, take_upload
from MiniTwit.file_doors import takes_files

logger = logging.getLogger(__name__)

# A file that is only a little too large is told its size by the form; a larger one is not even read.
TOLD_WHAT_IS_TOO_MUCH = 5 * 1024 * 1024

LOGGED_ACTIONS = {RowResult.IMPORT_TYPE_NEW: ADDITION, RowResult.IMPORT_TYPE_UPDATE: CHANGE}


class BoundedImportForm(ImportForm):
    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > MAX_BYTES:
            raise forms.ValidationError(
                f"“{upload.name}” has {filesizeformat(upload.size)}; at most {filesizeformat(MAX_BYTES)} can be "
                "imported at a time. Split the file."
            )
        return upload


class SignedConfirmForm(forms.Form):
    """Carries one signed value: which upload is confirmed, and its format."""

    preview = forms.CharField(widget=forms.HiddenInput)


class FileImportExportMixin(FileExportMixin, ImportExportMixin):
    """Stands before ModelAdmin; `resource_classes` lists one `FileResource`."""

    import_form_class = BoundedImportForm

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        for url in urls:
            if url.name == f"{self.opts.app_label}_{self.opts.model_name}_import":
                permission = f"{self.opts.app_label}.import_{self.opts.model_name}"
                takes_files(url.callback, permission=permission, most_bytes=MAX_BYTES + TOLD_WHAT_IS_TOO_MUCH)
            elif url.name == f"{self.opts.app_label}_{self.opts.model_name}_process_import":
                confirm = post_only(self.process_import, lambda: self.page_url("import"))
                url.callback = self.admin_site.admin_view(confirm)
        return urls

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask for a file and preview it. Only a file that can be confirmed is kept."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_import_form(request)
        if request.method != "POST" or not form.is_valid():
            return self.render_import_page(request, form)
        upload, format_index = form.cleaned_data["import_file"], int(form.cleaned_data["format"])
        data = upload.read()
        try:
            dataset = self.read_dataset(data, format_index)
        except UnreadableFileError as error:
            form.add_error("import_file", str(error))
            return self.render_import_page(request, form)
        return self.preview_dataset(request, form, dataset, data, {"name": upload.name, "format": format_index})

    def preview_dataset(
        self,
        request: HttpRequest,
        form: BoundedImportForm,
        dataset: tablib.Dataset,
        data: bytes,
        file: dict[str, Any],
    ) -> HttpResponse:
        """Show what an import would do, and keep the file and the rows' versions for the confirmation."""
        result = self.import_dataset(request, dataset, dry_run=True)
        if has_failed(result):
            return self.render_import_page(request, form, result=result)
        preview = file | {"stored_as": keep_upload(data), "versions": result.versions}
        confirm_form = SignedConfirmForm(initial={"preview": sign_preview(request, self.opts.label, preview)})
        return self.render_import_page(
            request, form, result=result, confirm_form=confirm_form, file_name=file["name"]
        )

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import the file that was previewed: all of it, or nothing. A preview can be confirmed once."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        try:
            preview = read_signed_preview(request, self.opts.label, request.POST.get("preview", ""))
            data = take_upload(preview["stored_as"])
        except (BadSignature, FileNotFoundError):
            messages.error(
                request,
                "Nothing was imported: this preview was confirmed already, is older than a day, or is not yours. "
                "Choose the file again.",
            )
            return HttpResponseRedirect(self.page_url("import"))
        dataset = self.read_dataset(data, preview["format"])
        with transaction.atomic():
            locks.lock_tables(locks.USERS, locks.MESSAGES, locks.FOLLOWS)
            result = self.import_dataset(request, dataset, dry_run=False)
            is_outdated = not has_failed(result) and result.versions != preview["versions"]
            if is_outdated:
                transaction.set_rollback(True)
            elif not has_failed(result):
                self.log_import(request, result, preview["name"])
        empty_form = self.create_empty_import_form(request)
        if has_failed(result):
            messages.error(request, "Nothing was imported: the rows below no longer fit what is here now.")
            return self.render_import_page(request, empty_form, result=result)
        if is_outdated:
            messages.warning(
                request,
                "Nothing was imported: rows were changed elsewhere since the preview. This is the preview as of now; "
                "look at it and confirm it.",
            )
            file = {"name": preview["name"], "format": preview["format"]}
            return self.preview_dataset(request, empty_form, self.read_dataset(data, file["format"]), data, file)
        self.add_success_message(result, request)
        post_import.send(sender=None, model=self.model)
        return HttpResponseRedirect(self.page_url("changelist"))

    def read_dataset(self, data: bytes, format_index: int) -> tablib.Dataset:
        """Read an upload.

        Raises:
            UnreadableFileError: with a sentence for the person who chose the file.
        """
        file_format = self.get_import_formats()[format_index](encoding=self.from_encoding)
        try:
            return file_format.create_dataset(data)
        except UnreadableFileError:
            raise
        except Exception as error:  # what a parser raises on bytes that are not of its format is not documented
            logger.info("An upload could not be read", exc_info=True)
            raise UnreadableFileError(
                f"The file could not be read as {file_format.get_title().upper()}. Choose the format that it has; "
                "text has to be UTF-8, and no row may hold more values than there are columns."
            ) from error

    def import_dataset(self, request: HttpRequest, dataset: tablib.Dataset, *, dry_run: bool) -> FileResult:
        return self.import_resource(request).import_data(
            dataset, dry_run=dry_run, rollback_on_validation_errors=True, user=request.user
        )

    def import_resource(self, request: HttpRequest) -> FileResource:
        return self.get_import_resource_classes(request)[0]()

    def log_import(self, request: HttpRequest, result: Result, file_name: str) -> None:
        assert request.user.pk is not None  # noqa: S101 -- for the type checker: the admin lets nobody else in
        for import_type, action in LOGGED_ACTIONS.items():
            instances = [row.instance for row in result if row.import_type == import_type]
            LogEntry.objects.log_actions(
                request.user.pk, instances, action, change_message=f"Imported from the file “{file_name}”."
            )

    def create_empty_import_form(self, request: HttpRequest) -> BoundedImportForm:
        return BoundedImportForm(self.get_import_formats(), self.get_import_resource_classes(request))

    def render_import_page(self, request: HttpRequest, form: BoundedImportForm, **context: Any) -> HttpResponse:
        resource = self.import_resource(request)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Import {self.opts.verbose_name_plural} from a file",
            "opts": self.opts,
            "form": form,
            "import_url": self.page_url("import"),
            "confirm_url": self.page_url("process_import"),
            "media": self.media + form.media,
            "fields_list": [(resource.get_display_name(), resource.get_diff_headers())],
            "import_help": resource.import_help,
            "import_limits": f"At most {MAX_ROWS:,} rows and {filesizeformat(MAX_BYTES)} at a time.",
            "import_error_display": self.import_error_display,
            **context,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, [self.import_template_name], context)

    def page_url(self, page: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}")


def has_failed(result: Result) -> bool:
    return bool(result.has_errors() or result.has_validation_errors())
