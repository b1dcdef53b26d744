"""Texts and their line ends: a browser sends CR LF for every one of them, whatever is stored."""

import re
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

_LINE_END = re.compile("\r\n|\r|\n")


def with_plain_line_ends(text: str) -> str:
    """The text with LF for every line end."""
    return _LINE_END.sub("\n", text)


def same_text(stored: Any, given: Any) -> bool:
    """Whether two texts differ in their line ends at most."""
    if stored == given:
        return True
    if not isinstance(stored, str) or not isinstance(given, str):
        return False
    return with_plain_line_ends(stored) == with_plain_line_ends(given)


def with_line_ends_of(stored: str, given: str) -> str:
    """The given text with the line ends of the stored one; LF where that uses several kinds or none."""
    kinds = set(_LINE_END.findall(stored))
    return _LINE_END.sub(kinds.pop() if len(kinds) == 1 else "\n", given)


class StoredTextField(forms.CharField):
    """A text that keeps its line ends, so that opening and saving a form does not change it."""

    def _clean_bound_field(self, bound_field: BoundField) -> Any:
        text = super()._clean_bound_field(bound_field)  # type: ignore[misc]
        stored = bound_field.initial or ""
        if not isinstance(text, str):
            return text
        return stored if same_text(stored, text) else with_line_ends_of(stored, text)
