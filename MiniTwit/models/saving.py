"""Saving a row writes the columns that were changed, and no others.

Django's own `save()` writes every column back as it was when the row was read. What another transaction wrote in
between, a suspension say, is lost then, whatever calls `save()`: a form, a file import, a change of a password.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Self

from django.db import models


def version_of(row: Any) -> str:
    """What tells two states of a row apart; empty where it is not known."""
    changed_at: datetime | None = getattr(row, "changed_at", None)
    return changed_at.isoformat() if changed_at else ""


class SavesChanges(models.Model):
    """Remembers the values that were read, and leaves out of an UPDATE what is still the same.

    For models without mutable values such as JSON: a change inside of one would not be seen.
    """

    _read: dict[str, Any]

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        is_row = not self._state.adding and self.pk == getattr(self, "_read", {}).get(self._meta.pk.attname)
        if update_fields is None and is_row and not args and not kwargs.get("force_insert"):
            update_fields = self.changed_columns()
        update_fields = None if update_fields is None else list(update_fields)
        super().save(*args, update_fields=update_fields, **kwargs)
        self._remember(None if update_fields is None else set(update_fields))

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        row = super().from_db(db, field_names, values, **kwargs)
        row._read = dict(zip(field_names, values, strict=False))
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        fields = kwargs.get("fields")
        self._remember(None if fields is None else set(fields))

    def changed_columns(self) -> list[str]:
        """The columns whose values are others than those read."""
        read = self._read
        return [
            field.attname
            for field in self._meta.concrete_fields
            if not field.primary_key
            and field.attname in self.__dict__
            and not (field.attname in read and is_same(self.__dict__[field.attname], read[field.attname]))
        ]

    def _remember(self, names: Collection[str] | None) -> None:
        """Take the present values for those in the database: of these columns, or of all."""
        present = {
            field.attname: self.__dict__[field.attname]
            for field in self._meta.concrete_fields
            if field.attname in self.__dict__ and (names is None or {field.name, field.attname} & set(names))
        }
        # Another dictionary, because a copy of the instance may share the old one.
        self._read = present if names is None else getattr(self, "_read", {}) | present


def is_same(value: Any, read: Any) -> bool:
    return value is read or bool(type(value) is type(read) and value == read)
