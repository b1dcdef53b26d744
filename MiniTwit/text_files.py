"""Text files as spreadsheet programs and other people's scripts write them: encoding and delimiter are recognised.

A byte order mark determines the encoding. Without one, a file that can be UTF-8 is read as UTF-8. Other encodings are
never certain, so a sentence says which one was assumed.
"""

import codecs
import csv
from collections.abc import Callable
from pathlib import Path

import charset_normalizer

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1257": "Windows-1257 (Baltic)",
    "mac_roman": "Mac Roman",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "euc_kr": "EUC-KR (Korean)",
}
USUAL = "cp1252"  # what Excel writes in most of Europe and in America
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SAMPLE = 64 * 1024
SNIFFED = 1_000  # characters: `csv` takes quadratic time
BLOCK = 1024 * 1024

csv.field_size_limit(16 * 1024 * 1024)  # Python's own limit is shorter than some messages


def chosen_encoding(path: Path, chosen: str) -> tuple[str, str]:
    """The encoding of a text file, and a sentence if it is not certain."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    for mark, encoding in MARKS.items():
        if head.startswith(mark) and chosen in ("", encoding.removesuffix("-sig")):
            return encoding, ""
    if chosen == "utf-16":
        return unmarked_utf_16(head), ""
    if chosen:
        return chosen, ""
    if head.count(0) > len(head) // 8:  # no text holds NUL; UTF-16 has one for every Latin letter
        return unmarked_utf_16(head), ""
    if can_be(path, "utf-8"):
        return "utf-8", ""
    encoding = recognised_encoding(path)
    return encoding, (
        f"The file is not UTF-8, and its encoding is a guess: {ENCODINGS[encoding]}. Look at the letters with "
        "accents below; if they are wrong, choose another encoding."
    )


def unmarked_utf_16(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def recognised_encoding(path: Path) -> str:
    """The most likely encoding of the lines that hold letters beyond ASCII."""
    matches = charset_normalizer.from_bytes(odd_lines(path), cp_isolation=[*ENCODINGS][2:])
    best = matches.best()
    if best is None:
        return USUAL
    equals = [match for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    names = [name for match in equals for name in match.could_be_from_charset]
    for name in [USUAL, *names]:  # several that mean the same letters are in the order of the alphabet
        if name in names and name in ENCODINGS and can_be(path, name):
            return name
    return USUAL


def odd_lines(path: Path) -> bytes:
    """Lines that are not ASCII: ASCII is the same in all of these encodings."""
    found = b""
    with path.open("rb") as file:
        while len(found) < SAMPLE and (line := file.readline(BLOCK)):
            found += b"" if line.isascii() else line
    return found[:SAMPLE]


def can_be(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def read_head(path: Path, encoding: str) -> str:
    """The first lines, as far as they can be decoded."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        return file.read(SAMPLE)


def told_delimiter(head: str) -> tuple[str, int]:
    """Read the delimiter from Excel's own line `sep=;`; the number is that of the lines before the headings."""
    first = head.split("\n", 1)[0].strip("\r\n")
    if first.casefold().startswith("sep=") and first[4:] in DELIMITERS:
        return first[4:], 1
    return "", 0


def recognised_delimiter(head: str, score: Callable[[list[str]], int]) -> str:
    """The delimiter that gives the best headings; without any, the one that `csv` recognises.

    Args:
        score: of the cells of the first line, how many are headings that the program knows.
    """
    scores: dict[str, int] = {delimiter: score(first_record(head, delimiter)) for delimiter in DELIMITERS}
    best = max(scores.values())
    if best and list(scores.values()).count(best) == 1:
        return max(scores, key=scores.__getitem__)
    try:
        return csv.Sniffer().sniff(head.split("\n", 1)[0][:SNIFFED], "".join(DELIMITERS)).delimiter
    except csv.Error:
        return ","


def first_record(head: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(head.splitlines(keepends=True), delimiter=delimiter), [])
    except csv.Error:
        return []
