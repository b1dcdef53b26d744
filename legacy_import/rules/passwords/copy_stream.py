"""Passwords are converted on their way from the old database to PostgreSQL's COPY, by several threads.

OpenSSL works outside of Python's lock, so hashing plain passwords keeps every processor busy.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from legacy_import.rules.passwords.conversion import Conversion
from legacy_import.source.copy_lines import FIELD_END, NULL, Chunk, escaped_field
from legacy_import.source.schema import CANONICAL_COLUMNS, number_columns, text_columns

# Rows that a thread converts at one go: between two of them the import can be cancelled and tells how far it is.
ROWS_AT_A_TIME = 250
WORKERS = os.cpu_count() or 1

# Where things stand in a line; see `sources/copy_lines.py`.
NUMBERS, TEXTS = number_columns("user"), text_columns("user")
STORAGE = 1
USER_ID_NUMBER = 2 + 2 * NUMBERS.index("user_id")
USER_ID_TEXT = USER_ID_NUMBER + 1
PASSWORD = 2 + 2 * len(NUMBERS) + TEXTS.index("pw_hash")
PASSWORD_LETTER = CANONICAL_COLUMNS["user"].index("pw_hash")
# In this order; a NUL stands for a backslash meanwhile.
UNESCAPING = ((b"\\\\", b"\0"), (b"\\n", b"\n"), (b"\\r", b"\r"), (b"\\", b""), (b"\0", b"\\"))


def with_converted_passwords(chunks: Iterator[Chunk], conversion: Conversion) -> Generator[Chunk, None, None]:
    """The same lines of the user table, in the same order, with what becomes of each password in its place."""
    waiting: deque[Future[Chunk]] = deque()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="converting passwords")
    try:
        for lines in _slices(chunks):
            waiting.append(pool.submit(partial(_converted, lines, conversion)))
            if len(waiting) > 2 * WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _slices(chunks: Iterator[Chunk]) -> Iterator[list[bytes]]:
    for chunk in chunks:
        lines = chunk.data.removesuffix(b"\n").split(b"\n")  # those within values are escaped
        for start in range(0, len(lines), ROWS_AT_A_TIME):
            yield lines[start : start + ROWS_AT_A_TIME]


def _converted(lines: list[bytes], conversion: Conversion) -> Chunk:
    without = conversion.staged("n", None, None).encode()
    return Chunk(b"".join(_converted_line(line, conversion, without) for line in lines), len(lines))


def _converted_line(line: bytes, conversion: Conversion, without: bytes) -> bytes:
    """The line with what becomes of its password; `without` is what becomes of none at all."""
    storage = line.split(FIELD_END, STORAGE + 1)[STORAGE].decode()[PASSWORD_LETTER]
    if storage == "n":  # the password is the last field
        return line.removesuffix(NULL) + without + b"\n"
    fields = fields_of(line)
    user_id = _text_of(fields[USER_ID_NUMBER]) or _text_of(fields[USER_ID_TEXT])
    staged = conversion.staged(storage, _text_of(fields[PASSWORD]), user_id)
    fields[PASSWORD] = escaped_field(staged.encode())
    return FIELD_END.join(fields) + b"\n"


def fields_of(line: bytes) -> list[bytes]:
    """The escaped fields of a line for COPY."""
    if b"\\" + FIELD_END not in line:
        return line.split(FIELD_END)
    # Whole values at a time (a line has no NUL): a step for each character takes minutes where there are millions.
    marked = line.replace(b"\\\\", b"\0b").replace(b"\\" + FIELD_END, b"\0e")
    fields = marked.split(FIELD_END)
    return [field.replace(b"\0e", b"\\" + FIELD_END).replace(b"\0b", b"\\\\") for field in fields]


def _text_of(field: bytes) -> str | None:
    if field == NULL:
        return None
    if b"\\" in field:
        for escape, character in UNESCAPING:
            field = field.replace(escape, character)
    return field.decode()
