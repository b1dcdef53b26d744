"""Remove what is kept for a while only. A running worker does it every day by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backoffice import pruning


class Command(BaseCommand):
    help = (
        "Removes finished tasks, expired sessions, abandoned selections, and files and tables that no import needs. "
        "A running worker does this every day."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pruning.prune()
        except pruning.PruningError as error:
            raise CommandError(str(error)) from error
