"""Ids in addresses, forms and searches. Clients send anything: signs, other scripts, thousands of digits."""

LARGEST_ID = 2**63 - 1  # of a bigint
MOST_DIGITS = 19


def number_in(text: str | None) -> int | None:
    """The number in a text, if a row could have it as its id; old ids begin at 0."""
    if not text or len(text) > MOST_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None


def id_in(text: str | None) -> int:
    """The id in a text; 0, which no row has, for anything else."""
    return number_in(text) or 0
