"""What the pages and the dashboard say of a run, and of the state of the two imports."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse

from legacy_import.locks import is_any_executed, is_executed
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import TABLES_OF_KIND, OldTable
from legacy_import.rules.options import TableCounts
from legacy_import.rules.outcomes import Outcome
from legacy_import.runs.execution import AT_WORK, StepWork, reconcile
from legacy_import.steps.progress import Position
from MiniTwit.background.progress import WorkProgress, seconds_since
from MiniTwit.background.queue import why_waiting
from MiniTwit.instants import shown_time
from MiniTwit.models import Message, User

State, Kind = ImportRun.State, ImportRun.Kind

ACTIVITIES = {
    "staging": "Reading and checking the old database",
    "applying": "Importing",
    "verifying": "Imported; comparing old and new",
    "undoing": "Undoing the import",
}
# All that a list or a progress bar needs; the samples of a run can be long.
BRIEF = ("id", "kind", "state", "created_at", "created_by_name", "finished_at", "source", "counts", "error_message")


def progress_of(run: ImportRun) -> WorkProgress:
    """The progress of a run, after the steps of dead workers were ended."""
    activity = activity_of(run)
    waiting, command = waiting_reason(run, activity)
    position = Position.from_json(run.progress)
    phase = "Stopping" if run.cancel_requested else position.phase
    return WorkProgress(
        stage=f"{run.state} {activity}".strip(),
        activity=ACTIVITIES.get(activity, ""),
        phase=phase or ("Starting" if run.picked_up_at else "Waiting to begin"),
        done=position.done,
        total=position.total,
        elapsed=seconds_since(run.picked_up_at or enqueued_at(run)),
        waiting=waiting,
        command=command,
    )


def activity_of(run: ImportRun) -> str:
    """What goes on with a run: staging, applying, verifying or undoing, or nothing."""
    if run.state in AT_WORK:
        return run.state
    if run.state != State.APPLIED:
        return ""
    if run.undo_requested_at:
        return "undoing"
    return "verifying" if run.verification is None and is_executed(run.pk) else ""


def is_writing() -> bool:
    """Whether a process is writing an import's rows at this moment."""
    applying = ImportRun.objects.filter(state=State.APPLYING, picked_up_at__isnull=False)
    return any(is_executed(run_id) for run_id in applying.values_list("pk", flat=True))


def enqueued_at(run: ImportRun) -> datetime:
    """When the step that a run is in was handed to the worker."""
    if run.state == State.APPLIED and run.undo_requested_at:
        return run.undo_requested_at
    return run.confirmed_at or run.created_at


def waiting_reason(run: ImportRun, activity: str) -> tuple[str, str]:
    """Say why no worker has taken up a run yet, and which command staff may run about it."""
    waits = activity and not run.picked_up_at
    waiting, command = why_waiting(StepWork.tasks, enqueued_at(run) if waits else None)
    if waiting and is_any_executed():
        return "Another import is just ending; this one is next.", ""
    return waiting, command


@dataclass(frozen=True)
class ImportStanding:
    """The state of the import of users, or of messages.

    Attributes:
        state: locked, ready, running, waiting (for a confirmation) or done.
        sentence: the state in words. url: where to go; run: the run that the sentence is about, if there is one.
    """

    kind: str
    state: str
    sentence: str
    url: str
    run: ImportRun | None = None

    @property
    def state_label(self) -> str:
        return {"waiting": "waiting for confirmation"}.get(self.state, self.state)

    @property
    def run_url(self) -> str:
        return run_url(self.run) if self.run else ""


def standings() -> list[ImportStanding]:
    """The state of both imports, in their order."""
    reconcile()
    newest = newest_runs()
    return [standing_of(kind, newest) for kind in Kind.values]


def newest_runs() -> dict[tuple[str, str], ImportRun]:
    """The newest run of each kind in each state."""
    runs = ImportRun.objects.only(*BRIEF).order_by("kind", "state", "-pk").distinct("kind", "state")
    return {(run.kind, run.state): run for run in runs}


def standing_of(kind: str, newest: dict[tuple[str, str], ImportRun] | None = None) -> ImportStanding:
    newest = newest_runs() if newest is None else newest
    start = reverse(f"admin:legacy_import_{kind}")
    if busy := next((run for (_, state), run in newest.items() if state in AT_WORK), None):
        if busy.kind == kind:
            return ImportStanding(kind, "running", f"Import {busy.pk} is {busy.get_state_display()}.", start, busy)
        return ImportStanding(
            kind,
            "locked",
            f"Import {busy.pk} ({busy.get_kind_display()}) is running; only one can run at a time.",
            start,
            busy,
        )
    if kind == Kind.MESSAGES and (Kind.USERS, State.APPLIED) not in newest:
        return ImportStanding(
            kind, "locked", "Import the users first: messages and follows need the users' new ids.", start
        )
    if waiting := newest.get((kind, State.PREVIEWED)):
        sentence = f"The preview of import {waiting.pk} waits for a confirmation."
        return ImportStanding(kind, "waiting", sentence, start, waiting)
    done = newest.get((kind, State.APPLIED))
    if done and (has_imported_rows(kind) or not any(counts.read for counts in counts_of(done).values())):
        return ImportStanding(kind, "done", f"{shown_time(done.finished_at)}: {account_of(done)}.", start, done)
    if (kind, State.UNDONE) in newest:
        return ImportStanding(kind, "ready", "The last import was undone.", start)
    return ImportStanding(kind, "ready", "Nothing has been imported yet.", start)


def has_imported_rows(kind: str) -> bool:
    """Whether a row of an import is left: it may have been undone, with an empty one after it."""
    model = User if kind == Kind.USERS else Message
    return model.objects.filter(legacy_id__isnull=False).exists()


def account_of(run: ImportRun) -> str:
    """A run's counts in a line, e.g. `200 users read, 198 new, 2 rejected`."""
    lines = []
    for table, counts in counts_of(run).items():
        parts = [f"{intcomma(counts.read)} {table.rows} read", f"{intcomma(counts.new)} new"]
        for outcome in Outcome:
            if outcome is not Outcome.NEW and (rows := getattr(counts, outcome)):
                parts.append(f"{intcomma(rows)} {outcome}")
        lines.append(", ".join(parts))
    return "; ".join(lines)


def counts_of(run: ImportRun) -> dict[OldTable, TableCounts]:
    """A run's counts by table, in the order of the import."""
    tables = (table for table in TABLES_OF_KIND[run.kind] if table.name in run.counts)
    return {table: TableCounts.from_json(run.counts[table.name]) for table in tables}


def run_url(run: ImportRun) -> str:
    return reverse("admin:legacy_import_importrun_change", args=[run.pk])
