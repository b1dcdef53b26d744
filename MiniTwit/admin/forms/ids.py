"""Ids as addresses and forms name them. Clients send anything: signs, other scripts, thousands of digits."""

LARGEST_ID = 2**63 - 1  # of a bigint
MOST_DIGITS = 19


def id_in(text: str | None) -> int:
    """The id that a text names; 0, which no row has, for anything else."""
    if not text or len(text) > MOST_DIGITS or not (text.isascii() and text.isdigit()):
        return 0
    number = int(text)
    return number if number <= LARGEST_ID else 0
