"""What can stop a run."""

from legacy_import.source.wording import readable
from MiniTwit.database.failures import failure_kind


class RunError(Exception):
    """A run cannot be started, confirmed, finished or undone.

    Attributes:
        code: a short name that scripts can rely on, e.g. `already_running`.
        message: one sentence or two for staff: what is wrong, with what, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(readable(message))
        self.code = code
        self.message = readable(message)


def refused_by_database(error: Exception) -> RunError | None:
    """What to say where the database refused before there was a run; None for a fault of the program."""
    kind = failure_kind(error)
    return None if kind is None else RunError(kind.error_code, kind.sentences)
