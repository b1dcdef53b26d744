"""The table that a file of rows implies, where it has no CREATE TABLE.

The rows of an old MiniTwit are often handed on alone, as their schema is in the application.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from legacy_import.source.recognition.known_names import COLUMN_NAMES, WELL_KNOWN, plain, table_likeness
from legacy_import.source.schema import CANONICAL_TABLES
from legacy_import.source.snapshot.servers import quoted

# As MiniTwit's own schema.sql declares them, but that every column may be empty.
DECLARED = {
    "user_id": "integer primary key autoincrement",
    "username": "string",
    "email": "string",
    "pw_hash": "string",
    "message_id": "integer primary key autoincrement",
    "author_id": "integer",
    "text": "string",
    "pub_date": "integer",
    "flagged": "integer",
    "who_id": "integer",
    "whom_id": "integer",
}
# The columns that the values of a row can be, where it names none.
ARRANGEMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "user": (("user_id", "username", "email", "pw_hash"),),
    "message": (
        ("message_id", "author_id", "text", "pub_date", "flagged"),
        ("message_id", "author_id", "text", "pub_date"),
        ("author_id", "text", "pub_date", "flagged"),
        ("author_id", "text", "pub_date"),
    ),
    "follower": (("who_id", "whom_id"),),
}
OWN_IDS = frozenset({"user_id", "message_id"})
OTHER_IDS = frozenset({"author_id", "who_id", "whom_id"})
TEXT_NAMES = frozenset(
    name
    for canonical in (("user", "username"), ("user", "email"), ("user", "pw_hash"), ("message", "text"))
    for name in COLUMN_NAMES[canonical]
)
GIVE_BOTH = "Give the file with the CREATE TABLE statements as well, often called schema.sql: pack both into one ZIP"


@dataclass(frozen=True)
class ImpliedTable:
    """A table that is made for rows without a CREATE TABLE.

    Attributes:
        columns: their names. are_named: whether the rows named them.
    """

    name: str
    columns: tuple[str, ...]
    are_named: bool

    @property
    def declaration(self) -> str:
        canonical = canonical_table(self.name)
        own = CANONICAL_TABLES[canonical].columns if canonical else ()
        columns = ", ".join(
            quoted(column) + (f" {DECLARED[column]}" if column in own and column in DECLARED else "")
            for column in self.columns
        )
        return f"CREATE TABLE {quoted(self.name)} ({columns})"

    @property
    def warning(self) -> str:
        named = f"There is no CREATE TABLE for {self.name}"
        columns = ", ".join(self.columns)
        if self.are_named:
            return f"{named}: it was made with the columns that its rows name ({columns})."
        return (
            f"{named}: its values were taken for MiniTwit's own columns, in this order: {columns}. Compare them with "
            "the samples; if they are others, give the schema as well, both files in one ZIP."
        )


def implied_table(name: str, named: Sequence[str], kinds: Sequence[str]) -> ImpliedTable | None:
    """The table that a row implies; None if it is not certain enough.

    Args:
        named: the columns that the row names, if it does.
        kinds: of its values: text, number, null or other.
    """
    if named:
        return ImpliedTable(name, tuple(named), are_named=True)
    arrangements = ARRANGEMENTS.get(canonical_table(name), ())
    fitting = next((columns for columns in arrangements if fits(columns, kinds)), None)
    return ImpliedTable(name, fitting, are_named=False) if fitting else None


def fits(columns: Sequence[str], kinds: Sequence[str]) -> bool:
    """Whether values of these kinds can be those of the columns."""
    if len(columns) != len(kinds):
        return False
    for column, kind in zip(columns, kinds, strict=True):
        if column in OTHER_IDS and kind != "number":
            return False
        if column in OWN_IDS and kind not in ("number", "null"):
            return False
        if (column == "text" and kind == "number") or (column == "flagged" and kind == "text"):
            return False
    return True


def canonical_table(name: str) -> str:
    """The canonical table that a name means without doubt; empty if there is none."""
    return next((table for table in CANONICAL_TABLES if table_likeness(table, name) >= WELL_KNOWN), "")


def is_text(column: str) -> bool:
    """Whether a column's name says that its values are texts, whatever they look like."""
    return plain(column) in TEXT_NAMES
