"""The tables of an old MiniTwit database, and how a particular file holds them."""

from dataclasses import dataclass

# MiniTwit's own tables have no such columns. Where there is none, or nothing in it, the old database says nothing,
# and what the target knows stays.
EXTRA_COLUMNS = frozenset({"is_active", "date_joined"})
HIDDEN_COLUMN = "pw_hash"  # of passwords: its values are never kept or shown
MISSING = "NULL"  # the SQL that reads a column that is not there


@dataclass(frozen=True, eq=False)
class CanonicalTable:
    """A table of MiniTwit under its own names, whatever an old database calls it and its columns.

    Attributes:
        name: user, message or follower. rows: what its rows are called.
        columns: in the order in which they are staged.
        needed: those without which nothing can be imported. A missing id is replaced by the row's place in the file;
            the others read as NULL.
        has_ids: whether the first column is a row's own id. Rows without one never change, and have no order.
        is_optional: whether an old database may do without the table.
    """

    name: str
    rows: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    has_ids: bool = True
    is_optional: bool = False


USER = CanonicalTable(
    name="user",
    rows="users",
    columns=("user_id", "username", "email", "pw_hash", "is_active", "date_joined"),
    needed=("username",),
)
MESSAGE = CanonicalTable(
    name="message",
    rows="messages",
    columns=("message_id", "author_id", "text", "pub_date", "flagged"),
    needed=("author_id", "text", "pub_date"),
)
FOLLOWER = CanonicalTable(
    name="follower",
    rows="follows",
    columns=("who_id", "whom_id"),
    needed=("who_id", "whom_id"),
    has_ids=False,
    is_optional=True,
)
CANONICAL_TABLES = {table.name: table for table in (USER, MESSAGE, FOLLOWER)}
REFERENCES = ("author_id", "who_id", "whom_id")  # to accounts
ID_COLUMNS = frozenset(table.columns[0] for table in CANONICAL_TABLES.values() if table.has_ids)


@dataclass(frozen=True)
class TableDescription:
    """One old table as the file has it.

    Attributes:
        canonical: which of MiniTwit's tables it is.
        actual_name: its name in the file; empty when there is no such table, which has no rows.
        rows_from: the SQL that its rows are read from.
        columns: for each canonical column, in that order, the SQL that reads it: the quoted column, NULL for a
            missing one, the position for a missing id.
        position: the SQL expression that gives a row's place, from 1.
        has_row_ids: whether the position is SQLite's row id, by which rows are found quickly.
        unique_ids: whether the file itself guarantees that no id occurs twice.
        rows: how many rows it holds.
        is_counted: whether a row's place is its number among the rows as SQLite gives them, always in the same order;
            the position says nothing then.
        also_read: other tables that hold a column of it.
    """

    canonical: CanonicalTable
    actual_name: str
    rows_from: str
    columns: tuple[str, ...]
    position: str
    has_row_ids: bool
    unique_ids: bool
    rows: int
    is_counted: bool = False
    also_read: tuple[str, ...] = ()
