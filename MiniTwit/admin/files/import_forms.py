"""The forms of a file's import: which file, how it is read, and that it is meant so."""

from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat
from import_export.forms import ImportForm

from MiniTwit.admin.files.csv_files import DELIMITERS, ENCODINGS
from MiniTwit.admin.files.rows import MAX_BYTES

RECOGNISE = ("", "detect")


class ReadingForm(forms.Form):
    """How a file is read. What is left open is recognised, and shown before anything is imported."""

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
        """What was chosen."""
        chosen = {name: self.cleaned_data.get(name, "") for name in ReadingForm.base_fields}
        return {name: value for name, value in chosen.items() if value}


class BoundedImportForm(ReadingForm, ImportForm):
    field_order = ["resource", "import_file", "format", "empty_cells", "encoding", "delimiter", "sheet"]

    def clean_import_file(self) -> Any:
        upload = self.cleaned_data["import_file"]
        if upload.size > MAX_BYTES:
            raise forms.ValidationError(
                f"“{upload.name}” has {filesizeformat(upload.size)}; at most {filesizeformat(MAX_BYTES)} can be "
                "imported at a time. Split the file."
            )
        return upload


class SignedConfirmForm(forms.Form):
    """Carries one signed value, which file is confirmed, and asks for consent where the file may be a mistake."""

    preview = forms.CharField(widget=forms.HiddenInput)
    consent = forms.BooleanField(label="I have read the remarks above, and this is what I want.")

    def __init__(self, *args: Any, needs_consent: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not needs_consent:
            del self.fields["consent"]
