"""What the palette finds beside the sections: accounts by their names, and objects by their numbers."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from legacy_import.models import ImportRun
from MiniTwit.ids import id_in
from MiniTwit.models import Message, ModerationBatch, User

MOST_NAMES = 6
NUMBERED: tuple[tuple[type[Model], str], ...] = (
    (Message, "Message"),
    (User, "Account"),
    (ImportRun, "Import"),
    (ModerationBatch, "Batch"),
)


@never_cache
@require_GET
def palette(request: HttpRequest) -> JsonResponse:
    """Answer `?q=…` with `{"found": [{"title", "url", "kind"}, …]}`: what the user may look at, and no more."""
    words = request.GET.get("q", "").strip()[:100]
    return JsonResponse({"found": [*numbered(request, words), *named(request, words)] if words else []})


def numbered(request: HttpRequest, words: str) -> Iterator[dict[str, str]]:
    """The objects that have this number, with or without a # before it."""
    number = id_in(words.removeprefix("#"))
    for model, kind in NUMBERED if number else ():
        if number in rows_for(request, model).filter(pk=number).values_list("pk", flat=True):
            yield choice(model, number, f"{kind} {number}", "by its number")


def named(request: HttpRequest, words: str) -> Iterator[dict[str, str]]:
    """The accounts whose names begin with these words: as they are typed, in small letters, or with a capital.

    These three ask an index, however many accounts there are; a comparison that ignores case would read them all.
    """
    name = words.removeprefix("@")
    spellings = {name, name.lower(), name.capitalize()}
    begins = reduce(or_, (Q(username__startswith=spelling) for spelling in spellings))
    found = rows_for(request, User).filter(begins).order_by("username")
    for pk, username in found.values_list("pk", "username")[:MOST_NAMES]:
        yield choice(User, pk, username, "Account")


def rows_for(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    """What the model's screen shows the user."""
    screen = admin.site.get_model_admin(model)
    return screen.get_queryset(request) if screen.has_view_permission(request) else model._default_manager.none()


def choice(model: type[Model], pk: int | None, title: str, kind: str) -> dict[str, str]:
    options = model._meta
    return {
        "title": title,
        "kind": kind,
        "url": reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk]),
    }
