"""Remove what is kept for a limited time: finished tasks, sessions, selections, uploads and files of imports."""

import logging
from collections.abc import Callable
from functools import partial

from axes.models import AccessAttempt
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from legacy_import.runs.leftovers import discard_leftovers
from MiniTwit.admin.files.import_worker import discard_old
from MiniTwit.moderation.selections import remove_discarded

TASK_DAYS = 14


def discard_attempts() -> None:
    """Delete the wrong passwords that no longer count."""
    AccessAttempt.objects.filter(attempt_time__lt=timezone.now() - settings.AXES_COOLOFF_TIME).delete()


STEPS: dict[str, Callable[[], object]] = {
    "finished tasks": partial(
        call_command, "prune_db_task_results", queue_name="*", min_age_days=TASK_DAYS, verbosity=0
    ),
    "expired sessions": partial(call_command, "clearsessions"),
    "abandoned selections": remove_discarded,
    "uploads for the import of files": discard_old,
    "files and tables of imports": discard_leftovers,
    "failed attempts to sign in": discard_attempts,
}
logger = logging.getLogger(__name__)


class PruningError(Exception):
    """Some data could not be removed; the message names it."""


def prune() -> None:
    """Remove what is no longer needed. After a step that fails, the other steps still run.

    Raises:
        PruningError: at least one step failed; the log has the details.
    """
    failed = []
    for name, step in STEPS.items():
        try:
            step()
        except Exception:
            logger.exception("Could not remove: %s", name)
            failed.append(name)
    if failed:
        raise PruningError(f"Could not remove: {', '.join(failed)}. The log has the details; the rest is done.")
