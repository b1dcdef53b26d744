"""The rows of a list as HTML.

Django finds out for every cell what its column is and where the row leads, which takes a third of a page's time. Here
that is found out once for each column.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateField, Field, ForeignKey, Model
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe

from MiniTwit.admin.pages import around_id


@dataclass(frozen=True)
class Column:
    """`show` gives what is in a cell, `nothing` takes the place of what is blank, `begin` and `end` are its tags."""

    show: Callable[[Any], Any]
    nothing: str
    begin: str
    end: str
    leads_to_page: bool

    def cell(self, row: Model, address: str) -> str:
        content: str = conditional_escape(self.show(row))
        if not content.strip():
            content = self.nothing
        if self.leads_to_page:
            content = f'<a href="{address}">{content}</a>'
        return f"{self.begin}{content}{self.end}"


def rows_of(changelist: ChangeList) -> Iterator[list[SafeString]]:
    """The rows of a list that is not edited in place, each as one piece, in a list as the template wants it."""
    columns = list(columns_of(changelist))
    before, after = address_around_id(changelist)
    for row in changelist.result_list:
        address = f"{before}{row.pk}{after}"
        yield [mark_safe("".join(column.cell(row, address) for column in columns))]  # noqa: S308 -- cells escape


def address_around_id(changelist: ChangeList) -> tuple[str, str]:
    """The address of a row's page, which leads back to this list with its filters."""
    options: Any = changelist.opts
    before, after = around_id(f"admin:{options.app_label}_{options.model_name}_change")
    context: dict[str, Any] = {"preserved_filters": changelist.preserved_filters, "opts": options}
    address = add_preserved_filters(context, f"{before}0{after}")
    return escape(before), escape(address.removeprefix(f"{before}0"))


def columns_of(changelist: ChangeList) -> Iterator[Column]:
    links = changelist.list_display_links or ()
    nothing = changelist.model_admin.get_empty_value_display()
    heads_row = True  # the first cell that leads to the row's page
    for name in changelist.list_display:
        show, is_narrow = content_of(changelist, name, nothing)
        label = getattr(name, "__name__", name)
        classes = "action-checkbox" if label == "action_checkbox" else f"field-{label}"
        tag = "th" if name in links and heads_row else "td"
        heads_row = heads_row and name not in links
        begin = f'<{tag} class="{classes}{" nowrap" if is_narrow else ""}">'
        yield Column(show, nothing, begin, f"</{tag}>", name in links)


def content_of(changelist: ChangeList, name: Any, nothing: str) -> tuple[Callable[[Any], Any], bool]:
    """What a column shows of a row: a field, or what a function or a method of the screen returns.

    Returns:
        The function that shows it, and whether its lines stay whole.
    """
    try:
        field: Any = None if callable(name) else changelist.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        field = None
    if isinstance(field, ForeignKey):
        return lambda row: nothing if getattr(row, field.attname) is None else getattr(row, field.name), True
    if isinstance(field, Field):
        return lambda row: display_for_field(getattr(row, name), field, nothing), isinstance(field, DateField)
    method = name if callable(name) else getattr(changelist.model_admin, name)
    is_boolean = getattr(method, "boolean", False)

    def shown(row: Model) -> object:
        value = method(row)
        return value if isinstance(value, SafeString) else display_for_value(value, nothing, is_boolean)

    return shown, False
