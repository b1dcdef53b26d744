"""Export to a file, for every screen alike: import-export's page, with a file that is streamed.

The rows are those of the list with its filters and search, or those that were ticked in it.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import BadRequest, FieldError, PermissionDenied
from django.db.models import QuerySet
from django.forms import MultipleChoiceField, MultipleHiddenInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from import_export.admin import ExportMixin
from import_export.formats.base_formats import Format
from import_export.forms import SelectableFieldsExportForm

from MiniTwit.admin.files.export_stream import Export
from MiniTwit.admin.files.formats import FILE_FORMATS
from MiniTwit.ids import id_in

TICKED = "export_items"  # import-export's name for the ids of the ticked rows
MAX_TICKED = 500  # ids that one form sends; a page of a list has fewer rows


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


class FileExportMixin(ExportMixin):
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
        return rows.select_related(*related) if related else rows

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

    def page_url(self: Any, page: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}")


def ticked_ids(request: HttpRequest) -> list[int] | None:
    """The ids that the form of ticked rows sends; None for the whole list."""
    if TICKED not in request.POST:
        return None
    ids = [id_in(text) for text in request.POST.getlist(TICKED)]
    if len(ids) > MAX_TICKED or 0 in ids:
        raise BadRequest("These are no ids of ticked rows.")
    return ids
