"""What staff choose before a preview."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from legacy_import.rules.options import ImportOptions
from legacy_import.runs.files import store_upload, stored_users_upload
from legacy_import.source import Reference, SourceError, configured_source
from legacy_import.source.snapshot.sqlite_wal import check_wal

UPLOAD = "upload"
UPLOADS = ("upload", "upload_wal")


def explained(choice: str, explanation: str) -> SafeString:
    """A choice, with a quieter line below it."""
    return format_html("{}<small>{}</small>", choice, explanation)


EXISTING = [
    ("keep", explained("Keep existing rows", "Existing rows that differ stay as they are.")),
    (
        "update",
        explained(
            "Overwrite with old data",
            "Existing rows that differ are overwritten, except rows edited in this application.",
        ),
    ),
]
DUPLICATES = [
    ("reject", explained("Reject duplicates", "The lowest id keeps the name; the others are listed as rejected.")),
    (
        "merge",
        explained(
            "Merge duplicates into the first account",
            "The lowest id keeps the name, and gets the messages and follows of the others.",
        ),
    ),
]
PLAIN_PASSWORDS = [
    (
        "hash",
        explained("Hash them", "They work as before. The first hash is a quick one; signing in replaces it."),
    ),
    ("unusable", explained("Make them unusable", "These accounts need a new password to sign in.")),
]


class StartForm(forms.Form):
    """Which old database, and how existing rows are treated.

    Args:
        kind: users or messages.
    """

    field_order = ("source", "upload", "upload_wal", "existing", "duplicates", "plain_passwords")

    upload = forms.FileField(
        label="File to upload",
        required=False,
        help_text="A SQLite database, a dump (of SQLite, PostgreSQL or MySQL), a CSV file, or any of these in a ZIP.",
    )
    upload_wal = forms.FileField(
        label="Its -wal file",
        required=False,
        allow_empty_file=True,
        help_text="Only if there is one beside the database, often called minitwit.db-wal. It holds the newest rows.",
    )
    existing = forms.ChoiceField(label="Existing rows", choices=EXISTING, initial="keep", widget=forms.RadioSelect)
    duplicates = forms.ChoiceField(
        label="Users of the same name", choices=DUPLICATES, initial="reject", widget=forms.RadioSelect
    )
    plain_passwords = forms.ChoiceField(
        label="Plain-text passwords", choices=PLAIN_PASSWORDS, initial="hash", widget=forms.RadioSelect
    )

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.references: dict[str, Reference] = {}
        choices = []
        if (configured := self._configured()) is not None:
            self.references["configured"] = configured
            choices.append(("configured", explained("The configured database", configured.label)))
        if kind == "messages" and (stored := stored_users_upload()):
            run, self.references["stored"] = stored
            label = f"The file uploaded for import {run.pk}"
            choices.append(("stored", explained(label, self.references["stored"].label)))
        choices.append((UPLOAD, explained("A file from this computer", f"At most {self.largest_upload}.")))
        self.fields["source"] = forms.ChoiceField(
            label="Old database",
            choices=choices,
            # Messages follow their users: after an upload, from that upload.
            initial="stored" if "stored" in self.references else choices[0][0],
            widget=forms.RadioSelect,
        )
        self.order_fields(self.field_order)
        for name in UPLOADS:
            self.fields[name].widget.attrs["data-largest"] = settings.LEGACY_UPLOAD_MAX_BYTES
        if kind == "messages":
            del self.fields["duplicates"], self.fields["plain_passwords"]

    def _configured(self) -> Reference | None:
        self.configuration_error = ""
        try:
            return configured_source()
        except SourceError as error:
            self.configuration_error = error.message
            return None

    @property
    def largest_upload(self) -> str:
        return filesizeformat(settings.LEGACY_UPLOAD_MAX_BYTES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("source") != UPLOAD or any(name in self.errors for name in UPLOADS):
            return cleaned
        if cleaned.get("upload") is None:
            self.add_error("upload", "Choose the file of the old MiniTwit's database, often called minitwit.db.")
        for name in UPLOADS:
            if cleaned.get(name) is not None:
                self._check_size(name, cleaned[name])
        if (wal := cleaned.get("upload_wal")) is not None:
            self._check_wal(wal)
        return cleaned

    def _check_size(self, name: str, upload: UploadedFile) -> None:
        if (upload.size or 0) > settings.LEGACY_UPLOAD_MAX_BYTES:
            self.add_error(
                name,
                f"{upload.name} has {filesizeformat(upload.size or 0)}, but at most {self.largest_upload} can be "
                "uploaded. Put the file on the server instead, and name it in LEGACY_DATABASE_URL.",
            )

    def _check_wal(self, wal: UploadedFile) -> None:
        head = wal.read(32)
        wal.seek(0)
        try:
            check_wal(head, wal.name or "The file")
        except SourceError as error:
            self.add_error("upload_wal", error.message)

    @property
    def is_upload(self) -> bool:
        return bool(self.cleaned_data["source"] == UPLOAD)

    def take_reference(self) -> Reference:
        """The chosen database; an upload is stored first.

        Raises:
            SourceError: the upload could not be stored.
        """
        if self.is_upload:
            return store_upload(self.cleaned_data["upload"], self.cleaned_data["upload_wal"])
        return self.references[self.cleaned_data["source"]]

    def options(self) -> ImportOptions:
        return ImportOptions.from_json(self.cleaned_data)
