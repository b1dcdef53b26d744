"""Which columns the files have that can be exported only: the log of decisions, strikes and notes."""

from import_export import resources
from import_export.fields import Field
from import_export.widgets import JSONWidget

from MiniTwit.admin.files.widgets import IdWidget, InstantWidget, TextWidget
from MiniTwit.models import ModerationEvent, StaffNote, Strike


class DecisionResource(resources.ModelResource):
    """The log of decisions."""

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
