"""What an old database says of an account beside its name: whether it could be used, and since when it was there.

MiniTwit's own tables have neither. `None` means that the old database does not say: a new account is active then, its
date is unknown, and what the target knows of an account that came earlier stays.
"""

from dataclasses import replace
from datetime import datetime

from legacy_import.rules.columns import ASCII_LOWER, Column, Read, Row
from legacy_import.rules.dates import DateColumn
from legacy_import.rules.day_order import NOTHING_TOLD, DayOrder
from legacy_import.rules.text_dates import BLANKS
from legacy_import.source.copy_lines import Copy
from legacy_import.source.recognition.table_profile import ACTIVE_WORDS, INACTIVE_WORDS, NO_WORDS, YES_WORDS
from legacy_import.source.values import LegacyValue, as_text

# What a new account gets when the old database says nothing.
IF_UNKNOWN = {"is_active": True, "date_joined": None}


class ActiveColumn(Column):
    """Whether the account could be used. The source has turned a column such as `banned` round already."""

    copies = (
        Copy(test="typeof({0}) = 'integer' AND {0} = 1"),
        Copy(test="typeof({0}) = 'integer' AND {0} = 0", notes=("deactivated",)),
    )
    new_type = "boolean"
    stored = "{0}::int::text"
    YES, NO = (*YES_WORDS, *ACTIVE_WORDS), (*NO_WORDS, *INACTIVE_WORDS)

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        word = (as_text(value) or "").translate(ASCII_LOWER)
        if word in self.YES:
            return True, ()
        if word in self.NO:
            return False, ("deactivated",)
        return None, () if value is None else ("active_unknown",)

    def render(self, value: bool | None, obj: object = None, **kwargs: object) -> str:
        return "" if value is None else "yes" if value else "no"


class JoinedColumn(DateColumn):
    """Since when the account was there, by the rules for the dates of messages; no account is refused for it."""

    def __init__(self, zone: str, now: datetime, order: DayOrder = NOTHING_TOLD) -> None:
        super().__init__(zone, now, order)
        # Without the note, only the text itself tells that the date was one.
        self.copies = tuple(replace(copy, notes=(), is_kept=bool(copy.notes)) for copy in self.copies)

    def read(self, value: LegacyValue, row: Row | None = None) -> tuple[datetime | None, tuple[str, ...]]:
        moment, notes = self.moment(value)
        if moment is not None:
            return moment, tuple(code for code in notes if code == "suspicious_date")
        return None, ("joined_unknown",) if (as_text(value) or "").strip(BLANKS) else ()
