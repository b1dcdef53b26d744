"""What the page of a run shows, by the state that the run is in."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse

from legacy_import.admin.mapping_form import MappingForm
from legacy_import.admin.preview_result import PreviewResult
from legacy_import.admin.start_form import DUPLICATES, EXISTING, PLAIN_PASSWORDS
from legacy_import.models import ImportRun
from legacy_import.rules.options import TABLES_OF_KIND
from legacy_import.rules.outcomes import Verdict
from legacy_import.runs.files import kept_for
from legacy_import.runs.status import TABLE_NAMES, activity_of, moment, progress_of, standing_of
from legacy_import.source.recognition.matching import undecided_tables
from legacy_import.tables import Models

State = ImportRun.State
SHOWN_TABLES = 20  # of the tables in the file that are not imported
STEPS = {
    "staging": "Reading and checking",
    "applying": "Importing",
    "indexing": "Building the search index",
    "verifying": "Verifying",
    "undoing": "Undoing",
}


def template_of(run: ImportRun) -> str:
    if activity_of(run):
        return "admin/legacy_import/run_at_work.html"
    pages = {State.PREVIEWED: "run_previewed.html", State.APPLIED: "run_applied.html"}
    return f"admin/legacy_import/{pages.get(State(run.state), 'run_over.html')}"


def context_of(run: ImportRun, user: Any) -> dict[str, Any]:
    """Everything the templates of a run's page need."""
    result = PreviewResult(run)
    return {
        "progress": progress_of(run),
        "result": result if result.tables else None,
        "source_facts": source_facts(run),
        "mapping_form": MappingForm(run) if run.old_tables else None,
        "mapping_choice": mapping_choice(run),
        "undecided": undecided_tables(undecided, run.source["label"])
        if (undecided := run.source.get("undecided")) and run.state == State.PREVIEWED
        else "",
        "options": options_in_words(run),
        "durations": [(name, run.durations[step]) for step, name in STEPS.items() if step in run.durations],
        "verification": verification_of(run),
        "brought": rows_brought(run),
        "doubts": run.audit.get("doubts", []),
        "insisted_by": run.audit.get("insisted_by", ""),
        "undo_result": [(TABLE_NAMES[table], counts) for table, counts in (run.undo_result or {}).items()],
        "newer_preview": newer_preview(run),
        "messages_standing": standing_of("messages") if run.kind == "users" and run.state == State.APPLIED else None,
        "upload_kept_until": run.finished_at + kept_for() if run.source.get("uploaded") and run.finished_at else None,
        "start_url": start_url_like(run),
        "confirm_form": run.state == State.PREVIEWED,
        "confirmable_until": run.previewed_at + kept_for() if run.previewed_at else None,
        "may_run": user.has_perm("legacy_import.run_legacy_import"),
        "may_cancel": user.has_perm(f"legacy_import.{cancelling_permission(run)}"),
        "may_undo": user.has_perm("legacy_import.undo_legacy_import"),
        "may_download": user.has_perm("legacy_import.view_rejectedrow"),
    }


def start_url_like(run: ImportRun) -> str:
    """Where staff ask for another preview; the form begins with what they chose for this run."""
    return f"{reverse(f'admin:legacy_import_{run.kind}')}?{urlencode({'like': run.pk})}"


def cancelling_permission(run: ImportRun) -> str:
    """Whoever may ask for something may also withdraw it."""
    return "undo_legacy_import" if run.undo_requested_at else "run_legacy_import"


def source_facts(run: ImportRun) -> dict[str, Any]:
    """What staff should know of the file; how much of it is shown does not depend on the file."""
    ignored = run.source.get("ignored", [])
    modified = run.source.get("modified")
    return {
        "label": run.source.get("label", ""),
        "uploaded": run.source.get("uploaded", False),
        "kind": run.source.get("kind", ""),
        "size": run.source.get("size"),
        "sha256": run.source.get("sha256"),
        "modified": moment(datetime.fromisoformat(modified)) if modified else "",
        "tables": list(run.source.get("tables", {}).items()),
        "ignored": ignored[:SHOWN_TABLES],
        "ignored_more": max(0, len(ignored) - SHOWN_TABLES),
        "warnings": run.source.get("warnings", []),
    }


def mapping_choice(run: ImportRun) -> str:
    """Who chose the run's mapping, and when; nothing if it was recognised."""
    choice = run.source.get("mapping_choice")
    return f"{choice['by']} on {moment(datetime.fromisoformat(choice['at']))}" if choice else ""


def options_in_words(run: ImportRun) -> list[str]:
    words: list[str] = [dict(EXISTING)[run.options.get("existing", "keep")]]
    if run.kind == "users":
        words.append(dict(DUPLICATES)[run.options.get("duplicates", "reject")])
        if run.counts.get("user", {}).get("notes", {}).get("plain_password"):
            words.append(dict(PLAIN_PASSWORDS)[run.options.get("plain_passwords", "hash")])
    return words


def verification_of(run: ImportRun) -> dict[str, Any] | None:
    """The verdict for each table, or why there is none."""
    if run.verification is None:
        return None
    return {
        "ok": run.verification["ok"],
        "error": run.verification.get("error", ""),
        "tables": [(TABLE_NAMES[name], counts) for name, counts in run.verification["tables"].items()],
    }


def rows_brought(run: ImportRun) -> list[dict[str, Any]]:
    """How many rows of each verdict a run's tables have, and the way to those that it wrote."""
    models = Models.of()
    brought = []
    for table in TABLES_OF_KIND[run.kind]:
        counts = run.counts.get(table, {})
        target: type[Model] = models.target(table)
        changelist = reverse(f"admin:{target._meta.app_label}_{target._meta.model_name}_changelist")
        brought.append(
            {verdict.value: counts.get(verdict.value, 0) for verdict in Verdict}
            | {
                "table": table,
                "name": TABLE_NAMES[table],
                "url": f"{changelist}?import_run={run.pk}",
            }
        )
    return brought


def newer_preview(run: ImportRun) -> ImportRun | None:
    """The preview that took the place of a superseded one."""
    if run.state != State.SUPERSEDED:
        return None
    return ImportRun.objects.filter(kind=run.kind, id__gt=run.pk).only("id", "kind").order_by("-id").first()
