"""`manage.py harden_legacy_passwords`: make weak old hashes useless to a thief."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from legacy_import.steps.hardening import Hardening, harden_passwords


class Command(BaseCommand):
    help = (
        "Put a strong hash around every weak one (sha1, md5, PBKDF2 of few iterations), without knowing the "
        "passwords; they go on working. It takes up to a second per password and processor, can be stopped at "
        "any time, and goes on where it was when it is started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count the weak ones")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run, told = options["dry_run"], 0

        def on_progress(found: Hardening) -> None:
            nonlocal told
            if options["verbosity"] and found.hardened >= told + 100:
                told = found.hardened
                self.stdout.write(f"{found.hardened:,} passwords hardened so far.")

        try:
            found = harden_passwords(dry_run=dry_run, on_progress=on_progress)
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was hardened stays so; start it again to go on.") from None
        for algorithm, count in sorted(found.weak.items()):
            self.stdout.write(f"{algorithm}: {count:,} weak")
        if dry_run:
            self.stdout.write(f"{found.weak.total():,} passwords would be hardened.")
        else:
            self.stdout.write(f"{found.hardened:,} passwords hardened.")
            if changed := found.weak.total() - found.hardened:
                self.stdout.write(f"{changed:,} were changed meanwhile and left alone.")
        for run_id in found.waiting:
            self.stderr.write(
                f"The preview of import {run_id} still holds old hashes: confirm or cancel it. What it brings "
                "is weak until this command runs again."
            )
