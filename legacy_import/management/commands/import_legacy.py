"""Import the old database from the command line, through the same door as the admin."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from legacy_import.errors import RunError
from legacy_import.foreground import import_at_once
from legacy_import.records import ImportOptions, TableCounts
from legacy_import.sources import SourceError, SourceReference, configured_source, source_at
from MiniTwit import watchlist


class Command(BaseCommand):
    help = "Import users, or messages and follows, of the old database. Users first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["users", "messages"])
        parser.add_argument(
            "--source", help="path or sqlite:/// URL of the old database (default: LEGACY_DATABASE_URL)"
        )
        parser.add_argument("--dry-run", action="store_true", help="preview only: write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument(
            "--existing", choices=["keep", "update"], default="keep", help="rows that are here already and differ"
        )
        parser.add_argument(
            "--duplicates", choices=["reject", "merge"], default="reject", help="users of the same username"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = import_at_once(
                kind=options["kind"],
                reference=chosen_source(options["source"]),
                options=ImportOptions(existing=options["existing"], duplicates=options["duplicates"]),
                origin="command",
                dry_run=options["dry_run"],
            )
        except (RunError, SourceError) as error:
            if options["json"]:
                self.stdout.write(json.dumps({"error": {"code": error.code, "message": error.message}}))
            raise CommandError(error.message) from error
        watchlist.request_scan_if_behind()
        if options["json"]:
            self.stdout.write(json.dumps(account(run)))
        else:
            self.print_account(run)

    def print_account(self, run: Any) -> None:
        for warning in run.source["warnings"]:
            self.stderr.write(self.style.WARNING(warning))
        self.stdout.write(f"Import {run.pk} of {run.kind} from {run.source['label']}: {run.get_state_display()}.")
        for table, data in run.counts.items():
            counts = TableCounts.from_json(data)
            figures = ", ".join(f"{data[name]:,} {name}" for name in VERDICT_NAMES if data[name])
            self.stdout.write(f"  {table}: {counts.read:,} read" + (f": {figures}" if figures else ""))
            for title, codes in (("rejected", counts.reasons), ("note", counts.notes)):
                for code, count in sorted(codes.items()):
                    self.stdout.write(f"    {title} {code}: {count:,}")
        if run.verification:
            verdict = "ok" if run.verification["ok"] else "NOT ok; see verify_legacy"
            self.stdout.write(f"  verification: {verdict}")


VERDICT_NAMES = ("new", "changed", "unchanged", "kept", "duplicate", "rejected")


def chosen_source(location: str | None) -> SourceReference:
    """The source named on the command line, or the configured one."""
    source = source_at(location) if location else configured_source()
    if source is None:
        raise SourceError(
            "no_source",
            "No old database is named. Give --source PATH, or set LEGACY_DATABASE_URL, "
            "for example sqlite:////srv/minitwit.db.",
        )
    return source


def account(run: Any) -> dict[str, Any]:
    """The object that `--json` prints."""
    counts = run.counts.items()
    return {
        "run": run.pk,
        "kind": run.kind,
        "state": run.state,
        "tables": {table: {name: data[name] for name in ("read", *VERDICT_NAMES)} for table, data in counts},
        "rejected": {table: data["reasons"] for table, data in counts},
        "notes": {table: data["notes"] for table, data in counts},
    }
