"""Sound databases of which bytes were changed: by a bad disk, a bad copy, or somebody who knows the format.

See https://www.sqlite.org/fileformat2.html for what stands where.
"""

import random
import struct
from pathlib import Path

from tests.legacy_import.hostile.catalogue import healthy, hostile
from tests.legacy_import.old_database import make_old_database

PAGE = 4096
LEAF, INTERIOR = 13, 5  # of a table's tree


def flip(data: bytearray, chance: random.Random, start: int, end: int, most: int) -> None:
    for _ in range(chance.randint(1, most)):
        data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)


def changed(path: Path, data: bytes | bytearray) -> Path:
    path.write_bytes(data)
    return path


def pages_of(data: bytes | bytearray) -> range:
    return range(len(data) // PAGE)


@hostile(files=150)
def flipped_bits(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    flip(data, chance, 0, len(data), most=chance.choice([1, 5, 50, 500]))
    return changed(path, data)


@hostile(files=50)
def flipped_header(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    flip(data, chance, 16, 100, most=4)
    return changed(path, data)


@hostile(files=60)
def flipped_schema(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    used = data.index(b"table", 100)  # the list of tables stands at the end of the first page
    flip(data, chance, used - 20, PAGE, most=6)
    return changed(path, data)


@hostile(files=60)
def flipped_page_heads(folder: Path, chance: random.Random) -> Path:
    """What says where the cells of a page begin, and how many there are."""
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 3)):
        start = chance.choice(pages_of(data)) * PAGE
        flip(data, chance, start, start + 60, most=6)
    return changed(path, data)


@hostile(files=70)
def truncated(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = path.read_bytes()
    return changed(path, data[: chance.choice([chance.randrange(200), chance.randrange(len(data))])])


@hostile(files=40)
def overwritten_pages(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 3)):
        page = chance.choice(pages_of(data)) * PAGE
        other = chance.choice(pages_of(data)) * PAGE
        content = [bytes(PAGE), b"\xff" * PAGE, chance.randbytes(PAGE), data[other : other + PAGE]]
        data[page : page + PAGE] = chance.choice(content)
    return changed(path, data)


@hostile(files=30)
def swapped_pages(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = path.read_bytes()
    pages = [data[n * PAGE : (n + 1) * PAGE] for n in pages_of(data)]
    one, other = chance.sample(range(1, len(pages)), 2)
    pages[one], pages[other] = pages[other], pages[one]
    return changed(path, b"".join(pages))


@hostile(files=20)
def wrong_page_size(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    sizes = [0, 1, 2, 3, 256, 512, 1024, 2048, 4097, 8192, 16384, 32768, 65535]
    data[16:18] = chance.choice(sizes).to_bytes(2, "big")
    return changed(path, data)


@hostile(files=12)
def wrong_encoding(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    data[56:60] = chance.choice([0, 2, 3, 4, 5, 2**31, 2**32 - 1]).to_bytes(4, "big")
    return changed(path, data)


@hostile(files=12)
def wrong_size_in_header(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    data[28:32] = chance.choice([0, 1, 2, 5, 100, 2**31, 2**32 - 1]).to_bytes(4, "big")
    data[92:96] = data[24:28]  # the size counts only when these agree
    return changed(path, data)


@hostile(files=6)
def nothing_but_a_header(folder: Path, chance: random.Random) -> Path:
    data = healthy(folder).read_bytes()
    content = [
        b"",
        bytes(PAGE),
        data[:16],
        data[:100],
        data[:100] + bytes(PAGE - 100),
        data[:PAGE] + bytes(10 * PAGE),
    ]
    return changed(folder / "minitwit.db", chance.choice(content))


@hostile(files=15)
def noise_behind_the_magic(folder: Path, chance: random.Random) -> Path:
    head = chance.choice([b"SQLite format 3\0", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BEGIN;", b""])
    return changed(folder / "minitwit.db", head + chance.randbytes(chance.choice([10, 100, 5000, 100_000])))


def with_overflow(folder: Path) -> Path:
    """Texts so long that they go on in chains of pages."""
    return make_old_database(
        folder / "minitwit.db",
        user=[(n, f"user {n}", "x" * 20_000, "y") for n in range(1, 4)],
        message=[(n, 1, "z" * 30_000, n, 0) for n in range(1, 4)],
    )


@hostile(files=15)
def overflow_loops(folder: Path, chance: random.Random) -> Path:
    """A chain of pages that comes back to itself, or runs into another."""
    path = with_overflow(folder)
    data = bytearray(path.read_bytes())
    chained = [n for n in pages_of(data) if data[n * PAGE + 4 : n * PAGE + 14] in (b"x" * 10, b"z" * 10)]
    for page in chance.sample(chained, 3):
        data[page * PAGE : page * PAGE + 4] = (chance.choice(chained) + 1).to_bytes(4, "big")
    return changed(path, data)


@hostile(files=15)
def damaged_freelist(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    places = [0, 1, 2, 5, len(data) // PAGE, len(data) // PAGE + 5, 2**31 - 1, 2**32 - 1]
    data[32:40] = struct.pack(">2I", chance.choice(places), chance.choice(places))
    return changed(path, data)


def interior_page(children: list[int], last: int) -> bytes:
    """A page of a table's tree that refers to others (numbers from 1)."""
    cells = [struct.pack(">IB", child, key) for key, child in enumerate(children, 1)]
    content = b"".join(cells)
    starts = [PAGE - len(content) + 5 * place for place in range(len(cells))]
    head = struct.pack(">BHHHBI", INTERIOR, 0, len(cells), PAGE - len(content), 0, last)
    head += b"".join(start.to_bytes(2, "big") for start in starts)
    return head.ljust(PAGE - len(content), b"\0") + content


@hostile(files=10)
def endless_trees(folder: Path, chance: random.Random) -> Path:
    """Every branch of a tree is the same branch, ten times over: a hundred rows become more than can be counted."""
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    table, leaf = roots_and_leaves(data)
    new = len(data) // PAGE + 1
    depth = chance.choice([2, 6, 12, 18])
    branches = [interior_page([new + n + 1] * 100, new + n + 1) for n in range(depth - 1)]
    branches.append(interior_page([leaf] * 100, leaf))
    data[(table - 1) * PAGE : table * PAGE] = interior_page([new] * 100, new)
    data += b"".join(branches)
    data[28:32] = (len(data) // PAGE).to_bytes(4, "big")
    return changed(path, data)


@hostile(files=4)
def trees_that_are_their_own_branch(folder: Path, chance: random.Random) -> Path:
    path = healthy(folder)
    data = bytearray(path.read_bytes())
    table, leaf = roots_and_leaves(data)
    itself = interior_page([table] * chance.randint(1, 100), chance.choice([table, leaf]))
    data[(table - 1) * PAGE : table * PAGE] = itself
    return changed(path, data)


def roots_and_leaves(data: bytearray) -> tuple[int, int]:
    """The number of the page where the messages begin, and of one that holds some of them."""
    table = next(n for n in pages_of(data) if data[n * PAGE] == INTERIOR)
    leaf = next(n for n in pages_of(data)[1:] if data[n * PAGE] == LEAF and b"message 3 " in data[n * PAGE :][:PAGE])
    return table + 1, leaf + 1


@hostile(files=2)
def sparse_files(folder: Path, chance: random.Random) -> Path:
    """Half a gigabyte that takes no room on the disk."""
    path = healthy(folder)
    with path.open("r+b") as file:
        file.truncate(500 * 1024 * 1024)
        if chance.random() < 0.5:
            file.seek(28)
            file.write((500 * 1024 * 1024 // PAGE).to_bytes(4, "big"))
    return path
