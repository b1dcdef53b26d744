"""Restrict the address of a list to the screen's own search, order and filters.

Django lets an address filter by any lookup of the model's own fields. A regular expression among them can keep the
database busy for hours, and a value of the wrong form ends in an error of the database.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_FACETS_VAR, IS_POPUP_VAR, TO_FIELD_VAR, IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db.models import DateField, ForeignObjectRel
from django.http import HttpRequest

from MiniTwit.admin.refusals import UnreadableRequest

# What Django's own pages add to the address of a list.
PAGE_PARAMETERS = frozenset({PAGE_VAR, ALL_VAR, ERROR_FLAG, IS_POPUP_VAR, TO_FIELD_VAR, IS_FACETS_VAR})


def known_parameters(model_admin: admin.ModelAdmin, request: HttpRequest) -> set[str]:
    """The parameters that a list reads from its address: its search, its order and its filters."""
    names = {SEARCH_VAR, ORDER_VAR}
    for item in model_admin.get_list_filter(request):
        names |= set(parameters_of(model_admin, item))
    return names - {""}


def parameters_of(model_admin: admin.ModelAdmin, item: Any) -> Iterator[str]:
    """The parameters of one entry of `list_filter`."""
    if isinstance(item, tuple):
        item = item[0]
    if not isinstance(item, str):
        yield from getattr(item, "parameters", None) or [getattr(item, "parameter_name", "")]
        return
    field: Any = get_fields_from_path(model_admin.model, item)[-1]
    yield f"{item}__isnull"
    if field.is_relation:
        target = field.related_model._meta.pk if isinstance(field, ForeignObjectRel) else field.target_field
        yield f"{item}__{target.name}__exact"
    else:
        yield f"{item}__exact"
    if isinstance(field, DateField):
        yield from (f"{item}__gte", f"{item}__lt")


class OwnParametersMixin(admin.ModelAdmin):
    """A base class before ModelAdmin: refuses addresses with other parameters, and names them on the page."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        if lookup in known_parameters(self, request) | PAGE_PARAMETERS:
            return True
        raise UnreadableRequest(f"This list cannot be filtered by “{lookup[:80]}”.")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Refuse a filter that cannot be read. Django would show the whole list, and "select all" would select it."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise UnreadableRequest("A filter of this list has a value that cannot be read.") from error
