"""Whether messages and follows belong to the users that are read.

What the old database declares decides. Where it declares nothing, the first rows do: do they name these users?
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.row_queries import RowQueries, Share
from legacy_import.source.recognition.table_profile import FoundColumn, FoundTable
from legacy_import.source.schema import REFERENCES


class Belonging(IntEnum):
    """Whether a table belongs to others that are read; the surer, the smaller."""

    DECLARED = 0
    LIKELY = 1
    UNKNOWN = 2
    OTHERS = 3


@dataclass(frozen=True)
class People:
    """The users that are read.

    Attributes:
        tables: the names of all tables of the old database, in lower case. rows: for questions to the rows.
    """

    mapping: TableMapping
    tables: Collection[str]
    rows: RowQueries | None = None

    def are_meant_by(self, column: FoundColumn) -> bool:
        """Whether the column was declared to refer to them."""
        return column.refers_to.lower() == self.mapping.table.lower() != ""

    def belonging(self, table: FoundTable, columns: dict[str, str]) -> Belonging:
        """How sure it is that the rows of a table, in the given mapping, are of these people."""
        if table.are_lists:
            return Belonging.DECLARED if table.name.endswith(f" of {self.mapping.table}") else Belonging.OTHERS
        declared = declared_people(table, columns, self.tables)
        if declared:
            return Belonging.DECLARED if declared == {self.mapping.table.lower()} else Belonging.OTHERS
        share = self.share(table.name, columns)
        if share is None:
            return Belonging.UNKNOWN
        return Belonging.LIKELY if share.is_most else Belonging.OTHERS

    def share(self, table: str, columns: dict[str, str]) -> Share | None:
        """How many of the first rows of a table name these people; None if that cannot be told."""
        named = [columns[column] for column in REFERENCES if columns.get(column)]
        if not (self.rows and self.mapping.table and named):
            return None
        return self.rows.share(table, named, self.mapping)


def declared_people(table: FoundTable, columns: dict[str, str], tables: Collection[str]) -> set[str]:
    """The tables of people, in lower case, that a mapping's columns were declared to refer to and that exist."""
    fed = (table.column(columns[name]) for name in REFERENCES if columns.get(name))
    return {column.refers_to.lower() for column in fed if column} & {*tables}
