"""Compare the live tables with the models. Exit 0 when they agree, 1 with a sentence per difference when not."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

from MiniTwit.database.checks import APPS, problems_of
from MiniTwit.database.schema_check import Difference, find_drift, table_names


class Command(BaseCommand):
    help = "Compares the live tables with the models: columns, defaults, constraints, indexes and triggers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check_database()
        try:
            differences = find_drift(APPS)
        except ProgrammingError as error:
            raise CommandError(
                f"The expected tables could not be built for comparison: {error}. The database user needs the right "
                "to create a schema, and Django's own migrations must have run (`python manage.py migrate`)."
            ) from error
        if options["json"]:
            report = {
                "ok": not differences,
                "tables": len(table_names(APPS)),
                "differences": [asdict(difference) for difference in differences],
            }
            self.stdout.write(json.dumps(report))
        elif differences:
            self._write_differences(differences)
        else:
            self.stdout.write(f"The {len(table_names(APPS))} tables are as the models say.")
        if differences:
            sys.exit(1)

    def _check_database(self) -> None:
        """Refuse a database that is not fit for the tables."""
        problems = problems_of(connection)
        refusals = [str(problem) for problem in problems if problem.is_serious()]
        for problem in problems:
            if not problem.is_serious():
                self.stderr.write(self.style.WARNING(str(problem)))
        if refusals:
            raise CommandError("\n".join(refusals))

    def _write_differences(self, differences: list[Difference]) -> None:
        for difference in differences:
            self.stdout.write(str(difference))
        executor = MigrationExecutor(connection)
        unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if unapplied:
            names = ", ".join(str(migration) for migration, _backwards in unapplied)
            self.stdout.write(f"Not applied yet: {names}. Run `python manage.py migrate` first.")
        number = "1 difference" if len(differences) == 1 else f"{len(differences)} differences"
        self.stderr.write(f"{number} between the live tables and the models.")
