"""What can be wrong with an old database."""

from pathlib import Path

from legacy_import.source.wording import readable
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room


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


def no_room(label: str) -> SourceError:
    return SourceError("not_stored", f"{label} could not be copied. {NO_ROOM} Nothing was imported.")


def not_copied(label: str, error: OSError, copy: Path) -> SourceError:
    """What to say when copying ended: is it the old file that cannot be read, or the copy that cannot be written?"""
    if lacks_room(error):
        return no_room(label)
    if str(error.filename or "").startswith(str(copy.parent)):
        return SourceError(
            "not_stored",
            f"{label} could not be copied into {copy.parent}: {error.strerror or error}. Nothing was imported. Let "
            "the account of web server and worker write there, then try again.",
        )
    return unreadable(label, error)


def unreadable(label: str, error: OSError) -> SourceError:
    return SourceError("unreadable_file", f"{label} cannot be read or copied: {error.strerror or error}.")
