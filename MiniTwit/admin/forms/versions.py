"""Save a form that was opened some time ago, without undoing changes that were made meanwhile.

A form carries what each of its fields held when it was opened. On saving, under a lock on the row, three values of
each field are compared: as opened, as typed, and as stored now.

- Not typed over: the stored value stays, whatever was changed elsewhere. Columns that the form does not show, a
  suspension say, are never written at all.
- Typed over, and stored as it was when the form was opened: it is written.
- Typed over, and changed elsewhere, too: nothing is saved; the page shows both values. Saving again then replaces the
  stored value.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst

from MiniTwit.database import locks
from MiniTwit.excerpts import excerpt
from MiniTwit.instants import WITH_ZONE, shown_time
from MiniTwit.models import ModerationEvent, Subject
from MiniTwit.models.saving import version_of
from MiniTwit.moderation.history import who_did_what

SHOWN_CHARACTERS = 2_000
VERSION = "changed_at"  # kept beside the fields
CHANGED = "This was changed elsewhere while the form was open."
UNKNOWN = "The form did not say what was stored when it was opened."
CONFLICT = (
    "{why} Stored now: {stored}. What you typed is kept in the form. Save again to replace what is stored, or change "
    "what you typed."
)


class VersionedForm(forms.ModelForm):
    """A form that knows what was stored when it was opened; see the module.

    Attributes:
        kept: the fields that were changed elsewhere, and that this form leaves alone.
        conflicts: the fields that were typed over, and changed elsewhere, too.
    """

    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_change = self.instance.pk is not None
        self.kept: list[str] = []
        self.conflicts: list[str] = []
        self._typed: list[str] = []
        self.version_opened = self.read_opened().get(VERSION)
        if self.is_change:
            self.version_now = version_of(self.instance)
            stored = {name: self.stored(name) for name in self.versioned_fields()}
            self.initial["opened"] = self.sign(stored | {VERSION: self.version_now})

    def versioned_fields(self) -> list[str]:
        """The form's fields that belong to the row."""
        options = self.instance._meta
        columns = {field.name for field in (*options.concrete_fields, *options.many_to_many) if not field.primary_key}
        return [name for name, field in self.fields.items() if name in columns and not field.disabled]

    def sign(self, opened: dict[str, str]) -> str:
        return signing.dumps(opened, salt=self.salt)

    @property
    def salt(self) -> str:
        return f"opened {self.instance._meta.label} {self.instance.pk}"

    def read_opened(self) -> dict[str, str]:
        """What was stored when the form was opened, by field; empty where that is missing or forged."""
        try:
            return dict(signing.loads(self.data.get(self.add_prefix("opened")) or "", salt=self.salt))
        except (signing.BadSignature, TypeError, ValueError):
            return {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.is_change:
            self.merge(cleaned)
        return cleaned

    def merge(self, cleaned: dict[str, Any]) -> None:
        """Keep what was typed, take the stored values for the rest, refuse what was typed and changed elsewhere."""
        opened = self.read_opened()
        for name in self.versioned_fields():
            stored = self.stored(name)
            typed = fingerprint(self.fields[name], cleaned[name]) if name in cleaned else ""
            if typed in (opened.get(name), stored):
                cleaned[name] = self.stored_value(name)
                if typed != stored:
                    self.kept.append(name)
                continue
            self._typed.append(name)
            if name in cleaned and opened.get(name) != stored:
                self.conflicts.append(name)
        if self.conflicts:
            self.show_conflicts(opened)

    def show_conflicts(self, opened: dict[str, str]) -> None:
        """Show both values of each field. When the form is saved again, it replaces the stored ones."""
        for name in self.conflicts:
            why = CHANGED if name in opened else UNKNOWN
            self.add_error(name, CONFLICT.format(why=why, stored=in_words(self.stored_value(name))))
        if self.kept:
            self.add_error(None, f"Also changed elsewhere, and kept as stored now: {self.labels(self.kept)}.")
        seen = {name: self.stored(name) for name in self.conflicts} | {VERSION: self.version_now}
        self.data = data = cast(QueryDict, self.data).copy()
        data[self.add_prefix("opened")] = self.sign(opened | seen)

    def stored(self, name: str) -> str:
        """The fingerprint of the row's value now."""
        return fingerprint(self.fields[name], self.initial.get(name))

    def stored_value(self, name: str) -> Any:
        """The row's value now. The instance is as it was read, until all of the form is cleaned."""
        value = getattr(self.instance, name)
        return value.all() if isinstance(value, models.Manager) else value

    @property
    def changed_data(self) -> list[str]:
        """The fields that were typed over, without those that differ because they were changed elsewhere."""
        if not self.is_change or not self.is_bound:
            return list(super().changed_data)
        self.errors  # noqa: B018 -- cleans the form
        return [*self._typed]

    def changed_columns(self) -> list[str]:
        lists = {field.name for field in self.instance._meta.many_to_many}
        return [name for name in self.changed_data if name not in lists]

    def labels(self, names: Iterable[str]) -> str:
        return ", ".join(capfirst(str(self.fields[name].label or name)) for name in names)


class VersionedAdmin(admin.ModelAdmin):
    """Saves the columns that were typed over, under a lock; comes before other base classes."""

    form = VersionedForm

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method != "POST":
            return super().change_view(request, object_id, form_url, extra_context)
        return self.save_locked(request, object_id, form_url, extra_context)

    @locks.retry_if_busy
    def save_locked(
        self, request: HttpRequest, object_id: str, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        with locked_row(self.model, unquote(object_id)):
            return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=form.changed_columns())
        self.tell_what_was_kept(request, form)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Say at the top of the page that the form was out of date: it may be far below."""
        form = context["adminform"].form
        if conflicts := getattr(form, "conflicts", []):
            told = f"Nothing was saved: look at both values of {form.labels(conflicts)} in the form below."
            self.message_user(request, " ".join([told, *who_changed_meanwhile(form)]), messages.WARNING)
        return super().render_change_form(request, context, *args, **kwargs)

    def tell_what_was_kept(self, request: HttpRequest, form: VersionedForm) -> None:
        """Name the fields that were changed elsewhere while the form was open, and stay as they are.

        To be called before the form's own decision is in the log, which would be taken for the other change.
        """
        sentences = who_changed_meanwhile(form)
        if form.kept:
            sentences.append(f"Kept as changed elsewhere: {form.labels(form.kept)}.")
        if sentences:
            told = " ".join(["While the form was open, other changes were made, and they stay.", *sentences])
            self.message_user(request, told, messages.INFO)


@contextmanager
def locked_row(model: type[models.Model], pk: Any) -> Iterator[bool]:
    """Lock a row in a transaction, so that no other transaction writes it.

    Yields:
        Whether there is such a row.
    """
    with transaction.atomic():
        locks.lock_tables(model._meta.db_table, referring_to=[locks.USERS])
        try:
            rows = model._base_manager.filter(pk=pk).select_for_update(no_key=True)
            found = bool(rows.values_list("pk"))
        except (ValidationError, ValueError):
            found = False  # no row has such a key
        yield found


def who_changed_meanwhile(form: VersionedForm) -> list[str]:
    """A sentence on the last decision about the form's row since the form was opened, or on an edit; or none."""
    row, version = form.instance, form.version_opened
    if version in (None, form.version_now) or row._meta.model_name not in (Subject.MESSAGE, Subject.ACCOUNT):
        return []
    seen = parse_datetime(version) if version else None

    def is_newer(_pk: int, event: ModerationEvent) -> bool:
        return seen is None or event.created_at > seen

    return [who_did_what(Subject(row._meta.model_name), {row.pk: row.pk}, is_newer=is_newer)[row.pk]]


def fingerprint(field: forms.Field, value: Any) -> str:
    """A short word for a value, the same for what a form holds and what the row holds."""
    if isinstance(value, str) and isinstance(field.widget, forms.TextInput):
        value = value.replace("\r", "").replace("\n", "")  # a browser leaves no line ends in a field of one line
    if isinstance(value, str) and getattr(field, "strip", False):
        value = value.strip()
    return hashlib.blake2b(canonical(value).encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def canonical(value: Any) -> str:
    """A value as a text: lines end as a browser leaves them, and dates have the whole seconds that a form shows."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, (list, tuple, set, models.QuerySet)):
        return " ".join(sorted(canonical(each) for each in value))
    return str(value).replace("\r\n", "\n").replace("\r", "\n")


def in_words(value: Any) -> str:
    """A stored value, to be read beside what was typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return shown_time(value, WITH_ZONE)
    if isinstance(value, models.QuerySet):
        return ", ".join(str(each) for each in value) or "none"
    return f"“{excerpt(str(value), SHOWN_CHARACTERS)}”" if value not in (None, "") else "empty"
