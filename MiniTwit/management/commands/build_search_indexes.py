"""Build the search indexes that are missing. Exit 0 when all exist, or another process builds them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from MiniTwit.database.failures import ERRORS, explain, server_words
from MiniTwit.search import ensure_search_indexes


class Command(BaseCommand):
    help = "Builds the search indexes that are missing or broken, while the back office stays in use."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            built = ensure_search_indexes(on_progress=lambda name: self.stdout.write(f"Building {name} …"))
        except ERRORS as error:
            why = explain(error) or f"PostgreSQL says: {server_words(error)}."
            raise CommandError(f"The search index could not be built. {why} Then run this command again.") from error
        self.stdout.write(
            f"Built: {', '.join(built)}."
            if built
            else "Nothing to build: all search indexes exist, or another process builds them."
        )
