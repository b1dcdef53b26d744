"""`{{ text|excerpt:140 }}`: see `MiniTwit/excerpts.py`."""

from typing import Any

from django import template
from django.template.defaultfilters import stringfilter

from MiniTwit import excerpts

register = template.Library()


@register.filter(is_safe=True)
@stringfilter
def excerpt(text: str, length: Any) -> str:
    return excerpts.excerpt(text, int(length))
