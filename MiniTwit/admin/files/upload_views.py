"""Which views take files, and from which users. Other views refuse a file before a byte of it is written."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest


def takes_files(view: Callable[..., Any], *, permission: str, most_bytes: int) -> Callable[..., Any]:
    """Mark a view: users with the permission may send files to it, of so many bytes in all."""
    view.takes_files_from = permission  # type: ignore[attr-defined]
    view.most_file_bytes = most_bytes  # type: ignore[attr-defined]
    return view


def most_file_bytes(request: HttpRequest, view: Callable[..., Any]) -> int:
    """How many bytes of files this user may send to a view; 0 for none."""
    permission = getattr(view, "takes_files_from", "")
    may_send = permission and request.user.is_active and request.user.is_staff and request.user.has_perm(permission)
    return int(getattr(view, "most_file_bytes", 0)) if may_send else 0
