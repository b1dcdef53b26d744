"""JSON files: a list of objects, read one by one. Values go by their names; a name that is missing has no value."""

import codecs
import mmap
import re
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from MiniTwit.admin.files.rows import (
    MAX_ROWS,
    BadCell,
    FileRow,
    Options,
    TableFile,
    UnreadableFileError,
    column_names,
    number_of,
)
from MiniTwit.text_files import ENCODINGS, chosen_encoding

# Half of a surrogate pair, which only broken programs write; the parser would read a question mark.
HALF_A_CHARACTER = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
Pairs = list[tuple[str, Any]]  # the names and values of an object, in order
LIST_OF_OBJECTS = "A JSON file must be a list of objects, one for each row."


def open_json(path: Path, options: Options, known: list[str]) -> TableFile:
    """Open a JSON file. It is read twice, because all names are known only at its end.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file.
    """
    encoding, doubt = chosen_encoding(path, options.get("encoding", ""))
    refuse_half_characters(path)
    found: dict[str, None] = {}
    for pairs in islice(read_objects(path, encoding), MAX_ROWS):
        found |= dict.fromkeys(name for name, _ in pairs)
    names = dict(zip(found, column_names([*found], known), strict=True))
    objects = read_objects(path, encoding)
    return TableFile(
        headers=[*names.values()],
        rows=read_rows(objects, names),
        read_as={"Format": "JSON", "Encoding": ENCODINGS.get(encoding.removesuffix("-sig"), encoding)},
        doubts=[doubt] if doubt else [],
        chosen={"format": "json", "encoding": encoding},
        close=objects.close,
    )


def refuse_half_characters(path: Path) -> None:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if found := HALF_A_CHARACTER.search(content):
                raise UnreadableFileError(
                    f"The file holds {found[0].decode().lstrip(chr(92))}, which is half a character: write it whole."
                )


def read_rows(objects: Iterator[Pairs], names: dict[str, str]) -> Iterator[FileRow]:
    for number, pairs in enumerate(objects, 1):
        row = FileRow()
        row.number = number
        for name, value in pairs:
            if name not in names:
                continue  # of a row beyond the limit
            if names[name] in row:
                row.problem = f"The row names “{name}” more than once. Keep one of them."
            row[names[name]] = value
        yield row


def read_objects(path: Path, encoding: str) -> Generator[Pairs, None, None]:
    """The names and values of each object, in order. `json` would keep the last of two values of one name."""
    with path.open("rb") as file:
        try:
            yield from objects_of(ijson.basic_parse(AsUTF8(file, encoding)))
        except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
            raise UnreadableFileError(
                "The file could not be read as JSON: it is damaged, or something else. Choose the format that it has."
            ) from error


class AsUTF8:
    """Reads a file of any of the encodings as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.file = file

    def read(self, size: int) -> bytes:
        """Return some bytes; none only at the end."""
        if size == 0:
            return b""
        while block := self.file.read(size):
            if text := self.decoder.decode(block):
                return text.encode()
        return self.decoder.decode(b"", final=True).encode()


def objects_of(events: Iterator[tuple[str, Any]]) -> Iterator[Pairs]:
    if next(events, ("", None))[0] != "start_array":
        raise UnreadableFileError(LIST_OF_OBJECTS)
    for event, _ in events:
        if event == "end_array":
            list(events)  # what follows the list, which is an error
            return
        if event != "start_map":
            raise UnreadableFileError(LIST_OF_OBJECTS)
        yield [(name, value_of(next(events), events)) for name in iter(lambda: name_of(next(events)), None)]


def name_of(event: tuple[str, Any]) -> str | None:
    return None if event[0] == "end_map" else event[1]


def value_of(event: tuple[str, Any], events: Iterator[tuple[str, Any]]) -> Any:
    """Return a value; a list or an object becomes a BadCell."""
    if event[0] == "number":
        return number_of(event[1])
    if not event[0].startswith("start_"):
        return event[1]
    depth = 1
    while depth:
        kind = next(events)[0]
        depth += kind.startswith("start_") - (kind in ("end_map", "end_array"))
    return BadCell("This is a list or an object, not one value.")
