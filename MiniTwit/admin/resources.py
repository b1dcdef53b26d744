"""Which columns a file of users, messages or follows has, and how its rows are recognised.

A Resource takes a file in chunks: `prepare` fetches what the rows of a chunk refer to, all of it at once, and then
import-export's `import_row` judges each row. What a row does is kept aside for `write`.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from import_export import resources
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.widgets import JSONWidget

from MiniTwit.admin.cell_text import same_as_exported, was_cut
from MiniTwit.admin.file_notes import Notes
from MiniTwit.admin.file_rows import BadCell, FileRow, is_empty
from MiniTwit.admin.file_widgets import (
    INSTANT,
    AccountWidget,
    IdWidget,
    InstantWidget,
    TextWidget,
    UsernameWidget,
    YesNoWidget,
)
from MiniTwit.models import Follow, Message, ModerationBatch, ModerationEvent, StaffNote, Strike, User
from MiniTwit.moderation.messages import OWN
from MiniTwit.skeletons import Skeleton, skeleton
from MiniTwit.validators import is_storable, normalised_username

Key = tuple[Any, ...]


class ChunkLoader(BaseInstanceLoader):
    """Finds the object of a row among those that `prepare` fetched."""

    def get_instance(self, row: FileRow) -> Any:
        return self.resource.here.get(row.key)


class FileResource(resources.ModelResource):
    """Judges every row of a file, and says the same in the preview as in the import.

    Args:
        clears: whether an empty cell empties the value; by default it leaves the value as it is.

    Attributes:
        here: the objects of the chunk at hand, by what identifies a row.
        notes: what staff should know before they confirm.
        before: the values of the row's object before the row changed it; None for a new object.
    """

    # A sentence or two for the page that asks for the file.
    import_help = ""
    required_columns: tuple[str, ...] = ()

    class Meta:
        skip_unchanged = True
        skip_diff = True  # `before` does it, without copying each object
        store_instance = True

    def __init__(self, *, clears: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clears = clears
        self.here: dict[Key, Any] = {}
        self.notes = Notes()
        self.first_rows: dict[Key, int] = {}
        self.before: dict[str, Any] | None = None
        self.number = 0

    def get_import_fields(self) -> list[Field]:
        return [field for field in super().get_import_fields() if not field.readonly]

    def remarks_on(self, headers: list[str]) -> tuple[list[str], list[str]]:
        """Sentences about the columns of a file: what is good to know, and what may well be a mistake."""
        missing = [name for name in self.get_diff_headers() if name not in headers]
        if not missing:
            return [], []
        return [
            f"The file has no column {', '.join(missing)}: those values stay as they are, or get their default."
        ], []

    # A chunk

    def prepare(self, rows: list[FileRow]) -> None:
        """Fetch what the rows refer to."""
        for row in rows:
            row.key = self.read_key(row)
        self.here = self.fetch({row.key for row in rows if row.key is not None and None not in row.key})

    def fetch(self, keys: set[Key]) -> dict[Key, Any]:
        """The objects that are here already."""
        raise NotImplementedError

    def read_key(self, row: FileRow) -> Key | None:
        """What identifies the row; None in it where a part is missing, and nothing where one cannot be read."""
        try:
            return tuple(
                self.fields[name].clean(row) if self.fields[name].column_name in row else None
                for name in self.get_import_id_fields()
            )
        except ValueError:
            return None

    # A row

    def before_import_row(self, row: FileRow, **kwargs: Any) -> None:
        """Refuse a row that cannot be read, or that another row of the same file contradicts."""
        self.number = row.number
        if row.problem:
            raise ValidationError(row.problem)
        if bad := {name: value.sentence for name, value in row.items() if isinstance(value, BadCell)}:
            raise ValidationError(bad)
        if row.key is None or None in row.key:
            return
        first = self.first_rows.setdefault(row.key, row.number)
        if first != row.number:
            raise ValidationError(f"The same as row {first} of the file: keep one of them.")

    def after_init_instance(self, instance: Any, new: bool, row: FileRow, **kwargs: Any) -> None:
        self.before = None if new else {f.column_name: f.get_value(instance) for f in self.get_import_fields()}

    def import_field(self, field: Field, instance: Any, row: FileRow, *args: Any, **kwargs: Any) -> None:
        """Set a value, unless the cell has none to set or the stored one means the same."""
        name = field.column_name
        if name not in row:
            return
        stored = None if self.before is None else self.before[name]
        if is_empty(row[name]) and self.before is not None and not (self.clears and field.saves_null_values):
            if not is_empty(stored):
                self.notes.count("left", self.number, name)
            return
        if isinstance(field.widget, TextWidget | AccountWidget):
            self.note_conversion(name, row[name])
        if isinstance(stored, str) and isinstance(row[name], str) and same_as_exported(stored, row[name]):
            return
        if isinstance(row[name], str) and was_cut(row[name]):
            raise ValueError("This text was cut when it was exported. Leave the cell empty to keep the stored text.")
        super().import_field(field, instance, row, *args, **kwargs)
        if isinstance(field.widget, InstantWidget):
            self.note_date(name, row[name])  # now that it is known for a date
        if is_empty(row[name]) and not is_empty(stored):
            self.notes.count("emptied", self.number, name)

    def note_conversion(self, name: str, value: Any) -> None:
        if isinstance(value, bool | int | float):
            self.notes.count("number", self.number, name)

    def note_date(self, name: str, value: Any) -> None:
        written = INSTANT.fullmatch(str(value).strip())
        if written and not written["time"]:
            self.notes.count("midnight", self.number, name)
        if written and not written["offset"]:
            self.notes.count("zone", self.number, name)

    def changes_of(self, instance: Any) -> dict[str, Any]:
        """The attributes that the row changes, with their new values."""
        assert self.before is not None  # noqa: S101 -- for the type checker
        return {
            str(field.attribute): field.get_value(instance)
            for field in self.get_import_fields()
            if field.get_value(instance) != self.before[field.column_name]
        }

    def skip_row(self, instance: Any, original: Any, row: FileRow, import_validation_errors: Any = None) -> bool:
        """Skip what is here and the same."""
        return self.before is not None and not import_validation_errors and not self.changes_of(instance)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Validate what the row sets: what is stored already may be older than today's rules."""
        errors = dict(import_validation_errors or {})
        kept = (
            set() if self.before is None else {f.name for f in instance._meta.fields} - set(self.changes_of(instance))
        )
        found = {f.attribute for f in self.get_import_fields() if isinstance(f.widget, AccountWidget)}
        found = {name for name in found if getattr(instance, f"{name}_id")}  # those need not be looked up again
        try:
            instance.clean_fields(exclude=kept | found | errors.keys())
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Any, is_create: bool, row: FileRow, **kwargs: Any) -> None:
        """Nothing is written row by row; see `MiniTwit/admin/file_checking.py`."""


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

    def prepare(self, rows: list[FileRow]) -> None:
        super().prepare(rows)
        new = {row.key[0] for row in rows if row.key and row.key[0] and row.key not in self.here}
        self.similar = similar_usernames(new)
        self.by_id = User.objects.in_bulk([number for row in rows if (number := number_in(row, "id"))])

    def fetch(self, keys: set[Key]) -> dict[Key, User]:
        return {(user.username,): user for user in User.objects.filter(username__in=[name for (name,) in keys])}

    def init_instance(self, row: Any = None) -> User:
        user = User()
        user.set_unusable_password()
        return user

    def after_init_instance(self, instance: User, new: bool, row: FileRow, **kwargs: Any) -> None:
        super().after_init_instance(instance, new, row, **kwargs)
        self.refuse_another_account(instance, row)
        if new and row.key and row.key[0]:
            name = row.key[0]
            if name != name.strip():
                self.notes.count("spaces", row.number, "username")
            if name in self.similar:
                self.notes.count("similar", row.number, "username", f"“{name}”: “{self.similar[name]}”")

    def refuse_another_account(self, user: User, row: FileRow) -> None:
        """Refuse a row whose id and username are those of two accounts: a file cannot rename one."""
        number = number_in(row, "id")
        if number is None or number == user.pk or (user.pk is None and number not in self.by_id):
            return
        named = f"has the id {user.pk} here" if user.pk else f"is new, and {number} is “{self.by_id[number]}” here"
        sentence = (
            f"The row says id {number}, but “{row.key[0] if row.key else ''}” {named}. A file cannot rename an "
            "account. Where the row is right, leave out the column id."
        )
        raise ValidationError({"id": sentence})

    def validate_instance(
        self, instance: User, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        if instance.is_staff or instance.is_superuser:
            raise ValidationError("This is a staff account: change it on its own page.")
        if instance.erased_at:
            raise ValidationError("This account was erased on request, and stays empty.")
        super().validate_instance(instance, import_validation_errors, validate_unique)
        if self.before is None or instance.email != self.before["email"]:
            instance.email = User.objects.normalize_email(instance.email)


class AuthorsMixin(FileResource):
    """Columns that name accounts."""

    def account_fields(self) -> list[Field]:
        return [field for field in self.fields.values() if isinstance(field.widget, AccountWidget)]

    def prepare(self, rows: list[FileRow]) -> None:
        """Look up all names of the chunk before anything needs them."""
        fields = self.account_fields()
        given = {row.get(field.column_name) for row in rows for field in fields}
        names = {normalised_username(str(name)) for name in given if not is_empty(name)}
        storable = {name for name in names if is_storable(name)}
        accounts = {user.username: user for user in User.objects.filter(username__in=storable)}
        similar = similar_usernames(storable - accounts.keys())
        for field in fields:
            field.widget.accounts, field.widget.similar = accounts, similar
        super().prepare(rows)


class MessageResource(AuthorsMixin, FileResource):
    """A change of a message is a decision, with its former text in the log, as on the message's page.

    Attributes:
        edit_batch: the batch of the file's edits, once there is one.
    """

    edit_batch: ModerationBatch | None = None
    import_help = (
        "Messages are recognised by their id; a row without an id is a new message. Changing a message needs the "
        "permission to edit messages, and is kept in the log of decisions. The author is a username, "
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

    def remarks_on(self, headers: list[str]) -> tuple[list[str], list[str]]:
        remarks, doubts = super().remarks_on(headers)
        if "id" not in headers:
            sentence = "The file has no column id, by which messages are recognised: every row becomes a new message."
            (doubts if "legacy_id" in headers else remarks).append(sentence)
        return remarks, doubts

    def fetch(self, keys: set[Key]) -> dict[Key, Message]:
        found = Message.objects.select_related("author").in_bulk([number for (number,) in keys])
        return {(number,): message for number, message in found.items()}

    def prepare(self, rows: list[FileRow]) -> None:
        super().prepare(rows)
        self.published = published_of([row for row in rows if row.key == (None,)], self.fields["pub_date"])

    def before_import_row(self, row: FileRow, **kwargs: Any) -> None:
        self.editor: User | None = kwargs.get("user")
        super().before_import_row(row, **kwargs)

    def validate_instance(self, instance: Message, *args: Any, **kwargs: Any) -> None:
        if self.before is not None and self.editor is not None:
            if not self.editor.has_perm("MiniTwit.edit_message"):
                raise ValidationError("You may not edit messages: leave this row out, or ask a superuser.")
            if self.before["author"].pk == self.editor.pk:
                raise ValidationError(OWN)
        super().validate_instance(instance, *args, **kwargs)

    def import_field(self, field: Field, instance: Message, row: FileRow, *args: Any, **kwargs: Any) -> None:
        """A file decides about no message that is here; see `import_help`."""
        if field.attribute == "flagged" and self.before is not None:
            given = field.clean(row) if "flagged" in row else None
            if given is not None and given != self.before["flagged"]:
                self.notes.count("flagged", row.number, "flagged")
            return
        super().import_field(field, instance, row, *args, **kwargs)
        if field.attribute == "author" and self.before and instance.author_id != self.before["author"].pk:
            self.notes.count("author", row.number, "author")

    def after_init_instance(self, instance: Message, new: bool, row: FileRow, **kwargs: Any) -> None:
        super().after_init_instance(instance, new, row, **kwargs)
        if new and row.key and (given := row.key[0]):
            raise ValidationError(
                {"id": f"There is no message {given}. A new message gets its own id: leave the column empty."}
            )
        old_id = number_in(row, "legacy_id")
        if not new and old_id is not None and old_id != instance.legacy_id:
            sentence = (
                f"Message {instance.pk} has the old id {instance.legacy_id or 'none'} here, not {old_id}: the file "
                "seems to be from another database. Where it is right, leave out that column."
            )
            raise ValidationError({"legacy_id": sentence})
        if new and row.number in self.published:
            self.notes.count("again", row.number, "text")


class FollowResource(AuthorsMixin, FileResource):
    import_help = "Who follows whom, both as usernames. Follows that are here already are skipped."
    required_columns = ("who", "whom")

    who = Field("who", "who", AccountWidget())
    whom = Field("whom", "whom", AccountWidget())

    class Meta(FileResource.Meta):
        model = Follow
        name = "follows"
        fields = ("who", "whom")
        import_id_fields = ("who", "whom")

    def read_key(self, row: FileRow) -> Key | None:
        key = super().read_key(row)
        return key and tuple(account.pk if account else None for account in key)

    def fetch(self, keys: set[Key]) -> dict[Key, Follow]:
        if not keys:
            return {}
        pairs = reduce(or_, (Q(who=who, whom=whom) for who, whom in keys))
        found = Follow.objects.filter(pairs).select_related("who", "whom")
        return {(follow.who_id, follow.whom_id): follow for follow in found}

    def validate_instance(
        self, instance: Follow, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        super().validate_instance(instance, import_validation_errors, validate_unique)
        if instance.who_id == instance.whom_id:
            raise ValidationError("An account cannot follow itself.")


def number_in(row: FileRow, column: str) -> int | None:
    """The id in a column that is compared only; nothing where there is none."""
    try:
        number: int | None = IdWidget().clean(row.get(column))
    except ValueError:
        return None
    return number


def similar_usernames(names: Iterable[str]) -> dict[str, str]:
    """For names that no account has: the account whose name looks the same, but for case or spaces at the ends."""
    plain = {name: skeleton(name.strip()) for name in names}
    found = User.objects.annotate(plain=Skeleton("username")).filter(plain__in=set(plain.values()))
    by_plain = dict(found.values_list("plain", "username"))
    return {name: by_plain[key] for name, key in plain.items() if key in by_plain}


def published_of(rows: list[FileRow], date: Field) -> set[int]:
    """Those of the rows whose author, date and text are together in a message already; their numbers."""
    given = {}
    for row in rows:
        try:
            when = date.clean(row) if date.column_name in row else None
        except ValueError:
            continue
        text = str(row.get("text"))
        if when and is_storable(text):
            given[str(row.get("author")), when, text] = row.number
    names, dates, texts = zip(*given, strict=True) if given else ((), (), ())
    authors = User.objects.filter(username__in=set(filter(is_storable, names)))
    found = Message.objects.filter(author__in=list(authors), pub_date__in=set(dates), text__in=set(texts))
    return {given[key] for key in found.values_list("author__username", "pub_date", "text") if key in given}


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
