"""Names that a file brings along, in sentences for people to read."""

import re
from collections.abc import Iterable

MOST_NAMES = 20
LONGEST_NAME = 60  # characters, in a list of names
LONGEST_WORD = re.compile(r"(\S{500})\S+")


def readable(text: str) -> str:
    """A sentence without characters that cannot be shown (or would change what is), and without endless words."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return LONGEST_WORD.sub(r"\1…", shown)


def listed(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    every = list(names)
    shown = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in every[:MOST_NAMES]]
    more = [f"and {len(every) - MOST_NAMES:,} more"] if len(every) > MOST_NAMES else []
    return ", ".join(shown + more)
