"""The forms of a file's import: which file, how it is read, and the confirmation."""

from pathlib import PurePath
from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat
from import_export.forms import ImportForm

from MiniTwit.admin.files.rows import MAX_BYTES
from MiniTwit.text_files import DELIMITERS, ENCODINGS

RECOGNISE = ("", "detect")

# Suffixes of names: text that may be CSV, and files that have to be saved in another format.
TEXT_TABLES = ("txt", "tsv", "tab")
DATABASE = "a database, which “Import legacy users” is for"
OTHER_FORMATS = {
    "ods": "an OpenDocument spreadsheet",
    "xls": "a workbook of an old Excel",
    "xlsm": "a workbook with macros",
    "xlsb": "a binary workbook",
    "numbers": "a spreadsheet of Apple's Numbers",
    "pdf": "a document for printing",
    "zip": "an archive",
    "gz": "a compressed file",
    "db": DATABASE,
    "sqlite": DATABASE,
    "sqlite3": DATABASE,
    "sql": DATABASE,
}


class ReadingForm(forms.Form):
    """How a file is read. The import recognises what staff leave open, and shows it before it imports anything."""

    empty_cells = forms.ChoiceField(
        label="An empty cell",
        choices=[("keep", "leaves the value as it is"), ("clear", "empties the value")],
        required=False,
        help_text="For rows that exist already. New rows get the default.",
    )
    encoding = forms.ChoiceField(
        choices=[RECOGNISE, *ENCODINGS.items()], required=False, help_text="Of CSV and JSON files."
    )
    delimiter = forms.ChoiceField(
        label="Delimiter", choices=[RECOGNISE, *DELIMITERS.items()], required=False, help_text="In CSV files."
    )
    sheet = forms.CharField(
        required=False, max_length=31, help_text="Of an XLSX file, by its name. Otherwise the first visible one."
    )

    def options(self) -> dict[str, str]:
        """The options that staff chose."""
        chosen = {name: self.cleaned_data.get(name, "") for name in ReadingForm.base_fields}
        return {name: value for name, value in chosen.items() if value}


class BoundedImportForm(ReadingForm, ImportForm):
    field_order = ["resource", "import_file", "format", "empty_cells", "encoding", "delimiter", "sheet"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["format"]
        self.formats = {name: value for value, name in choice.choices if value}
        choice.required = False
        choice.choices = [
            ("", "as the name of the file ends"),
            *((value, name) for name, value in self.formats.items()),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("import_file") and cleaned.get("format") == "":
            cleaned["format"] = self.format_by_name(cleaned["import_file"].name)
        return cleaned

    def format_by_name(self, file_name: str) -> str:
        """The format that a file's name ends in, as a choice. The form refuses an unknown one."""
        *names, last = (name.upper() for name in self.formats)
        readable = f"{', '.join(names)} or {last}"
        suffix = PurePath(file_name).suffix[1:].lower()
        found = self.formats.get("csv" if suffix in TEXT_TABLES else suffix, "")
        if suffix in OTHER_FORMATS:
            sentence = f"“{file_name}” is {OTHER_FORMATS[suffix]}. Save the rows as {readable}, and choose that file."
            self.add_error("import_file", sentence)
        elif not found:
            what = f"ends in .{suffix}, which is none of them" if suffix else "has no ending that tells"
            sentence = (
                f"A file can be {readable}. The name “{file_name}” {what}: choose the format that the file has, or "
                "save the rows as one of these."
            )
            self.add_error("format", sentence)
        return found

    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > MAX_BYTES:
            raise forms.ValidationError(
                f"“{upload.name}” has {filesizeformat(upload.size)}; at most {filesizeformat(MAX_BYTES)} can be "
                "imported at a time. Split the file."
            )
        return upload


class SignedConfirmForm(forms.Form):
    """Holds the signed name of the file to confirm, and asks for consent where the file may be a mistake."""

    preview = forms.CharField(widget=forms.HiddenInput)
    consent = forms.BooleanField(label="I have read the remarks above, and this is what I want.")

    def __init__(self, *args: Any, needs_consent: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not needs_consent:
            del self.fields["consent"]
