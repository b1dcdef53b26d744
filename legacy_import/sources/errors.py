"""What can be wrong with an old database."""

from legacy_import.sources.wording import readable


class SourceError(Exception):
    """The old database cannot be used.

    Attributes:
        code: a short name that scripts can rely on, e.g. `not_sqlite`.
        message: one sentence for staff: what is wrong, with which file, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(readable(message))
        self.code = code
        self.message = readable(message)


def unreadable(label: str, error: OSError) -> SourceError:
    return SourceError("unreadable_file", f"{label} cannot be read or copied: {error.strerror or error}.")
