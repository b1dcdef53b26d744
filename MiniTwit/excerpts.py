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
# Python compiles large classes of characters for milliseconds: where the first text needs them, not in every process.
# Invisible characters may be between the marks.
_INVISIBLE = "\u200b-\u200f\u2060-\u2064"
_MARK = f"[{characters_of(table.COMBINING)}{_INVISIBLE}]"
_HEAP = f"({_MARK}{{{MARKS_SHOWN}}}){_MARK}+"
# Every heap is in a run of these. To look for runs takes a twentieth of the time: Python looks up a character of the
# basic plane in a table, and compares all others with one range after the other.
_BASIC_MARKS = characters_of(" ".join(ends for ends in table.COMBINING.split() if len(ends.partition("-")[0]) <= 4))
_MAY_BE_MARK = f"[{_BASIC_MARKS}{_INVISIBLE}\U00010000-\U0010ffff]"
_RUN = f"{_MAY_BE_MARK}{_MAY_BE_MARK}{{{MARKS_SHOWN},}}"
# A page is tags with their attributes, elements whose text is a value and not for reading, and texts.
_PIECE = re.compile(
    r"<(?:textarea|script|style)\b.*?</(?:textarea|script|style)>|<[^>]*>|[^<]+", re.DOTALL | re.IGNORECASE
)


def capped(text: str) -> str:
    """The text with MARKS_SHOWN marks on a letter at most."""
    return text if text.isascii() else re.sub(_RUN, lambda run: re.sub(_HEAP, r"\1", run[0]), text)


def has_heaps(text: str) -> bool:
    """Whether a letter of the text has more marks than are shown."""
    return capped(text) != text


def excerpt(text: str, length: int) -> str:
    """At most so many code points of the text, with an ellipsis if it is longer."""
    if len(text) <= length:
        return capped(text)
    return f"{capped(text[: length - 1])}{ELLIPSIS}"


def capped_html(page: str) -> str:
    """A page with MARKS_SHOWN marks on a letter at most, except in what its forms send back."""
    if not has_heaps(page):
        return page
    return _PIECE.sub(lambda piece: piece[0] if piece[0].startswith("<") else capped(piece[0]), page)
