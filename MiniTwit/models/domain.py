"""The domain: users, messages and follows.

Every default and constraint is in the database too, so that set-based SQL is as safe as the ORM. Rows that
came from the old database carry its id (`legacy_id`) and the number of the import run that brought them.
`changed_at` belongs to a trigger (see `MiniTwit/database/triggers.py`): it tells when a row was last changed in this
application.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.core.validators import validate_email
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from MiniTwit.models.saving import SavesChanges
from MiniTwit.skeletons import Skeleton
from MiniTwit.validators import USERNAME_MAX_LENGTH, PrintableUsernameValidator


class Decision(models.TextChoices):
    """What a moderator decided about a message."""

    FLAG = "flag", "flagged"
    UNFLAG = "unflag", "unflagged"
    KEEP = "keep", "kept"


class User(SavesChanges, AbstractUser):
    """A MiniTwit account. Staff accounts are created in this application; imported ones are never staff."""

    username = models.CharField(
        max_length=USERNAME_MAX_LENGTH,
        unique=True,
        validators=[PrintableUsernameValidator()],
        help_text="Any printable characters, spaces included.",
        error_messages={"unique": "A user with that username already exists."},
    )
    # No length limits: the old database had none, and a hash or an address that is cut is lost. (An EmailField
    # without a limit does not survive its own migration.)
    password = models.CharField()
    email = models.CharField("email address", blank=True, default="", db_default="", validators=[validate_email])
    first_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    last_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    is_staff = models.BooleanField(
        "staff status", default=False, db_default=False, help_text="May sign in to the back office."
    )
    is_superuser = models.BooleanField(
        "superuser status", default=False, db_default=False, help_text="Holds every permission."
    )
    is_active = models.BooleanField(
        "active", default=True, db_default=True, help_text="May sign in. Untick instead of deleting."
    )
    date_joined = models.DateTimeField(  # type: ignore[assignment]  # Django's own is never null
        null=True,
        blank=True,
        default=timezone.now,
        db_default=Now(),
        help_text="Empty when unknown: the old database did not keep it.",
    )
    # A suspension is a decision of the moderators; `is_active` is the administrators' own switch.
    suspended_at = models.DateTimeField("suspended", null=True, editable=False)
    suspended_until = models.DateTimeField(null=True, editable=False, help_text="Empty: until reinstated.")
    # An erased account keeps its number and its old id, so that no import brings its owner back.
    erased_at = models.DateTimeField("erased", null=True, editable=False)
    legacy_id = models.BigIntegerField("old id", null=True, unique=True, editable=False)
    import_run = models.IntegerField("import run", null=True, editable=False)
    changed_at = models.DateTimeField("changed in this application", null=True, editable=False)

    class Meta:
        permissions = [
            ("import_user", "Can import users from a file"),
            ("export_user", "Can export users to a file"),
            ("moderate_user", "Can suspend, reinstate and warn users"),
            ("erase_user", "Can erase a user on request"),
            ("export_case", "Can export all that is kept about a user"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(username=""), name="user_username_not_empty"),
            models.CheckConstraint(
                condition=Q(suspended_until=None) | Q(suspended_at__isnull=False),
                name="user_suspended_until_needs_suspension",
            ),
        ]
        indexes = [
            models.Index(fields=["suspended_at"], condition=Q(suspended_at__isnull=False), name="user_suspended"),
            # The few that a list is asked for among millions.
            models.Index(fields=["username"], condition=Q(is_staff=True), name="user_staff"),
            models.Index(fields=["username"], condition=Q(is_active=False), name="user_inactive"),
            BrinIndex(fields=["import_run"], name="user_import_run"),
            models.Index(fields=["date_joined"], condition=Q(date_joined__isnull=False), name="user_joined"),
            # What a search compares; see `MiniTwit/search.py`.
            GinIndex(OpClass(Skeleton("username"), name="gin_trgm_ops"), name="user_username_trigrams"),
            GinIndex(OpClass(Skeleton("email"), name="gin_trgm_ops"), name="user_email_trigrams"),
        ]

    @property
    def is_suspended(self) -> bool:
        """Whether the account may not sign in now because of a moderator's decision."""
        if self.suspended_at is None:
            return False
        return self.suspended_until is None or self.suspended_until > timezone.now()

    def check_password(self, raw_password: str | None) -> bool:
        """Whether the password is right. A hash by an outdated method is replaced by one of the same password.

        Checking takes long enough for another password to be set meanwhile: that one stays.
        """

        def upgrade(password: Any) -> None:
            former, upgraded = self.password, make_password(password)
            if User.objects.filter(pk=self.pk, password=former).update(password=upgraded):
                self.password = upgraded
                self._remember({"password"})

        return check_password(raw_password, self.password, upgrade)

    async def acheck_password(self, raw_password: str | None) -> bool:
        return await sync_to_async(self.check_password)(raw_password)


class Message(SavesChanges):
    """One post. `flagged` hides it from timelines, as it did in the old application."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    text = models.TextField()
    pub_date = models.DateTimeField("published", default=timezone.now, db_default=Now())
    flagged = models.BooleanField(default=False, db_default=False, help_text="Hidden from timelines.")
    decision = models.CharField(
        "last decision", max_length=6, choices=Decision, blank=True, default="", db_default="", editable=False
    )
    decided_at = models.DateTimeField("reviewed", null=True, editable=False)
    legacy_id = models.BigIntegerField("old id", null=True, unique=True, editable=False)
    import_run = models.IntegerField("import run", null=True, editable=False)
    changed_at = models.DateTimeField("changed in this application", null=True, editable=False)

    class Meta:
        permissions = [
            ("import_message", "Can import messages from a file"),
            ("export_message", "Can export messages to a file"),
            ("moderate_message", "Can flag, unflag and keep messages"),
            ("edit_message", "Can edit the messages of others, with a reason"),
            ("purge_message", "Can delete messages permanently"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="message_text_not_empty"),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None)
                | (Q(decision__in=Decision.values) & Q(decided_at__isnull=False)),
                name="message_decision_and_date",
            ),
        ]
        # Many messages share a second, so every order ends in the id.
        indexes = [
            models.Index(F("pub_date").desc(), F("id").desc(), name="message_newest"),
            models.Index("author", F("pub_date").desc(), F("id").desc(), name="message_author_newest"),
            models.Index(
                F("pub_date").desc(), F("id").desc(), condition=Q(flagged=True), name="message_flagged_newest"
            ),
            models.Index(
                F("pub_date").desc(),
                F("id").desc(),
                condition=Q(decided_at__isnull=False),
                name="message_reviewed_newest",
            ),
            # What the old application had flagged and no moderator has reviewed: the review queue begins with it.
            models.Index(
                "pub_date", "id", condition=Q(flagged=True, decided_at=None), name="message_flagged_unreviewed"
            ),
            # The messages of a suspended account that are not decided about yet, however many are.
            models.Index("author", "pub_date", "id", condition=Q(decided_at=None), name="message_author_undecided"),
            # The rows of one import lie together, so a summary of each block is enough, and costs next to nothing.
            BrinIndex(fields=["import_run"], name="message_import_run"),
            # What a search compares; see `MiniTwit/search.py`.
            GinIndex(OpClass(Skeleton("text"), name="gin_trgm_ops"), name="message_text_trigrams"),
        ]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 60 else f"{self.text[:59]}…"


class Follow(SavesChanges):
    """`who` follows `whom`."""

    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="following",
        db_index=False,
        verbose_name="follower",
    )
    whom = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="followers",
        db_index=False,
        verbose_name="followed",
    )
    import_run = models.IntegerField("import run", null=True, editable=False)

    class Meta:
        permissions = [
            ("import_follow", "Can import follows from a file"),
            ("export_follow", "Can export follows to a file"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["who", "whom"], name="follow_unique_pair"),
            models.CheckConstraint(condition=~Q(who=F("whom")), name="follow_not_oneself"),
        ]
        indexes = [
            models.Index(fields=["whom", "who"], name="follow_whom_who"),
            BrinIndex(fields=["import_run"], name="follow_import_run"),
        ]

    def __str__(self) -> str:
        return f"{self.who} follows {self.whom}"
