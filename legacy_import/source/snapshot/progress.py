"""How taking in an old database shows its progress."""

from collections.abc import Callable

# Called now and then with a line for staff. It may raise to end the work.
OnProgress = Callable[[str], None]


def silent(line: str) -> None:
    """Show no progress."""


def megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"
