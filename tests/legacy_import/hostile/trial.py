"""Send one hostile file through the import, and say what is wrong with how that ended."""

import faulthandler
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import names_of_kind
from legacy_import.rules.options import ImportOptions, TableCounts
from legacy_import.runs import lifecycle
from legacy_import.runs.files import import_dir
from legacy_import.runs.foreground import import_at_once
from legacy_import.source import Reference, SourceError, SourceReference, source_at
from legacy_import.source.wording import readable
from MiniTwit.models import Follow, Message, User
from tests.legacy_import.hostile.catalogue import HostileFile

# What a file may take, by the clock on the wall: this is what staff wait for. Rows that are really there take their
# time, too. A file that takes longer gets a second chance, and on a machine that has more to do than it has
# processors each gets its share only: neither is the file's fault, and a slow file is slow again.
SECONDS = 10
ROWS_PER_SECOND = 15_000  # of a preview, an import and its verification together; users are read by Python
# How much more memory this process may need than before, at the worst moment. A value has at most 16 MiB, and a few
# of them are on their way at any time, in several tables, each as it was read and as it is written.
MEGABYTES = 400
LONG_AGO = 1_000_000_000  # of 2001
HANGS = 120  # seconds after which a file is given up, on a machine that has nothing else to do
LONGEST_SENTENCE = 1500  # characters; a page of the admin has to hold it
MODELS = (User, Message, Follow)
STAGING_TABLES = (
    "SELECT relname FROM pg_class WHERE relname LIKE 'legacy\\_staging\\_%' OR relname LIKE 'legacy\\_checked\\_%'"
)


class Hung(Exception):  # noqa: N818 -- nobody raises it as an error
    """The import did not come back."""


@dataclass
class Trial:
    """What became of one file.

    Attributes:
        faults: what is wrong with it; empty if it ended as it should.
        ends: how each import ended: a code, or the state of the run.
        seconds: the longest that an import took. rows: how many it read at most. megabytes: by how much memory grew.
    """

    file: HostileFile
    faults: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rows: int = 0
    megabytes: float = 0.0

    @property
    def is_slow(self) -> bool:
        return self.seconds > (SECONDS + self.rows / ROWS_PER_SECOND) * shared_by()

    def __str__(self) -> str:
        return "\n    ".join([f"{self.file.name}: {', '.join(self.ends)}", *self.faults])


def shared_by() -> float:
    """By how many a processor of this machine is shared now."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Complaints(logging.Handler):
    """What the program itself found worth an error in the log."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[1] if record.exc_info else ""
        self.messages.append(f"{record.getMessage()} {kind!r}")


def attempt(file: HostileFile, place: Path) -> Trial:
    """Make the file and import it; once more if it only took too long."""
    trial = attempt_once(file, place)
    return attempt_once(file, place) if trial.is_slow and trial.seconds < HANGS else trial


def attempt_once(file: HostileFile, place: Path) -> Trial:
    folder = place / file.name
    trial = Trial(file)
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        path = file.make(folder)
        if os.path.isfile(path):
            os.utime(path, (LONG_AGO, LONG_AGO))  # of a file written to just now, a copy waits for it to be quiet
        chance = file.chances("importing")
        reference = reference_of(path, is_uploaded=chance.random() < 0.5)
        with measured_memory(trial):
            import_both(trial, reference, for_real=chance.random() < 0.4, options=options_of(chance))
    finally:
        logging.getLogger().removeHandler(complaints)
        clean_up(folder)
    trial.faults += [f"The log says: {message}" for message in complaints.messages]
    if trial.is_slow:
        trial.faults.append(f"It took {trial.seconds:.1f} s.")
    if trial.megabytes > MEGABYTES:
        trial.faults.append(f"It needed {trial.megabytes:.0f} MB.")
    return trial


def options_of(chance: Any) -> ImportOptions:
    return ImportOptions(
        existing=chance.choice(["keep", "update"]),
        duplicates=chance.choice(["reject", "merge"]),
        plain_passwords=chance.choice(["hash", "unusable"]),
    )


def reference_of(path: Path, *, is_uploaded: bool) -> Reference | str:
    """The file as staff give it: by its path, or uploaded, which leaves a file of our own with its log beside it."""
    if not is_uploaded or not os.path.isfile(path) or path.is_symlink() or not os.access(path, os.R_OK):
        return str(path)
    stored = import_dir() / "upload-hostile"
    shutil.copyfile(path, stored)
    log = Path(f"{path}-wal")
    if log.is_file():
        shutil.copyfile(log, f"{stored}-wal")
    return SourceReference(stored, path.name, uploaded=True)


def import_both(trial: Trial, given: Reference | str, *, for_real: bool, options: ImportOptions) -> None:
    """Import the users, then preview the messages, or import them, too. All that was written is taken out again."""
    try:
        reference = source_at(given) if isinstance(given, str) else given
    except SourceError as error:
        check_refusal(trial, error)
        return
    done: list[Any] = []
    users = import_one(trial, "users", reference, options, dry_run=not trial.file.kind.for_real)
    if users is not None and users.state == "previewed":
        lifecycle.cancel(users.pk)
    elif users is not None:
        done.append(users)
        messages = import_one(trial, "messages", reference, options, dry_run=not for_real)
        if messages is not None and for_real:
            done.append(messages)
        elif messages is not None:
            lifecycle.cancel(messages.pk)
    for run in reversed(done):
        lifecycle.request_undo(run.pk)
        lifecycle.undo(run.pk)
    check_leftovers(trial)


def import_one(trial: Trial, kind: str, reference: Reference, options: ImportOptions, *, dry_run: bool) -> Any:
    """Returns the run, if there is one that went well."""
    began = time.monotonic()
    here = rows_here()
    try:
        with alarm():
            run = import_at_once(
                kind=kind, reference=reference, options=options, origin="command", dry_run=dry_run, insist=True
            )
    except (RunError, SourceError) as error:
        trial.ends.append(error.code)
        check_refusal(trial, error, reference)
        if rows_here() != here:
            trial.faults.append(f"The import of {kind} was refused, but it wrote something.")
        return None
    except BaseException as error:
        trial.ends.append(type(error).__name__)
        trial.faults.append(f"The import of {kind} ended with {error!r}.")
        if isinstance(error, KeyboardInterrupt):
            raise
        return None
    finally:
        trial.seconds = max(trial.seconds, time.monotonic() - began)
    trial.ends.append(run.state)
    trial.rows = max(trial.rows, sum(counts["read"] for counts in run.counts.values()))
    check_account(trial, run)
    if dry_run and rows_here() != here:
        trial.faults.append(f"The preview of {kind} wrote something.")
    return run


def check_refusal(trial: Trial, error: RunError | SourceError, reference: Reference | None = None) -> None:
    """A refusal has a code of its own, and a sentence that names the file and can be shown."""
    text = error.message
    if error.code in {"unexpected_error", "audit_failed", "interrupted", "worker_died", "database_busy"}:
        trial.faults.append(f"It ended with {error.code}: {text}")
    if not text.isprintable():
        trial.faults.append(f"The sentence of {error.code} has characters that cannot be shown: {text!r}")
    if len(text) > LONGEST_SENTENCE:
        trial.faults.append(f"The sentence of {error.code} has {len(text)} characters: {text[:200]}…")
    if not text.endswith("."):
        trial.faults.append(f"The sentence of {error.code} has no end: {text!r}")
    if reference is not None and readable(reference.label) not in text:
        trial.faults.append(f"The sentence of {error.code} does not name {reference.label!r}: {text!r}")


def check_account(trial: Trial, run: Any) -> None:
    """Every row that was read has one outcome, and what was written is what the old database holds."""
    for table in names_of_kind(run.kind):
        counts = TableCounts.from_json(run.counts[table])
        outcomes = (counts.new, counts.changed, counts.unchanged, counts.kept, counts.duplicate, counts.rejected)
        if counts.read != sum(outcomes) or counts.read != run.source["tables"].get(table, 0):
            trial.faults.append(f"The account of {table} is wrong: {counts}, {run.source['tables']}")
        if counts.rejected != sum(counts.reasons.values()):
            trial.faults.append(f"Not all rejected rows of {table} have a reason: {counts}")
    if run.state == "applied" and not run.verification.get("ok"):
        trial.faults.append(f"The verification failed: {str(run.verification)[:1500]}")


def rows_here() -> list[int]:
    return [model.objects.count() for model in MODELS]


def check_leftovers(trial: Trial) -> None:
    """Nothing is left of a file that was refused, or imported and taken out again."""
    if any(rows_here()):
        trial.faults.append(f"Rows are left: {rows_here()}")
    if busy := [f"{run.pk} {run.state}" for run in ImportRun.objects.all() if run.state in {"staging", "applying"}]:
        trial.faults.append(f"Runs are not over: {busy}")
    with connection.cursor() as cursor:
        cursor.execute(STAGING_TABLES)
        if tables := [name for (name,) in cursor.fetchall()]:
            trial.faults.append(f"Staging tables are left: {tables}")
    if files := [path.name for path in import_dir().iterdir() if not path.name.startswith("upload-hostile")]:
        trial.faults.append(f"Files are left: {files}")


def clean_up(folder: Path) -> None:
    """Let nothing of a file be there for the next one."""
    for model in reversed(MODELS):
        model.objects.all()._raw_delete("default")
    ImportRun.objects.all().delete()
    for name in import_dir().iterdir():
        name.unlink()
    shutil.rmtree(folder)


@contextmanager
def alarm() -> Iterator[None]:
    """Come back even if the import does not; from within SQLite nothing comes back, so the last resort is to end."""

    seconds = int(HANGS * shared_by())

    def ring(*_: object) -> None:
        raise Hung(f"It did not end within {seconds} s.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(2 * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def measured_memory(trial: Trial) -> Iterator[None]:
    """By how much the memory of this process grows at most. Only Linux keeps a peak that can be begun anew."""
    peak = Path("/proc/self/clear_refs")
    if not peak.exists():
        yield
        return
    before = memory("VmRSS")
    peak.write_text("5")
    yield
    trial.megabytes = memory("VmHWM") - before


def memory(name: str) -> float:
    """A figure of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
