"""What staff typed into a panel that was not accepted: kept in the session until the page shows it again."""

from django.http import HttpRequest, QueryDict

KEY = "drafts"
KEPT = 5  # forms
LONGEST = 100_000  # characters


def keep_draft(request: HttpRequest, panel: str) -> None:
    """Keep what was sent. A panel is named by its page and form."""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    encoded = typed.urlencode()
    if len(encoded) > LONGEST:
        return
    drafts = {name: kept for name, kept in request.session.get(KEY, {}).items() if name != panel}
    request.session[KEY] = dict([*drafts.items(), (panel, encoded)][-KEPT:])


def take_draft(request: HttpRequest, panel: str) -> QueryDict | None:
    """What was typed into a panel and not accepted; it is shown once."""
    drafts = request.session.get(KEY, {})
    if panel not in drafts:
        return None
    encoded = drafts.pop(panel)
    request.session[KEY] = drafts
    return QueryDict(encoded)
