"""Import the old database from the command line, through the same door as the admin."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from legacy_import import tasks
from legacy_import.management.failures import explained
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.rules.outcomes import Outcome
from legacy_import.runs.chosen_mapping import outlooks_shown
from legacy_import.runs.foreground import cancel_at_work, import_at_once
from legacy_import.source import CANONICAL_TABLES, named_source
from legacy_import.source.recognition.mapping import TableMapping, TableMappings, mappings_from_words
from legacy_import.source.record import SourceRecord
from legacy_import.steps.audit import Audit
from legacy_import.steps.identity import OtherDatabase
from MiniTwit import watchlist


class Command(BaseCommand):
    help = "Import users, or messages and follows, of the old database. Users first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["users", "messages"], nargs="?", help="may be left out with --cancel")
        parser.add_argument(
            "--cancel",
            action="store_true",
            help="cancel the import that is at work or waits, and wait for its end",
        )
        parser.add_argument("--source", help="path or address of the old database (default: LEGACY_DATABASE_URL)")
        parser.add_argument(
            "--map",
            action="append",
            metavar="TABLE[.COLUMN]=NAME",
            help="what a table or column of the old database is called, where it is not recognised: user=people, or "
            "user.username=people.nick; may be given several times, and is remembered for this old database",
        )
        parser.add_argument(
            "--map-anew",
            dest="map_again",
            action="store_true",
            help="forget what was chosen before, and recognise the tables again",
        )
        parser.add_argument("--dry-run", action="store_true", help="preview only: write nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument(
            "--existing", choices=["keep", "update"], default="keep", help="existing rows that differ"
        )
        parser.add_argument(
            "--duplicates", choices=["reject", "merge"], default="reject", help="users of the same username"
        )
        parser.add_argument(
            "--plain-passwords",
            choices=["hash", "unusable"],
            default="hash",
            help="passwords that the old application kept in clear",
        )
        parser.add_argument(
            "--insist",
            action="store_true",
            help="import even what does not look like the database imported before, or if hardly a row arrives",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kind"] is None and not options["cancel"]:
            raise CommandError("Say what to import: users, or messages.", returncode=2)
        with explained(self, as_json=options["json"]):
            if options["cancel"]:
                self.say_cancelled(cancel_at_work(options["kind"]), as_json=options["json"])
                return
            run = import_at_once(
                kind=options["kind"],
                reference=named_source(options["source"]),
                options=ImportOptions.from_json(options),
                origin="command",
                dry_run=options["dry_run"],
                insist=options["insist"],
                mapping=chosen_mapping(options["map"], options["map_again"]),
            )
        watchlist.request_scan_if_behind()
        tasks.request_hardening(run.pk)
        if options["json"]:
            self.stdout.write(json.dumps(account(run)))
        else:
            self.print_account(run)

    def say_cancelled(self, run: ImportRun, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"run": run.pk, "kind": run.kind, "state": run.state}))
        elif run.state == ImportRun.State.CANCELLED:
            self.stdout.write(f"Import {run.pk} of {run.kind} is cancelled. Nothing was written.")
        else:
            self.stdout.write(f"Undoing import {run.pk} of {run.kind} is cancelled. Nothing was taken out.")

    def print_account(self, run: ImportRun) -> None:
        source = SourceRecord.from_json(run.source)
        for warning in source.warnings:
            self.stderr.write(self.style.WARNING(warning))
        for doubt in Audit.from_json(run.audit).doubts:
            is_other = isinstance(doubt, OtherDatabase)
            before = "This does not look like the database imported before: " if is_other else ""
            self.stderr.write(self.style.WARNING(f"{before}{doubt.sentence}"))
        self.stdout.write(f"Import {run.pk} of {run.kind} from {source.label}: {run.get_state_display()}.")
        for outlook in outlooks_shown(run):
            if not outlook.is_open:
                self.stderr.write(self.style.WARNING(f"{outlook.holds.capitalize()}: {outlook.sentence}"))
            elif outlook.table:
                self.stdout.write(f"  {outlook.holds} in {outlook.table}: {outlook.rows:,} rows. {outlook.sentence}")
            else:
                self.stdout.write(f"  {outlook.holds}: {outlook.sentence}")
        for table, mapping in source.mapping.items():
            if table in run.counts:
                self.print_mapping(table, mapping)
        for table, data in run.counts.items():
            counts = TableCounts.from_json(data)
            figures = ", ".join(f"{data[name]:,} {name}" for name in Outcome if data[name])
            self.stdout.write(f"  {table}: {counts.read:,} read" + (f": {figures}" if figures else ""))
            if counts.vanished:
                self.stdout.write(f"    {counts.vanished:,} that came earlier are no longer in it; they stay")
            for title, codes in (("rejected", counts.reasons), ("note", counts.notes)):
                for code, count in sorted(codes.items()):
                    self.stdout.write(f"    {title} {code}: {count:,}")
        if run.verification:
            outcome = "ok" if run.verification["ok"] else "NOT ok; see verify_legacy"
            self.stdout.write(f"  verification: {outcome}")

    def print_mapping(self, table: str, mapping: TableMapping) -> None:
        """Say where the rows come from, unless everything has its canonical name."""
        old = mapping.columns
        renamed = [f"{own} from {old[own]}" for own in CANONICAL_TABLES[table].columns if old.get(own, own) != own]
        if mapping.table and (renamed or mapping.table != table):
            columns = f": {', '.join(renamed)}" if renamed else ""
            self.stdout.write(f"  {table} is read from {mapping.table}{columns}")


def chosen_mapping(words: list[str] | None, again: bool) -> TableMappings | None:
    """What `--map` says; None to use what was chosen before, if anything was."""
    return mappings_from_words(words) if words else ({} if again else None)


def account(run: ImportRun) -> dict[str, object]:
    """The object that `--json` prints. `vanished`, `doubts` and `left_behind` are there only when there are any."""
    counts = run.counts.items()
    vanished = {table: data["vanished"] for table, data in counts if data["vanished"]}
    doubts = run.audit.get("doubts")
    left_behind = [outlook.as_json() for outlook in outlooks_shown(run) if not outlook.is_open]
    answer: dict[str, object] = {
        "run": run.pk,
        "kind": run.kind,
        "state": run.state,
        "tables": {table: {name: data[name] for name in ("read", *Outcome)} for table, data in counts},
        "rejected": {table: data["reasons"] for table, data in counts},
        "notes": {table: data["notes"] for table, data in counts},
    }
    answer |= {"left_behind": left_behind} if left_behind else {}
    return answer | ({"vanished": vanished} if vanished else {}) | ({"doubts": doubts} if doubts else {})
