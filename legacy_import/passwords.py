"""Old password hashes in Django's encoding, without knowing the passwords.

Werkzeug writes `method$salt$hex`, split at the first two dollar signs; Django writes `algorithm$cost$salt$base64`
of the same bytes. Source: werkzeug.security and django.contrib.auth.hashers.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from legacy_import.sources.values import LegacyValue, as_text, storage_letter
from legacy_import.widgets import LegacyWidget, StagedColumn

# Django never verifies a password that starts with "!". The same text for every account, so that importing twice
# changes nothing; nothing can be derived from it.
UNUSABLE = "!legacy-password-unusable"
# A sign-in at this cost takes some seconds; a stored cost in the billions would hang it.
MOST_ITERATIONS = 5_000_000


@dataclass(frozen=True)
class Part:
    """A piece of an old encoding: the n-th part between dollar signs, or one between the colons of that part.

    Splitting is how Werkzeug reads it, too; and in PostgreSQL it is far quicker than a regular expression's groups.
    """

    dollar: int
    colon: int | None = None

    def of(self, text: str) -> str:
        part = text.split("$")[self.dollar]
        return part if self.colon is None else part.split(":")[self.colon]

    def sql(self, value: sql.Composable) -> sql.Composable:
        part = sql.SQL("split_part({}, '$', {})").format(value, sql.Literal(self.dollar + 1))
        if self.colon is None:
            return part
        return sql.SQL("split_part({}, ':', {})").format(part, sql.Literal(self.colon + 1))


@dataclass(frozen=True)
class Format:
    """One old encoding: how it looks, and of which of its parts Django's is put together.

    Attributes:
        pattern: a regular expression for the whole, without bounded repeats, which are slow in PostgreSQL.
        pieces: Django's encoding: texts and parts.
        hex_digits: the length of the hash, the last part; it follows the pieces in base64. 0: it is in the pieces.
        cost: the part that must not be beyond MOST_ITERATIONS.
    """

    pattern: str
    pieces: tuple[str | Part, ...]
    hex_digits: int = 0
    cost: Part | None = None


HASH = Part(2)

FORMATS: tuple[Format, ...] = (
    *(
        Format(
            pattern=rf"pbkdf2:{digest}:[1-9][0-9]*\$[^$]+\$[0-9a-f]+",
            pieces=(f"{algorithm}$", Part(0, 2), "$", Part(1), "$"),
            hex_digits=hex_digits,
            cost=Part(0, 2),
        )
        for digest, hex_digits, algorithm in (
            ("sha256", 64, "pbkdf2_sha256"),
            ("sha1", 40, "pbkdf2_sha1"),
            ("sha512", 128, "pbkdf2_sha512"),
        )
    ),
    # N up to 32768 with r up to 8 fits the hasher's 64 MiB.
    Format(
        pattern=r"scrypt:(?:1024|2048|4096|8192|16384|32768):[1-8]:[1-4]\$[^$]+\$[0-9a-f]+",
        pieces=("scrypt$", Part(0, 1), "$", Part(1), "$", Part(0, 2), "$", Part(0, 3), "$"),
        hex_digits=128,
    ),
    # Django's own, as they stand.
    Format(
        pattern=r"pbkdf2_(?:sha256|sha1)\$[1-9][0-9]*\$[^$]+\$[0-9A-Za-z+/]+=*",
        pieces=(Part(0), "$", Part(1), "$", Part(2), "$", Part(3)),
        cost=Part(1),
    ),
)


class PasswordWidget(LegacyWidget):
    """Convert a hash to Django's encoding; what cannot be converted becomes an unusable password."""

    usual_storage = "t"

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> str:
        if storage_letter(value) not in "tb":
            return UNUSABLE
        text = as_text(value) or ""
        for known in FORMATS:
            if re.fullmatch(known.pattern, text):
                return _encoded(known, text)
        return UNUSABLE

    def notes(self, value: LegacyValue) -> Iterator[str]:
        if self.clean(value) == UNUSABLE:
            yield "unusable_password"

    def render(self, value: str | None, obj: Any = None, **kwargs: Any) -> str:
        """Say what kind of password it is; the hash itself is nobody's business."""
        if not value:
            return ""
        return "unusable" if value.startswith("!") else value.split("$", 1)[0]

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        cases = sql.SQL(" ").join(_case_sql(known, column.value) for known in FORMATS)
        return sql.SQL("CASE WHEN NOT {usable} THEN {unusable} {cases} ELSE {unusable} END").format(
            usable=column.is_one_of("tb"), unusable=sql.Literal(UNUSABLE), cases=cases
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {"unusable_password": sql.SQL("{} = {}").format(column.cleaned, sql.Literal(UNUSABLE))}

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("{} <> {}").format(column.cleaned, sql.Literal(UNUSABLE))


def _encoded(known: Format, text: str) -> str:
    if known.hex_digits and len(HASH.of(text)) != known.hex_digits:
        return UNUSABLE
    if known.cost and (len(known.cost.of(text)) > 9 or int(known.cost.of(text)) > MOST_ITERATIONS):
        return UNUSABLE
    digest = base64.b64encode(bytes.fromhex(HASH.of(text))).decode() if known.hex_digits else ""
    return "".join(piece if isinstance(piece, str) else piece.of(text) for piece in known.pieces) + digest


def _case_sql(known: Format, value: sql.Composable) -> sql.Composable:
    """`WHEN it looks so THEN …` for one format. PostgreSQL breaks base64 after 76 characters, hence the replace."""
    doubts = [sql.SQL("false")]
    pieces = [sql.Literal(piece) if isinstance(piece, str) else piece.sql(value) for piece in known.pieces]
    if known.hex_digits:
        doubts.append(sql.SQL("length({}) <> {}").format(HASH.sql(value), sql.Literal(known.hex_digits)))
        pieces.append(
            sql.SQL("replace(encode(decode({}, 'hex'), 'base64'), {}, '')").format(HASH.sql(value), sql.Literal("\n"))
        )
    if known.cost:
        cost = known.cost.sql(value)
        doubts.append(
            sql.SQL("CASE WHEN length({cost}) > 9 THEN true ELSE {cost}::bigint > {most} END").format(
                cost=cost, most=sql.Literal(MOST_ITERATIONS)
            )
        )
    return sql.SQL("WHEN {value} ~ {pattern} THEN CASE WHEN {doubts} THEN {unusable} ELSE {encoded} END").format(
        value=value,
        pattern=sql.Literal(f"^{known.pattern}$"),
        doubts=sql.SQL(" OR ").join(doubts),
        unusable=sql.Literal(UNUSABLE),
        encoded=sql.SQL(" || ").join(pieces),
    )
