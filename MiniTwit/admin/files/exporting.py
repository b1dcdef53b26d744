"""Export to a file, for every screen alike: import-export's page, with a file that is streamed.

The rows are those of the list with its filters and search, or those that were ticked in it. import-export's Resources
say what a row holds. Neither the rows nor the file are ever in memory as a whole.
"""

import csv
import json
import tempfile
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import BadRequest, FieldError, PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import MultipleChoiceField, MultipleHiddenInput
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, JSON, XLSX, Format
from import_export.forms import SelectableFieldsExportForm
from import_export.resources import Resource

from MiniTwit.admin.files.cell_text import without_formula
from MiniTwit.admin.files.formats import FILE_FORMATS
from MiniTwit.admin.files.xlsx_files import MAX_SHEET_ROWS, WorkbookWriter
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.ids import id_in
from MiniTwit.text_ids import with_texts

CHUNK = 2_000  # rows that the database sends at a time
LINES = 200  # rows that are sent to the browser at a time
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes a CSV file for one of the old encodings
TICKED = "export_items"  # import-export's name for the ids of the ticked rows
MAX_TICKED = 500  # ids that one form sends; a page of a list has fewer rows


class Export:
    """A list as a file.

    Args:
        queryset: its rows.
        resource: what import-export makes of each.
        columns: the names of the resource's fields that become columns; all of them by default.

    Attributes:
        notes: sentences about what the file could not hold; known once a workbook is written.
    """

    def __init__(self, queryset: QuerySet, resource: Resource, columns: list[str] | None) -> None:
        self.queryset = with_texts(queryset)
        self.resource = resource
        self.columns = columns
        self.headers: list[str] = resource.get_export_headers(selected_fields=columns)
        self.notes: list[str] = []

    def rows(self, **kwargs: Any) -> Iterator[list[Any]]:
        """Each row's values."""
        for _, values in self.rows_by_id(**kwargs):
            yield values

    def rows_by_id(self, **kwargs: Any) -> Iterator[tuple[Any, list[Any]]]:
        """Each row's id and values. One transaction gives them one snapshot, and the server keeps a cursor."""
        fields = self.resource.get_export_fields(self.columns)
        with transaction.atomic():
            for instance in self.queryset.iterator(chunk_size=CHUNK):
                yield instance.pk, [self.resource.export_field(field, instance, **kwargs) for field in fields]

    def response(self, file_format: Format, file_name: str) -> HttpResponseBase:
        """The file in one of the formats.

        Raises:
            ValueError: the format cannot hold the rows; the message is a sentence that says why.
        """
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        content_type = file_format.get_content_type()
        match file_format:
            case CSV():
                content_type = f"{content_type}; charset=utf-8"
                return StreamingHttpResponse(self.csv_lines(), content_type=content_type, headers=headers)
            case JSON():
                return StreamingHttpResponse(self.json_lines(), content_type=content_type, headers=headers)
            case XLSX():
                workbook = self.write_workbook()
                return FileResponse(workbook, content_type=content_type, as_attachment=True, filename=file_name)
        raise ValueError(f"{file_format.get_title()} is not offered.")

    def csv_lines(self) -> Iterator[str]:
        """The lines of a CSV file, several at a time; what a spreadsheet would take for a formula is marked."""
        writer = csv.writer(Echo())
        buffer = [BYTE_ORDER_MARK + writer.writerow(self.headers)]
        for row in self.rows():
            buffer.append(writer.writerow(map(without_formula, row)))
            if len(buffer) >= LINES:
                yield "".join(buffer)
                buffer = []
        yield "".join(buffer)

    def json_lines(self) -> Iterator[str]:
        """A list of objects, one on a line."""
        before = "["
        for row in self.rows():
            yield before + "\n" + json.dumps(dict(zip(self.headers, row, strict=True)), ensure_ascii=False)
            before = ","
        yield "[]\n" if before == "[" else "\n]\n"

    def write_workbook(self) -> Any:
        """Write a workbook into a temporary file, row by row, and return the file."""
        if self.queryset.order_by().values("pk")[:MAX_SHEET_ROWS].count() == MAX_SHEET_ROWS:
            raise ValueError(
                f"The list holds more than the {MAX_SHEET_ROWS - 1:,} rows that an XLSX sheet can hold. Export it as "
                "CSV or JSON, or filter it first."
            )
        writer = WorkbookWriter(self.resource.get_display_name(), self.headers)
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the response closes it
        try:
            for row_id, row in self.rows_by_id(force_native_type=True):
                writer.append(row_id, row)
        except BaseException:
            with file:
                writer.save(file)  # which also removes the library's own temporary file
            raise
        writer.save(file)
        self.notes = writer.sentences()
        file.seek(0)
        return file


class Echo:
    """What `csv` writes to: it hands each line straight back."""

    def write(self, line: str) -> str:
        return line


class FileExportForm(SelectableFieldsExportForm):
    """Selects the first format by default, where import-export's form requires a choice.

    Args:
        ticked: the ids of the rows that go into the file; all rows of the list where it is None.
    """

    def __init__(self, *args: Any, ticked: list[int] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].initial = "0"
        if ticked is None:
            del self.fields[TICKED]
        else:
            self.initial[TICKED] = ticked
            self.fields[TICKED] = MultipleChoiceField(
                widget=MultipleHiddenInput, choices=[(row_id, row_id) for row_id in ticked]
            )


class FileExportMixin(ExportMixin, OwnPagesMixin):
    """A base class before ModelAdmin; `resource_classes` lists one Resource."""

    formats = FILE_FORMATS
    export_form_class = FileExportForm

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_export_permission(request) and IS_POPUP_VAR not in request.GET:
            actions["export_ticked"] = (type(self).export_ticked, "export_ticked", "Export the ticked rows")
        return actions

    def export_ticked(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask for the format. What "select all" means is said by the list's own address: its filters and search."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        if request.POST.get("select_across") == "1":
            return HttpResponseRedirect(self.export_address(request))
        ticked = list(queryset.order_by().values_list("pk", flat=True)[:MAX_TICKED])
        return self.render_export_page(request, self.create_export_form(request, None, ticked))

    def export_action(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        ticked = ticked_ids(request)
        form = self.create_export_form(request, request.POST or None, ticked)
        if form.is_valid():
            file_format = self.get_export_formats()[int(form.cleaned_data["format"])]()
            try:
                return self._do_file_export(file_format, request, self.rows_to_export(request, ticked), form)
            except (ValueError, FieldError) as error:
                messages.error(request, str(error))
        return self.render_export_page(request, form)

    def create_export_form(self, request: HttpRequest, data: Any, ticked: list[int] | None) -> FileExportForm:
        resources = self.get_export_resource_classes(request)
        return self.export_form_class(self.get_export_formats(), resources, data=data, ticked=ticked)

    def rows_to_export(self, request: HttpRequest, ticked: list[int] | None) -> QuerySet[Any]:
        """The ticked rows, whatever the filters show now; without any, the rows of the list."""
        if ticked is None:
            return self.get_export_queryset(request)
        rows = self.get_queryset(request).filter(pk__in=ticked).order_by(*self.get_ordering(request))
        related = self.get_list_select_related(request)
        return rows if isinstance(related, bool) else rows.select_related(*related)

    def render_export_page(self, request: HttpRequest, form: FileExportForm) -> HttpResponse:
        context = self.init_request_context_data(request, form) | {"export_url": self.export_address(request)}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, [self.export_template_name], context=context)

    def export_address(self, request: HttpRequest) -> str:
        """The export's page, for the list with the filters and the search of the present address."""
        shown = request.GET.copy()
        shown.pop(PAGE_VAR, None)
        return self.page_url("export") + (f"?{shown.urlencode()}" if shown else "")

    def _do_file_export(
        self, file_format: Format, request: HttpRequest, queryset: QuerySet, export_form: Any = None
    ) -> HttpResponseBase:
        """Stream the file, where import-export would build it in memory; the page shows a ValueError."""
        resource_class = self.choose_export_resource_class(export_form, request)
        export = Export(queryset, resource_class(), self.get_export_resource_fields_from_form(export_form))
        response = export.response(file_format, self.get_export_filename(request, queryset, file_format))
        if export.notes:
            messages.warning(request, f"{' '.join(export.notes)} The sheet “Notes” of the file lists the rows.")
        return response


def ticked_ids(request: HttpRequest) -> list[int] | None:
    """The ids that the form of ticked rows sends; None for the whole list."""
    if TICKED not in request.POST:
        return None
    ids = [id_in(text) for text in request.POST.getlist(TICKED)]
    if len(ids) > MAX_TICKED or 0 in ids:
        raise BadRequest("These are no ids of ticked rows.")
    return ids
