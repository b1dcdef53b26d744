"""What a value of the old database means, each rule stated once: `Column.read`.

import-export calls it for one row (a Column is its Widget), the staging of an import for every value that SQLite
cannot copy. `copies` say which forms it can; a property test holds them against `read`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, cast

from django.core.exceptions import ValidationError
from import_export.widgets import Widget

from legacy_import.rules.outcomes import REASONS
from legacy_import.source.copy_lines import Copy
from legacy_import.source.values import LegacyValue, as_text, needs_repair, storage_letter
from MiniTwit.text_ids import number_of
from MiniTwit.validators import CONTROL_CHARACTERS, USERNAME_MAX_LENGTH, normalised_username

WHOLE_NUMBER = re.compile("-?[0-9]+")
LONGEST_NUMBER = 18  # characters: always fits PostgreSQL's bigint
CONTROL_CHARACTER = re.compile(CONTROL_CHARACTERS)
# Lower-casing that does not depend on a locale: letters beyond ASCII stay as they are.
ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

# Django's EmailValidator without its rarities: quoted local parts, address literals, names in other scripts, the
# length of a label.
_WORD = r"[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+"
_LABEL = r"[0-9A-Za-z](?:[-0-9A-Za-z]*[0-9A-Za-z])?"
EMAIL = re.compile(rf"{_WORD}(?:\.{_WORD})*@(?:localhost|(?:{_LABEL}\.)+[0-9A-Za-z][-0-9A-Za-z]*[0-9A-Za-z])")


class TextId(NamedTuple):
    """An id that is a text, in the form in which usernames are stored, and the number that represents it."""

    number: int
    text: str


New = int | str | bool | datetime | TextId | None
Read = tuple[New, tuple[str, ...]]
Row = Mapping[str, LegacyValue]


class Refused(ValidationError):  # noqa: N818 -- what became of the row
    """A row cannot be imported because of one of its values.

    Args:
        code: one of `outcomes.REASONS`.
        new: the new form of the value as far as it has one, by which other rows may still refer to it.
    """

    def __init__(self, code: str, new: New = None) -> None:
        super().__init__(REASONS[code], code=code)
        self.new = new


class Column(Widget):
    """The rule for one old column. Subclasses state it in `read`.

    Attributes:
        copies: how SQLite writes values of which PostgreSQL understands the new form at once; the first without a
            note and told by its new form. Without any, every value is read.
        new_type: PostgreSQL's type of the new form.
        stored: the PostgreSQL expression that gives the old text of a new form `{0}` if it was not kept, for a row in
            which `{notes}` were noticed.
        secret: whether the old value is never kept or shown.
    """

    copies: tuple[Copy, ...] = ()
    new_type: ClassVar[str] = "text"
    stored: ClassVar[str] = "{0}::text"
    secret: ClassVar[bool] = False

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        """Give the new form of an old value, and the codes of what was noticed (`outcomes.NOTES`).

        Args:
            row: the whole old row, for a rule that depends on another column.

        Raises:
            Refused: the value cannot be imported.
        """
        raise NotImplementedError

    def clean(self, value: LegacyValue, row: Row | None = None, **kwargs: Any) -> Any:
        return self.read(value, row)[0]


# What Unicode leaves as it is, and no control character.
PRINTABLE_ASCII = "typeof({0}) = 'text' AND {0} <> '' AND {0} NOT GLOB '*[^ -~]*'"
# The commonest addresses that EMAIL takes: what every one of them is like, and what none is like.
USUAL_EMAIL = "[^.@]*@[0-9A-Za-z]*.*[0-9A-Za-z][0-9A-Za-z]"
UNUSUAL_EMAILS = ("*[^-+.@_0-9A-Za-z]*", "*@*[@_+]*", "*[.@][.@-]*", "*-[.@]*")
# A whole number, be it text, as SQLite itself spells it.
NUMBER_COPY = Copy(
    test="typeof({0}) = 'integer' OR (typeof({0}) = 'text'"
    f" AND length({{0}}) <= {LONGEST_NUMBER} AND {{0}} = CAST(CAST({{0}} AS INTEGER) AS TEXT))"
)


# A text of ASCII characters, of which Unicode changes nothing, and not of digits alone. (A length ends at a NUL.)
TEXT_COPY = Copy(
    value="text_id(CAST({0} AS BLOB))",
    test=f"typeof({{0}}) = 'text' AND length({{0}}) <= {USERNAME_MAX_LENGTH}"
    " AND length(CAST({0} AS BLOB)) = length({0}) AND {0} GLOB '*[^-0-9]*'",
    is_text_id=True,
)
# One to which many rows refer.
REFERENCE_COPY = replace(TEXT_COPY, value="repeated_text_id(CAST({0} AS BLOB))")


class IdColumn(Column):
    """A row's own id: a whole number, or a text, which a number represents."""

    copies = (NUMBER_COPY, TEXT_COPY)
    new_type = "bigint"

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        if type(value) is int:
            return value, ()
        number = whole_number(value)
        if number is not None:
            return number, ()
        text = id_text(value)
        is_fraction = storage_letter(value) == "r"
        if not text or is_fraction or len(text) > USERNAME_MAX_LENGTH or normalised_username(text) != text:
            raise Refused("bad_id")
        return TextId(number_of(text), text), ()

    def clean(self, value: LegacyValue, row: Row | None = None, **kwargs: Any) -> int:
        new, _ = self.read(value)
        return new.number if isinstance(new, TextId) else cast(int, new)


TEXT_NOTES = dict.fromkeys("ir", ("number_as_text",)) | dict.fromkeys("TB", ("repaired_text",))


class TextColumn(Column):
    """Text as it is; SQLite may have stored it as a number."""

    stored = "{0}"
    empty_reason: str | None = None

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        if type(value) is str and value and not needs_repair(value):
            return value, ()
        text = as_text(value) or ""
        if not text and self.empty_reason:
            raise Refused(self.empty_reason)
        return text, TEXT_NOTES.get(storage_letter(value), ())


class MessageTextColumn(TextColumn):
    # To SQLite any number is less than any text, and any text less than any BLOB.
    copies = (Copy(None, test="{0} > '' AND {0} <> x''"),)
    empty_reason = "empty_text"


class UsernameColumn(TextColumn):
    """Any printable characters, brought to NFKC because Django does so with what is typed at sign-in."""

    copies = (Copy(None, test=f"{PRINTABLE_ASCII} AND length({{0}}) <= {USERNAME_MAX_LENGTH}"),)
    empty_reason = "empty_username"

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        text, notes = super().read(value, row)
        username = normalised_username(str(text))
        if len(username) > USERNAME_MAX_LENGTH or CONTROL_CHARACTER.search(username):
            raise Refused("bad_username", username)
        return username, notes if username == text else (*notes, "username_normalised")


class EmailColumn(TextColumn):
    """An e-mail address as it is, valid or not."""

    copies = (
        Copy(
            None,
            test=f"typeof({{0}}) = 'text' AND {{0}} GLOB '{USUAL_EMAIL}'"
            + "".join(f" AND {{0}} NOT GLOB '{unusual}'" for unusual in UNUSUAL_EMAILS),
        ),
    )

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        text, notes = super().read(value, row)
        if not text:
            return text, (*notes, "empty_email")
        return text, notes if EMAIL.fullmatch(str(text)) else (*notes, "invalid_email")


class FlaggedColumn(Column):
    """Hidden from timelines: 0 is no, any other number is yes, nothing is no."""

    copies = (
        Copy(test="typeof({0}) = 'integer' AND {0} BETWEEN 0 AND 1"),
        Copy(
            "%d", "{0} = 'true'", "typeof({0}) = 'text' AND {0} IN ('true', 'false')", ("flagged_odd",), is_kept=True
        ),
    )
    new_type = "boolean"
    stored = "{0}::int::text"

    YES = frozenset({"t", "true", "y", "yes", "on"})
    NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")  # as SQLite spells them
    NOT_ZERO = re.compile("[^eE]*[1-9]")

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        if type(value) is int:
            return value != 0, () if value in (0, 1) else ("flagged_odd",)
        text = as_text(value)
        if text is None:
            return False, ("flagged_unknown",)
        if self.NUMBER.fullmatch(text):
            flagged = self.NOT_ZERO.match(text) is not None
        else:
            flagged = text.translate(ASCII_LOWER) in self.YES
        return flagged, () if text in {"0", "1"} else ("flagged_odd",)


class AccountColumn(Column):
    """Another account, by its old id; some old databases give the username instead.

    `read` gives a number, the text, or None; import-export is given the account's new id, or None when no imported
    account answers: why that is, and what follows from it, is for the resource to say.

    Args:
        find: gives the new id of an account for a number or a text.
        name_of: gives the username of an account.
    """

    copies = (NUMBER_COPY, REFERENCE_COPY)
    new_type = "bigint"

    def __init__(self, find: Callable[[int | TextId], int | None], name_of: Callable[[int], str]) -> None:
        super().__init__()
        self.find = find
        self.name_of = name_of

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        return account_key(value), ()

    def clean(self, value: LegacyValue, row: Row | None = None, **kwargs: Any) -> int | None:
        key = account_key(value)
        return None if key is None else self.find(key)

    def render(self, value: int | None, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else self.name_of(value)


def whole_number(value: LegacyValue) -> int | None:
    """Read a whole number from an INTEGER, or from a text that holds nothing else, be it repaired or a BLOB."""
    if isinstance(value, int):
        return int(value)
    if storage_letter(value) not in "tTb":
        return None
    text = as_text(value) or ""
    return int(text) if len(text) <= LONGEST_NUMBER and WHOLE_NUMBER.fullmatch(text) else None


def id_text(value: LegacyValue) -> str:
    """The text of an id. Bytes that are no text, as some programs store GUIDs, are given as hexadecimal digits."""
    if isinstance(value, bytes) and needs_repair(value):
        return value.hex()
    return as_text(value) or ""


def account_key(value: LegacyValue) -> int | TextId | None:
    """An old id, a text that is one or a username, or None for nothing at all."""
    if type(value) is int:
        return value
    number = whole_number(value)
    if number is not None:
        return number
    text = normalised_username(id_text(value))
    return TextId(number_of(text), text) if text else None
