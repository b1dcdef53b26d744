"""The tables that an old database has, with what their first rows tell of each column."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

from legacy_import.source.values import LegacyValue, as_text, needs_repair
from MiniTwit.json_records import JsonRecord

SAMPLE_ROWS = 50  # that are looked at
SHOWN_SAMPLES = 3  # different values of a column
LONGEST_SAMPLE = 30  # characters
LONGEST_LOOK = 200  # characters of a value that its kind is told by

INTEGER = re.compile(r"-?[0-9]{1,18}")
GUID = re.compile(r"\{?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?")
GUID_BYTES = 16
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# A count of seconds or of what is smaller, a Julian day, or anything written with a date or a time of day.
DATE = re.compile(
    r"\s*([0-9]{9,19}|[0-9]{7}\.[0-9]+|.*[0-9][-/. ][0-9]{1,2}[-/. ][0-9].*|.*[0-9]:[0-9]{2}.*)\s*", re.DOTALL
)
# What says yes or no in a column that is meant for that, in lower case; and what says it of an account.
YES_WORDS = ("1", "1.0", "true", "t", "yes", "y", "on")
NO_WORDS = ("0", "0.0", "false", "f", "no", "n", "off")
ACTIVE_WORDS = ("active", "enabled", "ok")
INACTIVE_WORDS = ("inactive", "disabled", "deactivated", "banned", "blocked", "locked", "suspended", "deleted")
_YES, _NO = frozenset(YES_WORDS + ACTIVE_WORDS), frozenset(NO_WORDS + INACTIVE_WORDS)
# Names are compared in small letters, with an underscore between their words. What is a part of other words, as in
# `footprint`, `compass` or `passenger`, counts at the edge of a word only.
WORD_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^\w]+")
SECRET_NAME = re.compile(
    r"""
    (?<![a-z]) pass (?!_?port | able | age | e[drs] | eng | ing | ion | iv | over | through)
    | (?<!com)(?<!by)(?<!sur)(?<!over)(?<!under)(?<!tres) pass (?![a-z]|_port)
    | pass (?=hash|code|key|phrase|w)
    | (?<![a-z]) (?:otp|mdp|psw) | (?:otp|mdp|psw) (?![a-z])
    | pwd | pw (?![a-z]) | pw_?h | hash (?!_?tag) | salt | secret (?!ar) | token | credential
    | (?:security|concurrency)_?stamp | (?:api|private|auth)_?key | recovery_?code
    | kodeord | adgangskode | l(?:ö|oe|o)senord | salasana | kennwort | contrase[ñn]a | (?<!de)senha
    | mot_?de_?passe? | wachtwoord | (?<![a-z]) has[łl]o (?![a-z]) | (?<![a-z]) heslo
    """,
    re.VERBOSE,
)
TIME_NAME = re.compile(r"time_?stamp")
SECRET_VALUE = re.compile(
    r"(pbkdf2|scrypt|argon2|bcrypt|sha1|sha256|sha512|md5)[:$_].*"
    r"|(\{bcrypt\})?\$(2[abxy]|argon2|pbkdf2|scrypt|5|6|1)\S*\$.*"
    r"|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}|AQAAAA[0-9A-Za-z+/=]{40,}",
    re.DOTALL,
)


@dataclass(frozen=True)
class FoundColumn(JsonRecord):
    """One stored column, and what its first rows hold.

    Attributes:
        values: how many of them hold something. integers: hold a whole number, be it as text.
        guids: hold a GUID. emails: hold an e-mail address. dates: hold what can be a date.
        distinct: how many different ones there are.
        yes, no: say yes or no, or that an account is active or not.
        repeated: whether one of the values occurs twice. key: whether the column is the table's primary key.
        hashes: look like the hash of a password.
        refers_to, refers_to_column: what it was declared to refer to; an empty column is the key of that table.
        elsewhere: the second table that holds it, if one does, see `second_table`.
        samples: the first different values, shortened; none where `secret` hides them.
    """

    name: str
    values: int = 0
    integers: int = 0
    guids: int = 0
    samples: list[str] = field(default_factory=list)
    secret: bool = False
    repeated: bool = False
    key: bool = False
    yes: int = 0
    no: int = 0
    hashes: int = 0
    elsewhere: str = ""
    emails: int = 0
    dates: int = 0
    distinct: int = 0
    refers_to: str = ""
    refers_to_column: str = ""

    @property
    def only_for_passwords(self) -> bool:
        """Whether it may feed nothing but the password: by its name, or because its values are mostly hashes."""
        return bool(self.elsewhere) or is_secret_name(self.name) or 0 < self.values <= 2 * self.hashes


@dataclass(frozen=True)
class FoundTable(JsonRecord):
    """One ordinary table.

    Attributes:
        computed: columns that are calculated, which are never read.
        rows: how many of its first rows were looked at, up to SAMPLE_ROWS.
        are_lists: whether it is no table, but what lists in a table of users hold, see `follow_lists`.
    """

    name: str
    columns: list[FoundColumn]
    computed: list[str] = field(default_factory=list)
    rows: int = 0
    are_lists: bool = False

    def column(self, name: str) -> FoundColumn | None:
        """The column of that name, in any case, as SQL has it."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return super().from_json({**data, "columns": [*map(FoundColumn.from_json, data["columns"])]})


def named(name: str, found: Iterable[FoundTable]) -> FoundTable | None:
    """The table of exactly that name."""
    return next((table for table in found if table.name == name), None)


def found_table(
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[LegacyValue]],
    computed: Sequence[str] = (),
    key: Sequence[str] = (),
    references: Mapping[str, tuple[str, str]] | None = None,
) -> FoundTable:
    """Describe a table by its first rows. No more than SAMPLE_ROWS are taken, and of a value only the beginning.

    Args:
        key: the columns of the primary key, as far as it is known. references: column -> table and column.
    """
    first: list[list[LegacyValue]] = [[] for _ in columns]
    for row in islice(rows, SAMPLE_ROWS):
        for values, value in zip(first, row, strict=True):
            values.append(value[:LONGEST_LOOK] if isinstance(value, str | bytes) else value)
    found = [
        found_column(column, values, [*key] == [column], (references or {}).get(column, ("", "")))
        for column, values in zip(columns, first, strict=True)
    ]
    return FoundTable(name, found, [*computed], max(map(len, first), default=0))


def found_column(
    name: str, first: Iterable[LegacyValue], is_key: bool, reference: tuple[str, str] = ("", "")
) -> FoundColumn:
    """Describe a column by its first values, of which long ones were cut."""
    read = [(value, as_text(value) or "") for value in first]
    filled = [(value, text) for value, text in read if text or (isinstance(value, bytes) and value)]
    texts = [text for _, text in filled]
    hashes = sum(bool(SECRET_VALUE.fullmatch(text)) for text in texts)
    secret = is_secret_name(name) or hashes > 0
    shown = dict.fromkeys(map(shortened, texts))
    return FoundColumn(
        name=name,
        values=len(filled),
        integers=sum(bool(INTEGER.fullmatch(text)) for text in texts),
        guids=sum(is_guid(value, text) for value, text in filled),
        samples=[] if secret else [*shown][:SHOWN_SAMPLES],
        secret=secret,
        repeated=len(set(texts)) < len(texts),
        key=is_key,
        yes=sum(text.lower() in _YES or value == b"\x01" for value, text in filled),
        no=sum(text.lower() in _NO or value == b"\x00" for value, text in filled),
        hashes=hashes,
        emails=sum(bool(EMAIL.fullmatch(text)) for text in texts),
        dates=sum(bool(DATE.fullmatch(text)) for text in texts),
        distinct=len(set(texts)),
        refers_to=reference[0],
        refers_to_column=reference[1],
    )


def shortened(text: str) -> str:
    """A value as it is shown."""
    return text if len(text) <= LONGEST_SAMPLE else f"{text[:LONGEST_SAMPLE]}…"


def is_secret_name(name: str) -> bool:
    """Whether a column of that name may hold passwords or what is as good as one."""
    words = WORD_EDGE.sub("_", name).lower()
    return bool(SECRET_NAME.search(words)) and not TIME_NAME.search(words)


def is_guid(value: LegacyValue, text: str) -> bool:
    """A GUID as text, or sixteen bytes that are no text. (Some drivers give text as bytes.)"""
    is_blob = isinstance(value, bytes) and len(value) == GUID_BYTES and needs_repair(value)
    return bool(GUID.fullmatch(text)) or (is_blob and not INTEGER.fullmatch(text))
