"""The old tables as import-export Resources.

Each works row by row as import-export ships it: `LegacyUserResource().import_data(dataset)`, where a row holds the
canonical columns and, if it has one, its `position`. An import stages its rows by the same columns and relates them
in SQL (`steps/classify_sql.py`); its preview sends sample rows through this path and compares.
"""

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from import_export.fields import Field
from import_export.instance_loaders import ModelInstanceLoader
from import_export.resources import ModelResource
from import_export.results import RowResult
from tablib import Dataset

from legacy_import.rules.account_columns import IF_UNKNOWN, ActiveColumn, JoinedColumn
from legacy_import.rules.columns import (
    Column,
    EmailColumn,
    FlaggedColumn,
    IdColumn,
    MessageTextColumn,
    Refused,
    Row,
    TextId,
    UsernameColumn,
    account_key,
)
from legacy_import.rules.dates import DateColumn
from legacy_import.rules.day_order import NOTHING_TOLD, DayOrder
from legacy_import.rules.neighbours import Neighbours, UserValues
from legacy_import.rules.options import ImportOptions
from legacy_import.rules.outcomes import NOTES, Outcome
from legacy_import.rules.passwords import PasswordColumn, kept_password
from legacy_import.rules.references import AccountsMixin
from legacy_import.source.values import LegacyValue
from legacy_import.tables import CURRENT, Models
from MiniTwit.differences import StyledBySheet
from MiniTwit.models import Follow, Message, User

Target = TypeVar("Target", bound=Model)


class LegacyRowResult(RowResult):
    """import-export's result of a row, with our outcome on it."""

    outcome: str = Outcome.REJECTED
    notes: str = ""

    @property
    def reason(self) -> str | None:
        """The reason code of a rejected row."""
        if self.validation_error is None:
            return None
        error: ValidationError = self.validation_error
        while not hasattr(error, "code"):
            error = next(iter(error.error_dict.values()))[0]
        return error.code


class LegacyInstanceLoader(ModelInstanceLoader):
    """Finds the existing row for an old one, by the models of the resource, which may be historical ones."""

    def get_instance(self, row: Row) -> Model | None:
        names = self.resource.get_import_id_fields()
        wanted = {self.resource.fields[name].attribute: self.resource.fields[name].clean(row) for name in names}
        found: Model | None = self.get_queryset().filter(**wanted).first()
        return found


class LegacyResource(ModelResource, Generic[Target]):
    """What the three old tables have in common.

    Args:
        options: how existing rows are treated.
        neighbours: facts about the other rows; by default taken from the dataset that is imported.
        now: what the future begins after; by default the moment of construction.
        models: the models to write, historical ones in a migration.
        users_run: the run whose rejected users explain a missing author.
        day_orders: whether the day or the month comes first in the dates of a column, by its canonical name.
    """

    def get_diff_class(self) -> type[StyledBySheet]:
        return StyledBySheet

    def __init__(
        self,
        *,
        options: ImportOptions | None = None,
        neighbours: Neighbours | None = None,
        now: datetime | None = None,
        models: Models = CURRENT,
        users_run: int | None = None,
        day_orders: Mapping[str, DayOrder] | None = None,
    ) -> None:
        super().__init__()
        self.options = options or ImportOptions()
        self.neighbours = neighbours
        self.now = now or timezone.now()
        self.models = models
        self.users_run = users_run
        self.day_orders = day_orders or {}
        self.outcome: Outcome = Outcome.REJECTED
        self.kept_because = ""  # the note on a kept row
        for name, column in self.columns_of_run().items():
            self.fields[name].widget = column

    def columns_of_run(self) -> dict[str, Column]:
        """The columns whose rules depend on the run."""
        raise NotImplementedError

    def date_column(self, kind: type[DateColumn], name: str) -> DateColumn:
        return kind(settings.LEGACY_TIME_ZONE, self.now, self.day_orders.get(name, NOTHING_TOLD))

    @classmethod
    def get_row_result_class(cls) -> type[LegacyRowResult]:
        return LegacyRowResult

    def get_queryset(self) -> QuerySet[Model]:
        return self.models.target(self._meta.model)._default_manager.all()

    def init_instance(self, row: Row | None = None) -> Model:
        return self.models.target(self._meta.model)()

    def before_import(self, dataset: Dataset, **kwargs: object) -> None:
        if self.neighbours is None:
            rows = (dict(zip(dataset.headers, values, strict=True)) for values in dataset)
            self.neighbours = self.look_around((place_of(row, number), row) for number, row in enumerate(rows, 1))

    def look_around(self, rows: Iterable[tuple[int, Row]]) -> Neighbours:
        """Gather the facts about the whole dataset."""
        places: dict[int, int] = {}
        own_id = self.fields[self.get_import_id_fields()[0]]
        for position, row in rows:
            with suppress(ValidationError):
                number = own_id.clean(row)
                places[number] = min(position, places.get(number, position))
        return Neighbours(first_places=places)

    def import_instance(self, instance: Target, row: Row, **kwargs: Any) -> None:
        before = copy.copy(instance) if instance.pk else None
        super().import_instance(instance, row, **kwargs)
        self.outcome = self.classify(before, instance, row, place_of(row, kwargs["row_number"]))

    def classify(self, before: Target | None, instance: Target, row: Row, position: int) -> Outcome:
        """Give the outcome of a row whose own values are fine.

        Args:
            before: the existing row, or None.
            instance: the same with the old row's values.

        Raises:
            ValidationError: the row cannot be imported.
        """
        raise NotImplementedError

    def classify_existing(self, before: User | Message, instance: User | Message) -> Outcome:
        """The outcome of a row that exists in the target."""
        if all(getattr(before, name) == getattr(instance, name) for name in self.fields):
            return Outcome.UNCHANGED
        if before.changed_at is not None or self.options.existing == "keep":
            self.kept_because = "kept_by_option" if before.changed_at is None else "changed_here"
            return Outcome.KEPT
        return Outcome.CHANGED

    def unrepeated_id(self, instance: User | Message, position: int) -> int:
        """The row's old id, if no earlier row has the same.

        Raises:
            Refused: one has.
        """
        legacy_id = cast(int, instance.legacy_id)
        first_places = self.neighbours.first_places if self.neighbours else {}
        if first_places.get(legacy_id, position) != position:
            raise Refused("duplicate_id")
        return legacy_id

    def skip_row(self, instance: Target, original: Target, row: Row, import_validation_errors: object = None) -> bool:
        return not import_validation_errors and self.outcome not in {Outcome.NEW, Outcome.CHANGED}

    def save_instance(self, instance: Target, is_create: bool, row: Row, **kwargs: object) -> None:
        """Write, unless this is a dry run: rolling back would still burn the numbers of new rows."""
        if not self._is_dry_run(kwargs):
            super().save_instance(instance, is_create, row, **kwargs)

    def after_import_row(self, row: Row, row_result: LegacyRowResult, **kwargs: object) -> None:
        row_result.outcome = self.outcome
        found = set(self.notes_of(row))
        if self.outcome is Outcome.KEPT:
            found.add(self.kept_because)
        row_result.notes = " ".join(code for code in NOTES if code in found)

    def notes_of(self, row: Row) -> Iterable[str]:
        for field in self.fields.values():
            if field.column_name in row:
                yield from field.widget.read(row[field.column_name], row)[1]

    class Meta:
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        instance_loader_class = LegacyInstanceLoader


def place_of(row: Row, number: int) -> int:
    """The row's place in its old table; in a dataset that does not say it, the row's number."""
    place = row.get("position")
    return place if isinstance(place, int) else number


class LegacyUserResource(LegacyResource[User]):
    """The old user table."""

    legacy_id = Field("legacy_id", "user_id", IdColumn())
    username = Field("username", "username", UsernameColumn())
    email = Field("email", "email", EmailColumn())
    password = Field("password", "pw_hash")  # widgets that need the run are set below
    is_active = Field("is_active", "is_active", ActiveColumn())
    date_joined = Field("date_joined", "date_joined")

    class Meta(LegacyResource.Meta):
        model = User
        fields = ("legacy_id", "username", "email", "password", "is_active", "date_joined")
        import_id_fields = ("legacy_id",)

    def columns_of_run(self) -> dict[str, Column]:
        return {
            "password": PasswordColumn(self.options.plain_passwords),
            "date_joined": self.date_column(JoinedColumn, "date_joined"),
        }

    def init_instance(self, row: Row | None = None) -> User:
        return self.models.user(date_joined=None)

    def look_around(self, rows: Iterable[tuple[int, Row]]) -> Neighbours:
        rows = list(rows)
        places = super().look_around(rows).first_places
        users = []
        for position, row in rows:
            try:
                legacy_id = self.fields["legacy_id"].clean(row)
                username, email = self.fields["username"].clean(row), self.fields["email"].clean(row)
            except ValidationError:
                continue
            if places[legacy_id] == position:
                users.append(UserValues(legacy_id, username, email))
        return Neighbours.of_users(places, users)

    def classify(self, before: User | None, instance: User, row: Row, position: int) -> Outcome:
        legacy_id = self.unrepeated_id(instance, position)
        survivors = self.neighbours.survivors if self.neighbours else {}
        is_survivor = survivors.get(instance.username, legacy_id) == legacy_id
        holder = self.models.user._default_manager.filter(username=instance.username).exclude(pk=instance.pk).first()
        for name, otherwise in IF_UNKNOWN.items():
            if getattr(instance, name) is None:
                setattr(instance, name, otherwise if before is None else getattr(before, name))
        if before is not None:
            instance.password = kept_password(before.password, instance.password)
            outcome = self.classify_existing(before, instance)
            if outcome != Outcome.CHANGED:
                return outcome
        if holder is not None and holder.legacy_id is None:
            raise Refused("username_taken")
        if holder is None and is_survivor:
            return Outcome.NEW if before is None else Outcome.CHANGED
        # Merged are users who share a name in the old database, not one who now has the former name of another.
        shares_name = not is_survivor and (holder is None or holder.legacy_id == survivors[instance.username])
        if before is None and ((self.options.duplicates == "merge" and shares_name) or self.was_merged(legacy_id)):
            return Outcome.DUPLICATE
        raise Refused("duplicate_username")

    def was_merged(self, legacy_id: int) -> bool:
        """Whether an earlier import merged the account into another; it stays so, whatever the option says now."""
        return bool(self.models.merged.objects.filter(legacy_id=legacy_id).exists())

    def notes_of(self, row: Row) -> Iterable[str]:
        yield from super().notes_of(row)
        if self.neighbours:
            if self.fields["email"].clean(row) in self.neighbours.shared_emails:
                yield "duplicate_email"
            if self.fields["username"].clean(row) in self.neighbours.case_twins:
                yield "case_twin"


class LegacyMessageResource(AccountsMixin, LegacyResource[Message]):
    """The old message table."""

    legacy_id = Field("legacy_id", "message_id", IdColumn())
    author_id = Field("author_id", "author_id")  # widgets that need the run are set below
    text = Field("text", "text", MessageTextColumn())
    pub_date = Field("pub_date", "pub_date")
    flagged = Field("flagged", "flagged", FlaggedColumn())

    class Meta(LegacyResource.Meta):
        model = Message
        fields = ("legacy_id", "author_id", "text", "pub_date", "flagged")
        import_id_fields = ("legacy_id",)

    def columns_of_run(self) -> dict[str, Column]:
        return {
            "author_id": self.account_column(),
            "pub_date": self.date_column(DateColumn, "pub_date"),
        }

    def notes_of(self, row: Row) -> Iterable[str]:
        yield from super().notes_of(row)
        if self.is_named(row["author_id"]):
            yield "author_by_name"

    def classify(self, before: Message | None, instance: Message, row: Row, position: int) -> Outcome:
        legacy_id = self.unrepeated_id(instance, position)
        if before is None and self.models.is_purged(legacy_id):
            self.kept_because = "purged_here"
            return Outcome.KEPT
        if instance.author_id is None:
            raise Refused("author_rejected" if self.was_rejected(row["author_id"]) else "author_missing")
        if before is None:
            self.kept_because = "erased_here"
            return Outcome.KEPT if self.models.is_erased(instance.author_id) else Outcome.NEW
        return self.classify_existing(before, instance)

    def was_rejected(self, value: LegacyValue) -> bool:
        """Whether the author was in the old user table but was not imported."""
        key = account_key(value)
        rejected = self.models.rejected.objects.filter(run_id=self.users_run, table="user")
        if isinstance(key, TextId):
            # An account that was refused for its id is known by what the old table has in the place of the id.
            named = Q(username=key.text) | Q(legacy_id=None, values__user_id=key.text)
            return rejected.filter(named | Q(legacy_id=key.number)).exists()
        return key is not None and rejected.filter(legacy_id=key).exists()


class LegacyFollowResource(AccountsMixin, LegacyResource[Follow]):
    """The old follower table, which has no id of its own."""

    who_id = Field("who_id", "who_id")
    whom_id = Field("whom_id", "whom_id")

    class Meta(LegacyResource.Meta):
        model = Follow
        fields = ("who_id", "whom_id")
        import_id_fields = ("who_id", "whom_id")

    def columns_of_run(self) -> dict[str, Column]:
        return {"who_id": self.account_column(), "whom_id": self.account_column()}

    def notes_of(self, row: Row) -> Iterable[str]:
        yield from super().notes_of(row)
        if self.is_named(row["who_id"]) or self.is_named(row["whom_id"]):
            yield "author_by_name"

    def look_around(self, rows: Iterable[tuple[int, Row]]) -> Neighbours:
        first: dict[tuple[int, int], int] = {}
        for position, row in rows:
            who, whom = self.fields["who_id"].clean(row), self.fields["whom_id"].clean(row)
            if who is not None and whom is not None:
                first[who, whom] = min(position, first.get((who, whom), position))
        return Neighbours(first_follows=first)

    def classify(self, before: Follow | None, instance: Follow, row: Row, position: int) -> Outcome:
        keys = account_key(row["who_id"]), account_key(row["whom_id"])
        if None in keys:
            raise Refused("incomplete_follow")
        if keys[0] == keys[1] or (instance.who_id is not None and instance.who_id == instance.whom_id):
            raise Refused("self_follow")
        if instance.who_id is None:
            raise Refused("follower_missing")
        if instance.whom_id is None:
            raise Refused("followed_missing")
        first = self.neighbours.first_follows if self.neighbours else {}
        if first.get((instance.who_id, instance.whom_id), position) != position:
            return Outcome.DUPLICATE
        if before is not None:
            return Outcome.UNCHANGED
        self.kept_because = "erased_here"
        return Outcome.KEPT if self.models.is_erased(instance.who_id, instance.whom_id) else Outcome.NEW
