"""What moderators did: batches, the events in them, strikes and notes.

A batch is one decision of one person about any number of objects. Each object that it changed has one event, and
events are permanent: a trigger refuses to change or delete them (see `MiniTwit/database/triggers.py`). So an event
refers to messages and accounts by number only, without a foreign key: it outlives them. The texts of messages that
were edited, and moderators' notes, are struck out of it when an account is erased on request.
"""

from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from MiniTwit.models.domain import Message
from MiniTwit.models.saving import SavesChanges


class Subject(models.TextChoices):
    """What a verb is about: the name of its model, and the word for it."""

    MESSAGE = "message", "message"
    ACCOUNT = "user", "account"
    DECISION = "moderationevent", "decision"

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model("MiniTwit", self.value)


@dataclass(frozen=True)
class Rules:
    """What is true of a verb.

    Attributes:
        past_tense: as the log says it.
        permission: what an account needs to use it.
        needs_reason: a warning says why in its text.
        is_final: it cannot be undone.
    """

    past_tense: str
    subject: Subject
    permission: str
    needs_reason: bool = True
    is_final: bool = False


class Verb(models.TextChoices):
    """What moderators do, each with its rules."""

    FLAG = "flag", Rules("flagged", Subject.MESSAGE, "MiniTwit.moderate_message"), "Flag"
    UNFLAG = "unflag", Rules("unflagged", Subject.MESSAGE, "MiniTwit.moderate_message"), "Unflag"
    KEEP = "keep", Rules("kept", Subject.MESSAGE, "MiniTwit.moderate_message"), "Keep"
    EDIT = "edit", Rules("edited", Subject.MESSAGE, "MiniTwit.edit_message"), "Edit"
    PURGE = "purge", Rules("deleted permanently", Subject.MESSAGE, "MiniTwit.purge_message", is_final=True), "Purge"
    SUSPEND = "suspend", Rules("suspended", Subject.ACCOUNT, "MiniTwit.moderate_user"), "Suspend"
    REINSTATE = "reinstate", Rules("reinstated", Subject.ACCOUNT, "MiniTwit.moderate_user"), "Reinstate"
    WARN = "warn", Rules("warned", Subject.ACCOUNT, "MiniTwit.moderate_user", needs_reason=False), "Warn"
    ERASE = "erase", Rules("erased", Subject.ACCOUNT, "MiniTwit.erase_user", is_final=True), "Erase"
    UNDO = "undo", Rules("put back", Subject.DECISION, "MiniTwit.undo_moderationbatch"), "Undo"

    rules: Rules

    def __new__(cls, value: str, *rules: Rules) -> "Verb":
        """Define a member; a look-up such as `Verb("flag")` brings no rules and does not call this."""
        member = str.__new__(cls, value)
        member._value_ = value
        (member.rules,) = rules
        return member


class BatchState(models.TextChoices):
    REQUESTED = "requested", "waiting to be frozen"
    FREEZING = "freezing", "being frozen"
    SELECTED = "selected", "waiting for confirmation"
    WAITING = "waiting", "waiting for the worker"
    RUNNING = "running", "running"
    DONE = "done", "done"
    CANCELLED = "cancelled", "cancelled"
    FAILED = "failed", "failed"


class ModerationReasonManager(models.Manager["ModerationReason"]):
    def get_by_natural_key(self, name: str) -> "ModerationReason":
        """Fixtures recognise a reason by its name."""
        return self.get(name=name)


class ModerationReason(SavesChanges):
    """A reason that moderators choose from; the list is theirs to edit."""

    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=300, blank=True, default="", db_default="")
    active = models.BooleanField(default=True, db_default=True, help_text="Offered when a decision is made.")
    position = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Lower ones come first.")

    objects = ModerationReasonManager()

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class ModerationBatch(models.Model):
    """One decision: who, what, why, and how far it got.

    A selection made on a list is frozen in `selected_rows` before anything is confirmed: at once, or by the worker,
    which finds the rows of a long list by `query`, that of the list's address. Counts: `selected` objects,
    of which `changed` got an event, `unchanged` were so already, and `skipped` were changed by others in between.
    `messages` of them were not named: a suspension may flag all that an account wrote.
    """

    verb = models.CharField(max_length=9, choices=Verb)
    state = models.CharField(max_length=9, choices=BatchState, default=BatchState.RUNNING)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="moderation_batches"
    )
    actor_name = models.CharField("moderator", max_length=255)
    reason = models.CharField(max_length=100, blank=True, default="", db_default="")
    note = models.TextField(blank=True, default="", db_default="")
    options = models.JSONField(default=dict, db_default={})
    query = models.TextField(blank=True, default="", db_default="")
    undoes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="undone_by")
    selected = models.BigIntegerField(default=0, db_default=0)
    changed = models.BigIntegerField(default=0, db_default=0)
    unchanged = models.BigIntegerField(default=0, db_default=0)
    skipped = models.BigIntegerField(default=0, db_default=0)
    messages = models.BigIntegerField(default=0, db_default=0)
    error = models.TextField(blank=True, default="", db_default="")
    cancel_requested = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "batch of decisions"
        verbose_name_plural = "batches of decisions"
        permissions = [("undo_moderationbatch", "Can undo a batch of decisions")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} by {self.actor_name} ({self.pk})"

    @property
    def named(self) -> int:
        """How many objects a moderator chose; the rest are messages that a suspension flagged, too."""
        return self.selected - self.messages

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def is_over(self) -> bool:
        return self.state in (BatchState.DONE, BatchState.CANCELLED, BatchState.FAILED)


class SelectedRow(models.Model):
    """One object of a frozen selection, as it was seen: `changed_at` is its version.

    What is done with leaves this table, so that nothing is ever done twice; what was skipped stays, with why. The
    rows of an undo are the events that it undoes.
    """

    class Outcome(models.TextChoices):
        WAITING = "", "waiting"
        SKIPPED = "skipped", "skipped"

    pk = models.CompositePrimaryKey("batch_id", "object_id")
    # Without a constraint: checking it millions of times would take longer than freezing the rows.
    batch = models.ForeignKey(
        ModerationBatch, on_delete=models.CASCADE, related_name="selected_rows", db_constraint=False, db_index=False
    )
    object_id = models.BigIntegerField()
    changed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=7, choices=Outcome, blank=True, default="", db_default="")
    why = models.TextField(blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["batch", "object_id"], condition=Q(outcome="skipped"), name="selectedrow_skipped")
        ]

    def __str__(self) -> str:
        return f"{self.object_id} of batch {self.batch_id}"


class ModerationEvent(models.Model):
    """What one decision did to one object. Append-only, by the database's own rule.

    Attributes:
        message: the message it was about; empty for decisions about an account.
        user: the account it was about, or the author of the message.
        before, after: the object's state as moderation knows it, e.g. `{"flagged": true, "decision": "flag",
            "decided_at": "…"}`; `after` is null for a message that was purged. Of an edit: those of `author`, `text`
            and `pub_date` that were changed.
        actor_name: as it was then; it outlives the account.
    """

    batch = models.ForeignKey(ModerationBatch, on_delete=models.PROTECT, related_name="events")
    verb = models.CharField(max_length=9, choices=Verb)
    message = models.ForeignKey(
        Message, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="events"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    before = models.JSONField()
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=100, blank=True, default="", db_default="")
    note = models.TextField(blank=True, default="", db_default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="decisions",
    )
    actor_name = models.CharField("moderator", max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "decision"
        ordering = ["-id"]
        permissions = [("export_moderationevent", "Can export decisions to a file")]
        constraints = [
            models.CheckConstraint(
                condition=Q(message__isnull=False) | Q(user__isnull=False), name="event_has_object"
            )
        ]
        indexes = [
            models.Index("message", F("id").desc(), name="event_message_newest"),
            models.Index("user", F("id").desc(), name="event_user_newest"),
            # An account's page shows a batch as one line, however many of the account's messages it was about.
            models.Index(fields=["user", "batch", "id"], name="event_user_batch"),
            models.Index("actor", F("id").desc(), name="event_actor_newest"),
            # With the date the index alone gives a page of the list, also of the last days.
            models.Index(fields=["verb", "-id"], include=["created_at"], name="event_verb_newest"),
            models.Index(F("created_at").desc(), F("id").desc(), name="event_newest"),
        ]

    def __str__(self) -> str:
        about = f"message {self.message_id}" if self.message_id else f"user {self.user_id}"
        return f"{self.get_verb_display()} {about} by {self.actor_name}"


class PurgedMessage(models.Model):
    """The old id of a message that was deleted permanently, so that no later import brings it back."""

    legacy_id = models.BigIntegerField("old id", primary_key=True)
    purged_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"old message {self.legacy_id}"


class Strike(models.Model):
    """A warning that a user was given. Undoing the warning revokes it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="strikes", db_index=False
    )
    batch = models.ForeignKey(ModerationBatch, on_delete=models.PROTECT, related_name="strikes")
    text = models.TextField()
    actor_name = models.CharField("moderator", max_length=255)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("user", F("id").desc(), name="strike_user_newest")]

    def __str__(self) -> str:
        return self.text


class StaffNote(models.Model):
    """What staff want to remember about a user; never shown outside of the back office."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_notes", db_index=False
    )
    text = models.TextField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="written_notes"
    )
    author_name = models.CharField("by", max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index("user", F("id").desc(), name="staffnote_user_newest")]

    def __str__(self) -> str:
        return self.text
