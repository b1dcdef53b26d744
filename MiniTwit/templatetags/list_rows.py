"""`{% list_rows cl %}`: Django's `{% result_list cl %}`, with rows from `MiniTwit/admin/lists/rows.py`."""

from typing import Any

from django import template
from django.contrib.admin.templatetags import admin_list
from django.contrib.admin.views.main import ChangeList

from MiniTwit.admin.lists.rows import rows_of

register = template.Library()


@register.inclusion_tag("admin/change_list_results.html")
def list_rows(changelist: ChangeList) -> dict[str, Any]:
    if changelist.is_popup:  # its rows hand their ids to the page that opened it
        return admin_list.result_list(changelist)
    headers = list(admin_list.result_headers(changelist))
    return {"result_headers": headers, "results": list(rows_of(changelist))}
