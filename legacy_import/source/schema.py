"""The tables of an old MiniTwit database, and how a particular file holds them."""

from dataclasses import dataclass

# Canonical table -> its columns, in the order in which they are staged.
CANONICAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "user": ("user_id", "username", "email", "pw_hash", "is_active", "date_joined"),
    "message": ("message_id", "author_id", "text", "pub_date", "flagged"),
    "follower": ("who_id", "whom_id"),
}

# Without these nothing can be imported. A missing id is replaced by the row's place in the file; the others read as
# NULL.
NEEDED_COLUMNS: dict[str, tuple[str, ...]] = {
    "user": ("username",),
    "message": ("author_id", "text", "pub_date"),
    "follower": ("who_id", "whom_id"),
}
OPTIONAL_TABLES = frozenset({"follower"})
# MiniTwit's own tables have no such columns. Where there is none, or nothing in it, the old database says nothing,
# and what the target knows stays.
EXTRA_COLUMNS = frozenset({"is_active", "date_joined"})
MISSING = "NULL"  # the SQL that reads a column that is not there


@dataclass(frozen=True)
class TableDescription:
    """One old table as the file has it.

    Attributes:
        name: the canonical name: user, message or follower.
        actual_name: its name in the file; empty when there is no such table, which has no rows.
        columns: for each of CANONICAL_COLUMNS[name], in that order, the SQL that reads it: the quoted column, NULL
            for a missing one, the position for a missing id.
        position: the SQL expression that gives a row's place, from 1.
        has_row_ids: whether the position is SQLite's row id, by which rows are found quickly.
        unique_ids: whether the file itself guarantees that no id occurs twice.
        rows: how many rows it holds.
    """

    name: str
    actual_name: str
    columns: tuple[str, ...]
    position: str
    has_row_ids: bool
    unique_ids: bool
    rows: int

    @property
    def missing(self) -> tuple[str, ...]:
        """The canonical columns that nothing feeds."""
        names = CANONICAL_COLUMNS[self.name]
        return tuple(name for name, column in zip(names, self.columns, strict=True) if column == MISSING)
