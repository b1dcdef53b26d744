"""Which columns a file of users, messages or follows has, and how its rows are recognised."""

import hashlib
from contextlib import suppress
from typing import Any

import tablib
from django.core.exceptions import ValidationError
from import_export import resources
from import_export.fields import Field
from import_export.results import Result
from import_export.widgets import JSONWidget

from MiniTwit.admin.file_widgets import (
    AccountWidget,
    IdWidget,
    InstantWidget,
    TextWidget,
    UsernameWidget,
    YesNoWidget,
)
from MiniTwit.models import Follow, Message, ModerationEvent, StaffNote, Strike, User


class FileResult(Result):
    """Import-export's result, which columns were not read, and the versions of the rows that the file changes."""

    ignored_columns: list[str]
    versions: str


class FileResource(resources.ModelResource):
    """Validates every row, writes in one transaction, and says the same in the preview as in the import."""

    # A sentence or two for the page that asks for the file.
    import_help = ""
    required_columns: tuple[str, ...] = ()

    class Meta:
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        store_instance = True  # for the log entries

    @classmethod
    def get_result_class(cls) -> type[FileResult]:
        return FileResult

    def get_import_fields(self) -> list[Field]:
        return [field for field in super().get_import_fields() if not field.readonly]

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        self.first_rows: dict[tuple[Any, ...], int] = {}
        self.versions: dict[int, str] = {}
        missing = [name for name in self.required_columns if name not in dataset.headers]
        if missing:
            found = ", ".join(dataset.headers)
            dataset.wipe()  # one sentence, not one for every row
            raise ValueError(f"The file has no column named {' and '.join(missing)}. Its columns are: {found}.")
        if not self._is_dry_run(kwargs):
            self.lock_rows(dataset)

    def lock_rows(self, dataset: tablib.Dataset) -> None:
        """Lock the rows that the file is about, in the order in which the verbs of moderation lock them."""
        names = self.get_import_id_fields()
        if len(names) != 1 or self.fields[names[0]].column_name not in (dataset.headers or []):
            return  # follows, which no file changes, or new rows only
        keys: set[Any] = set()
        for row in dataset.dict:
            with suppress(ValidationError):  # the row itself says so later
                keys.update(self.read_key(row))
        rows = self._meta.model.objects.filter(**{f"{self.fields[names[0]].attribute}__in": keys - {None}})
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Refuse a row that another row of the same file contradicts: which of the two counts is not ours to say."""
        key = self.read_key(row)
        if None in key:
            return
        first = self.first_rows.setdefault(key, kwargs["row_number"])
        if first != kwargs["row_number"]:
            raise ValidationError(f"The same as row {first} of the file: keep one of them.")

    def read_key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """What identifies the row; None in it where a part is missing."""
        key, errors = [], {}
        for name in self.get_import_id_fields():
            field = self.fields[name]
            try:
                key.append(field.clean(row) if field.column_name in row else None)
            except ValueError as error:
                errors[field.column_name] = str(error)
        if errors:
            raise ValidationError(errors)
        return tuple(key)

    def skip_row(
        self, instance: Any, original: Any, row: dict[str, Any], import_validation_errors: Any = None
    ) -> bool:
        """Skip what is here and the same. Import-export would skip a new row too when all of it is empty."""
        is_new = original.pk is None
        return not is_new and super().skip_row(instance, original, row, import_validation_errors)

    def save_instance(self, instance: Any, is_create: bool, row: dict[str, Any], **kwargs: Any) -> None:
        """A preview has validated the row and stops here: a write that is rolled back would use up ids."""
        if not is_create:
            self.versions[instance.pk] = str(getattr(instance, "changed_at", None))
        if not self._is_dry_run(kwargs):
            super().save_instance(instance, is_create, row, **kwargs)

    def after_import(self, dataset: tablib.Dataset, result: FileResult, **kwargs: Any) -> None:
        """Import-export resets the sequence here; ids are never given by a file, so there is nothing to reset."""
        known = {field.column_name for field in self.get_import_fields()}
        result.versions = hashlib.sha256(repr(sorted(self.versions.items())).encode()).hexdigest()
        result.ignored_columns = [header for header in dataset.headers or [] if header not in known]


class UserResource(FileResource):
    import_help = (
        "Users are recognised by their username. New ones get no password and no rights; "
        "staff accounts cannot be changed by a file."
    )
    required_columns = ("username",)

    id = Field("id", "id", IdWidget(), readonly=True)
    username = Field("username", "username", UsernameWidget())
    email = Field("email", "email", TextWidget())
    first_name = Field("first_name", "first_name", TextWidget())
    last_name = Field("last_name", "last_name", TextWidget())
    is_active = Field("is_active", "is_active", YesNoWidget(), saves_null_values=False)
    date_joined = Field("date_joined", "date_joined", InstantWidget())
    legacy_id = Field("legacy_id", "legacy_id", IdWidget(), readonly=True)

    class Meta(FileResource.Meta):
        model = User
        name = "users"
        # Named one by one: the password, the staff flags, groups and permissions are neither written nor read.
        fields = (
            "id", "username", "email", "first_name", "last_name", "is_active", "date_joined", "legacy_id",
        )  # fmt: skip
        import_id_fields = ("username",)

    def init_instance(self, row: Any = None) -> User:
        user = User()
        user.set_unusable_password()
        return user

    def after_init_instance(self, instance: User, new: bool, row: dict[str, Any], **kwargs: Any) -> None:
        self.stored_email = None if new else instance.email

    def validate_instance(
        self, instance: User, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Validate what the file changes: an invalid address from the old database does not block the rest."""
        if instance.is_staff or instance.is_superuser:
            raise ValidationError("This is a staff account: change it on its own page.")
        errors = dict(import_validation_errors or {})
        untouched = {"email"} if instance.email == self.stored_email else set()
        try:
            instance.full_clean(exclude=untouched | errors.keys(), validate_unique=validate_unique)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)


class MessageResource(FileResource):
    import_help = (
        "Messages are recognised by their id; a row without an id is a new message. The author is a username, "
        "dates look like 2024-05-31T18:30:00+00:00. Flagged, 1 or 0, counts for new messages only: those that are "
        "here are flagged and unflagged by a moderator's decision, which has a reason and stands in the log."
    )

    id = Field("id", "id", IdWidget())
    author = Field("author", "author", AccountWidget())
    text = Field("text", "text", TextWidget())
    pub_date = Field("pub_date", "pub_date", InstantWidget(), saves_null_values=False)
    flagged = Field("flagged", "flagged", YesNoWidget(), saves_null_values=False)
    legacy_id = Field("legacy_id", "legacy_id", IdWidget(), readonly=True)

    class Meta(FileResource.Meta):
        model = Message
        name = "messages"
        fields = ("id", "author", "text", "pub_date", "flagged", "legacy_id")
        import_id_fields = ["id"]  # a list: only so may the column be absent

    def import_field(self, field: Field, instance: Message, row: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """A file decides about no message that is here; see `import_help`."""
        if field.attribute != "flagged" or instance.pk is None:
            super().import_field(field, instance, row, *args, **kwargs)

    def after_init_instance(self, instance: Message, new: bool, row: dict[str, Any], **kwargs: Any) -> None:
        if new and (given := self.fields["id"].clean(row) if "id" in row else None):
            raise ValidationError(
                {"id": f"There is no message {given}. A new message gets its own id: leave the column empty."}
            )


class FollowResource(FileResource):
    import_help = "Who follows whom, both as usernames. Follows that are here already are skipped."
    required_columns = ("who", "whom")

    who = Field("who", "who", AccountWidget())
    whom = Field("whom", "whom", AccountWidget())

    class Meta(FileResource.Meta):
        model = Follow
        name = "follows"
        fields = ("who", "whom")
        import_id_fields = ("who", "whom")


class DecisionResource(resources.ModelResource):
    """The log; it can be exported only."""

    id = Field("id", "id", IdWidget())
    created_at = Field("created_at", "created_at", InstantWidget())
    verb = Field("verb", "verb", TextWidget())
    message = Field("message_id", "message", IdWidget())
    user = Field("user_id", "user", IdWidget())
    before = Field("before", "before", JSONWidget())
    after = Field("after", "after", JSONWidget())
    reason = Field("reason", "reason", TextWidget())
    note = Field("note", "note", TextWidget())
    moderator = Field("actor_name", "moderator", TextWidget())
    batch = Field("batch_id", "batch", IdWidget())

    class Meta:
        model = ModerationEvent
        name = "decisions"
        fields = (
            "id", "created_at", "verb", "message", "user", "before", "after", "reason", "note", "moderator", "batch",
        )  # fmt: skip


class StrikeResource(resources.ModelResource):
    """An account's strikes, for its case."""

    created_at = Field("created_at", "created_at", InstantWidget())
    text = Field("text", "text", TextWidget())
    moderator = Field("actor_name", "moderator", TextWidget())
    revoked_at = Field("revoked_at", "revoked_at", InstantWidget())

    class Meta:
        model = Strike
        name = "strikes"
        fields = ("created_at", "text", "moderator", "revoked_at")


class NoteResource(resources.ModelResource):
    """What staff noted about an account, for its case."""

    created_at = Field("created_at", "created_at", InstantWidget())
    text = Field("text", "text", TextWidget())
    author = Field("author_name", "author", TextWidget())

    class Meta:
        model = StaffNote
        name = "notes"
        fields = ("created_at", "text", "author")
