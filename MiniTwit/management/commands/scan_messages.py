"""Look through new messages for the terms of the watch-list, in the foreground."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from MiniTwit import watchlist
from MiniTwit.database.locks import LockNotAcquired
from MiniTwit.models import WatchTerm


class Command(BaseCommand):
    help = "Look through the messages that are new to the watch-list, without a worker."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = watchlist.scan(on_progress=self.show if options["verbosity"] > 1 else None)
        except LockNotAcquired:
            raise CommandError("Another scan is running. Wait for it to end, then try again if need be.") from None
        for term in WatchTerm.objects.in_bulk(list(result.hits)).values():
            self.stdout.write(f"{term.pattern} ({term.get_kind_display()}): {result.hits[term.pk]:,} new hits")
        for term in WatchTerm.objects.in_bulk(list(result.skipped)).values():
            sentence = f"{term.pattern}: {result.skipped[term.pk]:,} messages take too long and were passed over"
            self.stderr.write(self.style.WARNING(sentence))
        for term in result.switched_off:
            self.stderr.write(self.style.WARNING(f"{term.pattern}: {term.error}"))
        if not result.finished:
            self.stderr.write("Other transactions are still writing messages; run this again when they have ended.")
        if result.switched_off:
            raise CommandError("Not every term could be looked for. Correct those named above on the watch-list.")

    def show(self, reached: int, last: int) -> None:
        self.stdout.write(f"Looked through message {reached:,} of {last:,}")
