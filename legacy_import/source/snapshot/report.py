"""How the intake tells what it is at."""

from collections.abc import Callable

# Called now and then with a line for staff. It may raise to end the work.
Report = Callable[[str], None]


def silent(line: str) -> None:
    """A report that is not shown."""


def megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"
