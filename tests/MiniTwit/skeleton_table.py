"""Make `MiniTwit/skeletons/table.py` from Unicode's own data: `python -m tests.MiniTwit.skeleton_table`.

The data come from the development requirements `unicodedata2` (Unicode 18) and `confusable-homoglyphs` (the table of
UTS #39). Another table means other contents of the search indexes, so it comes with a migration that replaces the
SQL function and rebuilds them, as `0005_moderation` builds them.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import unicodedata2
from confusable_homoglyphs import confusables

from MiniTwit.skeletons import table
from tests.MiniTwit.unicode_13 import CHARACTERS as SETTLED_BY_UNICODE_13

Ranges = list[tuple[int, int]]

# Marks that are drawn over or under a letter of any script: those of the script "Inherited", less those of kana.
DECORATIONS: Ranges = [(0x300, 0x36F), (0x1AB0, 0x1ACE), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0xFE20, 0xFE2D)]
# The code points with the property Default_Ignorable_Code_Point.
IGNORABLE: Ranges = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip
# Blocks of ideographs, pictographs, symbols and private use: what a later edition adds to them has no other form.
WITHOUT_OTHER_FORMS: Ranges = [
    (0x2190, 0x2BFF), (0x3400, 0x9FFF), (0xE000, 0xF8FF), (0x1F000, 0x1F0FF), (0x1F260, 0x1FBEF), (0x20000, 0x2F7FF),
    (0x30000, 0x3FFFF), (0xF0000, 0x10FFFF),
]  # fmt: skip
# Letters with a case that came after Unicode 13: not every Python knows their other case.
LATER_CASED: Ranges = [
    (0x1C89, 0x1C8A), (0x2C2F, 0x2C2F), (0x2C5F, 0x2C5F), (0xA7C0, 0xA7C1), (0xA7CB, 0xA7F1), (0x10570, 0x105BF),
    (0x10D50, 0x10D8F), (0x16EA0, 0x16EDF),
]  # fmt: skip

# Read as one of these, whatever the table of UTS #39 says.
CHOSEN = {
    " ": "\x85\u1680\u2028\u2029",
    "-": "\u2010\u2012\u2013\u2014\u2015\u2043\u2212",
    "'": "`\u2018\u2019\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u055a\ua78c",
    '"': "\u201c\u201d\u201f\u2033\u2036",
    "l": "\u01c0\u04c0\u04cf",  # bars; all other letters that UTS #39 reads as l are an i
    "o": "0",
}
NAMED = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL"
    r"|(?:CROSSED )?NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER) ([A-Z])"
)
# Before NFKC, which makes "(a)" of the first and a space of the second.
PARENTHESIZED = re.compile(r"PARENTHESIZED LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])")
ACUTE_ACCENT = "\u00b4"

Characters = set[int]


def is_within(ranges: Ranges, code: int) -> bool:
    return any(first <= code <= last for first, last in ranges)


def every_code() -> Iterator[int]:
    return (code for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF)


@cache
def composing() -> frozenset[str]:
    """The characters that NFC composes with the one before them."""
    pairs = (unicodedata2.decomposition(chr(code)).split() for code in every_code())
    second = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    return frozenset(second | {chr(code) for code in range(0x1161, 0x1176)} | {chr(c) for c in range(0x11A8, 0x11C3)})


def joins_the_one_before(code: int) -> bool:
    first = unicodedata2.normalize("NFKD", chr(code))[0]
    return unicodedata2.combining(first) > 0 or first in composing()


def is_changed_by_nfkc(code: int) -> bool:
    return unicodedata2.normalize("NFKC", chr(code)) != chr(code)


def has_other_form(code: int) -> bool:
    """Whether normalisation changes, reorders or composes the character."""
    return joins_the_one_before(code) or any(
        unicodedata2.normalize(form, chr(code)) != chr(code) for form in ("NFKC", "NFKD")
    )


def unsettled() -> Characters:
    """What one edition of Unicode may normalise and another, which does not know it, may not."""
    settled = re.compile(f"[{SETTLED_BY_UNICODE_13}]")
    return {
        code
        for code in every_code()
        if (has_other_form(code) or unicodedata2.category(chr(code)) == "Cn")
        and not settled.match(chr(code))
        and not is_within(WITHOUT_OTHER_FORMS + IGNORABLE, code)
    }


def marks() -> Characters:
    return {code for code in every_code() if joins_the_one_before(code)} - unsettled()


def word_characters() -> Characters:
    """Letters, digits, marks and the underscore. What no skeleton holds may count as well, for fewer ranges."""
    held_by_none = folded() | before_normalising()
    result: Characters = set()
    doubtful: Characters = set()
    for code in every_code():
        category = unicodedata2.category(chr(code))
        if category[0] in "LNM" or category == "Pc":
            result |= {code} | (doubtful if len(doubtful) < 0x3000 else set())
            doubtful = set()
        elif category in ("Cn", "Cf") or chr(code) in held_by_none or is_changed_by_nfkc(code):
            doubtful.add(code)
        else:
            doubtful = set()
    return result


def look_alikes() -> dict[str, str]:
    """Letters that the table of UTS #39 reads as one letter of the Latin alphabet, by that letter."""
    found: dict[str, str] = {}
    for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for entry in confusables.confusables_data.get(letter, ()):
            character = entry["c"]
            if len(character) == 1 and not character.isascii() and unicodedata2.category(character)[0] == "L":
                found[character] = "i" if letter == "l" else letter.lower()
    return found


def named_letters() -> dict[str, str]:
    named = ((chr(code), NAMED.fullmatch(unicodedata2.name(chr(code), ""))) for code in every_code())
    return {character: match[1].lower() for character, match in named if match}


def before_normalising() -> dict[str, str]:
    named = ((chr(code), PARENTHESIZED.fullmatch(unicodedata2.name(chr(code), ""))) for code in every_code())
    return {ACUTE_ACCENT: "'"} | {character: match[1].lower() for character, match in named if match}


def folded() -> dict[str, str]:
    """What each character that NFKC leaves as it is becomes, where that is something else."""
    same = look_alikes() | named_letters()
    same |= {character: letter for letter, characters in CHOSEN.items() for character in characters}
    result: dict[str, str] = {}
    for code in every_code():
        character = chr(code)
        if unicodedata2.normalize("NFKC", character) != character or code in unsettled_codes():
            continue
        if unicodedata2.category(character) == "Nd":
            digit = str(unicodedata2.digit(character))
            result[character] = same.get(digit, digit)
        elif is_within(LATER_CASED, code):
            continue
        else:
            result[character] = one_letter(character, same)
    return {character: letter for character, letter in result.items() if letter != character}


@cache
def unsettled_codes() -> frozenset[int]:
    return frozenset(unsettled())


def one_letter(character: str, same: dict[str, str]) -> str:
    """The same for a capital and its small letter; a capital looks more like its Latin twin, so its twin wins."""
    small = character.casefold()
    if len(small) > 1:
        text = "".join(letter for letter in small if not is_within(DECORATIONS, ord(letter)))
        return "".join(one_letter(letter, same) for letter in text)
    capital = small.upper() if len(small.upper()) == 1 and small.upper().casefold() == small else small
    return same.get(capital) or same.get(small) or same.get(character) or small


def as_ranges(codes: Iterable[int]) -> str:
    """Hexadecimal, in lines that fit."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return in_lines(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in ranges)


def as_pairs(pairs: dict[str, str]) -> str:
    return in_lines(
        f"{ord(character):x}:{'+'.join(f'{ord(letter):x}' for letter in letters)}"
        for character, letters in sorted(pairs.items())
    )


def in_lines(words: Iterable[str]) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 116:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def source() -> str:
    """The whole of table.py."""
    ranges = {
        "IGNORABLE": {code for code in every_code() if is_within(IGNORABLE, code)},
        "UNSETTLED": unsettled(),
        "DECORATIONS": {code for code in every_code() if is_within(DECORATIONS, code)},
        "MARKS": marks(),
        "WORD_CHARACTERS": word_characters(),
        "COMBINING": {code for code in every_code() if unicodedata2.category(chr(code))[0] == "M"},
    }
    parts = [HEAD]
    parts += [f'{name} = """\n{as_ranges(codes)}\n"""\n' for name, codes in ranges.items()]
    parts.append(f'BEFORE_NORMALISING = """\n{as_pairs(before_normalising())}\n"""\n')
    parts.append(f'FOLDED = """\n{as_pairs(folded())}\n"""\n')
    return "".join(parts)


HEAD = '''"""What `tests/MiniTwit/skeleton_table.py` makes of Unicode's data; not to be edited by hand.

Ranges of code points, and pairs of a code point and what it becomes; all numbers are hexadecimal.
"""

'''

if __name__ == "__main__":
    Path(table.__file__).write_text(source(), encoding="utf-8")
