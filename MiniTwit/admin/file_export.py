"""Export to a file, for every screen alike: import-export's page, with a file that is streamed."""

from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from import_export.admin import ExportMixin
from import_export.formats.base_formats import Format
from import_export.forms import SelectableFieldsExportForm

from MiniTwit.admin.exports import Export
from MiniTwit.admin.file_formats import FILE_FORMATS


class FileExportForm(SelectableFieldsExportForm):
    """Offers the first of the formats from the start, where import-export's form insists on a choice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].initial = "0"


class FileExportMixin(ExportMixin):
    """Stands before ModelAdmin; `resource_classes` lists one Resource."""

    formats = FILE_FORMATS
    export_form_class = FileExportForm

    def export_action(self, request: HttpRequest) -> HttpResponse:
        # Import-export would load every id of the table to check these; no page here sends them.
        if "export_items" in request.POST:
            raise BadRequest("Exporting a selection is not offered: filter the list instead.")
        return super().export_action(request)

    def _do_file_export(
        self, file_format: Format, request: HttpRequest, queryset: QuerySet, export_form: Any = None
    ) -> HttpResponseBase:
        """Stream the file, where import-export would build it in memory; a ValueError is shown on the export page."""
        resource_class = self.choose_export_resource_class(export_form, request)
        export = Export(queryset, resource_class(), self.get_export_resource_fields_from_form(export_form))
        return export.response(file_format, self.get_export_filename(request, queryset, file_format))
