"""What the base template asks for."""

from django import template
from django.http import HttpRequest

from backoffice.navigation import Link, links

register = template.Library()


@register.simple_tag(takes_context=True)
def sections(context: template.Context) -> list[Link]:
    """The sections of the back office for the user of this page; none without a request, as on a page of an error."""
    request: HttpRequest | None = context.get("request")
    return list(links(request)) if request is not None and hasattr(request, "user") else []
