"""What the values in a file of users, messages or follows mean. Nothing is guessed: what is unclear is an error."""

import unicodedata
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from import_export import widgets

from MiniTwit.models import User


class TextWidget(widgets.CharWidget):
    """Text as it stands. NUL is the one character that PostgreSQL cannot store."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text: str = super().clean(value, row, **kwargs)
        if "\0" in text:
            raise ValueError("The text holds a NUL character, which cannot be stored.")
        return text


class UsernameWidget(TextWidget):
    """Usernames are stored in Unicode's NFKC form, as signing in reads them."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return unicodedata.normalize("NFKC", super().clean(value, row, **kwargs))


class IdWidget(widgets.Widget):
    """A whole number without thousands separators."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise ValueError(f"“{text}” is not an id: give a whole number, or leave it empty for a new row.")
        return int(text)


class YesNoWidget(widgets.BooleanWidget):
    """1 or 0, true or false, yes or no. Import-export's own widget reads everything it does not know as "no"."""

    MEANINGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": None}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        text = "" if value is None else str(value).strip().lower()
        if text not in self.MEANINGS:
            raise ValueError(f"“{value}” is neither 1 (yes) nor 0 (no).")
        return self.MEANINGS[text]


class InstantWidget(widgets.DateTimeWidget):
    """A date with its time in ISO 8601, to the microsecond. Without an offset it is in the site's time zone."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        if value is None or str(value).strip() == "":
            return None
        try:
            instant = value if isinstance(value, datetime) else parse_datetime(str(value).strip())
        except ValueError:
            instant = None
        if instant is None:
            raise ValueError(f"“{value}” is not a date and time; write it like 2024-05-31T18:30:00+00:00.")
        return instant if timezone.is_aware(instant) else timezone.make_aware(instant)

    def render(self, value: datetime | None, obj: Any = None, **kwargs: Any) -> str:
        # As text in XLSX too: a spreadsheet's own dates know neither time zone nor microseconds.
        return "" if value is None else value.isoformat()


class AccountWidget(widgets.ForeignKeyWidget):
    """An account, given by its username. Each name is looked up once per import."""

    def __init__(self) -> None:
        super().__init__(User, "username")
        self.accounts: dict[str, User | None] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> User | None:
        username = UsernameWidget().clean(value)
        if not username:
            return None
        if username not in self.accounts:
            self.accounts[username] = User.objects.filter(username=username).first()
        account = self.accounts[username]
        if account is None:
            raise ValueError(f"There is no account named “{username}”. Import or create it first.")
        return account
