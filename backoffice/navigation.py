"""The sections of the back office: stated once for the rail, the palette, the keys and the first page."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse

from MiniTwit.review import count_waiting

REMEMBERED = "navigation.waiting"
WAITING_SECONDS = 10  # for so long the rail may show an old number; the queue itself counts again


@dataclass(frozen=True)
class Section:
    """A place that the rail leads to.

    Attributes:
        url_name: of the admin's addresses.
        permission: who may go there.
        key: after `g` it leads there.
        query: of the address.
    """

    title: str
    url_name: str
    permission: str
    key: str
    query: str = ""

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.url_name}") + self.query


QUEUE = Section("Review queue", "MiniTwit_review", "MiniTwit.moderate_message", "q")
SECTIONS = (
    QUEUE,
    Section("Messages", "MiniTwit_message_changelist", "MiniTwit.view_message", "m"),
    Section("Users", "MiniTwit_user_changelist", "MiniTwit.view_user", "u"),
    Section("Follows", "MiniTwit_follow_changelist", "MiniTwit.view_follow", "f"),
    Section("Watch-list", "MiniTwit_watchterm_changelist", "MiniTwit.view_watchterm", "w"),
    Section("Decisions", "MiniTwit_moderationevent_changelist", "MiniTwit.view_moderationevent", "d"),
    Section("Batches", "MiniTwit_moderationbatch_changelist", "MiniTwit.view_moderationbatch", "b"),
    Section("Imports", "legacy_import_importrun_changelist", "legacy_import.view_importrun", "i"),
    Section("Reasons", "MiniTwit_moderationreason_changelist", "MiniTwit.view_moderationreason", "r"),
    Section("Staff", "MiniTwit_user_changelist", "MiniTwit.change_user", "s", "?is_staff__exact=1"),
    Section("Groups", "auth_group_changelist", "auth.view_group", "o"),
)


@dataclass(frozen=True)
class Link:
    """A section as one page shows it; `count` is how much waits there, as a word."""

    section: Section
    url: str
    is_current: bool
    count: str = ""


def links(request: HttpRequest) -> Iterator[Link]:
    """The sections that a user may open, in order."""
    if not request.user.is_active or not getattr(request.user, "is_staff", False):
        return
    permitted = [section for section in SECTIONS if request.user.has_perm(section.permission)]
    current = current_section(request, permitted)
    for section in permitted:
        yield Link(section, section.url, section is current, waiting() if section is QUEUE else "")


def current_section(request: HttpRequest, sections: list[Section]) -> Section | None:
    """The section that a page belongs to: of two with one path, the one whose query the address has."""
    found = None
    for section in sections:
        path, _, query = section.url.partition("?")
        if request.path.startswith(path) and (not query or query in request.META.get("QUERY_STRING", "")):
            found = section
    return found


def waiting() -> str:
    """How many messages wait for a review, as a word; empty when none does."""
    label = cache.get(REMEMBERED)
    if label is None:
        label = count_waiting().label
        cache.set(REMEMBERED, label, WAITING_SECONDS)
    return "" if label == "0" else label
