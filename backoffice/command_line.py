"""The commands of `manage.py`, with a sentence in place of a traceback where the database or a disk refuses."""

import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from MiniTwit.database.failures import ERRORS, FailureKind, explain, failure_kind, server_words
from MiniTwit.storage.full_disks import NO_ROOM, lacks_room


def execute(arguments: Sequence[str]) -> None:
    """Run the command; with `--traceback` as Django does it."""
    try:
        execute_from_command_line(list(arguments))
    except ImproperlyConfigured as error:
        if "--traceback" in arguments:
            raise
        sys.exit(f"ImproperlyConfigured: {error}")
    except ERRORS as error:
        if "--traceback" in arguments or failure_kind(error) in (None, FailureKind.DATA_ERROR):
            raise
        sys.exit(f"{explain(error)}\nPostgreSQL says: {server_words(error)}")
    except OSError as error:
        if "--traceback" in arguments or not lacks_room(error):
            raise
        sys.exit(NO_ROOM)
