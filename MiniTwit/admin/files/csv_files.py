"""CSV files as spreadsheet programs and other people's scripts write them: encoding and delimiter are recognised.

A byte order mark determines the encoding. Without one, a file that can be UTF-8 is read as UTF-8. Other encodings are
never certain, so the page says which one was assumed and lets staff choose another.
"""

import codecs
import csv
from collections.abc import Generator, Iterator
from pathlib import Path

import charset_normalizer

from MiniTwit.admin.files.cell_text import without_mark
from MiniTwit.admin.files.rows import FileRow, Options, TableFile, UnreadableFileError, column_names, row_of

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


def open_csv(path: Path, options: Options, known: list[str]) -> TableFile:
    """Open a CSV file.

    Args:
        known: the columns that the program knows, by which the delimiter is recognised.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file; reading the rows may raise it, too.
    """
    refuse_workbooks(path)
    encoding, doubt = chosen_encoding(path, options.get("encoding", ""))
    head = read_head(path, encoding)
    delimiter, skipped = told_delimiter(head)
    delimiter = options.get("delimiter", "") or delimiter or recognised_delimiter(head, known)
    records = read_records(path, encoding, delimiter)
    for _ in range(skipped):
        next(records, None)
    names = column_names(next(records, []), known)
    title = ENCODINGS.get("utf-8" if encoding == "utf-8-sig" else encoding.removesuffix("-le").removesuffix("-be"))
    return TableFile(
        headers=[name for name in names if name],
        rows=read_rows(records, names),
        read_as={"Format": "CSV", "Encoding": title or encoding, "Delimiter": DELIMITERS[delimiter]},
        doubts=[doubt] if doubt else [],
        chosen={"format": "csv", "encoding": encoding, "delimiter": delimiter},
        close=records.close,
    )


def read_rows(records: Iterator[list[str]], names: list[str]) -> Iterator[FileRow]:
    while names and not names[-1]:
        names = names[:-1]  # what spreadsheets append to every line
    for number, record in enumerate(records, 1):
        row = row_of(number, names, [without_mark(value) for value in record])
        if any(record) and len(record) < len(names):
            row.problem = (
                f"The row has {len(record)} of {len(names)} values: which of them are missing cannot be told. Write "
                "an empty value with its separator, too."
            )
        yield row


def read_records(path: Path, encoding: str, delimiter: str) -> Generator[list[str], None, None]:
    with path.open(encoding=encoding, newline="") as file:
        records = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            yield from records
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"The file is not {ENCODINGS.get(encoding, encoding)}: text near line {records.line_num + 1} cannot "
                "be read as such. Choose the encoding that it has; UTF-8 is best."
            ) from error
        except csv.Error as error:
            raise UnreadableFileError(
                f"The file could not be read as CSV: line {records.line_num} is not in order ({error}). Choose the "
                "format that it has, or mend the line."
            ) from error


def refuse_workbooks(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError("The file could not be read as text: it is a workbook. Choose the format XLSX.")


# The encoding


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


# The delimiter


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


def recognised_delimiter(head: str, known: list[str]) -> str:
    """The delimiter that gives the most known headings; without any, the one that `csv` recognises."""

    def score(delimiter: str) -> int:
        try:
            found = next(csv.reader(head.splitlines(keepends=True), delimiter=delimiter), [])
            return sum(name in known for name in column_names(found, known))
        except (csv.Error, UnreadableFileError):
            return 0

    scores: dict[str, int] = {delimiter: score(delimiter) for delimiter in DELIMITERS}
    best = max(scores.values())
    if best and list(scores.values()).count(best) == 1:
        return max(scores, key=scores.__getitem__)
    try:
        return csv.Sniffer().sniff(head.split("\n", 1)[0][:SNIFFED], "".join(DELIMITERS)).delimiter
    except csv.Error:
        return ","
