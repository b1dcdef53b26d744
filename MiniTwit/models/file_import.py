"""Files of users, messages or follows on their way in."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class FileImport(models.Model):
    """One uploaded file: how it is read, what it would do, and how far it is. It is kept for a day.

    Attributes:
        table: the name of the model that its rows are of.
        stored_as: the name of the file on the server, where it waits.
        options: what staff chose about reading it; see `MiniTwit/admin/files/rows.py`.
        report: what the check found; see `MiniTwit/admin/files/report.py`.
        seen: what the check saw of each row, in a compressed line; the import holds the rows against it.
        picked_up_at: when a process began with the present step; it holds an advisory lock meanwhile.
    """

    class State(models.TextChoices):
        CHECKING = "checking", "being checked"
        PREVIEWED = "previewed", "waiting for confirmation"
        IMPORTING = "importing", "being imported"
        DONE = "done", "imported"
        FAILED = "failed", "not imported"
        CANCELLED = "cancelled", "cancelled"

    table = models.CharField(max_length=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    file_name = models.TextField()
    stored_as = models.CharField(max_length=40)
    options = models.JSONField(default=dict, db_default={})
    state = models.CharField(max_length=9, choices=State, default=State.CHECKING)
    report = models.JSONField(default=dict, db_default={})
    seen = models.BinaryField(default=b"", db_default=b"")
    done = models.BigIntegerField(default=0, db_default=0)
    total = models.BigIntegerField(default=0, db_default=0)
    error = models.TextField(blank=True, default="", db_default="")
    cancel_requested = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    requested_at = models.DateTimeField(db_default=Now())
    picked_up_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()  # the permission to import a file of its table counts

    def __str__(self) -> str:
        return f"{self.file_name} ({self.table})"

    @property
    def is_at_work(self) -> bool:
        return self.state in (self.State.CHECKING, self.State.IMPORTING)
