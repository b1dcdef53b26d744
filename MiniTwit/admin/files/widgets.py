"""What the values in a file of users, messages or follows mean. An unclear value is an error, never a guess."""

import re
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from import_export import widgets
from import_export.fields import Field

from MiniTwit.admin.files.rows import shortened
from MiniTwit.models import User
from MiniTwit.text_ids import number_of
from MiniTwit.validators import is_storable, normalised_username

# Python's own reading of ISO 8601 takes any character between date and time, and any number of digits.
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(?P<offset>Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
ID = re.compile(r"([0-9]{1,18})(?:\.0+)?")  # a spreadsheet may append the fraction


class TextWidget(widgets.CharWidget):
    """Text as it is. PostgreSQL cannot store NUL and halves of surrogate pairs."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        if isinstance(value, datetime):
            raise ValueError(
                "The cell holds a date, not text: the spreadsheet has converted it. Format the cell as text and "
                "write it again."
            )
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"  # as a spreadsheet shows it
        text: str = super().clean(value, row, **kwargs)
        if "\0" in text:
            raise ValueError("The text holds a NUL character, which cannot be stored.")
        if not is_storable(text):
            raise ValueError("The text holds half a character (a lone surrogate), which cannot be stored.")
        return text


class UsernameWidget(TextWidget):
    """Usernames are stored in Unicode's NFKC form, as signing in reads them."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return normalised_username(super().clean(value, row, **kwargs))


class IdWidget(widgets.Widget):
    """A whole number without thousands separators."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        if isinstance(value, bool) or not (found := ID.fullmatch(text)):
            raise ValueError(
                f"“{shortened(text)}” is not an id: give a whole number, or leave it empty for a new row."
            )
        return int(found[1])


class OldIdWidget(IdWidget):
    """An id of the old database, which may be a text."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = "" if value is None else str(value).strip()
        return number_of(text) if text and not ID.fullmatch(text) else super().clean(value, row, **kwargs)


class OldIdField(Field):
    """An id of the old database; its text comes with the row, see `text_ids.with_texts`."""

    def export(self, instance: Any, **kwargs: Any) -> Any:
        return getattr(instance, "old_id_text", None) or super().export(instance, **kwargs)


class YesNoWidget(widgets.BooleanWidget):
    """1 or 0, true or false, yes or no. Import-export's own widget reads everything it does not know as "no"."""

    MEANINGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": None}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        text = "" if value is None else str(value).strip().lower()
        if text not in self.MEANINGS:
            raise ValueError(f"“{shortened(value)}” is neither 1 (yes) nor 0 (no).")
        return self.MEANINGS[text]

    def render(self, value: bool | None, obj: Any = None, **kwargs: Any) -> str | int:
        """1 or 0; in a workbook as numbers, because yes and no become words of the spreadsheet's language in CSV."""
        written: str = super().render(value)
        return int(written) if written and kwargs.get("force_native_type") else written


class InstantWidget(widgets.DateTimeWidget):
    """A date with its time in ISO 8601, to the microsecond. Without an offset it is in the site's time zone."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        if value is None or str(value).strip() == "":
            return None
        text = str(value).strip()
        try:
            instant = parse_datetime(text) if INSTANT.fullmatch(text) else None
        except ValueError:
            instant = None
        if instant is None:
            raise ValueError(f"“{shortened(value)}” is not a date and time; write it like 2024-05-31T18:30:00+00:00.")
        if not 1 < instant.year < 9999:  # in another zone it might be in a year that does not exist
            raise ValueError(
                f"“{shortened(value)}” is not a date that every time zone knows: the years are 2 to 9998."
            )
        return instant if timezone.is_aware(instant) else timezone.make_aware(instant)

    def render(self, value: datetime | None, obj: Any = None, **kwargs: Any) -> str:
        # As text in XLSX too: a spreadsheet's own dates know neither time zone nor microseconds.
        return "" if value is None else value.isoformat()


class AccountWidget(widgets.ForeignKeyWidget):
    """An account, given by its username. The resource looks up the names of many rows at a time.

    Attributes:
        accounts: those that were looked up.
        similar: for unknown names, the accounts of nearly that name.
    """

    def __init__(self) -> None:
        super().__init__(User, "username")
        self.accounts: dict[str, User] = {}
        self.similar: dict[str, str] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> User | None:
        username = UsernameWidget().clean(value)
        if not username:
            return None
        account = self.accounts.get(username)
        if account is None:
            hint = f" There is “{self.similar[username]}”." if username in self.similar else ""
            raise ValueError(
                f"There is no account named “{shortened(username, 150)}”.{hint} Import or create it first."
            )
        return account
