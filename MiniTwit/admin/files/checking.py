"""Check what a file would do, and do it: its rows go through import-export's Resource, a chunk at a time.

The check and the import read the file in the same way. The check records what each row does and which version of an
object it saw. The import does the same under locks, unless a row would do something else now. It writes all rows or
none.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction

from MiniTwit import moderation
from MiniTwit.admin.files.base_resource import ChunkLoader, FileResource
from MiniTwit.admin.files.formats import open_table
from MiniTwit.admin.files.report import New, Report, Skip, Update
from MiniTwit.admin.files.resources import FollowResource, MessageResource, UserResource
from MiniTwit.admin.files.rows import MAX_ROWS, FileRow, TableFile, UnreadableFileError, is_empty
from MiniTwit.models import FileImport, Message, User
from MiniTwit.moderation import MessageEdit

CHUNK = 500  # rows

RESOURCES: dict[str, type[FileResource]] = {
    "user": UserResource,
    "message": MessageResource,
    "follow": FollowResource,
}
OnProgress = Callable[[int], None]


@dataclass
class RowOutcome:
    """What a row of the file does; `kind` is one of import-export's types."""

    row: FileRow
    kind: str
    instance: Any
    before: dict[str, Any] | None
    changes: dict[str, Any]
    error: ValidationError | None

    @property
    def seen(self) -> str:
        """One line about what the check saw."""
        if self.kind != Update:
            return self.kind
        changed_at = getattr(self.instance, "changed_at", None)
        return f"{self.kind} {self.instance.pk} {changed_at.isoformat() if changed_at else ''}".rstrip()


def resource_of(file_import: FileImport) -> FileResource:
    return RESOURCES[file_import.table](clears=file_import.options.get("empty_cells") == "clear")


def known_columns(resource: FileResource) -> list[str]:
    return [str(field.column_name) for field in resource.fields.values()]


def check(file_import: FileImport, path: Path, on_progress: OnProgress) -> Report:
    """Find out what the file would do; nothing is written to the database.

    Raises:
        UnreadableFileError: with a sentence for the person who chose the file.
    """
    resource = resource_of(file_import)
    with open_table(path, file_import.options, known_columns(resource)) as table:
        report = begin_report(table, resource)
        seen = StringIO()
        for chunk in classify_all(table, resource, report, file_import.owner):
            for outcome in chunk:
                seen.write(f"{outcome.seen}\n")
                record(report, resource, outcome)
            on_progress(report.rows)
    file_import.seen = zlib.compress(seen.getvalue().encode())
    report.notes = resource.notes.as_json()
    if not report.rows:
        raise UnreadableFileError("The file holds no rows: it needs the names of the columns and at least one row.")
    return report


def begin_report(table: TableFile, resource: FileResource) -> Report:
    missing = [name for name in resource.required_columns if name not in table.headers]
    if missing:
        raise UnreadableFileError(
            f"The file has no column named {' and '.join(missing)}. Its columns are: {', '.join(table.headers)}."
        )
    columns = resource.get_diff_headers()
    remarks, doubts = resource.remarks_on(table.headers)
    return Report(
        columns=columns,
        read_as=table.read_as,
        chosen=table.chosen,
        doubts=table.doubts + doubts,
        remarks=remarks,
        ignored=[name for name in table.headers if name not in columns],
    )


def classify_all(table: TableFile, resource: FileResource, report: Report, user: User) -> Iterator[list[RowOutcome]]:
    """All rows that are not empty, a chunk at a time."""
    loader = ChunkLoader(resource)
    rows = filled_rows(table, report)
    while chunk := list(islice(rows, CHUNK)):
        resource.prepare(chunk)
        yield [classify(row, resource, loader, user) for row in chunk]


def filled_rows(table: TableFile, report: Report) -> Iterator[FileRow]:
    count = 0
    for row in table.rows:
        if not row.problem and all(is_empty(value) or str(value).isspace() for value in row.values()):
            report.blank += 1
            continue
        count += 1
        if count > MAX_ROWS:
            raise UnreadableFileError(
                f"The file holds more than the {MAX_ROWS:,} rows that can be imported at a time. Split the file."
            )
        yield row


def classify(row: FileRow, resource: FileResource, loader: ChunkLoader, user: User) -> RowOutcome:
    resource.before = None
    result = resource.import_row(row, loader, row_number=row.number, user=user, dry_run=True, using_transactions=True)
    if result.errors:
        raise result.errors[0].error
    changes = resource.changes_of(result.instance) if result.import_type == Update else {}
    return RowOutcome(row, result.import_type, result.instance, resource.before, changes, result.validation_error)


def record(report: Report, resource: FileResource, outcome: RowOutcome) -> None:
    """Count a row, and show it if it is one of the first of its kind."""
    if outcome.error is not None:
        report.refuse(outcome.row.number, outcome.error, [outcome.row.get(name, "") for name in report.columns])
        return
    report.count(outcome.kind)
    if outcome.kind == Skip or report.is_full(outcome.kind):
        return
    fields = resource.get_import_fields()
    after = [field.widget.render(field.get_value(outcome.instance)) for field in fields]
    before = after if outcome.before is None else [f.widget.render(outcome.before[f.column_name]) for f in fields]
    report.show(outcome.kind, outcome.row.number, [""] * len(after) if outcome.kind == New else before, after)


# The import


def apply(file_import: FileImport, path: Path, on_progress: OnProgress) -> Report:
    """Write what was previewed, in the caller's transaction.

    Returns:
        What was written. If rows are refused or outdated, the caller rolls back.
    """
    resource = resource_of(file_import)
    seen = zlib.decompress(file_import.seen).decode().splitlines()
    lock_seen(resource, seen)
    lines = iter(seen)
    with open_table(path, file_import.options, known_columns(resource)) as table:
        report = begin_report(table, resource)
        for chunk in classify_all(table, resource, report, file_import.owner):
            for outcome in chunk:
                if is_outdated(outcome, next(lines, "")):
                    report.outdated.append(outcome.row.number)
            if not report.has_failed and not report.outdated and not any(outcome.error for outcome in chunk):
                write_chunk(resource, chunk, file_import)
            for outcome in chunk:
                record(report, resource, outcome)
            on_progress(report.rows)
    return report


def lock_seen(resource: FileResource, seen: list[str]) -> None:
    """Lock the objects that the file changes, in the order of their ids, as all transactions do."""
    ids = iter(sorted(int(line.split(" ")[1]) for line in seen if line.startswith(Update)))
    while chunk := list(islice(ids, CHUNK)):
        rows = resource.get_queryset().filter(pk__in=chunk).order_by("pk").select_for_update(no_key=True)
        list(rows.values_list("pk"))


def is_outdated(outcome: RowOutcome, seen: str) -> bool:
    """Whether a row would now do something else than the preview said, or to another version of an object."""
    if outcome.error is not None:
        return False  # it says itself what is wrong
    return outcome.seen != seen


def write_chunk(resource: FileResource, chunk: list[RowOutcome], file_import: FileImport) -> None:
    """Write some rows. If the database refuses one, it is found by writing one at a time."""
    batch_before = getattr(resource, "edit_batch", None)
    try:
        with transaction.atomic():
            write(resource, chunk, file_import)
    except (IntegrityError, DataError):
        if isinstance(resource, MessageResource):
            resource.edit_batch = batch_before
        for outcome in chunk:
            try:
                with transaction.atomic():
                    write(resource, [outcome], file_import)
            except (IntegrityError, DataError) as error:
                said = str(error).split("\n", 1)[0]
                outcome.error = ValidationError(f"Row {outcome.row.number}: the database refuses it ({said}).")
                return
        raise


def write(resource: FileResource, chunk: list[RowOutcome], file_import: FileImport) -> None:
    objects = resource._meta.model.objects
    new = [outcome.instance for outcome in chunk if outcome.kind == New]
    for instance in new:
        instance.pk = None  # where a single row is tried again
        instance._state.adding = True
    objects.bulk_create(new)
    changed = sorted(
        (outcome for outcome in chunk if outcome.kind == Update), key=lambda outcome: sorted(outcome.changes)
    )
    if isinstance(resource, MessageResource):
        edit_messages(resource, changed, file_import)
    else:
        for names, group in groupby(changed, key=lambda outcome: sorted(outcome.changes)):
            objects.bulk_update([outcome.instance for outcome in group], names)
    said = f"Imported from the file “{file_import.file_name}”."
    owner = file_import.owner_id
    LogEntry.objects.log_actions(owner, new, ADDITION, change_message=said)
    LogEntry.objects.log_actions(owner, [outcome.instance for outcome in changed], CHANGE, change_message=said)


def edit_messages(resource: MessageResource, changed: list[RowOutcome], file_import: FileImport) -> None:
    """Change messages by a decision; all changes of a file are one batch."""
    edits = [
        MessageEdit(
            outcome.instance.pk,
            author_id=outcome.instance.author_id if "author" in outcome.changes else None,
            text=outcome.changes.get("text"),
            pub_date=outcome.changes.get("pub_date"),
        )
        for outcome in changed
    ]
    if edits:
        resource.edit_batch = moderation.edit_each(
            edits=edits,
            actor=file_import.owner,
            reason="Imported from a file",
            note=f"The file “{file_import.file_name}”.",
            batch=resource.edit_batch,
        )


def wrote_messages(file_import: FileImport, report: Report) -> bool:
    return RESOURCES[file_import.table]._meta.model is Message and bool(report.totals[New] + report.totals[Update])
