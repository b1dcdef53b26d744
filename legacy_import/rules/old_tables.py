"""The three old tables: what each is called and holds, what its rows mean, and what becomes of them.

The SQL by which a step relates the rows of a table is with the step: see `classify_sql`, `identity` and `undo`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.db.models import Model
from psycopg2 import sql

from legacy_import.rules import neighbours, resources
from legacy_import.source import schema
from legacy_import.tables import Models


@dataclass(frozen=True, eq=False, kw_only=True)
class OldTable(schema.CanonicalTable):
    """An old table under its canonical names, and what an import makes of it.

    Attributes:
        resource: the rules for a row.
        neighbours: what checked rows at some positions have to know of the others, to be classified one by one.
        accounts: the columns of a checked row that tie its outcome to accounts of the target.
        date_column: the one that holds dates, if there is one.
        is_partible: whether the outcome of a row depends on no other row, unless an id occurs twice.
        constants: what a new row holds besides what the old one says.
        keeps_its_key: whether the tables that refer to the target can be written to meanwhile: runs refer to users.
        goes_along: the tables whose rows go with one of the target that an undo removes.
    """

    resource: type[resources.LegacyResource]
    neighbours: Callable[[sql.Identifier, list[int], bool], neighbours.Neighbours]
    accounts: tuple[str, ...]
    date_column: str = ""
    is_partible: bool = False
    constants: Mapping[str, bool] = field(default_factory=dict)
    keeps_its_key: bool = False
    goes_along: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """The columns of the target that are written besides the old id; a checked row has the same."""
        return tuple(name for name in self.resource._meta.fields if name != "legacy_id")

    def target(self, models: Models) -> type[Model]:
        """The model that it becomes."""
        return models.target(self.resource._meta.model)


USERS = OldTable(
    **vars(schema.USER),
    resource=resources.LegacyUserResource,
    neighbours=neighbours.staged_users,
    accounts=("holder_id",),
    date_column="date_joined",
    constants={"is_staff": False, "is_superuser": False},  # whatever the old database says
    keeps_its_key=True,
)
MESSAGES = OldTable(
    **vars(schema.MESSAGE),
    resource=resources.LegacyMessageResource,
    neighbours=neighbours.staged_messages,
    accounts=("author_id",),
    date_column="pub_date",
    is_partible=True,
    goes_along=("MiniTwit_watchhit", "MiniTwit_reviewclaim"),  # what the watch-list found in it, and who reviews it
)
FOLLOWS = OldTable(
    **vars(schema.FOLLOWER),
    resource=resources.LegacyFollowResource,
    neighbours=neighbours.staged_follows,
    accounts=("who_id", "whom_id"),
)
OLD_TABLES = {table.name: table for table in (USERS, MESSAGES, FOLLOWS)}
# What a run of each kind imports, in this order.
TABLES_OF_KIND = {"users": (USERS,), "messages": (MESSAGES, FOLLOWS)}


def names_of_kind(kind: str) -> tuple[str, ...]:
    return tuple(table.name for table in TABLES_OF_KIND[kind])
