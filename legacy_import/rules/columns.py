"""What a value of the old database means, each rule stated twice.

`clean()` states it in Python for one row, as import-export calls it; the `*_sql` methods state it in SQL for all
rows at once. Property tests hold the two together, so change both or neither. A value that cannot be imported makes
`clean()` raise a ValidationError whose code is one of `reasons.REASONS`; what is only noticed is one of
`reasons.NOTES`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from import_export.widgets import Widget
from psycopg2 import sql

from legacy_import.rules.nfkc import nfkc, nfkc_sql
from legacy_import.rules.outcomes import REASONS
from legacy_import.source.schema import TEXT_COLUMNS
from legacy_import.source.values import LegacyValue, as_text, storage_letter
from MiniTwit.validators import CONTROL_CHARACTERS, USERNAME_MAX_LENGTH

NULL = sql.SQL("NULL")

WHOLE_NUMBER = r"-?[0-9]+"
LONGEST_NUMBER = 18  # characters: always fits PostgreSQL's bigint
# Django's EmailValidator without its rarities (quoted local parts, address literals, names in other scripts, the
# length of a label: bounded repeats are slow in PostgreSQL). Both Python and PostgreSQL read it.
_WORD = r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+"
_LABEL = r"[0-9A-Za-z](?:[-0-9A-Za-z]*[0-9A-Za-z])?"
EMAIL = rf"{_WORD}(?:\.{_WORD})*@(?:localhost|(?:{_LABEL}\.)+[0-9A-Za-z][-0-9A-Za-z]*[0-9A-Za-z])"


def refuse(code: str) -> ValidationError:
    """The error by which a row is rejected."""
    return ValidationError(REASONS[code], code=code)


@dataclass(frozen=True)
class StagedColumn:
    """One column of a staging table, as SQL.

    Attributes:
        value: the value as text, repaired; NULL stays NULL.
        number: the value where SQLite stored a whole number in a column that is meant for one, else NULL. To look at
            it first spares most rows the making and reading of text.
        storage: SQLite's storage class: n, i, r, t, b; a capital where the text was repaired.
        cleaned: what `value_sql` made of it; for reasons and notes.
    """

    value: sql.Composable
    number: sql.Composable
    storage: sql.Composable
    cleaned: sql.Composable

    @classmethod
    def of(cls, name: str, index: int) -> "StagedColumn":
        text, number = sql.Identifier("staged", name), sql.Identifier("staged", f"{name}_number")
        is_text_column = name in TEXT_COLUMNS
        return cls(
            value=text if is_text_column else sql.SQL("coalesce({}::text, {})").format(number, text),
            number=sql.SQL("NULL::bigint") if is_text_column else number,
            storage=sql.SQL("substr(staged.storage, {}, 1)").format(sql.Literal(index + 1)),
            cleaned=sql.Identifier("staged", f"clean_{name}"),
        )

    def matches(self, pattern: str) -> sql.Composable:
        """Whether the whole value matches a regular expression."""
        return sql.SQL("{} ~ {}").format(self.value, sql.Literal(f"^({pattern})$"))

    def is_one_of(self, letters: str) -> sql.Composable:
        return sql.SQL("{} IN ({})").format(self.storage, sql.SQL(", ").join(map(sql.Literal, letters)))


class LegacyWidget(Widget):
    """A rule for one old column. Subclasses state it in Python and in SQL.

    Attributes:
        usual_storage: the storage class that the column was meant for; a second letter where another is as usual.
    """

    usual_storage = "i"

    def notes(self, value: LegacyValue) -> Iterator[str]:
        """Give the note codes of a value that `clean()` accepts."""
        yield from ()

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        """The cleaned value. May give anything for a value that `reason_sql` refuses, but never an error."""
        raise NotImplementedError

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        """The reason code of a value that cannot be imported, else NULL."""
        return NULL

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        """Note code -> when it applies."""
        return {}

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        """A cheap condition: where it holds, a value of the usual storage class has no notes."""
        return sql.SQL("true")


class IdWidget(LegacyWidget):
    """A row's own id."""

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> int:
        number = whole_number(value)
        if number is None:
            raise refuse("bad_id")
        return number

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return whole_number_sql(column)

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("CASE WHEN {} IS NULL THEN 'bad_id' END").format(column.cleaned)


class TextWidget(LegacyWidget):
    """Text as it stands; SQLite may have stored it as a number."""

    usual_storage = "t"
    empty_reason: str | None = None

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> str:
        text = as_text(value) or ""
        if not text and self.empty_reason:
            raise refuse(self.empty_reason)
        return text

    def notes(self, value: LegacyValue) -> Iterator[str]:
        letter = storage_letter(value)
        if letter in "ir":
            yield "number_as_text"
        if letter in "TB":
            yield "repaired_text"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("coalesce({}, '')").format(column.value)

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        if self.empty_reason is None:
            return NULL
        return sql.SQL("CASE WHEN {} = '' THEN {} END").format(column.cleaned, sql.Literal(self.empty_reason))

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {"number_as_text": column.is_one_of("ir"), "repaired_text": column.is_one_of("TB")}


class MessageTextWidget(TextWidget):
    empty_reason = "empty_text"


class UsernameWidget(TextWidget):
    """Any printable characters, brought to NFKC because Django does so with what is typed at sign-in."""

    empty_reason = "empty_username"

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> str:
        username = nfkc(super().clean(value, row, **kwargs))
        if len(username) > USERNAME_MAX_LENGTH or re.search(CONTROL_CHARACTERS, username):
            raise refuse("bad_username")
        return username

    def notes(self, value: LegacyValue) -> Iterator[str]:
        yield from super().notes(value)
        text = as_text(value) or ""
        if text != nfkc(text):
            yield "username_normalised"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return nfkc_sql(super().value_sql(column))

    def reason_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL(
            "CASE WHEN {empty} IS NOT NULL THEN {empty}"
            " WHEN length({value}) > {longest} OR {value} ~ {controls} THEN 'bad_username' END"
        ).format(
            empty=super().reason_sql(column),
            value=column.cleaned,
            longest=sql.Literal(USERNAME_MAX_LENGTH),
            controls=sql.Literal(CONTROL_CHARACTERS),
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        changed = sql.SQL("{} IS NOT NULL AND {} <> {}").format(column.value, column.value, column.cleaned)
        return super().notes_sql(column) | {"username_normalised": changed}

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("{} = {}").format(column.value, column.cleaned)


class EmailWidget(TextWidget):
    """An e-mail address as it stands, valid or not."""

    def notes(self, value: LegacyValue) -> Iterator[str]:
        yield from super().notes(value)
        text = as_text(value) or ""
        if not text:
            yield "empty_email"
        elif not re.fullmatch(EMAIL, text):
            yield "invalid_email"

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return super().notes_sql(column) | {
            "empty_email": sql.SQL("{} = ''").format(column.cleaned),
            "invalid_email": sql.SQL("{} <> '' AND NOT {}").format(column.value, column.matches(EMAIL)),
        }

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return column.matches(EMAIL)


class FlaggedWidget(LegacyWidget):
    """Hidden from timelines: 0 is no, any other number is yes, nothing is no."""

    YES = ("t", "true", "y", "yes", "on")
    NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"  # as SQLite spells them; the last part of very large ones
    NOT_ZERO = "^[^eE]*[1-9]"

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> bool:
        text = as_text(value)
        if text is None:
            return False
        if re.fullmatch(self.NUMBER, text):
            return re.search(self.NOT_ZERO, text) is not None
        return text.translate(ASCII_LOWER) in self.YES

    def notes(self, value: LegacyValue) -> Iterator[str]:
        if value is None:
            yield "flagged_unknown"
        elif as_text(value) not in {"0", "1"}:
            yield "flagged_odd"

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL(
            "CASE {number} WHEN 0 THEN false WHEN 1 THEN true ELSE coalesce("
            "CASE WHEN {is_number} THEN {value} ~ {not_zero}"
            """ ELSE lower({value} COLLATE "C") IN ({yes}) END, false) END"""
        ).format(
            number=column.number,
            value=column.value,
            is_number=column.matches(self.NUMBER),
            not_zero=sql.Literal(self.NOT_ZERO),
            yes=sql.SQL(", ").join(map(sql.Literal, self.YES)),
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {
            "flagged_unknown": sql.SQL("{} IS NULL").format(column.value),
            "flagged_odd": sql.SQL("{} NOT IN ('0', '1')").format(column.value),
        }

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("{} IN (0, 1)").format(column.number)


# Lower-casing that does not depend on a locale: letters beyond ASCII stay as they are.
ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def whole_number(value: LegacyValue) -> int | None:
    """Read a whole number from an INTEGER, or from text that holds nothing else."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and storage_letter(value) == "t" and re.fullmatch(WHOLE_NUMBER, value):
        return int(value) if len(value) <= LONGEST_NUMBER else None
    return None


def whole_number_sql(column: StagedColumn) -> sql.Composable:
    """`whole_number` for all rows."""
    return sql.SQL(
        "CASE WHEN {number} IS NOT NULL THEN {number}"
        " WHEN {storage} = 't' AND length({value}) <= {longest} AND {matches} THEN {value}::bigint END"
    ).format(
        number=column.number,
        storage=column.storage,
        value=column.value,
        longest=sql.Literal(LONGEST_NUMBER),
        matches=column.matches(WHOLE_NUMBER),
    )


class AccountWidget(LegacyWidget):
    """Another account, by its old id; some old databases give the username instead.

    Cleans to the account's new id, or to None when no imported account answers: why that is, and what follows from
    it, is for the resource to say. In SQL the two ways are two columns that `checks.py` joins on.

    Args:
        find: gives the new id of an account for an old id or a username.
    """

    def __init__(self, find: Callable[[int | str], int | None], name_of: Callable[[int], str]) -> None:
        super().__init__()
        self.find = find
        self.name_of = name_of

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> int | None:
        key = account_key(value)
        return None if key is None else self.find(key)

    def notes(self, value: LegacyValue) -> Iterator[str]:
        if isinstance(account_key(value), str):
            yield "author_by_name"

    def render(self, value: int | None, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else self.name_of(value)

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return whole_number_sql(column)

    def name_sql(self, column: StagedColumn) -> sql.Composable:
        """The username, where the value is one."""
        return sql.SQL("CASE WHEN {number} IS NULL AND {whole_number} IS NULL THEN nullif({name}, '') END").format(
            number=column.number, whole_number=whole_number_sql(column), name=nfkc_sql(column.value)
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {"author_by_name": sql.SQL("{} IS NULL AND {} <> ''").format(column.cleaned, column.value)}


def account_key(value: LegacyValue) -> int | str | None:
    """An old id, a username, or None for nothing at all."""
    number = whole_number(value)
    return number if number is not None else nfkc(as_text(value) or "") or None
