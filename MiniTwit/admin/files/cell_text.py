"""What one cell of a spreadsheet can hold, and how a text gets into it and back.

A workbook is XML, which has no place for most control characters, and its cells hold 32,767 characters. A cell of a
CSV file holds everything, but a spreadsheet program runs some texts as formulas.
"""

import re
from typing import Any

from MiniTwit.line_ends import same_text

MAX_CELL_CHARACTERS = 32_767  # Excel's specification, in UTF-16 code units

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CUT_MARK = " […cut: the text is longer than a cell]"

# Everything but XML 1.0's production [2] Char.
_NOT_IN_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# Office Open XML writes a character by its number where XML would lose it (ECMA-376, ST_Xstring), as it does with a
# carriage return; so a text that looks like that has to be escaped as well.
_WRITTEN_BY_NUMBER = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile("\r|_(?=x[0-9A-Fa-f]{4}_)")


# What a spreadsheet program takes for a formula (OWASP, "CSV Injection"), however often it was escaped before.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r\n]")


def without_formula(value: Any) -> Any:
    """Mark a text that a spreadsheet program would run as a formula with an apostrophe.

    Every value survives export and import: a text that already begins with such an apostrophe gets one more.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def without_mark(value: Any) -> Any:
    """Take off the apostrophe that `without_formula` put on."""
    return value[1:] if isinstance(value, str) and _ESCAPED_FORMULA.match(value) else value


def storable(text: str) -> str:
    """The text with every character replaced that XML cannot hold."""
    return re.sub(_NOT_IN_XML, REPLACEMENT, text)


def cut(text: str) -> str:
    """As much of a text as a cell can hold, with a mark at the cut."""
    if code_units(text) <= MAX_CELL_CHARACTERS:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (MAX_CELL_CHARACTERS - len(CUT_MARK))]
    return kept.decode("utf-16-le", "ignore") + CUT_MARK


def code_units(text: str) -> int:
    """The length of a text as Excel counts it."""
    return len(text) + sum(character > "\uffff" for character in text) if len(text) > 16_000 else len(text)


def escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unescape(text: str) -> str:
    """What a cell means, read from what the file holds."""
    if "_x" not in text:
        return text
    return _WRITTEN_BY_NUMBER.sub(lambda found: chr(int(found[1], 16)), text)


def same_as_exported(stored: str, given: str) -> bool:
    """Whether a cell holds what an export writes for a text: losses of the format do not count as changes."""
    if same_text(stored, given):
        return True
    return same_text(cut(storable(stored)), given)


def was_cut(text: str) -> bool:
    return text.endswith(CUT_MARK)
