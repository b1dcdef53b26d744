"""What can stop a run."""

from legacy_import.source.wording import readable
from MiniTwit.database.failures import BUSY, DESCRIPTIONS, UNAVAILABLE, Cause, cause_of


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


def code_of_cause(cause: Cause) -> str:
    """The error code of a run that the database ended."""
    if cause in BUSY:
        return "database_busy"
    return "database_unavailable" if cause in UNAVAILABLE else f"database_{cause}"


def refused_by_database(error: Exception) -> RunError | None:
    """What to say where the database refused before there was a run; None for a fault of the program."""
    cause = cause_of(error)
    return None if cause is None else RunError(code_of_cause(cause), str(DESCRIPTIONS[cause]))
