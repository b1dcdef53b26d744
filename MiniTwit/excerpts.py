"""Show texts that users wrote on pages: cut by code points, and with a few marks on a letter.

A letter can carry any number of combining marks. Thousands keep a browser busy for seconds, and some dozens paint
over the rows above. Django's `truncatechars` does not count them, and takes minutes to put a hundred thousand in
order. Exports stay whole.
"""

import re

from MiniTwit.skeletons import table
from MiniTwit.skeletons.patterns import characters_of

MARKS_SHOWN = 4  # on one letter
ELLIPSIS = "…"
# Marks, and the invisible characters that may be between them.
_MARK = f"[{characters_of(table.COMBINING)}\u200b-\u200f\u2060-\u2064]"
_HEAP = re.compile(f"({_MARK}{{{MARKS_SHOWN}}}){_MARK}+")
# No mark is below; to pass over the letters that are takes a twentieth of the time.
FIRST_MARK = "\u0300"
_MAY_BE_HEAP = re.compile(f"[{FIRST_MARK}-\U0010ffff]{{{MARKS_SHOWN + 1},}}")
# Tags, with their attributes, and elements whose text is a value and not for reading.
_HTML = re.compile(
    rf"(?P<kept><(?:textarea|script|style)\b.*?</(?:textarea|script|style)>|<[^>]*>)|{_HEAP.pattern}",
    re.DOTALL | re.IGNORECASE,
)


def capped(text: str) -> str:
    """The text with MARKS_SHOWN marks on a letter at most."""
    return text if text.isascii() else _HEAP.sub(r"\1", text)


def has_heaps(text: str) -> bool:
    """Whether a letter of the text has more marks than are shown."""
    if text.isascii():
        return False
    return any(_HEAP.search(text, *run.span()) for run in _MAY_BE_HEAP.finditer(text))


def excerpt(text: str, length: int) -> str:
    """At most so many code points of the text, with an ellipsis if it is longer."""
    if len(text) <= length:
        return capped(text)
    return f"{capped(text[: length - 1])}{ELLIPSIS}"


def capped_html(page: str) -> str:
    """A page with MARKS_SHOWN marks on a letter at most, except in what its forms send back."""
    return _HTML.sub(lambda match: match["kept"] or match[2], page) if has_heaps(page) else page
