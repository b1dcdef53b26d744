"""What the page of a run shows, by the state that the run is in."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from legacy_import.admin.mapping_form import MappingForm
from legacy_import.admin.preview_result import PreviewResult
from legacy_import.admin.start_form import DUPLICATES, EXISTING, PLAIN_PASSWORDS
from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import OLD_TABLES, TABLES_OF_KIND, USERS
from legacy_import.rules.options import TableCounts
from legacy_import.runs.chosen_mapping import outlooks_shown
from legacy_import.runs.files import kept_for
from legacy_import.runs.records import Choices
from legacy_import.runs.status import ImportStanding, progress_of, standing_of
from legacy_import.source.recognition.outlook import TableOutlook
from legacy_import.source.recognition.refusals import undecided_tables
from legacy_import.source.record import SourceRecord
from legacy_import.steps.audit import Audit
from legacy_import.steps.undo import UndoneTable
from legacy_import.tables import CURRENT
from legacy_import.verify import TableVerification, Verification
from MiniTwit.instants import shown_time
from MiniTwit.models import User

State = ImportRun.State
SHOWN_TABLES = 20  # of the tables in the file that are not imported
STEPS = {
    "staging": "Reading and checking",
    "applying": "Importing",
    "indexing": "Building the search index",
    "verifying": "Verifying",
    "undoing": "Undoing",
}
TEMPLATES = {State.PREVIEWED: "run_previewed.html", State.APPLIED: "run_applied.html"}


@dataclass(frozen=True)
class TableTotals:
    """How many rows of each outcome a table of a run has, and where those are listed that the run wrote."""

    table: str
    name: str
    url: str
    counts: TableCounts


class RunPage:
    """What the page of a run shows a user. The templates take what they show; each fact is found once.

    Args:
        sent: the mapping as the page sent it, to be shown again.
    """

    def __init__(self, run: ImportRun, user: User | AnonymousUser, sent: MappingForm | None = None) -> None:
        self.run = run
        self.user = user
        self.sent = sent
        self.source = SourceRecord.from_json(run.source)
        self.audit = Audit.from_json(run.audit)
        self.counts = {table: TableCounts.from_json(counts) for table, counts in run.counts.items()}
        self.progress = progress_of(run)

    @property
    def template(self) -> str:
        page = "run_at_work.html" if self.progress.activity else TEMPLATES.get(State(self.run.state), "run_over.html")
        return f"admin/legacy_import/{page}"

    def context(self) -> dict[str, object]:
        """This page, and what the templates of import-export know by their own names."""
        return {
            "page": self,
            "run": self.run,
            "result": self.result,
            "confirm_form": self.run.state == State.PREVIEWED,
        }

    @cached_property
    def result(self) -> PreviewResult | None:
        result = PreviewResult(self.run, self.source, self.counts, self.audit)
        return result if result.tables else None

    # What may be done

    @cached_property
    def may_cancel(self) -> bool:
        return self.user.has_perm(f"legacy_import.{cancelling_permission(self.run)}")

    @property
    def start_url(self) -> str:
        """Where staff ask for another preview; the form begins with what they chose for this run."""
        return f"{reverse(f'admin:legacy_import_{self.run.kind}')}?{urlencode({'like': self.run.pk})}"

    @property
    def confirmable_until(self) -> datetime | None:
        return self.run.previewed_at + kept_for() if self.run.previewed_at else None

    # What was read, and how

    @property
    def source_modified(self) -> str:
        return shown_time(datetime.fromisoformat(self.source.modified)) if self.source.modified else ""

    @property
    def ignored(self) -> list[str]:
        """The first tables that are not imported; how many are shown does not depend on the file."""
        return self.source.ignored[:SHOWN_TABLES]

    @property
    def ignored_more(self) -> int:
        return max(0, len(self.source.ignored) - SHOWN_TABLES)

    @property
    def options(self) -> list[str]:
        """What staff chose, in words."""
        options = Choices.from_json(self.run.options).options
        words: list[str] = [dict(EXISTING)[options.existing]]
        if self.run.kind == ImportRun.Kind.USERS:
            words.append(dict(DUPLICATES)[options.duplicates])
            if self.counts.get(USERS.name, TableCounts()).notes.get("plain_password"):
                words.append(dict(PLAIN_PASSWORDS)[options.plain_passwords])
        return words

    @cached_property
    def mapping_form(self) -> MappingForm | None:
        return self.sent or (MappingForm(self.run) if self.run.old_tables else None)

    @property
    def mapping_choice(self) -> str:
        """Who chose the run's mapping, and when; empty if it was recognised."""
        choice = self.source.mapping_choice
        return f"{choice.by} on {shown_time(datetime.fromisoformat(choice.at))}" if choice else ""

    @property
    def undecided(self) -> str:
        if not self.source.undecided or self.run.state != State.PREVIEWED:
            return ""
        return undecided_tables(self.source.undecided, self.source.counted, self.source.label)

    @cached_property
    def outlooks(self) -> list[TableOutlook]:
        return outlooks_shown(self.run)

    @property
    def left_behind(self) -> list[TableOutlook]:
        """What cannot follow an import of users as it is, so that users know before they confirm it."""
        is_waiting = self.run.state == State.PREVIEWED
        return [outlook for outlook in self.outlooks if not outlook.is_open] if is_waiting else []

    @property
    def durations(self) -> list[tuple[str, float]]:
        """The seconds of each step; of importing only those until the rows were there for all."""
        seconds = dict(self.run.durations)
        if "completing" in seconds and "applying" in seconds:
            seconds["applying"] = round(seconds["applying"] - seconds["completing"], 2)
        return [(name, seconds[step]) for step, name in STEPS.items() if step in seconds]

    # What the run did

    @cached_property
    def totals(self) -> list[TableTotals]:
        totals = []
        for table in TABLES_OF_KIND[self.run.kind]:
            target = table.target(CURRENT)._meta
            changelist = reverse(f"admin:{target.app_label}_{target.model_name}_changelist")
            counts = self.counts.get(table.name, TableCounts())
            totals.append(TableTotals(table.name, table.rows, f"{changelist}?import_run={self.run.pk}", counts))
        return totals

    @cached_property
    def verification(self) -> Verification | None:
        return None if self.run.verification is None else Verification.from_json(self.run.verification)

    @property
    def verified_tables(self) -> list[tuple[str, TableVerification]]:
        return (
            [(OLD_TABLES[name].rows, table) for name, table in self.verification.tables.items()]
            if self.verification
            else []
        )

    @property
    def undone_tables(self) -> list[tuple[str, UndoneTable]]:
        undone = self.run.undo_result or {}
        return [(OLD_TABLES[name].rows, UndoneTable.from_json(counts)) for name, counts in undone.items()]

    @cached_property
    def newer_preview(self) -> ImportRun | None:
        """The preview that took the place of a superseded one."""
        if self.run.state != State.SUPERSEDED:
            return None
        newer = ImportRun.objects.filter(kind=self.run.kind, id__gt=self.run.pk)
        return newer.only("id", "kind").order_by("-id").first()

    @cached_property
    def messages_standing(self) -> ImportStanding | None:
        """The state of the import of messages, for the page of an import of users."""
        is_applied = self.run.kind == ImportRun.Kind.USERS and self.run.state == State.APPLIED
        return standing_of("messages") if is_applied else None

    @property
    def upload_kept_until(self) -> datetime | None:
        return self.run.finished_at + kept_for() if self.source.uploaded and self.run.finished_at else None


def cancelling_permission(run: ImportRun) -> str:
    """A user who may ask for something may also withdraw it."""
    return "undo_legacy_import" if run.undo_requested_at else "run_legacy_import"
