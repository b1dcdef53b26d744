"""What waits for a decision: the watch-list, its hits, and who is looking at which message."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from MiniTwit.models.domain import Message
from MiniTwit.models.saving import SavesChanges


class WatchTerm(SavesChanges):
    """A word, phrase or regular expression that messages are looked through for.

    `scanned_through` is the highest message id that was looked at, so that only newer ones need to be.
    """

    class Kind(models.TextChoices):
        WORD = "word", "word"
        PHRASE = "phrase", "phrase"
        REGEX = "regex", "regular expression"

    kind = models.CharField(max_length=6, choices=Kind, default=Kind.WORD)
    pattern = models.CharField(max_length=500)
    note = models.CharField(max_length=300, blank=True, default="", db_default="", help_text="Why it is watched.")
    active = models.BooleanField(default=True, db_default=True)
    created_by_name = models.CharField("by", max_length=255, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    scanned_through = models.BigIntegerField(default=0, db_default=0, editable=False)
    scanned_at = models.DateTimeField("last scan", null=True, editable=False)
    error = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)

    class Meta:
        verbose_name = "watched term"
        constraints = [models.UniqueConstraint(fields=["kind", "pattern"], name="watchterm_unique")]

    def __str__(self) -> str:
        return self.pattern


class WatchHit(models.Model):
    """A message in which a watched term was found.

    `waiting` until a moderator decides about the message; the verbs keep it up to date. `pub_date` is the message's,
    for the order of the queue.
    """

    term = models.ForeignKey(WatchTerm, on_delete=models.CASCADE, related_name="hits", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="watch_hits")
    found = ArrayField(models.TextField(), help_text="The parts of the text that match.")
    pub_date = models.DateTimeField()
    waiting = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        # With the id the index alone gives a page of the list.
        constraints = [models.UniqueConstraint(fields=["term", "message"], include=["id"], name="watchhit_unique")]
        indexes = [
            models.Index(fields=["pub_date", "message"], condition=Q(waiting=True), name="watchhit_waiting"),
            # From when to when a term's hits are, for the list of messages.
            models.Index(fields=["term", "pub_date"], name="watchhit_term_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.term} in message {self.message_id}"


class EditedMessage(models.Model):
    """A message whose text was edited after the watch-list may have seen it. A trigger writes these lines.

    Without a constraint on the message: an import that edits millions must not check each, and a line about a
    message that is gone does no harm.
    """

    message_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()  # only the trigger and the scan use them

    def __str__(self) -> str:
        return f"message {self.message_id}"


class SkippedMessage(models.Model):
    """A message that takes too long to be looked through for a term, by itself.

    Without a constraint on the message: a line about one that is gone does no harm.
    """

    term = models.ForeignKey(WatchTerm, on_delete=models.CASCADE, related_name="skipped", db_index=False)
    message_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()  # the scan alone writes them
        constraints = [models.UniqueConstraint(fields=["term", "message_id"], name="skippedmessage_unique")]

    def __str__(self) -> str:
        return f"message {self.message_id}"


class ReviewClaim(models.Model):
    """Which moderator has a message of the review queue, and until when."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True, related_name="claim")
    moderator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="claims")
    until = models.DateTimeField()

    class Meta:
        verbose_name = "review"
        verbose_name_plural = "review queue"

    def __str__(self) -> str:
        return f"message {self.message_id}"
