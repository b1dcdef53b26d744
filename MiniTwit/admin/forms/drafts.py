"""Drafts: what staff typed into a panel that refused it, kept in the session until the page shows it again."""

from django.http import HttpRequest, QueryDict

KEY = "drafts"
KEPT = 5  # forms
LONGEST = 100_000  # characters


def keep_draft(request: HttpRequest, panel: str) -> None:
    """Keep a draft. The name of a panel consists of its page and form."""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    encoded = typed.urlencode()
    if len(encoded) > LONGEST:
        return
    drafts = {name: kept for name, kept in request.session.get(KEY, {}).items() if name != panel}
    request.session[KEY] = dict([*drafts.items(), (panel, encoded)][-KEPT:])


def take_draft(request: HttpRequest, panel: str) -> QueryDict | None:
    """Return the draft of a panel, and forget it."""
    drafts = request.session.get(KEY, {})
    if panel not in drafts:
        return None
    encoded = drafts.pop(panel)
    request.session[KEY] = drafts
    return QueryDict(encoded)
