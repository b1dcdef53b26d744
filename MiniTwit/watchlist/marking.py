"""A message's text as HTML, with what the watch-list found in it marked."""

import re
from collections.abc import Iterable, Iterator

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from MiniTwit.models import WatchHit, WatchTerm

Span = tuple[int, int, str]  # begin, end, the terms


def mark(text: str, hits: Iterable[WatchHit]) -> SafeString:
    """Mark the parts that the hits name; everything is escaped. `hits` come with their terms."""
    pieces, position = [], 0
    for begin, end, terms in merged(span for hit in hits for span in spans_of(text, hit)):
        pieces += [escape(text[position:begin]), format_html('<mark title="{}">{}</mark>', terms, text[begin:end])]
        position = end
    pieces.append(escape(text[position:]))
    return mark_safe("".join(pieces))  # noqa: S308 -- every piece was escaped above


def spans_of(text: str, hit: WatchHit) -> Iterator[Span]:
    """The places of the found parts. A text that was edited since may no longer hold them."""
    term = hit.term.pattern
    if not hit.found:  # the message matches as a whole, as with (?=.*this)(?=.*that)
        yield 0, len(text), term
        return
    if hit.term.kind == WatchTerm.Kind.REGEX:
        # The same letters may occur elsewhere without matching; the parts are kept in the order of the text.
        position = 0
        for part in hit.found:
            begin = text.find(part, position)
            if begin >= 0:
                position = begin + len(part)
                yield begin, position, term
        return
    boundaries = (r"(?<!\w)", r"(?!\w)") if hit.term.kind == WatchTerm.Kind.WORD else ("", "")
    for part in dict.fromkeys(hit.found):
        for match in re.finditer(re.escape(part).join(boundaries), text):
            yield *match.span(), term


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those that overlap become one that names all of its terms."""
    result: list[Span] = []
    for begin, end, term in sorted(spans):
        if result and begin < result[-1][1]:
            first, last, terms = result[-1]
            named = terms if term in terms.split(", ") else f"{terms}, {term}"
            result[-1] = (first, max(last, end), named)
        else:
            result.append((begin, end, term))
    return result
