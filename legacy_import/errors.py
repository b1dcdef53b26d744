"""What can stop a run."""

from legacy_import.sources.wording import readable


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
