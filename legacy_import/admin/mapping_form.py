"""What staff see and change of a run's mapping: which old table and column feeds what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from legacy_import.models import ImportRun
from legacy_import.rules.old_tables import TABLES_OF_KIND
from legacy_import.source import SourceError
from legacy_import.source.recognition.candidates import candidates_for
from legacy_import.source.recognition.columns import recognised_columns
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable
from legacy_import.source.recognition.wishes import fulfilled
from legacy_import.source.record import SourceRecord
from legacy_import.source.schema import HIDDEN_COLUMN, CanonicalTable
from MiniTwit.excerpts import excerpt

# What each canonical column is called, and what it is without a column that feeds it.
NEEDED = "choose a column"
PLACE_IN_FILE = "none: the row's place in the file"
COLUMNS = {
    "user_id": ("Id", PLACE_IN_FILE),
    "username": ("Username", NEEDED),
    "email": ("E-mail address", "none: no address"),
    "pw_hash": ("Password", "none: an unusable password"),
    "is_active": ("Active", "none: every account is active"),
    "date_joined": ("Joined", "none: not known"),
    "message_id": ("Id", PLACE_IN_FILE),
    "author_id": ("Author", NEEDED),
    "text": ("Text", NEEDED),
    "pub_date": ("Date", NEEDED),
    "flagged": ("Flagged", "none: not flagged"),
    "who_id": ("Who follows", NEEDED),
    "whom_id": ("Who is followed", NEEDED),
}
LONGEST_LABEL = 60  # characters of a name, or of a column with its samples


@dataclass(frozen=True)
class SectionRow:
    """A canonical column: its select box, the column that is chosen in it, and what that one holds."""

    field: BoundField
    column: FoundColumn | None
    samples: list[str]


@dataclass(frozen=True)
class Section:
    """A canonical table with its columns.

    Attributes:
        table: the table that is chosen; empty if none is. field: its select box.
        shown: the hidden field that says which table's columns the page offers.
        unused: the columns of the table that feed nothing.
    """

    name: str
    label: str
    table: str
    field: BoundField
    shown: BoundField
    rows: list[SectionRow]
    unused: list[str]


class MappingForm(forms.Form):
    """One select box for each canonical table, and one for each of its columns.

    A column select offers the columns of the table that its page showed. When another table is sent than the page
    showed, which happens without JavaScript, that table's columns are recognised again.

    Args:
        run: whose tables are mapped; it knows what was found in the old database.

    Attributes:
        is_changed: whether what was sent is another mapping than the run's. What is not sent is not changed.
    """

    def __init__(self, run: ImportRun, data: QueryDict | None = None) -> None:
        super().__init__(None if data is None else data.dict())
        self.run = run
        self.source = SourceRecord.from_json(run.source)
        self.found = [FoundTable.from_json(table) for table in run.old_tables]
        self.tables = TABLES_OF_KIND[run.kind]
        self.mapping: dict[str, TableMapping] = {}
        self.shown = {canonical.name: self._current(canonical) for canonical in self.tables}
        self.previewed = {
            field: value
            for canonical in self.tables
            for field, value in sent_by(canonical, self.shown[canonical.name]).items()
        }
        self.is_changed = any(self.data.get(field, value) != value for field, value in self.previewed.items())
        for canonical in self.tables:
            if self.is_bound:
                self._take_over_sent_table(canonical)
            self._add_fields(canonical)

    def _current(self, canonical: CanonicalTable) -> TableMapping:
        """The run's mapping; of a run that was refused for want of one, the likeliest."""
        if used := self.source.mapping.get(canonical.name):
            return used
        candidates = candidates_for(canonical, self.found)
        best = min(candidates, key=lambda candidate: len(candidate.missing), default=None)
        return TableMapping(best.found.name, best.columns) if best and best.columns else TableMapping("")

    def _take_over_sent_table(self, canonical: CanonicalTable) -> None:
        name = canonical.name
        table = self.table(self.data.get(name, ""))
        if table is None or table.name == self.shown[name].table:
            return
        self.shown[name] = TableMapping(table.name, recognised_columns(table, canonical))
        if self.data.get(f"{name}-shown") != table.name:
            self.data = {**self.data, **sent_by(canonical, self.shown[name]), f"{name}-shown": table.name}

    def _add_fields(self, canonical: CanonicalTable) -> None:
        name, shown = canonical.name, self.shown[canonical.name]
        nothing = "none" if canonical.is_optional else "choose a table"
        choices = [(table.name, excerpt(table.name, LONGEST_LABEL)) for table in self.found]
        if canonical.is_optional or not shown.table:
            choices.insert(0, ("", f"({nothing})"))
        self.fields[name] = forms.ChoiceField(
            label=f"Table of {canonical.rows}",
            choices=choices,
            initial=shown.table,
            required=not canonical.is_optional,
            widget=self._select(name),
        )
        self.fields[f"{name}-shown"] = forms.CharField(initial=shown.table, required=False, widget=forms.HiddenInput)
        table = self.table(shown.table)
        for column in canonical.columns:
            label, without = COLUMNS[column]
            self.fields[f"{name}-{column}"] = forms.ChoiceField(
                label=label,
                choices=[("", f"({without})"), *column_choices(table)],
                initial=shown.columns.get(column, ""),
                required=False,
                widget=self._select(f"{name}-{column}"),
            )

    def _select(self, field: str) -> forms.Select:
        """A select box that says what the preview was made with, for the script to compare."""
        return forms.Select(attrs={"data-previewed": self.previewed[field]})

    def table(self, name: str) -> FoundTable | None:
        return next((table for table in self.found if table.name == name), None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for canonical in self.tables:
            name = canonical.name
            if not any(field == name or field.startswith(f"{name}-") for field in self.errors):
                self._clean_table(canonical, cleaned)
        return cleaned

    def _clean_table(self, canonical: CanonicalTable, cleaned: dict[str, Any]) -> None:
        name = canonical.name
        columns = {column: cleaned[f"{name}-{column}"] for column in canonical.columns}
        for column in canonical.needed if cleaned[name] else ():
            if not columns[column]:
                self.add_error(f"{name}-{column}", "Choose the column that holds this.")
                return
        wish = TableMapping(cleaned[name], columns if cleaned[name] else {})
        try:
            fulfilled(self.found, canonical, wish, self.source.label)
        except SourceError as error:
            self.add_error(name, error.message)
        else:
            self.mapping[name] = wish

    def sections(self) -> Iterator[Section]:
        """Each canonical table with its fields and the samples of the columns that are chosen."""
        for canonical in self.tables:
            name = canonical.name
            table = self.table(self.shown[name].table)
            rows = []
            for column in canonical.columns:
                field = self[f"{name}-{column}"]
                found = table.column(str(field.value())) if table and field.value() else None
                rows.append(SectionRow(field, found, samples_of(found, column)))
            used = {row.column.name for row in rows if row.column}
            yield Section(
                name=name,
                label=canonical.rows.capitalize(),
                table=self.shown[name].table,
                field=self[name],
                shown=self[f"{name}-shown"],
                rows=rows,
                unused=[column.name for column in table.columns if column.name not in used] if table else [],
            )

    def data_for_script(self) -> dict[str, object]:
        """Every table's columns with their samples, and what they would feed; for changing the table at once."""
        return {
            "columns": {
                table.name: [
                    [*choice, samples_of(column)]
                    for choice, column in zip(column_choices(table), table.columns, strict=True)
                ]
                for table in self.found
            },
            "recognised": {
                canonical.name: {table.name: recognised_columns(table, canonical) for table in self.found}
                for canonical in self.tables
            },
        }


def sent_by(canonical: CanonicalTable, mapping: TableMapping) -> dict[str, str]:
    """What the select boxes of a table send where this mapping is chosen."""
    name = canonical.name
    return {
        name: mapping.table,
        **{f"{name}-{column}": mapping.columns.get(column, "") for column in canonical.columns},
    }


def column_choices(table: FoundTable | None) -> list[tuple[str, str]]:
    """A table's columns, each with its samples behind its name."""
    return [
        (column.name, excerpt(f"{column.name}: {', '.join(samples_of(column))}", LONGEST_LABEL))
        for column in (table.columns if table else ())
    ]


def samples_of(column: FoundColumn | None, canonical: str = "") -> list[str]:
    """What a column holds, in three values; never of a password."""
    if column is None:
        return []
    if column.secret or canonical == HIDDEN_COLUMN:
        return ["hidden"]
    return list(column.samples) or ["nothing"]
