"""The same rows through import-export as it ships: `Resource.import_data`, row by row.

    python -m benchmarks.stock user OLD_DATABASE --rows 3000

Prints the seconds of a preview (a dry run) and of an import, which is rolled back.
"""

import argparse
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import django
import tablib


def sample(path: Path, table: str, rows: int) -> tablib.Dataset:
    """Return the first rows of an old table."""
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        cursor = connection.execute(f"SELECT * FROM {table} LIMIT ?", [rows])
        return tablib.Dataset(*cursor, headers=[column[0] for column in cursor.description])
    finally:
        connection.close()


def import_sample(table: str, dataset: tablib.Dataset) -> dict[str, float]:
    """Import the sample as the admin's two steps do, then roll back."""
    from django.db import transaction

    from legacy_import.rules import resources

    resource_classes: dict[str, Any] = {
        "user": resources.LegacyUserResource,
        "message": resources.LegacyMessageResource,
    }
    seconds = {}
    with transaction.atomic():
        for step, dry_run in (("preview", True), ("import", False)):
            started = time.perf_counter()
            result = resource_classes[table]().import_data(dataset, dry_run=dry_run)
            seconds[step] = time.perf_counter() - started
            if result.has_errors() or result.totals["new"] + result.totals["skip"] != len(dataset):
                raise SystemExit(f"import-export did not import the sample: {dict(result.totals)}")
        transaction.set_rollback(True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Import a sample row by row, as import-export ships.")
    parser.add_argument("table", choices=("user", "message"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=3_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    dataset = sample(options.path, options.table, options.rows)
    print(json.dumps({"rows": len(dataset)} | import_sample(options.table, dataset)))


if __name__ == "__main__":
    main()
