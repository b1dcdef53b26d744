"""What an old database says of an account beside its name: whether it could be used, and since when it was there.

MiniTwit's own tables have neither. `None` means that the old database does not say: a new account is active then, its
date is unknown, and what is known here of an account that came earlier stays.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from psycopg2 import sql

from legacy_import.rules.columns import ASCII_LOWER, LegacyWidget, StagedColumn
from legacy_import.rules.dates import PubDateWidget
from legacy_import.rules.text_dates import BLANKS
from legacy_import.source.recognition.table_profile import ACTIVE_WORDS, INACTIVE_WORDS, NO_WORDS, YES_WORDS
from legacy_import.source.values import LegacyValue, as_text

# As they are written where a column says what is given here when the old database says nothing.
IF_UNKNOWN = {"is_active": True, "date_joined": None}


class ActiveWidget(LegacyWidget):
    """Whether the account could be used. The source has turned a column such as `banned` round already."""

    usual_storage = "in"
    YES, NO = (*YES_WORDS, *ACTIVE_WORDS), (*NO_WORDS, *INACTIVE_WORDS)

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> bool | None:
        word = (as_text(value) or "").translate(ASCII_LOWER)
        return True if word in self.YES else False if word in self.NO else None

    def render(self, value: bool | None, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else "yes" if value else "no"

    def notes(self, value: LegacyValue) -> Iterator[str]:
        active = self.clean(value)
        if active is False:
            yield "deactivated"
        elif active is None and value is not None:
            yield "active_unknown"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL(
            "CASE WHEN {number} IN (0, 1) THEN {number} = 1 ELSE CASE"
            """ WHEN lower({value} COLLATE "C") IN ({yes}) THEN true"""
            """ WHEN lower({value} COLLATE "C") IN ({no}) THEN false END END"""
        ).format(
            number=column.number,
            value=column.value,
            yes=sql.SQL(", ").join(map(sql.Literal, self.YES)),
            no=sql.SQL(", ").join(map(sql.Literal, self.NO)),
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {
            "deactivated": sql.SQL("NOT {}").format(column.cleaned),
            "active_unknown": sql.SQL("{} IS NULL AND {} IS NOT NULL").format(column.cleaned, column.value),
        }

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("({} OR {} IS NULL)").format(column.cleaned, column.value)


class JoinedWidget(PubDateWidget):
    """Since when the account was there, by the rules for the dates of messages; no account is refused for it."""

    usual_storage = "in"

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> datetime | None:  # type: ignore[override]
        return self.moment(value)

    def notes(self, value: LegacyValue) -> Iterator[str]:
        if self.moment(value) is not None:
            yield from (code for code in super().notes(value) if code == "suspicious_date")
        elif (as_text(value) or "").strip(BLANKS):
            yield "joined_unknown"

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("NULL")

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        unreadable = sql.SQL("{} IS NULL AND btrim({}, {}) <> ''").format(
            column.cleaned, column.value, sql.Literal(BLANKS)
        )
        return {"suspicious_date": super().notes_sql(column)["suspicious_date"], "joined_unknown": unreadable}

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("({} OR {} IS NULL)").format(super().plain_sql(column), column.value)
