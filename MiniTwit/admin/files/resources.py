"""Which columns a file of users, messages or follows has, and how its rows are recognised."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from import_export.fields import Field

from MiniTwit.admin.files.base_resource import FileResource, Key
from MiniTwit.admin.files.rows import FileRow, is_empty, shortened
from MiniTwit.admin.files.widgets import (
    AccountWidget,
    IdWidget,
    InstantWidget,
    OldIdField,
    OldIdWidget,
    TextWidget,
    UsernameWidget,
    YesNoWidget,
)
from MiniTwit.models import Follow, Message, ModerationBatch, User, Verb
from MiniTwit.moderation.messages import OWN
from MiniTwit.skeletons import Skeleton, skeleton
from MiniTwit.text_ids import old_id
from MiniTwit.validators import is_storable, normalised_username


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
    legacy_id = OldIdField("legacy_id", "legacy_id", OldIdWidget(), readonly=True)

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
        new = {row.key[0] for row in rows if row.key and row.key[0] and row.key not in self.existing}
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
        named = f"has the id {user.pk}" if user.pk else f"is new, and {number} is the id of “{self.by_id[number]}”"
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

    def prepare(self, rows: list[FileRow]) -> None:
        """Look up all names of the chunk at once."""
        fields = [field for field in self.fields.values() if isinstance(field.widget, AccountWidget)]
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
        "dates look like 2024-05-31T18:30:00+00:00. Flagged, 1 or 0, counts for new messages only. Existing messages "
        "are flagged and unflagged by a moderator's decision, which has a reason and is kept in the log."
    )

    id = Field("id", "id", IdWidget())
    author = Field("author", "author", AccountWidget())
    text = Field("text", "text", TextWidget())
    pub_date = Field("pub_date", "pub_date", InstantWidget(), saves_null_values=False)
    flagged = Field("flagged", "flagged", YesNoWidget(), saves_null_values=False)
    legacy_id = OldIdField("legacy_id", "legacy_id", OldIdWidget(), readonly=True)

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
            if not self.editor.has_perm(Verb.EDIT.rules.permission):
                raise ValidationError("You may not edit messages: leave this row out, or ask a superuser.")
            if self.before["author"].pk == self.editor.pk:
                raise ValidationError(OWN)
        super().validate_instance(instance, *args, **kwargs)

    def import_field(self, field: Field, instance: Message, row: FileRow, *args: Any, **kwargs: Any) -> None:
        """A file decides about no existing message; see `import_help`."""
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
        given = OldIdWidget().clean(row.get("legacy_id"))
        if not new and given is not None and given != instance.legacy_id:
            self.refuse_another_old_id(instance, row)
        if new and row.number in self.published:
            self.notes.count("again", row.number, "text")

    def refuse_another_old_id(self, message: Message, row: FileRow) -> None:
        """Refuse a row of another old id than the message's, in whatever spelling an export gives it."""
        given, here = str(row["legacy_id"]).strip(), str(old_id("message", message.legacy_id) or "none")
        if given != here.strip():
            sentence = (
                f"Message {message.pk} has the old id {here}, not {shortened(given)}: the file seems to be from "
                "another database. Where it is right, leave out that column."
            )
            raise ValidationError({"legacy_id": sentence})


class FollowResource(AuthorsMixin, FileResource):
    import_help = "Who follows whom, both as usernames. Follows that exist already are skipped."
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
    """The id in a column that is only compared; None where there is none."""
    try:
        number: int | None = IdWidget().clean(row.get(column))
    except ValueError:
        return None
    return number


def similar_usernames(names: Iterable[str]) -> dict[str, str]:
    """For unknown names, the accounts whose names differ only in case or spaces at the ends."""
    plain = {name: skeleton(name.strip()) for name in names}
    found = User.objects.annotate(plain=Skeleton("username")).filter(plain__in=set(plain.values()))
    by_plain = dict(found.values_list("plain", "username"))
    return {name: by_plain[key] for name, key in plain.items() if key in by_plain}


def published_of(rows: list[FileRow], date: Field) -> set[int]:
    """The numbers of the rows whose author, date and text equal those of an existing message."""
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
