"""The table of skeletons in the forms in which Python and PostgreSQL take it.

Classes of regular expressions are written with \\U and eight digits, which both read.
"""

from collections.abc import Iterable

from MiniTwit.skeletons import table


def characters_of(ranges: str) -> str:
    """Ranges as a class has them between its brackets."""
    return "".join("-".join(rf"\U{int(end, 16):08x}" for end in ends.split("-")) for ends in ranges.split())


def pairs_of(written: str) -> dict[str, str]:
    """What each character becomes."""
    halves = (pair.split(":") for pair in written.split())
    return {chr(int(one, 16)): "".join(chr(int(code, 16)) for code in many.split("+")) for one, many in halves}


def class_of(characters: Iterable[str]) -> str:
    return "[" + "".join(rf"\U{ord(character):08x}" for character in characters) + "]"


_IGNORABLE, _DECORATIONS, _MARKS = map(characters_of, (table.IGNORABLE, table.DECORATIONS, table.MARKS))
_UNSETTLED = characters_of(table.UNSETTLED)

BEFORE_NORMALISING = pairs_of(table.BEFORE_NORMALISING)
FOLDED = pairs_of(table.FOLDED)
REPLACEMENT = "\ufffd"  # for a character of which the editions of Unicode may say different things

IGNORABLE = f"[{_IGNORABLE}]+"
UNSETTLED = f"[{_UNSETTLED}]"
DECORATIONS = f"[{_DECORATIONS}]+"
# More marks on one letter than any language writes. The work of normalising grows with the square of their number, so
# dropping them bounds that, too.
HEAP_OF_MARKS = f"[{_DECORATIONS}]{{3,}}|[{_MARKS}]{{5,}}"
# Nothing of it changes but the case of ASCII.
SIMPLE = r"^[\u0001-\u007f\u00e0-\u00ff]*$"
# Nothing of it changes but its case: nearly every text of Western Europe.
PLAIN = r"^[\u0001-\u007f\u00bf-\u00ff\u2013\u2014\u2018\u2019\u201c\u201d]*$"
# What makes the steps before normalising necessary.
UNUSUAL = f"[{_IGNORABLE}{_UNSETTLED}{_DECORATIONS}{_MARKS}{class_of(BEFORE_NORMALISING)[1:]}"
# A character with all that belongs to it: its skeleton depends on nothing else.
CLUSTER = f".[{_IGNORABLE}{_DECORATIONS}{_MARKS}]*"
FOLDED_BEYOND_ASCII = class_of(character for character in FOLDED if not character.isascii())
WORD_CHARACTER = f"[_{characters_of(table.WORD_CHARACTERS)}]"
