"""`manage.py verify_legacy`: did every row of the old database arrive, and as it was?"""

import json
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from legacy_import.management.failures import explained
from legacy_import.runs.chosen_mapping import layout_imported
from legacy_import.runs.files import import_dir
from legacy_import.source import Reference, SourceError, check_source, named_source
from legacy_import.source.snapshot import take_in
from legacy_import.verify import Verification, verify

COLUMNS = ("legacy", "arrived", "rejected", "missing", "altered")


class Command(BaseCommand):
    help = (
        "Compare the old database with the imported rows, one by one, without the import's code. "
        "Ends with 0 when nothing is missing or altered, with 1 when something is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source",
            help="the old database: a path or an address such as sqlite:////srv/minitwit.db "
            "(default: LEGACY_DATABASE_URL)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        with explained(self, as_json=options["json"], returncode=2):
            reference = named_source(options["source"])
            check_source(reference)
            verification = verify_snapshot(reference)
        if options["json"]:
            self.stdout.write(json.dumps(verification.as_json()))
        else:
            self.stdout.write(as_table(reference.label, verification))
        if not verification.ok:
            raise SystemExit(1)


def verify_snapshot(reference: Reference) -> Verification:
    """Verify a copy of one moment, because the old application may still be writing."""
    with folder_for_copy(reference.label) as folder:
        snapshot = take_in(reference, folder / "snapshot.db").path
        return verify(snapshot, layout=layout_imported(reference), label=reference.label)


@contextmanager
def folder_for_copy(label: str) -> Iterator[Path]:
    """A folder below VAR_DIR, where what a killed process leaves is removed after a day.

    Raises:
        SourceError: the folder cannot be made.
    """
    try:
        folder = tempfile.mkdtemp(prefix="verify-", dir=import_dir())
    except OSError as error:
        raise SourceError(
            "not_stored",
            f"{label} could not be copied to {settings.LEGACY_IMPORT_DIR}: {error.strerror}. Make room there, or let "
            "this account write there.",
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_table(label: str, verification: Verification) -> str:
    """Return the figures in columns, the examples, and the conclusion."""
    lines = [f"{label} and the imported rows:", "", f"{'':10}" + "".join(f"{column:>12}" for column in COLUMNS)]
    for name, table in verification.tables.items():
        figures = table.as_json()
        lines.append(f"{name:10}" + "".join(f"{figures[column]:>12,}" for column in COLUMNS))
    for table in verification.tables.values():
        lines += ["", *table.examples] if table.examples else []
    conclusion = "Nothing is missing or altered." if verification.ok else "Not every row arrived as it was."
    return "\n".join([*lines, "", conclusion])
