"""The skeleton of a text in Python; `function.py` says the same in SQL."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from MiniTwit.skeletons import patterns

_BEFORE_NORMALISING = str.maketrans(patterns.BEFORE_NORMALISING)
_FOLDED = str.maketrans(patterns.FOLDED)


def skeleton(text: str) -> str:
    """The skeleton, which is the same for texts that look alike."""
    if not text.isascii():
        text = re.sub(patterns.IGNORABLE, "", text)
        text = re.sub(patterns.UNSETTLED, patterns.REPLACEMENT, text)
        text = re.sub(patterns.HEAP_OF_MARKS, "", text)
        text = unicodedata.normalize("NFKC", text.translate(_BEFORE_NORMALISING))
        # What a decoration kept apart may belong together, such as the parts of a Korean syllable.
        text = unicodedata.normalize("NFKC", re.sub(patterns.DECORATIONS, "", text))
    return text.translate(_FOLDED)


@dataclass(frozen=True)
class Aligned:
    """A skeleton, and where each of its characters comes from: begin and end in the text."""

    skeleton: str
    origins: list[tuple[int, int]]

    def written(self, begin: int, end: int) -> tuple[int, int]:
        """The place in the text of what lies between `begin` and `end` in the skeleton."""
        return self.origins[begin][0], self.origins[end - 1][1]


def align(text: str) -> Aligned:
    """The skeleton of a text, character by character."""
    if text.isascii():
        return Aligned(skeleton(text), [(place, place + 1) for place in range(len(text))])
    parts: list[str] = []
    origins: list[tuple[int, int]] = []
    remembered = cache(skeleton)
    for cluster in re.finditer(patterns.CLUSTER, text, re.DOTALL):
        part = remembered(cluster[0])
        parts.append(part)
        origins += [cluster.span()] * len(part)
    return Aligned("".join(parts), origins)
