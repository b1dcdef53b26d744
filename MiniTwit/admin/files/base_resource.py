"""What the files of users, messages and follows have in common.

A Resource takes a file in chunks: `prepare` fetches all objects that the rows of a chunk refer to at once, and then
import-export's `import_row` classifies each row. Nothing is written row by row; see `checking.py`.
"""

from typing import Any

from django.core.exceptions import ValidationError
from import_export import resources
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader

from MiniTwit.admin.files.cell_text import same_as_exported, was_cut
from MiniTwit.admin.files.report import Notes
from MiniTwit.admin.files.rows import BadCell, FileRow, is_empty
from MiniTwit.admin.files.widgets import INSTANT, AccountWidget, InstantWidget, TextWidget

Key = tuple[Any, ...]


class ChunkLoader(BaseInstanceLoader):
    """Finds the object of a row among those that `prepare` fetched."""

    def get_instance(self, row: FileRow) -> Any:
        return self.resource.existing.get(row.key)


class FileResource(resources.ModelResource):
    """Classifies every row of a file, in the preview as in the import.

    Args:
        clears: whether an empty cell empties the value; by default it leaves the value as it is.

    Attributes:
        existing: the objects of the present chunk, by what identifies a row.
        notes: what staff should know before they confirm.
        before: the values of the row's object before the row changed it; None for a new object.
    """

    # One or two sentences for the page that asks for the file.
    import_help = ""
    required_columns: tuple[str, ...] = ()

    class Meta:
        skip_unchanged = True
        skip_diff = True  # `before` does it, without copying each object
        store_instance = True

    def __init__(self, *, clears: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clears = clears
        self.existing: dict[Key, Any] = {}
        self.notes = Notes()
        self.first_rows: dict[Key, int] = {}
        self.before: dict[str, Any] | None = None
        self.number = 0

    def get_import_fields(self) -> list[Field]:
        return [field for field in super().get_import_fields() if not field.readonly]

    def remarks_on(self, headers: list[str]) -> tuple[list[str], list[str]]:
        """Sentences about the columns of a file: remarks, and doubts that may be mistakes."""
        missing = [name for name in self.get_diff_headers() if name not in headers]
        if not missing:
            return [], []
        return [
            f"The file has no column {', '.join(missing)}: those values stay as they are, or get their default."
        ], []

    # A chunk

    def prepare(self, rows: list[FileRow]) -> None:
        """Fetch what the rows refer to."""
        for row in rows:
            row.key = self.read_key(row)
        self.existing = self.fetch({row.key for row in rows if row.key is not None and None not in row.key})

    def fetch(self, keys: set[Key]) -> dict[Key, Any]:
        """The objects that exist already."""
        raise NotImplementedError

    def read_key(self, row: FileRow) -> Key | None:
        """What identifies the row: a missing part is None in it, and an unreadable part makes it None."""
        try:
            return tuple(
                self.fields[name].clean(row) if self.fields[name].column_name in row else None
                for name in self.get_import_id_fields()
            )
        except ValueError:
            return None

    # A row

    def before_import_row(self, row: FileRow, **kwargs: Any) -> None:
        """Refuse a row that cannot be read, or that another row of the same file contradicts."""
        self.number = row.number
        if row.problem:
            raise ValidationError(row.problem)
        if bad := {name: value.sentence for name, value in row.items() if isinstance(value, BadCell)}:
            raise ValidationError(bad)
        if row.key is None or None in row.key:
            return
        first = self.first_rows.setdefault(row.key, row.number)
        if first != row.number:
            raise ValidationError(f"The same as row {first} of the file: keep one of them.")

    def after_init_instance(self, instance: Any, new: bool, row: FileRow, **kwargs: Any) -> None:
        self.before = None if new else {f.column_name: f.get_value(instance) for f in self.get_import_fields()}

    def import_field(self, field: Field, instance: Any, row: FileRow, *args: Any, **kwargs: Any) -> None:
        """Set a value, unless the cell has none to set or the stored one means the same."""
        name = field.column_name
        if name not in row:
            return
        stored = None if self.before is None else self.before[name]
        if is_empty(row[name]) and self.before is not None and not (self.clears and field.saves_null_values):
            if not is_empty(stored):
                self.notes.count("left", self.number, name)
            return
        if isinstance(field.widget, TextWidget | AccountWidget) and isinstance(row[name], bool | int | float):
            self.notes.count("number", self.number, name)
        if isinstance(stored, str) and isinstance(row[name], str) and same_as_exported(stored, row[name]):
            return
        if isinstance(row[name], str) and was_cut(row[name]):
            raise ValueError("This text was cut when it was exported. Leave the cell empty to keep the stored text.")
        super().import_field(field, instance, row, *args, **kwargs)
        if isinstance(field.widget, InstantWidget):
            self.note_date(name, row[name])  # now that it is known for a date
        if is_empty(row[name]) and not is_empty(stored):
            self.notes.count("emptied", self.number, name)

    def note_date(self, name: str, value: Any) -> None:
        written = INSTANT.fullmatch(str(value).strip())
        if written and not written["time"]:
            self.notes.count("midnight", self.number, name)
        if written and not written["offset"]:
            self.notes.count("zone", self.number, name)

    def changes_of(self, instance: Any) -> dict[str, Any]:
        """The attributes that the row changes, with their new values."""
        assert self.before is not None  # noqa: S101 -- for the type checker
        return {
            str(field.attribute): field.get_value(instance)
            for field in self.get_import_fields()
            if field.get_value(instance) != self.before[field.column_name]
        }

    def skip_row(self, instance: Any, original: Any, row: FileRow, import_validation_errors: Any = None) -> bool:
        """Skip a row that is the same as the existing object."""
        return self.before is not None and not import_validation_errors and not self.changes_of(instance)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Validate what the row sets only: stored values may be older than today's rules."""
        errors = dict(import_validation_errors or {})
        kept = (
            set() if self.before is None else {f.name for f in instance._meta.fields} - set(self.changes_of(instance))
        )
        found = {f.attribute for f in self.get_import_fields() if isinstance(f.widget, AccountWidget)}
        found = {name for name in found if getattr(instance, f"{name}_id")}  # those need not be looked up again
        try:
            instance.clean_fields(exclude=kept | found | errors.keys())
        except ValidationError as error:
            for missing in (one for of_field in error.error_dict.values() for one in of_field):
                if missing.code in ("null", "blank"):
                    missing.message = "A value is missing."
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Any, is_create: bool, row: FileRow, **kwargs: Any) -> None:
        """Nothing is written row by row; see `MiniTwit/admin/files/checking.py`."""
