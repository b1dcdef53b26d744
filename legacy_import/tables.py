"""The models that an import writes, and their tables.

The data migrations hand in historical models (`apps.get_model`), which know only the columns of their time; all
else works with the current ones. Hence what reads and writes rows takes its models from `Models`.
"""

from functools import partial

from django.apps import apps as current_apps
from django.apps.registry import Apps
from django.db import models
from psycopg2 import sql

from legacy_import.models import ImportRun, MergedUser, RejectedRow, ReplacedRow, SourceMapping, TextId
from MiniTwit.models import Follow, Message, PurgedMessage, User


class Models:
    """The models of the domain and of the import, of one moment in the history of the migrations.

    Typed as the current ones. A historical model has the fields of its time, and no methods but Django's own.
    """

    def __init__(self, apps: Apps = current_apps) -> None:
        # The current models are there as soon as this module is, which may be before all applications are.
        get_model = partial(apps.get_model, require_ready=False)
        self.user: type[User] = get_model("MiniTwit", "User")
        self.message: type[Message] = get_model("MiniTwit", "Message")
        self.follow: type[Follow] = get_model("MiniTwit", "Follow")
        self.run: type[ImportRun] = get_model("legacy_import", "ImportRun")
        self.rejected: type[RejectedRow] = get_model("legacy_import", "RejectedRow")
        self.merged: type[MergedUser] = get_model("legacy_import", "MergedUser")
        self.replaced: type[ReplacedRow] = get_model("legacy_import", "ReplacedRow")
        self.text_id: type[TextId] = get_model("legacy_import", "TextId")
        self.mapping: type[SourceMapping] = get_model("legacy_import", "SourceMapping")
        # None before the migration that makes the table.
        self.purged: type[PurgedMessage] | None = apps.all_models["MiniTwit"].get("purgedmessage")  # type: ignore[assignment]

    @property
    def knows_erasure(self) -> bool:
        """Whether accounts can have been erased at this moment in the history."""
        return any(field.name == "erased_at" for field in self.user._meta.fields)

    def is_purged(self, legacy_id: int) -> bool:
        return self.purged is not None and self.purged.objects.filter(legacy_id=legacy_id).exists()

    def is_erased(self, *user_ids: int) -> bool:
        """Whether one of the accounts was erased."""
        if not self.knows_erasure:
            return False
        return self.user._default_manager.filter(pk__in=user_ids, erased_at__isnull=False).exists()

    def target(self, model: type[models.Model]) -> type[models.Model]:
        """What a model of MiniTwit that rows are imported into was at this moment."""
        targets: dict[type[models.Model], type[models.Model]] = {
            User: self.user,
            Message: self.message,
            Follow: self.follow,
        }
        return targets[model]


CURRENT = Models()


def table_of(model: type[models.Model]) -> sql.Identifier:
    """The name of a model's table, for SQL."""
    return sql.Identifier(model._meta.db_table)


def staged_table(run_id: int, table: str) -> sql.Identifier:
    """Where a run keeps the rows of an old table as they were read."""
    return sql.Identifier(f"legacy_staging_{run_id}_{table}")


def checked_table(run_id: int, table: str) -> sql.Identifier:
    """Where a run keeps the cleaned rows with their outcomes."""
    return sql.Identifier(f"legacy_staging_{run_id}_{table}_checked")


def part_of(table: sql.Identifier, number: int) -> sql.Identifier:
    """A part of a staged or checked table. It inherits from that one, which so shows the rows of all parts."""
    return sql.Identifier(f"{table.strings[0]}_part_{number}")
