"""How the commands of the import end where the import is refused: with a sentence, and its code for scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import BaseCommand, CommandError

from legacy_import.errors import RunError, refused_by_database
from legacy_import.source import SourceError
from MiniTwit.database.failures import ERRORS


@contextmanager
def explained(command: BaseCommand, *, as_json: bool, returncode: int = 1) -> Iterator[None]:
    """End a command with what refuses the block: the import itself, the old database or the new one.

    Args:
        as_json: print one JSON object, too.
    """
    try:
        yield
    except (RunError, SourceError, *ERRORS) as error:
        failure = refused_by_database(error) if isinstance(error, ERRORS) else error
        if failure is None:
            raise
        if as_json:
            command.stdout.write(json.dumps({"error": {"code": failure.code, "message": failure.message}}))
        raise CommandError(failure.message, returncode=returncode) from error
